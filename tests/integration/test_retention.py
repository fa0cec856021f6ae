"""Pruning on both databases: what is over goes, in small batches; what waits, or is young, stays."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, func, insert, select, text

from orchestrator.operations import retention as part
from orchestrator.operations.retention import BREATH, EVERY, Keep, Retention
from orchestrator.store import pruning, schema
from orchestrator.store.engine import Database, DatabaseTime
from orchestrator.store.tables import (
    deliveries,
    events,
    groups,
    instances,
    journal,
    losses,
    memberships,
    messages,
    slots,
)
from tests.support.plans import plan_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Table
    from sqlalchemy.ext.asyncio import AsyncConnection

DAY = 86400.0
KEEP = Keep(journal=40 * DAY, slots=10 * DAY, events=10 * DAY, messages=10 * DAY)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


@pytest.fixture
async def lite(sqlite_url: str) -> AsyncIterator[Database]:
    async with opened(sqlite_url) as found:
        yield found


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    await schema.upgrade(database)
    await put(database, instances, [instance("backup-1"), instance("backup-2")])
    yield database
    await database.close()


def instance(name: str) -> dict[str, Any]:
    return {"name": name, "role": "backup", "gateway": "wawp", "account": name, "known_since": 0.0}


def ago(days: float) -> float:
    return time.time() - days * DAY


async def put(database: Database, table: Table, rows: list[dict[str, Any]]) -> None:
    async with database.write() as connection:
        await connection.execute(insert(table), rows)


async def count(database: Database, table: Table) -> int:
    async with database.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(table)) or 0)


async def a_round(pruning: Retention) -> int:
    """All steps of one round; how many of them pruned something."""
    steps = 0
    while await pruning.step() == BREATH:
        steps += 1
        assert steps < 100
    return steps


def lines(days: list[float]) -> list[dict[str, Any]]:
    return [{"at": ago(day), "kind": "move", "actor": "t"} for day in days]


async def ages(database: Database) -> list[int]:
    async with database.read() as connection:
        found = (await connection.scalars(select(journal.c.at).order_by(journal.c.id))).all()
    return [round((time.time() - at) / DAY) for at in found]


async def test_old_journal_lines_go_and_younger_ones_stay(database: Database) -> None:
    await put(database, journal, lines([90, 60, 41, 39, 31, 1]))

    assert await a_round(Retention(database, KEEP)) == 1

    assert await ages(database) == [39, 31, 1]


async def test_lines_that_the_database_protects_are_never_tried(lite: Database) -> None:
    await put(lite, journal, lines([40, 29, 1]))

    await a_round(Retention(lite, replace(KEEP, journal=5 * DAY)))

    assert await ages(lite) == [29, 1]


async def test_in_accelerated_time_the_journal_stays_for_thirty_real_days(database: Database) -> None:
    await put(database, journal, lines([1, 0]))
    database.clock = DatabaseTime(10_000.0, ago(1))  # 27 years later

    assert await a_round(Retention(database, KEEP)) == 0

    assert await count(database, journal) == 2


async def test_large_tables_go_batch_by_batch(lite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "BATCH", 10)
    await put(lite, journal, lines([50.0] * 35 + [1.0] * 15))
    pruning = Retention(lite, KEEP)

    assert await pruning.step() == BREATH
    assert await count(lite, journal) == 40
    assert await a_round(pruning) == 3
    assert await count(lite, journal) == 15
    assert await pruning.step() == EVERY


async def test_a_line_with_a_time_that_never_was_keeps_no_others(
    lite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, "BATCH", 4)
    await put(lite, journal, lines([50, -300, 50, 50, 50, -300, 50, 1]))

    await a_round(Retention(lite, KEEP))

    assert await ages(lite) == [-300, -300, 1]


async def _slots(database: Database, instance_id: int, number: int, **more: Any) -> None:
    """Numbered from 1, the oldest first, a day apart; the last one is a day old."""
    group = {"id": instance_id, "slug": f"g{instance_id}", "name": "G", "created_at": 0.0, "updated_at": 0.0}
    await put(database, groups, [group])
    member = {"id": instance_id, "instance_id": instance_id, "group_id": instance_id}
    await put(database, memberships, [member | {"status": "active", "status_since": 0.0}])
    taken = [
        {"instance_id": instance_id, "n": n, "membership_id": instance_id, "fence": 1, "dice": 0.5}
        | {"reserved_at": ago(at), "send_at": ago(at), "finished_at": ago(at)}
        | more
        for n, at in ((n, number + 1 - n) for n in range(1, number + 1))
    ]
    await put(database, slots, taken)


async def numbers(database: Database, instance_id: int) -> list[int]:
    async with database.read() as connection:
        query = select(slots.c.n).where(slots.c.instance_id == instance_id).order_by(slots.c.n)
        return list((await connection.scalars(query)).all())


async def test_old_slots_go_but_never_an_instances_last_twenty(database: Database) -> None:
    await _slots(database, 1, 50)
    await _slots(database, 2, 25)

    await a_round(Retention(database, KEEP))

    assert await numbers(database, 1) == list(range(31, 51))
    assert await numbers(database, 2) == list(range(6, 26))


async def test_slots_within_their_time_stay_however_many(lite: Database) -> None:
    await _slots(lite, 1, 50)

    await a_round(Retention(lite, replace(KEEP, slots=35.5 * DAY)))

    assert await numbers(lite, 1) == list(range(16, 51))


async def test_a_slot_without_an_end_stays(lite: Database) -> None:
    await _slots(lite, 1, 40, finished_at=None)

    await a_round(Retention(lite, KEEP))

    assert len(await numbers(lite, 1)) == 40


def incoming(key: str, days: float, state: str) -> dict[str, Any]:
    row = {"instance_id": 1, "received_at": ago(days), "key": key, "kind": "group.join", "body": "{}"}
    return row | {"state": state}


async def test_events_that_are_done_go_and_others_wait_for_ever(lite: Database) -> None:
    rows = [incoming("a", 30, "done"), incoming("b", 30, "new"), incoming("c", 30, "waiting")]
    await put(lite, events, [*rows, incoming("d", 1, "done")])

    await a_round(Retention(lite, KEEP))

    async with lite.read() as connection:
        assert (await connection.scalars(select(events.c.key).order_by(events.c.id))).all() == ["b", "c", "d"]


def message(number: int, days: float, *, fanned_out: bool = True) -> dict[str, Any]:
    row = {
        "id": number,
        "uid": f"msg_{number}",
        "kind": "group.active",
        "at": ago(days),
        "subject": "group:1",
    }
    return row | {"data": "{}", "fanned_out": fanned_out}


def delivery(number: int, sink: str, state: str) -> dict[str, Any]:
    return {"message_id": number, "sink": sink, "subject": "group:1", "state": state}


async def test_suspicions_that_came_to_nothing_go_and_losses_stay(lite: Database) -> None:
    rows = [("dismissed", 50), ("dismissed", 30), ("returned", 50), ("lost", 50)]
    old = {"suspected_at": ago(60)}
    await put(
        lite,
        losses,
        [
            old | {"instance_id": 1 + (state == "lost"), "state": state, "ended_at": ago(days)}
            for state, days in rows
        ],
    )

    await a_round(Retention(lite, KEEP))

    async with lite.read() as connection:
        left = (await connection.scalars(select(losses.c.state).order_by(losses.c.id))).all()
    assert left == ["dismissed", "returned", "lost"]


async def test_messages_go_with_their_deliveries_once_nobody_waits_for_them(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, "MESSAGES_AT_A_TIME", 2)
    old = [message(n, 30) for n in range(1, 6)]
    await put(database, messages, [*old, message(6, 30, fanned_out=False), message(7, 1)])
    await put(
        database,
        deliveries,
        [
            delivery(1, "hook:a", "delivered"),
            delivery(1, "people", "parked"),
            delivery(2, "hook:a", "pending"),
            delivery(2, "people", "delivered"),
            delivery(7, "people", "delivered"),
        ],
    )

    assert await a_round(Retention(database, KEEP)) == 2

    async with database.read() as connection:
        assert (await connection.scalars(select(messages.c.id).order_by(messages.c.id))).all() == [2, 6, 7]
        left = (await connection.scalars(select(deliveries.c.message_id).order_by(deliveries.c.id))).all()
    assert left == [2, 2, 7]


async def test_a_round_without_work_is_one_step(lite: Database) -> None:
    assert await Retention(lite, KEEP).step() == EVERY


MANY = 3000


async def _fill(connection: AsyncConnection) -> None:
    now = time.time()
    at = [now - 100 * DAY + n * 2000 for n in range(MANY)]
    await connection.execute(insert(journal), [{"at": one, "kind": "k", "actor": "t"} for one in at])
    await connection.execute(
        insert(events),
        [{**incoming(f"e{n}", 0, "done"), "received_at": one} for n, one in enumerate(at)],
    )
    await connection.execute(insert(messages), [{**message(n + 1, 0), "at": one} for n, one in enumerate(at)])
    told = [delivery(n + 1, "people", "pending" if n % 50 == 0 else "delivered") for n in range(MANY)]
    await connection.execute(insert(deliveries), told)


async def test_no_batch_reads_a_whole_table(database: Database) -> None:
    await _slots(database, 1, 1500)
    async with database.write() as connection:
        await _fill(connection)
    async with database.write() as connection:
        await connection.execute(text("ANALYZE"))
    seen: dict[str, Any] = {}

    def note(_conn: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        seen.setdefault(statement, parameters)

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    async with database.write() as connection:
        before = time.time() - 95 * DAY
        assert (await pruning.prune_journal(connection, before, 0, limit=100)).rows == 100
        slots_done = await pruning.prune_slots(connection, before, 0, instance_id=1, limit=100)
        assert slots_done.rows == 100
        assert (await pruning.prune_events(connection, before, 0, limit=100)).rows == 100
        assert (await pruning.prune_messages(connection, before, 0, limit=100)).rows == 100
        event.remove(engine, "before_cursor_execute", note)
        asked = {sql: values for sql, values in seen.items() if sql.startswith(("SELECT", "DELETE"))}
        plans = {sql: await plan_of(connection, sql, values) for sql, values in asked.items()}

    assert len(plans) >= 8
    for sql, plan in plans.items():
        for name in ("journal", "slots", "events", "messages", "deliveries"):
            # Along the key without a beginning is a walk that the limit ends; anything else reads it all.
            assert f"Seq Scan on {name}" not in plan, f"{sql}\n{plan}"
            for step in plan.split("\n"):
                if f"SCAN {name}" in step.replace("'", ""):
                    assert "USING" in step or "INTEGER PRIMARY KEY" in step, f"{sql}\n{plan}"
                assert "TEMP B-TREE" not in step, f"{sql}\n{plan}"
