"""Webhooks over real HTTP into a real database: who is let in, what is kept, and what an answer means."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.account.installing import HookAddress, install
from orchestrator.domain.errors import ConfigurationError, TemporaryError
from orchestrator.domain.outcomes import EventKind, GatewayEvent
from orchestrator.gateways.base import Vendor
from orchestrator.gateways.vendors import VENDORS
from orchestrator.gateways.wawp.event_reading import SUBSCRIBED
from orchestrator.simulator.faults import Webhooks
from orchestrator.store.engine import DatabaseGoneError
from orchestrator.web.hook_server import HookServer
from orchestrator.web.signatures import HookSecrets, sign
from orchestrator.web.webhook_intake import LARGEST_BODY, Refusal
from tests.contract.wawp_peer import wawp
from tests.integration.simulator_talk import talk
from tests.integration.webhook_receiver import until
from tests.support.command import PATIENCE
from tests.support.hooks import (
    JID,
    PATH,
    SIGNATURE,
    TOKEN,
    Line,
    good,
    instance,
    joined,
    receiver,
    request,
    settings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.hooks import Receiver

CODE = "BobOM8UXL8EDR3dXoKozql"


def without_answering_database(found: Receiver) -> None:
    """From now on every transaction fails."""

    def gone() -> Any:
        raise DatabaseGoneError

    object.__setattr__(found.server.inbox, "database", type("Gone", (), {"write": staticmethod(gone)})())


async def test_a_good_event_is_on_disk_before_it_is_answered(database_url: str) -> None:
    async with receiver(database_url) as found:
        answer = await found.ask(good(7))
        (row,) = await found.stored()

    assert (answer.status, answer.body) == (200, b"")
    assert (row.key, row.kind, row.state, row.times) == ("evt_00000007", "group.v2.join", "new", 1)
    assert row.sent_at == 1741249702.485
    assert json.loads(row.body) == joined(7)
    assert found.woken == [1]


async def test_the_same_event_many_times_at_once_is_kept_once(database_url: str) -> None:
    async with receiver(database_url) as found:
        answers = await asyncio.gather(*(found.ask(good(n % 3)) for n in range(30)))
        rows = await found.stored()

    assert {answer.status for answer in answers} == {200}
    assert sorted((row.key, row.times) for row in rows) == [(f"evt_{n:08}", 10) for n in range(3)]


async def test_an_event_without_an_id_is_told_by_its_body(sqlite_url: str) -> None:
    async with receiver(sqlite_url) as found:
        await found.ask(good(1, id=None))
        await found.ask(good(2, id=None))
        await found.ask(good(3, id=None, timestamp=5))
        rows = await found.stored()

    assert [row.times for row in rows] == [2, 1]
    assert all(row.key.startswith("sha256:") for row in rows)


async def test_what_is_not_used_is_answered_well_and_not_kept(sqlite_url: str) -> None:
    async with receiver(sqlite_url) as found:
        for body in ({"event": "message", "payload": {"body": "a private word"}}, {"hello": 1}, {}):
            assert (await found.ask(request(json.dumps(body).encode()))).status == 200
        assert await found.count() == 0

    assert found.server.hooks.taken == {"other": 3}
    assert found.woken == []


WRONG = {
    "no signature": good().replace(b"X-Webhook-Hmac", b"X-Other"),
    "a signature by another secret": request(json.dumps(joined()).encode(), secret="other"),
    "a changed body": good().replace(b"evt_00000001", b"evt_00000002"),
    "no secret in the path": request(json.dumps(joined()).encode(), path="/hooks/backup-1"),
    "a wrong secret in the path": request(json.dumps(joined()).encode(), path="/hooks/backup-1/nonsense"),
    "a wrong secret in the query": request(b"{}", path="/hooks/backup-1?secret=nonsense"),
    "an instance that is not there": request(b"{}", path=f"/hooks/backup-2/{PATH}"),
    "a page that is not there": request(b"{}", path="/admin"),
    "another path below": request(b"{}", path=f"/hooks/backup-1/{PATH}/more"),
}


async def test_all_that_is_wrong_is_answered_alike(sqlite_url: str) -> None:
    async with receiver(sqlite_url) as found:
        answers = {why: await found.ask(raw) for why, raw in WRONG.items()}
        for answer in answers.values():
            answer.headers.pop("date")

        assert {answer.status for answer in answers.values()} == {404}
        assert len({(answer.body, tuple(answer.headers.items())) for answer in answers.values()}) == 1
        assert await found.count() == 0


@pytest.mark.parametrize("header", ["X-Wawp-Signature", "X-Webhook-Hmac"])
async def test_wawps_header_is_known_and_may_carry_the_secret_itself(sqlite_url: str, header: str) -> None:
    body, path = json.dumps(joined()).encode(), f"/hooks/backup-1/{PATH}"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{header}: "
    plain, wrong = (f"{head}{word}\r\n\r\n".encode() + body for word in (SIGNATURE, SIGNATURE[:-1] + "x"))
    async with receiver(sqlite_url) as found:
        assert (await found.ask(request(body, header=header))).status == 200
        assert (await found.ask(plain)).status == 200
        assert (await found.ask(wrong)).status == 404
        assert [row.times for row in await found.stored()] == [2]


async def test_a_header_that_is_configured_is_the_only_one(sqlite_url: str) -> None:
    body = json.dumps(joined()).encode()
    configured = settings(header="X-Ours")
    async with receiver(sqlite_url, configured) as found:
        assert (await found.ask(request(body, header="X-Wawp-Signature"))).status == 404
        assert (await found.ask(request(body, header="X-Ours"))).status == 200


def _of_another_kind(body: Mapping[str, Any]) -> GatewayEvent | None:
    """Reads what a gateway says that words its events in no way of Wawp's."""
    return GatewayEvent(EventKind.JOINED, str(body["what"])) if "what" in body else None


