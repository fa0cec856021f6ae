"""People hear little, in time, once, and in words that help; the watchdog hears that all is well."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from datetime import UTC
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from orchestrator.domain.errors import ConfigurationError
from orchestrator.domain.memberships import Reason, Status
from orchestrator.messaging.apprise_people import Notice, Service
from orchestrator.messaging.digesting import LOOK_EVERY, Digester
from orchestrator.messaging.routing import Parcel, Routes, concerns_people
from orchestrator.messaging.telling_people import PeopleReceiver
from orchestrator.messaging.webhooks_and_pings import (
    Health,
    HealthPing,
    Ping,
    PingReceiver,
    Webhook,
    open_session,
)
from orchestrator.receivers import open_receivers
from orchestrator.store import instances, orders, outgoing_messages, recoveries
from orchestrator.store.outbox import Stored
from orchestrator.store.tables import groups, memberships
from tests.support.command import PATIENCE
from tests.support.post_office import HastyClock, Office, post_office
from tests.support.receiver import HANG, Listener, listening
from tests.unit.config_files import settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from orchestrator.messaging.routing import Level

# Apprise asks for a module that Python 3.13 has no more.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

BACKUPS = frozenset({"backup-1"})
STARTED: dict[str, Any] = {"recovery": 7, "to": "backup-1", "from": None, "by_itself": True}


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with listening() as made:
        made.usual = 200
        yield made


@pytest.fixture
async def office(sqlite_url: str) -> AsyncIterator[Office]:
    async with post_office(sqlite_url, clock=HastyClock()) as made:
        made.routes = Routes("needs_you", people=("people",))
        yield made


def service(office: Office, listener: Listener) -> Service:
    url = listener.url.replace("http://", "json://me:s3cret@")
    return Service("people", f"{url}/hook", clock=office.clock)


def people(office: Office, listener: Listener) -> PeopleReceiver:
    return PeopleReceiver(service(office, listener), office.database, BACKUPS, UTC)


def texts(listener: Listener) -> list[tuple[str, str]]:
    return [(got.json["title"], got.json["message"]) for got in listener.got]


async def block(office: Office, count: int, reason: Reason = Reason.CODE_REVOKED, *, first: int = 1) -> None:
    """So many groups that need a person from now on."""
    now = office.clock.now()
    names = {"created_at": now, "updated_at": now}
    made = [{"id": n, "slug": f"g{n}", "name": f"Group {n}"} | names for n in range(first, first + count)]
    stuck = {"instance_id": 1, "status": Status.BLOCKED.value, "reason": reason.value, "status_since": now}
    async with office.database.write() as connection:
        await connection.execute(insert(groups), made)
        await connection.execute(insert(memberships), [stuck | {"group_id": one["id"]} for one in made])


def stored(kind: str, **data: Any) -> Stored:
    return Stored(1, "msg_1", kind, 0.0, "x:1", None, data)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("address", ["json", "form", "xml"])
@pytest.mark.parametrize("asked", ["", "?redirect=yes"])
async def test_a_redirect_is_a_failure_and_is_not_followed(
    office: Office, listener: Listener, status: int, address: str, asked: str
) -> None:
    listener.answers.append(status)
    listener.headers["Location"] = f"{listener.url}/elsewhere"
    url = f"{listener.url.replace('http://', address + '://')}/hook{asked}"

    answer = await Service("people", url, clock=office.clock).send(Notice("t", "b"))

    assert (answer.ok, answer.text) == (False, "the service did not take it")
    assert len(listener.got) == 1


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_a_redirected_ping_or_webhook_is_a_failure(
    office: Office, listener: Listener, status: int
) -> None:
    listener.answers.extend([status, status])
    listener.headers["Location"] = f"{listener.url}/elsewhere"
    async with open_session() as session:
        pinged = await Ping(listener.url, session=session, clock=office.clock).well("all is well")
        hook = Webhook("crm", listener.url, secret="", session=session, clock=office.clock)
        posted = await hook.deliver(Parcel("msg_1", "rejoin.test", 0.0, {}))

    assert (pinged.ok, posted.ok, posted.final) == (False, False, False)
    assert len(listener.got) == 2


@pytest.mark.parametrize(
    ("kind", "data", "levels"),
    [
        (outgoing_messages.INSTANCE_LOST, {}, "failures needs_you all"),
        (outgoing_messages.INSTANCE_HALTED, {}, "failures needs_you all"),
        (outgoing_messages.RECOVERY_FINISHED, {"outcome": "instance_lost"}, "failures needs_you all"),
        (outgoing_messages.RECOVERY_FINISHED, {"outcome": "credentials"}, "failures needs_you all"),
        (outgoing_messages.RECOVERY_FINISHED, {"outcome": "complete"}, "needs_you all"),
        (outgoing_messages.RECOVERY_STARTED, {"by_itself": True}, "needs_you all"),
        (outgoing_messages.RECOVERY_STARTED, {"by_itself": False}, ""),
        (outgoing_messages.DIGEST, {}, "needs_you all"),
        (outgoing_messages.INSTANCE_PAUSED, {"short": False}, "all"),
        (outgoing_messages.INSTANCE_PAUSED, {"short": True}, ""),
        (outgoing_messages.INSTANCE_RETURNED, {}, "all"),
        (outgoing_messages.GROUP_ACTIVE, {}, ""),
        (outgoing_messages.GROUP_BLOCKED, {}, ""),
        (outgoing_messages.GROUP_LEFT, {}, ""),
    ],
)
def test_what_people_hear_at_each_level(kind: str, data: dict[str, Any], levels: str) -> None:
    every: tuple[Level, ...] = ("failures", "needs_you", "all")
    assert [one for one in every if concerns_people(stored(kind, **data), one)] == levels.split()


async def test_a_loss_and_the_recovery_that_began_with_it_are_one_notice(
    office: Office, listener: Listener
) -> None:
    loss: dict[str, Any] = {"instance": "sales-main", "since": "2027-01-15T08:00:00Z", "to": "backup-1"}
    await office.write("instance:1", kind=outgoing_messages.INSTANCE_LOST, recovery_id=7, recovery=7, **loss)
    await office.write("recovery:7", kind=outgoing_messages.RECOVERY_STARTED, recovery_id=7, **STARTED)
    await office.write("recovery:8", kind=outgoing_messages.RECOVERY_STARTED, recovery_id=8, **STARTED)

    await office.deliverer(people(office, listener)).step()

    assert [title for title, _ in texts(listener)] == [
        "Rejoin: sales-main is lost",
        "Rejoin: recovering onto backup-1",
    ]
    assert "Recovery 7 onto backup-1 has begun." in texts(listener)[0][1]
    assert "2027-01-15 08:00 UTC" in texts(listener)[0][1]


async def test_what_happened_while_no_daemon_ran_is_no_news_after_a_day(
    office: Office, listener: Listener
) -> None:
    await office.write("recovery:7", kind=outgoing_messages.RECOVERY_STARTED, **STARTED)
    await office.clock.advance(2 * 86400)

    await office.deliverer(people(office, listener)).step()

    assert listener.got == []


async def test_a_digest_names_causes_groups_and_moves_and_is_not_repeated(
    office: Office, listener: Listener
) -> None:
    digester, part = Digester(office.database, BACKUPS), office.deliverer(people(office, listener))
    await block(office, 12)
    await block(office, 1, Reason.GROUP_FULL, first=20)

    assert await digester.step() == LOOK_EVERY
    await part.step()
    assert listener.got == []  # others may follow within ten minutes
    await office.clock.advance(601)
    for _ in range(3):
        await digester.step()
        await part.step()

    ((title, body),) = texts(listener)
    assert title == "Rejoin: 13 groups need you"
    lines = body.splitlines()
    assert lines[0].startswith("- the invite code was revoked (12): Group 1, Group 2, ")
    assert lines[0].endswith("Group 10, and 2 more")
    assert lines[1] == "  store a new code: rejoin groups set-code GROUP"
    assert lines[2] == "- the group is full (1): Group 20"


async def test_new_needs_are_told_within_the_hour_and_old_ones_daily(
    office: Office, listener: Listener
) -> None:
    digester, part = Digester(office.database, BACKUPS), office.deliverer(people(office, listener))
    told: list[float] = []
    await block(office, 1)
    began = office.clock.now()
    for wait in (0, 600, 1200, 600, 1800, 600, 40_000, 45_000, 1400, 600):
        await office.clock.advance(wait)
        if wait == 1200:
            await block(office, 1, first=2)
        await digester.step()
        await part.step()
        if len(listener.got) > len(told):
            told.append(office.clock.now() - began)

    assert told == [600.0, 4200.0, 91_200.0]  # not at 89,800: that is less than a day


async def test_a_recovery_under_way_tells_at_its_end_what_needs_a_person(
    office: Office, listener: Listener
) -> None:
    digester, part = Digester(office.database, BACKUPS), office.deliverer(people(office, listener))
    now = office.clock.now
    async with office.database.write() as connection:
        nothing = recoveries.Scope(labels=("none",))
        order = orders.Order(1, nothing, "daemon@x", 4.0, driver="person")
        number = await orders.place(connection, order, now())
    await block(office, 2)
    await office.clock.advance(1800)
    await digester.step()
    await part.step()
    assert listener.got == []

    async with office.database.write() as connection:
        counted = {"active": 1, "blocked": 2}
        await recoveries.finish(
            connection, number, state="finished", outcome="needs_you", counted=counted, now=now()
        )
    data: dict[str, Any] = {"recovery": number, "to": "backup-1", "outcome": "needs_you"}
    data |= {"active": 1, "total": 3}
    await office.write(f"recovery:{number}", kind=outgoing_messages.RECOVERY_FINISHED, **data)
    await part.step()
    await office.clock.advance(1200)
    await digester.step()
    await part.step()

    ((title, body),) = texts(listener)
    assert title == "Rejoin: recovery onto backup-1: it ended, and some groups need you"
    assert "In place: 1 of 3 groups." in body
    assert "the invite code was revoked (2): Group 1, Group 2" in body


async def test_a_digest_names_the_instance_where_there_are_several(
    office: Office, listener: Listener
) -> None:
    both = BACKUPS | {"backup-2"}
    part = office.deliverer(PeopleReceiver(service(office, listener), office.database, both, UTC))
    await block(office, 1, Reason.REMOVED_BY_ADMIN)
    await office.clock.advance(601)
    await Digester(office.database, both).step()
    await part.step()

    assert "rejoin retry GROUP --to backup-1" in texts(listener)[0][1]


async def test_an_account_that_only_a_person_can_resume_is_in_the_digest(
    office: Office, listener: Listener
) -> None:
    async with office.database.write() as connection:
        paused = {"pause_reason": "credentials_refused", "paused_at": office.clock.now()}
        await instances.set_values(connection, 1, **paused)
    await office.clock.advance(601)
    await Digester(office.database, BACKUPS).step()
    await office.deliverer(people(office, listener)).step()

    ((title, body),) = texts(listener)
    assert title == "Rejoin: 1 account needs you"
    assert body.startswith("- backup-1 is paused: the gateway refuses the access token or the instance_id\n")


async def test_a_digest_whose_cause_is_gone_is_not_sent(office: Office, listener: Listener) -> None:
    await office.write("people", kind=outgoing_messages.DIGEST)

    await office.deliverer(people(office, listener)).step()

    assert listener.got == []
    assert await office.rows("people") == [("delivered", 1, None)]


async def test_the_same_on_postgresql(postgres_url: str, listener: Listener) -> None:
    async with post_office(postgres_url, clock=HastyClock()) as office:
        office.routes = Routes("needs_you", people=("people",))
        await block(office, 3)
        await office.clock.advance(601)
        digester = Digester(office.database, BACKUPS)
        for _ in range(2):
            await digester.step()
        await office.deliverer(people(office, listener)).step()

        assert [title for title, _ in texts(listener)] == ["Rejoin: 3 groups need you"]


async def test_a_service_that_fails_is_tried_again_and_its_address_is_told_nowhere(
    office: Office, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    listener.answers.extend([500])
    await office.write("recovery:7", kind=outgoing_messages.RECOVERY_STARTED, **STARTED)
    part = office.deliverer(people(office, listener))

    await part.step()
    assert await office.rows("people") == [("pending", 1, "the service did not take it")]
    await office.clock.advance(10)
    await part.step()

    assert await office.rows("people") == [("delivered", 2, None)]
    assert "s3cret" not in caplog.text
    assert listener.url.rpartition(":")[2] not in caplog.text


async def test_a_service_that_hangs_is_given_up_in_time(
    office: Office, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.messaging.apprise_people.REAL_TIMEOUT", 0.0)
    listener.usual = HANG

    answer = await service(office, listener).send(Notice("t", "b"))

    assert (answer.ok, answer.text) == (False, "did not answer in time")


@pytest.mark.parametrize("pause", [0.0, 0.05])
async def test_an_answer_without_end_is_read_no_longer_than_the_time_out(
    office: Office, monkeypatch: pytest.MonkeyPatch, pause: float
) -> None:
    """The time is over in the middle of the answer, however long the process took to ask."""
    monkeypatch.setattr("orchestrator.messaging.apprise_people.REAL_TIMEOUT", PATIENCE)
    limits, hung_up, usual = list[asyncio.Timeout](), asyncio.Event(), asyncio.timeout

    def limit(seconds: float) -> asyncio.Timeout:
        limits.append(usual(seconds))
        return limits[-1]

    monkeypatch.setattr(asyncio, "timeout", limit)

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        limits[0].reschedule(asyncio.get_running_loop().time() + 1.0)
        with suppress(ConnectionError):
            while True:
                writer.write(b"x" * (1 if pause else 100_000))
                await writer.drain()
                await asyncio.sleep(pause)
        hung_up.set()
        writer.close()

    async with await asyncio.start_server(endless, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await Service("people", f"json://127.0.0.1:{port}", clock=office.clock).send(
            Notice("t", "b")
        )
        async with usual(PATIENCE):
            await hung_up.wait()

    assert not answer.ok


async def test_an_address_that_apprise_does_not_know_is_said_so_without_it(office: Office) -> None:
    answer = await Service("people", "s3cret://x", clock=office.clock).send(Notice("t", "b"))

    assert (answer.ok, answer.text) == (False, "Apprise does not understand its address")


async def test_healthchecks_hears_well_unwell_start_and_exit_code(office: Office, listener: Listener) -> None:
    async with open_session() as session:
        ping = Ping(f"{listener.url}/uuid?rid=1", session=session, clock=office.clock)
        health = [Health(ok=True, sentence="idle"), Health(ok=False, sentence="no heartbeat")]

        async def ask() -> Health:
            return health.pop(0)

        part = HealthPing(ping, ask, 300.0)
        assert [await part.step(), await part.step()] == [300.0, 300.0]
        office.routes = Routes("needs_you", ping=True)
        ended: dict[str, Any] = {"recovery": 7, "to": "backup-1", "outcome": "needs_you"}
        await office.write("recovery:7", kind=outgoing_messages.RECOVERY_STARTED, **STARTED)
        await office.write("recovery:7", kind=outgoing_messages.RECOVERY_FINISHED, **ended)
        await office.deliverer(PingReceiver(ping)).step()

    assert [(got.path, got.body.decode()) for got in listener.got] == [
        ("/uuid", "idle"),
        ("/uuid/fail", "no heartbeat"),
        ("/uuid/start", "recovery 7 onto backup-1 has begun"),
        ("/uuid/3", "recovery 7 onto backup-1 ended: needs_you"),
    ]
    assert {got.query["rid"] for got in listener.got} == {"1"}


async def test_uptime_kuma_hears_up_and_down(office: Office, listener: Listener) -> None:
    async with open_session() as session:
        url = f"{listener.url}/api/push/tok3n?status=up&msg=OK&ping="
        ping = Ping(url, session=session, clock=office.clock)
        await ping.well("all is well")
        await ping.unwell("it is not")
        await ping.started("begun")
        await ping.ended(0, "done")
        await ping.ended(7, "lost")

    assert [(got.method, got.path) for got in listener.got] == [("GET", "/api/push/tok3n")] * 5
    assert [(got.query["status"], got.query["msg"]) for got in listener.got] == [
        ("up", "all is well"),
        ("down", "it is not"),
        ("up", "begun"),
        ("up", "done"),
        ("down", "lost"),
    ]


async def test_a_ping_that_fails_is_said_once_until_it_works_again(
    office: Office, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with open_session() as session:
        ping = Ping(f"{listener.url}/s3cret", session=session, clock=office.clock)
        listener.answers.extend([500, 500, 200, 500])
        answers = [await ping.well("x") for _ in range(4)]

    assert [one.ok for one in answers] == [False, False, True, False]
    said = [record.getMessage() for record in caplog.records if "ping" in record.name]
    assert said == [
        "the ping does not get through: notify.ping_url answered 500",
        "the ping gets through again",
        "the ping does not get through: notify.ping_url answered 500",
    ]
    assert "s3cret" not in json.dumps(said)


async def test_every_configured_receiver_is_a_part_of_the_daemon(office: Office, tmp_path: Path) -> None:
    text = """[notify]
