"""The change poller: what somebody else did is noticed, and by whom it concerns."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, insert

from orchestrator.clock import SystemClock
from orchestrator.daemon.change_poller import EVERY, ChangePoller
from orchestrator.store import instances, schema
from orchestrator.store.engine import Database, DatabaseGoneError
from orchestrator.store.instances import Configured
from orchestrator.store.tables import journal, messages
from orchestrator.store.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(slots=True)
class Woken:
    acts: int = 0
    revisions: dict[int, int] = field(default_factory=dict)
    messages: int = 0

    def act(self) -> None:
        self.acts += 1

    def tell(self) -> None:
        self.messages += 1


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[tuple[Database, ChangePoller, Woken]]:
    database, woken = Database(url), Woken()
    await schema.upgrade(database)
    poller = ChangePoller(
        database,
        SystemClock(),
        on_act=woken.act,
        on_revision=woken.revisions.__setitem__,
        on_event=lambda: None,
        on_message=woken.tell,
    )
    try:
        await poller.step()  # what was there before it began is no news
        yield database, poller, woken
    finally:
        await database.close()


async def note(database: Database, kind: str, instance_id: int | None = None) -> None:
    async with database.write() as connection:
        line = insert(journal).values(at=1.0, kind=kind, actor="test", instance_id=instance_id)
        await connection.execute(line)


async def test_an_act_concerns_everybody_and_is_noticed_once(database_url: str) -> None:
    async with listening(database_url) as (database, poller, woken):
        await note(database, "act.set_code")

        assert await poller.step() == EVERY < 1.0  # seen within a second
        await poller.step()

        assert woken.acts == 1


async def test_what_somebody_else_wrote_of_an_account_raises_its_revision(database_url: str) -> None:
    async with listening(database_url) as (database, poller, woken):
        async with database.write() as connection:
            await instances.sync(connection, [Configured("backup-1", "backup", "wawp", "here#1")], 1.0)
        await poller.step()
        assert woken.revisions == {1: 0}

        async with database.write() as connection:
            record = await instances.lock(connection, 1)
            unit = UnitOfWork(connection, record, 1.0, "test")
            unit.note("heard")
            await unit.flush()
        await poller.step()

        assert (woken.acts, woken.revisions) == (0, {1: 1})


async def test_a_look_that_fails_halfway_loses_no_act(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(sqlite_url) as (database, poller, woken):
        await note(database, "act.run")

        async def gone(_connection: object) -> dict[int, int]:
            raise DatabaseGoneError("gone")

        with monkeypatch.context() as broken:
            broken.setattr(instances, "revisions", gone)
            with pytest.raises(DatabaseGoneError):
                await poller.step()
        await poller.step()

        assert woken.acts == 1


async def test_a_loop_s_own_lines_are_no_acts(sqlite_url: str) -> None:
    async with listening(sqlite_url) as (database, poller, woken):
        for kind in ("probe", "slot", "join", "look", "greeting"):
            await note(database, kind, 7)

        await poller.step()

        assert woken.acts == 0


async def test_a_message_wakes_whoever_carries_it(sqlite_url: str) -> None:
    async with listening(sqlite_url) as (database, poller, woken):
        async with database.write() as connection:
            new = {"uid": "msg_1", "kind": "group.active", "at": 1.0, "subject": "group:1", "data": "{}"}
            await connection.execute(insert(messages).values(**new))

        await poller.step()

        assert woken.messages == 1


async def test_on_sqlite_a_look_at_which_nobody_wrote_asks_no_sql(sqlite_url: str) -> None:
    async with listening(sqlite_url) as (database, poller, _heard):
        await poller.step()
        statements: list[str] = []
        engine = database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

        await poller.step()
        assert statements == []

        await note(database, "probe")
        statements.clear()
        await poller.step()
        assert any("journal" in one for one in statements)