async def test_each_instances_webhooks_are_read_and_signed_as_its_own_gateway_does(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Vendor(VENDORS["wawp"].open, _of_another_kind, signature_headers=("X-Hub-Signature-256",))
    monkeypatch.setitem(VENDORS, "gowa", other)
    configured = settings(instance("backup-2", "gowa", "201"), path_secret="")
    theirs, wawps = json.dumps({"what": "joined"}).encode(), json.dumps(joined()).encode()
    async with receiver(sqlite_url, configured) as found:

        async def status(name: str, body: bytes, header: str) -> int:
            return (await found.ask(request(body, path=f"/hooks/{name}", header=header))).status

        assert await status("backup-2", theirs, "X-Hub-Signature-256") == 200
        assert await status("backup-1", wawps, "X-Webhook-Hmac") == 200
        # In the other's words it is no event; in the other's header nothing is signed.
        assert await status("backup-2", wawps, "X-Hub-Signature-256") == 200
        assert await status("backup-1", theirs, "X-Webhook-Hmac") == 200
        assert await status("backup-2", theirs, "X-Webhook-Hmac") == 404
        assert await status("backup-1", wawps, "X-Hub-Signature-256") == 404
        for header in ("X-Hub-Signature-256", "X-Webhook-Hmac", "X-Unknown"):
            assert await status("nobody", wawps, header) == 404
        rows = await found.stored()
        assert [(row.instance_id, row.kind) for row in rows] == [
            (found.server.hooks.senders["backup-2"].instance_id, "joined"),
            (found.server.hooks.senders["backup-1"].instance_id, "group.v2.join"),
        ]
        assert found.server.hooks.refusals.total[Refusal.UNKNOWN_INSTANCE] == 2


@pytest.mark.parametrize("form", ["digest", "plain"])
async def test_what_hooks_install_sets_at_wawp_is_taken_without_handwork(sqlite_url: str, form: str) -> None:
    knobs = Webhooks(signature_form=form, forged=1.0, unsigned=1.0, sends=("group.v2.join",))
    async with receiver(sqlite_url) as found, talk(webhooks=knobs) as gate:
        address = HookAddress(
            f"http://127.0.0.1:{found.server.port}", "backup-1", PATH, SIGNATURE, SUBSCRIBED
        )
        base_url = gate.running.base_url
        async with wawp(base_url, instance_id="210", access_token="token-b") as gateway:
            await install(gateway, address)
        await gate.join()
        await until(lambda: gate.running.webhooks.deliveries and not gate.running.webhooks.under_way())

        assert [row.kind for row in await found.stored()] == ["group.v2.join"]
        assert gate.running.webhooks.forgeries_accepted() == []
        assert found.server.hooks.refusals.total[Refusal.NOT_PROVEN] == 2
    assert SIGNATURE not in json.dumps(knobs.as_json())


async def test_the_secret_may_stand_in_the_query_and_one_secret_alone_is_enough(sqlite_url: str) -> None:
    body = json.dumps(joined()).encode()
    only_path, only_signature = settings(secret=""), settings(path_secret="")

    async with receiver(sqlite_url) as found:
        assert (await found.ask(request(body, path=f"/hooks/backup-1?secret={PATH}"))).status == 200
    async with receiver(sqlite_url, only_path) as found:
        assert (await found.ask(request(body, secret=""))).status == 200
    async with receiver(sqlite_url, only_signature) as found:
        assert (await found.ask(request(body, path="/hooks/backup-1"))).status == 200


async def test_a_secret_with_signs_of_its_own_can_be_a_path(sqlite_url: str) -> None:
    odd = "a/b+c%d?é"
    address = HookAddress("http://x", "backup-1", odd)
    body = json.dumps(joined()).encode()
    async with receiver(sqlite_url) as found:
        found.server.hooks.secrets = HookSecrets("", odd)
        path = address.url.removeprefix("http://x")
        assert (await found.ask(request(body, path=path, secret=""))).status == 200


async def test_without_any_secret_nothing_is_taken(sqlite_url: str) -> None:
    async with receiver(sqlite_url, settings(secret="", path_secret="")) as found:
        for path in ("/hooks/backup-1", "/hooks/backup-1/", "/hooks/backup-1?secret="):
            assert (
                await found.ask(request(json.dumps(joined()).encode(), path=path, secret=""))
            ).status == 404
        assert await found.count() == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"{", 400),
        (b'{"a": NaN}', 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b'{"event": "session.status", "payload": ' + b'{"a":' * 400 + b"1" + b"}" * 401, 400),
        (b'{"n": ' + b"9" * 5000 + b"}", 400),
        (gzip.compress(b"{}", mtime=0), 400),
        (b" " * (LARGEST_BODY + 1), 413),
        (b'{"a":"' + b"x" * (LARGEST_BODY - 10) + b'"}', 200),
    ],
)
async def test_only_json_objects_of_at_most_a_mebibyte_are_read(
    body: bytes, status: int, sqlite_url: str
) -> None:
    async with receiver(sqlite_url) as found:
        assert (await found.ask(request(body))).status == status