urls = ["json://a.example", "tgram://1/2"]
ping_url = "https://hc.example/1"
[[notify.webhooks]]
url = "https://n8n.example/a"
[[notify.webhooks]]
url = "https://n8n.example/b"
"""

    async def health() -> Health:
        return Health(ok=True, sentence="")

    async with open_receivers(settings(tmp_path, text), office.clock) as receivers:
        parts = receivers.parts(office.database, office.clock, health)

    assert [part.name for part in parts] == [
        "outbox hook:n8n.example",
        "outbox hook:n8n.example-2",
        "outbox people",
        "outbox people-2",
        "outbox ping",
        "ping",
        "digest",
    ]


async def test_without_receivers_the_outbox_is_a_part_all_the_same(office: Office, tmp_path: Path) -> None:
    async def health() -> Health:
        return Health(ok=True, sentence="")

    async with open_receivers(settings(tmp_path, ""), office.clock) as receivers:
        parts = receivers.parts(office.database, office.clock, health)

        assert [part.name for part in parts] == list(receivers.carriers) == ["outbox"]


async def test_without_apprise_a_daemon_that_must_tell_people_does_not_start(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.messaging.apprise_people.is_installed", lambda: False)
    wanted = settings(tmp_path, "[notify]\nurls = ['json://a.example']")

    with pytest.raises(ConfigurationError, match="needs Apprise") as refusal:
        await open_receivers(wanted, office.clock).__aenter__()

    assert "rejoin[notify]" in refusal.value.hint
