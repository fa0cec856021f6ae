"""Gateways that hang: the steps of the daemon's parts end soon all the same, and hold up no other gateway."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import insert, select, update

from orchestrator.account import event_processor as processor
from orchestrator.account import read_lane, reconciler
from orchestrator.account.accounts import Account
from orchestrator.account.context import Context
from orchestrator.account.event_processor import EventProcessor
from orchestrator.account.follow_ups import LONGEST_LOOK
from orchestrator.account.read_lane import ReadLanes
from orchestrator.account.reconciler import Reconciler
from orchestrator.clock import AcceleratedClock
from orchestrator.domain.memberships import Greeting, Status
from orchestrator.domain.outcomes import (
    GatewayAnswer,
    GroupListAnswer,
    InstanceState,
    Outcome,
    ParticipantsAnswer,
    SendAnswer,
    SessionAnswer,
)
from orchestrator.gateways.wawp.event_reading import read_event
from orchestrator.store import due_work, events, instances, schema
from orchestrator.store.engine import Database, DatabaseTime
from orchestrator.store.events import Received
from orchestrator.store.tables import events as event_table
from orchestrator.store.tables import groups, memberships, meta
from orchestrator.store.tables import instances as table
from tests.support.command import PATIENCE
from tests.support.stage import brisk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from orchestrator.domain.outcomes import GatewayEvent
    from orchestrator.gateways.base import Gateway
    from orchestrator.store.memberships import Work

SPEED = 10.0  # what is told apart by time is seconds apart, on a busy machine too
JID = "120363000000000001@g.us"
GOOD = GatewayAnswer(Outcome.OK)
HANGING = read_lane.AT_ONCE + 1  # one more than are asked side by side at one gateway


class Town:
    """Accounts of which all but the last have one gateway, which answers nothing but the session's state."""

    def __init__(self, database: Database, clock: AcceleratedClock) -> None:
        self.database, self.clock = database, clock
        self.accounts: dict[int, Account] = {}
        self.asked: list[str] = []

    async def drive(self, number: int) -> None:
        """Another process takes the lease of this account, for long."""
        async with self.database.write() as connection:
            until = await self.database.now(connection) + 1e6
            await connection.execute(
                update(table).where(table.c.name == f"b{number}").values(lease_until=until, lease_holder="{}")
            )

    def of_the_hanging(self) -> list[str]:
        return [one for one in self.asked if not one.startswith(f"b{HANGING} ")]

    def lanes(self) -> ReadLanes:
        return ReadLanes(self.database, self.clock, self.accounts, self.context)

    def context(self, account: Account) -> Context:
        return Context(
            database=self.database,
            gateway=account.gateway,
            clock=self.clock,
            settings=brisk(),
            reveal=lambda _code: "",
            instance_id=account.id,
            instance_name=account.name,
            actor="test",
            boot_id="",
            fence=None,
            under_daemon=True,
        )


class Slow:
    def __init__(self, town: Town, number: int) -> None:
        self.town, self.number = town, number

    async def session(self) -> SessionAnswer:
        return SessionAnswer(GOOD, InstanceState.WORKING, "WORKING", phone=f"1555{self.number:06}")

    async def groups(self) -> GroupListAnswer:
        await self._ask("groups")
        return GroupListAnswer(GOOD, ())

    async def participants(self, jid: str) -> ParticipantsAnswer:
        await self._ask(f"participants {jid}")
        return ParticipantsAnswer(GatewayAnswer(Outcome.TRANSIENT), ())

    async def send_text(self, jid: str, text: str) -> SendAnswer:
        await self._ask(f"send {jid} {text}")
        return SendAnswer(GOOD)

    async def _ask(self, what: str) -> None:
        self.town.asked.append(f"b{self.number} {what}")
        if self.number < HANGING:
            await asyncio.Future()