async def test_a_body_that_grows_without_saying_so_is_cut_off(sqlite_url: str) -> None:
    head = f"POST /hooks/backup-1/{PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    async with receiver(sqlite_url) as found:
        line = await Line.open(found.server.port)
        await line.say(f"{head}X-Webhook-Hmac: {'0' * 128}\r\n\r\n".encode() + chunk * 17)
        assert (await line.answer()).status == 413
        await line.close()


async def test_a_compressed_body_is_not_unpacked(sqlite_url: str) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    raw = request(bomb).replace(b"Host: x", b"Host: x\r\nContent-Encoding: gzip")
    async with receiver(sqlite_url) as found:
        assert (await found.ask(raw)).status == 400


async def test_what_is_stored_holds_no_secret(sqlite_url: str) -> None:
    group = {"id": JID, "description": f"https://chat.whatsapp.com/{CODE}", "invite": CODE, "note": TOKEN}
    body = joined(
        1, apikey="k-1234", payload={"group": group, "_data": {"code": CODE}}, echo=[PATH, SIGNATURE]
    )
    async with receiver(sqlite_url) as found:
        await found.ask(request(json.dumps(body).encode()))
        await found.ask(good(2, id=f"chat.whatsapp.com/{CODE}"))
        first, second = await found.stored()

    for secret in (CODE, TOKEN, PATH, SIGNATURE, "k-1234"):
        assert secret not in repr((first, second))
    assert json.loads(first.body)["payload"]["group"]["id"] == JID


async def test_a_database_that_is_away_asks_the_sender_to_come_again(sqlite_url: str) -> None:
    async with receiver(sqlite_url) as found:
        without_answering_database(found)
        answer = await found.ask(good())

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert found.server.hooks.refusals.total == {Refusal.BUSY: 1}


