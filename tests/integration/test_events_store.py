"""Events in a real database: once for each key, in their order, never read as a whole table."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, text

from orchestrator.store import events, instances, schema
from orchestrator.store.engine import Database
from orchestrator.store.events import Backlog, Received
from orchestrator.store.tables import events as table
from tests.support.plans import plans_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncConnection

NOW = 1_800_000_000.0
MANY = 20_000


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    try:
        await schema.upgrade(database)
        async with database.write() as connection:
            named = [instances.Configured(name, "backup", "wawp", name) for name in ("a", "b")]
            await instances.sync(connection, named, NOW)
        yield database
    finally:
        await database.close()


def delivery(number: int, *, instance: int = 1, body: dict[str, Any] | None = None) -> Received:
    return Received(instance, f"evt_{number}", "group.v2.join", body or {"n": number}, NOW - 1)


async def keys(connection: AsyncConnection, now: float = NOW, limit: int = 100) -> list[str]:
    return [found.key for found in await events.open_events(connection, now, limit=limit)]


async def test_an_event_is_kept_once_for_each_key_and_instance(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as connection:
        twice = [delivery(1), delivery(2), delivery(1, body={"n": "later"}), delivery(1, instance=2)]
        first = await events.receive(connection, NOW, twice)
        again = await events.receive(connection, NOW + 9, [delivery(1), delivery(3)])
        none = await events.receive(connection, NOW, [])
        rows = (await connection.execute(select(table).order_by(table.c.key, table.c.instance_id))).all()

    assert (first, again, none) == (3, 1, 0)
    assert [(row.key, row.instance_id, row.times) for row in rows] == [
        ("evt_1", 1, 3), ("evt_1", 2, 1), ("evt_2", 1, 1), ("evt_3", 1, 1),
    ]  # fmt: skip
    assert (rows[0].body, rows[0].received_at) == ('{"n":1}', NOW)


async def test_a_thousand_at_once_are_kept(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as connection:
        assert await events.receive(connection, NOW, [delivery(n) for n in range(1000)]) == 1000
        assert len(await keys(connection, limit=5000)) == 1000


async def test_new_ones_come_in_order_and_waiting_ones_when_they_are_due(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as connection:
        for number in range(1, 5):
            await events.receive(connection, NOW, [delivery(number)])
        one, two, three, _four = await events.open_events(connection, NOW, limit=10)
        await events.wait(connection, two.id, until=NOW + 30, result="looking")
        await events.wait(connection, three.id, until=NOW + 20, result="looking")
        await events.finish(connection, one.id, result="confirmed", now=NOW, group_id=8)

        assert await keys(connection) == ["evt_4"]
        assert await events.next_try(connection) == NOW + 20
        assert await keys(connection, NOW + 20) == ["evt_3", "evt_4"]
        assert await keys(connection, NOW + 30) == ["evt_2", "evt_3", "evt_4"]
        assert await keys(connection, NOW + 30, limit=1) == ["evt_2"]
        assert [found.tries for found in await events.open_events(connection, NOW + 30, limit=2)] == [1, 1]
        assert await events.backlog(connection) == Backlog(new=1, waiting=2, oldest_new_at=NOW)


async def test_what_is_done_stays_done_until_it_is_replayed(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as connection:
        await events.receive(connection, NOW, [delivery(1), delivery(2)])
        await events.receive(connection, NOW + 100, [delivery(3)])
        found = await events.open_events(connection, NOW, limit=10)
        for one in found:
            await events.finish(connection, one.id, result="confirmed", now=NOW, group_id=8)
        await events.wait(connection, found[0].id, until=NOW, result="looking")
        await events.finish(connection, found[0].id, result="failed", now=NOW + 5)
        await events.receive(connection, NOW + 9, [delivery(1)])

        assert await keys(connection) == []
        assert await events.next_try(connection) is None
        assert await events.backlog(connection) == Backlog(0, 0, None)
        listed = await events.latest(connection, limit=10)
        assert [(one.id, one.result, one.times) for one in listed] == [
            (3, "confirmed", 1), (2, "confirmed", 1), (1, "confirmed", 2),
        ]  # fmt: skip
        assert await events.replay(connection, since=NOW + 50) == [3]
        assert await events.replay(connection, ids=[1, 3, 99]) == [1]
        assert await events.unknown(connection, [1, 99]) == [99]
        assert await keys(connection) == ["evt_1", "evt_3"]
        assert await events.latest(connection, limit=10, instance_id=2) == []


def test_the_digest_of_a_body_does_not_depend_on_the_order_of_its_keys() -> None:
    assert events.key_of(None, {"a": 1, "b": 2}) == events.key_of(None, {"b": 2, "a": 1})
    assert events.key_of(None, {"a": 1}) != events.key_of(None, {"a": 2})
    assert events.key_of("evt_1", {}) == "evt_1"


async def ask_everything(connection: AsyncConnection) -> None:
    await events.receive(connection, NOW, [delivery(MANY + 1), delivery(5)])
    await events.open_events(connection, NOW, limit=50)
    await events.next_try(connection)
    await events.backlog(connection)
    await events.replay(connection, ids=[1, 2])
    await events.replay(connection, since=NOW + MANY - 5)
    await events.wait(connection, 1, until=NOW + 5, result="looking")
    await events.finish(connection, 1, result="known", now=NOW)


async def test_no_question_reads_all_events(database_url: str) -> None:
    async with opened(database_url) as database:
        async with database.write() as connection:
            rows = [
                {"instance_id": 1, "received_at": NOW + n, "key": f"evt_{n}", "kind": "k", "body": "{}"}
                | {"state": "done", "result": "confirmed"}
                for n in range(1, MANY + 1)
            ]
            await connection.execute(insert(table), rows)
        async with database.write() as connection:
            await connection.execute(text("ANALYZE"))
        async with database.write() as connection:
            plans = await plans_of(database, connection, ask_everything(connection))
            assert len(plans) >= 8
            for statement, plan in plans.items():
                assert "SCAN events'" not in plan, f"{statement}\n{plan}"
                assert "Seq Scan on events" not in plan, f"{statement}\n{plan}"