@asynccontextmanager
async def town(url: str, **values: Any) -> AsyncIterator[Town]:
    database = Database(url)
    await schema.upgrade(database)
    async with database.read() as connection:
        anchor = float(str(await connection.scalar(select(meta.c.value).where(meta.c.key == "created_at"))))
    database.clock = DatabaseTime(SPEED, anchor)
    made = Town(database, AcceleratedClock(SPEED, anchor))
    names = [f"b{number}" for number in range(HANGING + 1)]
    async with database.write() as connection:
        now = await database.now(connection)
        await instances.sync(
            connection, [instances.Configured(one, "backup", "wawp", f"x#{one}") for one in names], now
        )
        odd = {"id": 1, "slug": "g", "name": "g", "jid": JID, "created_at": now, "updated_at": now}
        await connection.execute(insert(groups).values(odd))
        for number, name in enumerate(names):
            found = await instances.get(connection, name)
            slow = cast("Gateway", Slow(made, number))
            address = "https://hangs" if number < HANGING else "https://answers"
            made.accounts[found.id] = Account(found.id, name, "backup", slow, read_event, address=address)
            own = {"own_phone": f"1555{number:06}", "state": "working"}
            await connection.execute(update(table).where(table.c.id == found.id).values(own))
            facts = {"status": Status.ACTIVE.value, "confirmed_at": now - 9000, "evidence": "event"} | values
            ids = {"instance_id": found.id, "group_id": 1, "jid": JID, "status_since": now - 9000}
            await connection.execute(insert(memberships).values(ids | facts))
    try:
        yield made
    finally:
        await database.close()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the daemon's own time: no least real seconds."""
    monkeypatch.setattr(read_lane, "REAL_STALE", 0.0)
    monkeypatch.setattr(Reconciler, "patience", 0.01)
    monkeypatch.setattr(EventProcessor, "patience", 0.01)
    monkeypatch.setattr(reconciler, "REAL_LONGEST", 0.0)
    monkeypatch.setattr(processor, "REAL_LONGEST", 0.0)


async def until(holds: Callable[[], bool], step: Callable[[], Awaitable[float]]) -> None:
    """Step by step, as the supervisor does."""
    while not holds():
        await step()


@asynccontextmanager
async def reconciling(made: Town) -> AsyncIterator[Reconciler]:
    part = Reconciler(made.lanes(), every=6 * 3600.0)
    yield part
    await part.close()


@asynccontextmanager
async def processing(made: Town) -> AsyncIterator[EventProcessor]:
    part = EventProcessor(made.lanes())
    yield part
    await part.close()


async def test_a_gateway_that_hangs_holds_up_its_own_accounts_only(sqlite_url: str) -> None:
    async with town(sqlite_url) as made, asyncio.timeout(PATIENCE), reconciling(made) as part:
        began = made.clock.boottime()
        await until(lambda: f"b{HANGING} groups" in made.asked, part.step)
        waiting = f"b{HANGING - 1} groups"
        assert waiting not in made.asked[: made.asked.index(f"b{HANGING} groups")], "it waited for nobody"

        await until(lambda: len(made.of_the_hanging()) > read_lane.AT_ONCE, part.step)
        assert made.of_the_hanging()[-1] == waiting, "its turn, as the others are given up"
        assert made.clock.boottime() - began >= reconciler.LONGEST

        made.asked.clear()
        end = made.clock.boottime() + 2 * reconciler.LONGEST
        await until(lambda: made.clock.boottime() > end, part.step)
        assert made.of_the_hanging() == [], "they are put off for minutes"


async def test_a_look_that_hangs_is_made_later_and_keeps_back_no_other(sqlite_url: str) -> None:
    values = {"status": Status.CONFIRMING.value, "next_attempt_at": 1.0, "requested_at": 1.0}
    async with town(sqlite_url, **values) as made, asyncio.timeout(PATIENCE), reconciling(made) as part:
        end = made.clock.boottime() + 2.5 * reconciler.LONGEST
        await until(lambda: made.clock.boottime() > end, part.step)

        async with made.database.read() as connection:
            now = await made.database.now(connection)
            query = select(memberships.c.next_attempt_at, memberships.c.status).order_by(memberships.c.id)
            rows = (await connection.execute(query)).all()
        assert [row.status for row in rows[:HANGING]] == ["confirming"] * HANGING
        assert all(row.next_attempt_at > now + 300 for row in rows[:HANGING])


async def test_looks_that_hang_hold_up_neither_events_nor_the_looks_of_other_gateways(
    sqlite_url: str,
) -> None:
    async with town(sqlite_url) as made, asyncio.timeout(PATIENCE), processing(made) as part:
        await tell_all(made, {"event": "group.v2.leave", "payload": {"group": {"id": JID}}})
        await until(lambda: f"b{HANGING} participants {JID}" in made.asked, part.step)
        before = made.asked[: made.asked.index(f"b{HANGING} participants {JID}")]
        assert f"b{HANGING - 1} participants {JID}" not in before, "it waited for nobody"

        down = {"event": "session.status", "payload": {"status": "STOPPED"}}
        await tell_all(made, down, "f")
        await part.step()
        async with made.database.read() as connection:
            query = select(event_table.c.result).where(event_table.c.key.like("f%"))
            found = list((await connection.scalars(query)).all())
        assert found == ["session"] * (HANGING + 1), "events wait for no look"


