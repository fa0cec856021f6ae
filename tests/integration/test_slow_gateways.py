"""Gateways that hang: the steps of the daemon's parts end soon all the same, and each has its turn."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import insert, select, update

from orchestrator.account import event_processor as processor
from orchestrator.account import reconciler
from orchestrator.account.accounts import Account
from orchestrator.account.context import Context
from orchestrator.account.event_processor import EventProcessor
from orchestrator.account.reconciler import Reconciler
from orchestrator.clock import AcceleratedClock
from orchestrator.domain.memberships import Status
from orchestrator.domain.outcomes import (
    GatewayAnswer,
    GroupListAnswer,
    InstanceState,
    Outcome,
    ParticipantsAnswer,
    SessionAnswer,
)
from orchestrator.gateways.wawp.event_reading import read_event
from orchestrator.store import events, instances, schema
from orchestrator.store.engine import Database, DatabaseTime
from orchestrator.store.events import Received
from orchestrator.store.tables import events as event_table
from orchestrator.store.tables import groups, memberships, meta
from orchestrator.store.tables import instances as table
from tests.support.command import PATIENCE
from tests.support.stage import brisk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from orchestrator.domain.outcomes import GatewayEvent
    from orchestrator.gateways.base import Gateway

SPEED = 10.0  # what is told apart by time is seconds apart, on a busy machine too
JID = "120363000000000001@g.us"
GOOD = GatewayAnswer(Outcome.OK)
HANGING = 9  # one more than are served side by side


class Town:
    """Accounts of which all but the last have a gateway that answers nothing but the session's state."""

    def __init__(self, database: Database, clock: AcceleratedClock) -> None:
        self.database, self.clock = database, clock
        self.accounts: dict[int, Account] = {}
        self.asked: list[str] = []

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
            made.accounts[found.id] = Account(found.id, name, "backup", slow, read_event)
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
    monkeypatch.setattr(reconciler, "REAL_LONG", 0.0)
    monkeypatch.setattr(reconciler, "REAL_LONGEST", 0.0)
    monkeypatch.setattr(processor, "REAL_LOOKS_FOR", 0.0)
    monkeypatch.setattr(processor, "REAL_LONGEST", 0.0)


def reconciling(made: Town) -> Reconciler:
    return Reconciler(
        made.database, made.clock, accounts=made.accounts, context_for=made.context, every=6 * 3600.0
    )


async def test_gateways_that_hang_hold_up_neither_tendings_step_nor_other_accounts(sqlite_url: str) -> None:
    async with town(sqlite_url) as made, asyncio.timeout(PATIENCE):
        part = reconciling(made)

        await part.step()
        assert sorted(made.asked) == [f"b{number} groups" for number in range(8)]
        await part.step()
        assert sorted(made.asked[8:]) == ["b8 groups", "b9 groups"]

        made.asked.clear()
        await part.step()
        assert not [one for one in made.asked if "b9" not in one]  # put off for minutes


async def test_a_look_that_hangs_is_made_later_and_keeps_back_no_other(sqlite_url: str) -> None:
    values = {"status": Status.CONFIRMING.value, "next_attempt_at": 1.0, "requested_at": 1.0}
    async with town(sqlite_url, **values) as made, asyncio.timeout(PATIENCE):
        await reconciling(made).step()

        async with made.database.read() as connection:
            now = await made.database.now(connection)
            query = select(memberships.c.next_attempt_at, memberships.c.status).order_by(memberships.c.id)
            rows = (await connection.execute(query)).all()
        assert [row.status for row in rows[:8]] == ["confirming"] * 8
        assert all(row.next_attempt_at > now + 300 for row in rows[:8])


async def test_gateways_that_hang_hold_up_neither_hearings_step_nor_the_events_of_others(
    sqlite_url: str,
) -> None:
    async with town(sqlite_url) as made, asyncio.timeout(PATIENCE):
        left = {"event": "group.v2.leave", "payload": {"group": {"id": JID}}}
        await tell_all(made, left)
        part = EventProcessor(made.database, made.clock, accounts=made.accounts, context_for=made.context)

        await part.step()
        assert sorted(made.asked) == [f"b{number} participants {JID}" for number in range(8)]
        async with made.database.read() as connection:
            rows = (await connection.execute(select(event_table.c.state, event_table.c.result))).all()
        assert {tuple(row) for row in rows} == {("waiting", "looking")}


async def test_each_accounts_events_are_read_by_what_reads_its_own_gateway(sqlite_url: str) -> None:
    def of_the_last(body: Mapping[str, Any]) -> GatewayEvent | None:
        return read_event({"event": "group.v2.leave", "payload": {"group": {"id": body["left"]}}})

    async with town(sqlite_url) as made, asyncio.timeout(PATIENCE):
        last = max(made.accounts)
        made.accounts[last] = replace(made.accounts[last], read_event=of_the_last)
        await tell_all(made, {"left": JID})

        part = EventProcessor(made.database, made.clock, accounts=made.accounts, context_for=made.context)
        await part.step()
        async with made.database.read() as connection:
            query = select(event_table.c.result).order_by(event_table.c.instance_id)
            results = list(await connection.scalars(query))
        assert results == ["ignored"] * HANGING + ["looking"]


async def tell_all(made: Town, body: dict[str, Any]) -> None:
    """The same event for every account."""
    async with made.database.write() as connection:
        now = await made.database.now(connection)
        told = [Received(number, f"e{number}", "event", body, now) for number in sorted(made.accounts)]
        await events.receive(connection, now, told)
