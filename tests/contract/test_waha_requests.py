"""Every request of the adapter is valid by WAHA's own published description."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.clock import SystemClock
from orchestrator.domain.outcomes import Outcome, WebhookTarget
from orchestrator.gateways.base import Endpoint
from orchestrator.gateways.vendors import VENDORS
from tests.contract.wawp_peer import CODE, JID, TOKEN, Peer, Seen, always, http, listening
from tests.support.published import facts_of, problems

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from orchestrator.gateways.base import Gateway

FACTS = facts_of("waha")
SESSION = "default"
WORKING: dict[str, Any] = {
    "name": SESSION, "status": "WORKING", "me": {"id": "15550100002@c.us"}, "engine": {"engine": "GOWS"},
    "config": {
        "metadata": {"team": "sales"},
        "webhooks": [{"url": "https://crm.example/in", "events": ["message"]}],
    },
}  # fmt: skip
OURS = WebhookTarget("https://rejoin.example/hooks/b", VENDORS["waha"].events, secret="a secret of ours")

CALLS: dict[str, tuple[list[str], Callable[[Gateway], Awaitable[Any]]]] = {
    "session": (["session", "timelock"], lambda gateway: gateway.session()),
    "probe": (["probe"], lambda gateway: gateway.probe(CODE)),
    "join": (["join"], lambda gateway: gateway.join(CODE, last_look=always)),
    "groups": (["groups"], lambda gateway: gateway.groups()),
    "group": (["group"], lambda gateway: gateway.group(JID)),
    "participants": (["participants"], lambda gateway: gateway.participants(JID)),
    "leave": (["leave"], lambda gateway: gateway.leave(JID)),
    "invite_code": (["invite_code"], lambda gateway: gateway.invite_code(JID)),
    "revoke_code": (["revoke_code"], lambda gateway: gateway.revoke_code(JID)),
    "send_text": (["send_text"], lambda gateway: gateway.send_text(JID, "Hello")),
    "webhooks": (["session"], lambda gateway: gateway.webhooks()),
    "set_webhooks": (["session", "set_webhooks"], lambda gateway: gateway.set_webhooks((OURS,))),
    "remarks": (["session", "capping"], lambda gateway: gateway.remarks()),
}


@asynccontextmanager
async def asked(
    answer: Callable[[Seen], bytes], *, token: str = TOKEN
) -> AsyncIterator[tuple[Gateway, Peer]]:
    peer = Peer(answer)
    async with listening(peer) as url:
        gateway = VENDORS["waha"].open(Endpoint(url, SESSION, token, {}, 5.0, 5.0, 5.0, clock=SystemClock()))
        try:
            yield gateway, peer
        finally:
            await gateway.close()


@pytest.mark.parametrize("name", CALLS)
async def test_every_request_is_as_published(name: str) -> None:
    operations, call = CALLS[name]
    async with asked(lambda _seen: http(200, WORKING)) as (gateway, peer):
        await call(gateway)
    assert len(peer.seen) == len(operations)
    for operation, seen in zip(operations, peer.seen, strict=True):
        assert problems(FACTS, operation, seen) == []
        assert seen.headers["x-api-key"] == TOKEN
        assert TOKEN not in seen.path + repr(seen.query) + repr(seen.body)


async def test_a_server_without_a_key_is_sent_none() -> None:
    async with asked(lambda _seen: http(200, WORKING), token="") as (gateway, peer):
        assert (await gateway.session()).answer.outcome is Outcome.OK
    assert all("x-api-key" not in seen.headers for seen in peer.seen)


async def test_the_whole_configuration_of_a_session_goes_back_with_ours_in_it() -> None:
    async with asked(lambda _seen: http(200, WORKING)) as (gateway, peer):
        present = (await gateway.webhooks()).webhooks
        await gateway.set_webhooks((*present, OURS))
    assert peer.seen[-1].body["config"] == {
        "metadata": {"team": "sales"},
        "webhooks": [
            {"url": "https://crm.example/in", "events": ["message"]},
            {"url": OURS.url, "events": list(OURS.events), "hmac": {"key": OURS.secret}},
        ],
    }


@pytest.mark.parametrize("state", ["FAILED", "STOPPED", "SCAN_QR_CODE"])
async def test_the_webhook_of_a_session_that_is_down_can_be_set(state: str) -> None:
    async with asked(lambda _seen: http(200, {**WORKING, "status": state, "me": None})) as (gateway, _):
        assert (await gateway.set_webhooks((OURS,))).outcome is Outcome.OK


async def test_a_session_whose_configuration_is_not_shown_is_not_overwritten() -> None:
    bodies: list[Any] = [{"message": "hm"}, {"status": "WORKING", "config": "hidden"}, []]
    for body in bodies:
        shown = http(200, body)
        async with asked(lambda _seen, shown=shown: shown) as (gateway, peer):  # type: ignore[misc]
            answer = await gateway.set_webhooks((OURS,))
        assert answer.outcome is not Outcome.OK
        assert [seen.method for seen in peer.seen] == ["GET"]


@pytest.mark.parametrize(("status", "asks"), [(200, 3), (404, 1), (501, 1), (500, 3)])
async def test_a_server_that_has_no_timelock_is_not_asked_each_time(status: int, asks: int) -> None:
    def answer(seen: Seen) -> bytes:
        said = {"message": f"Cannot GET {seen.path}", "statusCode": status}
        return http(status, said) if seen.path.endswith("/timelock") else http(200, WORKING)

    async with asked(answer) as (gateway, peer):
        for _ in range(3):
            assert (await gateway.session()).restricted_until is None
    assert sum(seen.path.endswith("/timelock") for seen in peer.seen) == asks


async def test_no_secret_of_the_configuration_is_repeated_in_an_error() -> None:
    def answer(seen: Seen) -> bytes:
        return http(200, WORKING) if seen.method == "GET" else http(400, {"message": [repr(seen.body)]})

    async with asked(answer) as (gateway, _):
        refused = await gateway.set_webhooks((OURS,))
    assert refused.outcome is not Outcome.OK
    for secret in (OURS.url, OURS.secret or "", TOKEN):
        assert secret not in refused.text