async def test_an_event_is_looked_up_once_however_often_it_is_read_meanwhile(sqlite_url: str) -> None:
    async with town(sqlite_url) as made, asyncio.timeout(PATIENCE), processing(made) as part:
        await tell_all(made, {"event": "group.v2.leave", "payload": {"group": {"id": JID}}})
        end = made.clock.boottime() + LONGEST_LOOK / 2
        await until(lambda: made.clock.boottime() > end, part.step)
        asked = made.of_the_hanging()
        assert len(asked) == len(set(asked)) == read_lane.AT_ONCE


async def test_events_whose_look_is_under_way_are_left_alone(sqlite_url: str) -> None:
    async with town(sqlite_url) as made, asyncio.timeout(PATIENCE), processing(made) as part:
        await tell_all(made, {"event": "group.v2.leave", "payload": {"group": {"id": JID}}})
        end = made.clock.boottime() + LONGEST_LOOK / 2
        await until(lambda: made.clock.boottime() > end, part.step)
        async with made.database.read() as connection:
            tries = (await connection.scalars(select(event_table.c.tries).order_by(event_table.c.id))).all()
        assert set(tries[:HANGING]) == {1}


async def test_what_waits_for_its_turn_while_a_recovery_begins_asks_nothing(sqlite_url: str) -> None:
    async with town(sqlite_url) as made, asyncio.timeout(PATIENCE):
        first = min(made.accounts)
        made.accounts = {first: made.accounts[first]}
        lanes = made.lanes()
        part = Reconciler(lanes, every=6 * 3600.0)
        async with lanes.turn(first):
            await part.step()
            await made.drive(0)
        for _ in range(20):
            await part.step()
        assert made.asked == []
        await part.close()


async def test_a_greeting_is_left_to_the_recovery_that_began_meanwhile(sqlite_url: str) -> None:
    async with town(sqlite_url, greeting=Greeting.PENDING.value, announce=False) as made:
        lane = made.lanes().of(max(made.accounts))
        works = await due(made, lane.account.id)
        await made.drive(HANGING)
        await lane.greeter._send(works[0], "Hello")
        assert not [one for one in made.asked if "send" in one]
        assert (await due(made, lane.account.id))[0].membership.greeting is Greeting.PENDING


async def due(made: Town, instance_id: int) -> list[Work]:
    async with made.database.read() as connection:
        return await due_work.greetings(connection, instance_id, Greeting.PENDING, limit=1)


async def test_one_account_asks_one_question_at_a_time(sqlite_url: str) -> None:
    async with town(sqlite_url) as made, asyncio.timeout(PATIENCE):
        first = min(made.accounts)
        made.accounts = {first: made.accounts[first]}
        lanes = made.lanes()
        reconciling, processing = Reconciler(lanes, every=6 * 3600.0), EventProcessor(lanes)
        await until(lambda: made.asked == ["b0 groups"], reconciling.step)

        await tell_all(made, {"event": "group.v2.leave", "payload": {"group": {"id": JID}}})
        end = made.clock.boottime() + reconciler.LONGEST / 4
        await until(lambda: made.clock.boottime() > end, processing.step)
        assert made.asked == ["b0 groups"], "a look waits for the list"

        await reconciling.close()  # as if the list had come
        await until(lambda: len(made.asked) == 2, processing.step)
        assert made.asked[1] == f"b0 participants {JID}"
        await processing.close()


async def test_each_accounts_events_are_read_by_what_reads_its_own_gateway(sqlite_url: str) -> None:
    def of_the_last(body: Mapping[str, Any]) -> GatewayEvent | None:
        return read_event({"event": "group.v2.leave", "payload": {"group": {"id": body["left"]}}})

    async with town(sqlite_url) as made, asyncio.timeout(PATIENCE):
        last = max(made.accounts)
        made.accounts[last] = replace(made.accounts[last], read_event=of_the_last)
        await tell_all(made, {"left": JID})

        async with processing(made) as part:
            await until(lambda: bool(made.asked), part.step)
        async with made.database.read() as connection:
            query = select(event_table.c.result).order_by(event_table.c.instance_id)
            results = list(await connection.scalars(query))
        assert results[:HANGING] == ["ignored"] * HANGING
        assert made.asked == [f"b{HANGING} participants {JID}"]


async def tell_all(made: Town, body: dict[str, Any], key: str = "e") -> None:
    """The same event for every account."""
    async with made.database.write() as connection:
        now = await made.database.now(connection)
        told = [Received(number, f"{key}{number}", "event", body, now) for number in sorted(made.accounts)]
        await events.receive(connection, now, told)
