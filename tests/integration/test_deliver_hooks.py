"""Messages reach a hook: at least once, in order within a subject, and never held up by others."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from orchestrator.messaging import deliverer
from orchestrator.messaging.deliverer import OutboxDrain
from orchestrator.messaging.routing import Answer, Parcel, Routes
from orchestrator.messaging.webhooks_and_pings import Webhook, open_session
from orchestrator.store import outbox
from tests.support.command import PATIENCE
from tests.support.post_office import HOOK, HastyClock, Office, post_office
from tests.support.receiver import HANG, Listener, listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


GIVEN_UP = len(deliverer.WAITS) + 1


on_both = pytest.mark.usefixtures("database_url")


@pytest.fixture
async def office(request: pytest.FixtureRequest) -> AsyncIterator[Office]:
    """On SQLite; on both databases where a test says so."""
    wanted = "database_url" if "database_url" in request.fixturenames else "sqlite_url"
    async with post_office(request.getfixturevalue(wanted), clock=HastyClock()) as made:
        yield made


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with listening() as made:
        yield made


@pytest.fixture
async def hook(office: Office, listener: Listener) -> AsyncIterator[Webhook]:
    async with open_session() as session:
        url = f"{listener.url}/in?key=s3cret"
        yield Webhook(HOOK, url, secret="whsec_c2VjcmV0", session=session, clock=office.clock)


async def test_a_message_is_delivered_once_and_then_no_more(
    office: Office, hook: Webhook, listener: Listener
) -> None:
    await office.write("group:1")
    part = office.deliverer(hook)

    await part.step()
    again = await part.step()

    assert len(listener.got) == 1
    assert listener.got[0].json["type"] == "group.active"
    assert await office.rows() == [("delivered", 1, None)]
    assert again == deliverer.IDLE


@on_both
async def test_a_subject_waits_for_its_earlier_message_and_others_do_not(
    office: Office, hook: Webhook, listener: Listener
) -> None:
    await office.write("group:1", "group:1", "group:2")
    listener.when = lambda got: 500 if got.json["data"]["n"] == 0 and len(listener.got) < 3 else None
    part = office.deliverer(hook)

    wait = await part.step()
    assert sorted(got.json["data"]["n"] for got in listener.got) == [0, 2]
    await office.clock.advance(wait)
    await part.step()
    await part.step()

    assert [got.json["data"]["n"] for got in listener.got[2:]] == [0, 1]
    assert {row[0] for row in await office.rows()} == {"delivered"}


async def test_every_attempt_bears_the_same_id_and_the_same_body(
    office: Office, hook: Webhook, listener: Listener
) -> None:
    await office.write("group:1")
    listener.answers.extend([500, 503])
    part = office.deliverer(hook)

    while await office.rows() != [("delivered", 3, None)]:
        await office.clock.advance(await part.step())

    assert len(set(listener.uids)) == 1
    assert len({got.body for got in listener.got}) == 1
    assert len({got.headers["webhook-timestamp"] for got in listener.got}) == 3


@on_both
async def test_a_deliverer_that_dies_between_sending_and_recording_sends_the_same_once_more(
    office: Office, hook: Webhook, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.write("group:1", "group:2")

    async def die(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "mark_delivered", die)
        with pytest.raises(asyncio.CancelledError):
            await office.deliverer(hook).step()
    assert await office.rows() == [("pending", 0, None)] * 2

    await office.deliverer(hook).step()

    assert set(listener.uids[:2]) == set(listener.uids[2:])
    assert len(listener.uids) == 4
    assert await office.rows() == [("delivered", 1, None)] * 2


@on_both
async def test_what_fails_for_days_is_parked_shown_and_can_be_tried_again(
    office: Office, hook: Webhook, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliverer, "IDLE", 1e6)  # from one attempt to the next, not minute by minute
    await office.write("group:1", "group:1")
    listener.when = lambda got: 500 if got.json["data"]["n"] == 0 and not revived else None
    revived: list[bool] = []
    part = office.deliverer(hook)
    began = office.clock.now()

    await part.step()
    while (await office.rows())[0][0] == "pending":
        await office.clock.advance(await part.step())
    await part.step()

    first, second = await office.rows()
    assert first == ("parked", GIVEN_UP, "answered 500")
    assert second == ("delivered", 1, None)  # a parked one holds up nobody
    tried_for = office.clock.now() - began
    assert abs(tried_for / sum(deliverer.WAITS) - 1.0) <= deliverer.JITTER  # some three days
    async with office.database.read() as connection:
        listed = await outbox.listed(connection, parked_only=True)
        totals = await outbox.totals(connection)
    assert [(one.sink, one.kind, one.error) for one in listed] == [(HOOK, "group.active", "answered 500")]
    assert (totals.parked, totals.pending, totals.unsorted) == (1, 0, 0)

    revived.append(True)
    async with office.database.write() as connection:
        assert await outbox.retry_parked(connection, [listed[0].id, 999]) == 1
        assert await outbox.retry_parked(connection) == 0
    await office.clock.advance(deliverer.LONGEST_REST)
    await part.step()
    assert [row[0] for row in await office.rows()] == ["delivered", "delivered"]


async def test_410_parks_at_once(office: Office, hook: Webhook, listener: Listener) -> None:
    await office.write("group:1")
    listener.usual = 410

    await office.deliverer(hook).step()

    assert await office.rows() == [("parked", 1, "answered 410: it wants no more messages")]


async def test_a_redirect_is_not_followed(office: Office, hook: Webhook, listener: Listener) -> None:
    await office.write("group:1")
    listener.usual = 307
    listener.headers["Location"] = f"{listener.url}/elsewhere"

    await office.deliverer(hook).step()

    assert [got.path for got in listener.got] == ["/in"]
    assert await office.rows() == [("pending", 1, "answered 307: a redirect, which is not followed")]


@pytest.mark.parametrize("length", ["Content-Length: 10", "Transfer-Encoding: chunked", "Connection: close"])
@pytest.mark.parametrize("status", [200, 503])
async def test_the_status_decides_whether_or_not_its_body_ever_comes(
    office: Office, status: int, length: str
) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} Whatever\r\n{length}\r\n\r\n".encode())
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server, open_session() as session:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        crm = Webhook("crm", url, secret="", session=session, clock=office.clock)
        answer = await crm.deliver(Parcel("msg_1", "rejoin.test", 0.0, {}))

    assert (answer.ok, answer.text) == (status == 200, f"answered {status}")


@on_both
async def test_one_that_never_answers_holds_up_no_other_subject(
    office: Office, hook: Webhook, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.messaging.webhooks_and_pings.REAL_TIMEOUT", 5.0)
    await office.write("group:1", "group:2", "group:3", "group:3")
    listener.when = lambda got: HANG if got.json["data"] == {"n": 0} else None
    part = office.deliverer(hook)
    step = asyncio.create_task(part.step())
    await listener.heard(4)
    assert not step.done()

    await office.write("group:4", late=True)  # while the first one still hangs
    await listener.heard(5)
    await step

    assert await office.rows() == [
        ("pending", 1, "did not answer in time"),
        *[("delivered", 1, None)] * 4,
    ]


async def test_retry_after_is_honoured(office: Office, hook: Webhook, listener: Listener) -> None:
    await office.write("group:1")
    listener.answers.append(429)
    listener.headers["Retry-After"] = "40"
    part = office.deliverer(hook)

    assert await part.step() == pytest.approx(40.0)
    await office.clock.advance(39.0)
    await part.step()
    assert len(listener.got) == 1
    await office.clock.advance(1.0)
    await part.step()
    assert len(listener.got) == 2


async def test_at_most_twenty_are_in_flight(office: Office, hook: Webhook, listener: Listener) -> None:
    await office.write(*(f"group:{n}" for n in range(60)))
    listener.delay = 0.01

    await office.deliverer(hook).step()

    assert len(listener.got) == 60
    assert 2 <= listener.most_flying <= deliverer.IN_FLIGHT


async def test_a_dead_receiver_is_asked_one_message_at_a_time_and_all_follows_when_it_lives(
    office: Office, hook: Webhook, listener: Listener
) -> None:
    await office.write(*(f"group:{n}" for n in range(50)))
    listener.usual = 503
    part = office.deliverer(hook)

    for _ in range(10):
        await office.clock.advance(await part.step())
    asked = len(listener.got)
    listener.usual = 204
    while any(row[0] == "pending" for row in await office.rows()):
        await office.clock.advance(await part.step())

    assert asked <= 23  # twenty at first, then one every five minutes
    assert len(await office.rows()) == 50
    assert max(row[1] for row in await office.rows()) <= 3


async def test_no_address_and_no_secret_is_in_what_is_stored_of_a_failure(
    office: Office, listener: Listener
) -> None:
    await office.write("group:1")
    listener.close()
    async with open_session() as session:
        gone = "http://127.0.0.1:9/in?key=s3cret"
        hook = Webhook(HOOK, gone, secret="k3y", session=session, clock=office.clock)
        await office.deliverer(hook).step()

    assert await office.rows() == [("pending", 1, "could not be reached")]


class Broken:
    """A receiver with a defect."""

    name = HOOK

    async def deliver(self, parcel: Parcel) -> Answer:
        if parcel.data["n"] == 0:
            raise KeyError("s3cret")
        return Answer(ok=True)


async def test_a_defect_that_one_message_meets_keeps_back_no_other(office: Office) -> None:
    await office.write("group:1", "group:2")

    await office.deliverer(Broken()).step()

    assert await office.rows() == [
        ("pending", 1, "failed unexpectedly: KeyError"),
        ("delivered", 1, None),
    ]


class Slow:
    """A receiver that takes seven seconds for each message."""

    name = HOOK

    def __init__(self, office: Office) -> None:
        self.office = office

    async def deliver(self, parcel: Parcel) -> Answer:
        del parcel
        await self.office.clock.advance(7.0)
        return Answer(ok=True)


async def test_a_step_begins_no_more_deliveries_after_a_while_and_the_next_one_goes_on(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliverer, "REAL_BEGINS_FOR", 0.0)
    await office.write(*["group:1"] * 20)  # one after the other
    part = office.deliverer(Slow(office))

    began = office.clock.boottime()
    assert await part.step() == 0.0

    assert office.clock.boottime() - began <= deliverer.BEGINS_FOR + 7.0
    assert [row[0] for row in await office.rows()].count("delivered") == 3
    await part.step()
    assert [row[0] for row in await office.rows()].count("delivered") == 6


class Hanging:
    """A receiver that never comes to an end, without any time-out of its own."""

    name = HOOK

    async def deliver(self, parcel: Parcel) -> Answer:
        del parcel
        return await asyncio.Future[Answer]()


async def test_a_receiver_that_never_ends_does_not_hold_its_step(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliverer, "LONGEST_ATTEMPT", 0.05)
    await office.write("group:1")

    async with asyncio.timeout(PATIENCE):
        await office.deliverer(Hanging()).step()

    assert await office.rows() == [("pending", 1, "did not answer in time")]


@on_both
async def test_what_waits_for_a_hook_that_was_taken_out_is_parked(office: Office, hook: Webhook) -> None:
    office.routes = Routes("needs_you", hooks=(HOOK, "hook:old"))
    await office.write("group:1")
    await office.deliverer(hook).step()
    assert await office.rows("hook:old") == [("pending", 0, None)]

    office.routes = Routes("needs_you", hooks=(HOOK,))
    await office.deliverer(hook).step()

    assert await office.rows("hook:old") == [("parked", 0, deliverer.NOT_CONFIGURED)]


@on_both
async def test_without_any_receiver_nothing_waits_and_nothing_is_told_years_later(office: Office) -> None:
    await office.write("group:1")
    async with office.database.write() as connection:
        new = await outbox.new_messages(connection)
        await outbox.fan_out(connection, [(one, [HOOK]) for one in new])
    await office.write("group:2")
    office.routes = Routes("needs_you")

    await OutboxDrain(office.database, office.routes).step()

    assert await office.rows() == [("parked", 0, deliverer.NOT_CONFIGURED)]
    async with office.database.read() as connection:
        assert await outbox.new_messages(connection) == []


@on_both
async def test_fanning_out_twice_makes_each_delivery_once(office: Office) -> None:
    await office.write("group:1", "group:2")
    async with office.database.write() as connection:
        new = await outbox.new_messages(connection)
        await outbox.fan_out(connection, [(one, [HOOK, "people"]) for one in new])
        await outbox.fan_out(connection, [(one, [HOOK, "people"]) for one in new])

    assert len(await office.rows()) == len(await office.rows("people")) == 2


async def test_idle_it_only_reads(office: Office, hook: Webhook) -> None:
    part = office.deliverer(hook)
    await part.step()
    statements: list[str] = []
    engine = office.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    await part.step()

    assert [one.split()[0] for one in statements if one.split()[0] not in ("BEGIN", "COMMIT")] == [
        "SELECT"
    ] * 3