async def test_too_many_at_once_are_asked_to_come_again_and_the_others_are_kept(sqlite_url: str) -> None:
    async with receiver(sqlite_url) as found:
        found.server.inbox.room = 5
        answers = await asyncio.gather(*(found.ask(good(n)) for n in range(60)))
        statuses = [answer.status for answer in answers]
        kept = await found.count()

    assert set(statuses) == {200, 503}
    assert kept == statuses.count(200)


async def test_many_deliveries_share_a_transaction(sqlite_url: str) -> None:
    async with receiver(sqlite_url) as found:
        await asyncio.gather(*(found.ask(good(n)) for n in range(100)))
        assert await found.count() == 100

    assert len(found.woken) < 50


async def test_the_health_page_says_what_the_daemon_says(sqlite_url: str) -> None:
    ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    async with receiver(sqlite_url) as found:
        well = await found.ask(ask)
        found.well = False
        ill = await found.ask(ask)

    assert (well.status, well.body) == (200, b"ok\n")
    assert ill.status == 503


async def test_a_client_that_takes_too_long_is_hung_up_on(sqlite_url: str) -> None:
    raw = good()
    async with receiver(sqlite_url, patience=1.0) as found:
        silent, in_head, in_body, later = [await Line.open(found.server.port) for _ in range(4)]
        await in_head.say(raw[:30])
        await in_body.say(raw[:-5])
        assert (await later.ask(raw)).status == 200
        await later.say(raw[:40])
        for line in (silent, in_head, in_body, later):
            async with asyncio.timeout(PATIENCE):
                assert await line.hung_up()
            await line.close()

        assert (await found.ask(raw)).status == 200


async def test_clients_that_wait_give_way_to_those_that_speak(sqlite_url: str) -> None:
    async with receiver(sqlite_url) as found:
        slow = [await Line.open(found.server.port) for _ in range(400)]
        for line in slow[-5:]:
            await line.say(b"POST /hooks/")
        answers = [await found.ask(good(n)) for n in range(20)]
        for line in slow:
            await line.close()

    assert {answer.status for answer in answers} == {200}


async def test_refusals_are_told_as_numbers_once_a_minute(
    sqlite_url: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    async with receiver(sqlite_url) as found:
        for _ in range(5):
            for raw in WRONG.values():
                await found.ask(raw.replace(b"nonsense", b"foreign-text"))
        for head in (
            b"\x16\x03\x01 garbage",
            b"POST / HTTP/1.1\r\nContent-Length: -5\r\nX:",
            b"GET /healthz HTTP/9",
        ):
            assert (await found.ask(head + b" foreign-text\r\n\r\n")).status == 400
    said = caplog.text + "".join(capsys.readouterr())

    assert said.count("webhooks were refused") == 2  # the first, and the rest at the end
    for secret in (SIGNATURE, PATH, "foreign-text", "nonsense", JID, sign(b"{}", SIGNATURE)[:20]):
        assert secret not in said


async def test_a_taken_port_is_said_in_a_sentence(sqlite_url: str) -> None:
    async with receiver(sqlite_url) as found:
        where = f"127.0.0.1:{found.server.port}"
        second = settings().model_copy(update={"web": settings().web.model_copy(update={"listen": where})})
        server = HookServer(second, found.database, {}, alive=lambda: True, on_event=lambda: None)
        with pytest.raises(
            TemporaryError, match=rf"cannot listen on {where}: .+ \(process {os.getpid()}\) does"
        ):
            await server.start()


async def test_an_address_of_another_machine_is_said_in_a_sentence(sqlite_url: str) -> None:
    async with receiver(sqlite_url) as found:
        web = settings().web.model_copy(update={"listen": "192.0.2.1:8080"})
        elsewhere = settings().model_copy(update={"web": web})
        server = HookServer(elsewhere, found.database, {}, alive=lambda: True, on_event=lambda: None)
        with pytest.raises(ConfigurationError, match=r"cannot listen on 192\.0\.2\.1:8080"):
            await server.start()


async def test_after_closing_the_port_is_free_and_no_task_is_left(sqlite_url: str) -> None:
    before = asyncio.all_tasks()
    async with receiver(sqlite_url) as found:
        await found.ask(good())
        port = found.server.port
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == before
    with pytest.raises(ConnectionError):
        await Line.open(port)
    assert logging.getLogger("aiohttp.server").handlers == []
