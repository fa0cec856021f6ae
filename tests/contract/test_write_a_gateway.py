"""The worked example of docs/write-a-gateway.md, as the package that it tells to make."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.bootstrap import vendor_of
from orchestrator.clock import SystemClock
from orchestrator.config import InstanceSettings
from orchestrator.domain.errors import ConfigurationError
from orchestrator.domain.outcomes import EventKind, InstanceState, Outcome
from orchestrator.gateways.base import Endpoint
from tests.contract.wawp_peer import CODE, JID, TOKEN, Peer, Seen, always, http, listening

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[2] / "docs" / "write-a-gateway.md").read_text()
GROUP = {"id": JID, "title": "Support 4", "size": 3}
MEMBERS = {"members": [{"id": "15550100002@s.whatsapp.net"}]}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """As pip leaves it: the module, and its entry points."""
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    points = re.search(r'\[project\.entry-points\."rejoin\.gateways"\]\n(.*?)\n```', PAGE, re.DOTALL)
    assert code is not None
    assert points is not None
    (tmp_path / "rejoin_acme.py").write_text(code[1])
    info = tmp_path / "rejoin_acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rejoin-acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[rejoin.gateways]\n{points[1].replace(chr(34), '')}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield tmp_path
    sys.modules.pop("rejoin_acme", None)


def configured(base_url: str = "https://acme.example") -> InstanceSettings:
    return InstanceSettings.model_validate(
        {"name": "b", "role": "backup", "gateway": "acme", "base_url": base_url, "instance_id": "b1"}
    )


def answer(seen: Seen) -> bytes:
    if seen.headers.get("authorization") != f"Bearer {TOKEN}":
        return http(401, {"ok": False, "why": "who are you?"})
    match (seen.method, seen.path):
        case ("GET", "/b1/state"):
            return http(200, {"status": "connected", "me": {"id": "15550100002@s.whatsapp.net"}})
        case ("GET", "/b1/invite") if seen.query == {"code": CODE}:
            return http(200, GROUP)
        case ("POST", "/b1/join") if seen.body == {"code": CODE}:
            return http(500, {"ok": False, "error": "info query returned status 410: gone"})
        case ("GET", "/b1/groups"):
            return http(200, {"groups": [GROUP | MEMBERS]})
        case _:
            return http(404, {"ok": False, "error": "no account of that name"})


async def test_the_example_speaks_to_its_gateway(installed: Path) -> None:
    del installed
    async with listening(Peer(answer)) as url:
        instance = configured(url)
        vendor = vendor_of(instance)
        gateway = vendor.open(
            Endpoint(url, "b1", TOKEN, instance.options, 5.0, 5.0, 5.0, clock=SystemClock())
        )
        try:
            session, probe = await gateway.session(), await gateway.probe(CODE)
            join, groups = await gateway.join(CODE, last_look=always), await gateway.groups()
            nobody, without = await gateway.participants(JID), await gateway.invite_code(JID)
        finally:
            await gateway.close()
    assert (session.state, session.phone) == (InstanceState.WORKING, "15550100002")
    assert probe.preview is not None
    assert (probe.preview.jid, probe.preview.subject, probe.preview.members) == (JID, "Support 4", 3)
    assert join.answer.outcome is Outcome.CODE_REVOKED
    assert [(one.jid, one.subject, len(one.participants or ())) for one in groups.groups] == [
        (JID, "Support 4", 1)
    ]
    assert nobody.answer.outcome is Outcome.BAD_CREDENTIALS
    assert (without.answer.outcome, without.answer.sent) == (Outcome.NOT_SUPPORTED, False)
    event = vendor.read_event({"what": "entered", "group": JID})
    assert event is not None
    assert (event.kind, event.jid) == (EventKind.JOINED, JID)


def test_a_package_that_brings_no_gateway_is_told(installed: Path) -> None:
    points = installed / "rejoin_acme-1.0.dist-info" / "entry_points.txt"
    for wrong, said in (("rejoin_acme:ROUTES", "is no Vendor"), ("rejoin_acme:NOTHING", "cannot be loaded")):
        points.write_text(f"[rejoin.gateways]\nacme = {wrong}\n")
        with pytest.raises(ConfigurationError, match=f"b: {wrong} {said}"):
            vendor_of(configured())
