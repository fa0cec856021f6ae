"""One more group costs the same among ten or twenty thousand: no hot query reads a whole table."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, text

from orchestrator.catalogue.lookup import resolve
from orchestrator.domain.errors import NotFoundError
from orchestrator.domain.memberships import Greeting, Status
from orchestrator.store import due_work, instances, memberships, orders, recoveries, schema, slots
from orchestrator.store.engine import Database
from orchestrator.store.tables import groups, invite_codes
from orchestrator.store.tables import memberships as table
from orchestrator.store.tables import slots as slot_table
from tests.support.defaults import pacing
from tests.support.plans import plans_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

MANY = 20_000
BIG_TABLES = ("memberships", "groups", "invite_codes", "slots", "journal")
NOW = 1_800_000_000.0


def _membership(n: int) -> dict[str, Any]:
    statuses = list(Status)
    status = statuses[n % len(statuses)]
    return {
        "instance_id": 1,
        "group_id": n,
        "recovery_id": 1,
        "priority": n % 7,
        "status": status.value,
        "reason": "group_full" if status in (Status.DEFERRED, Status.BLOCKED) else None,
        "status_since": NOW,
        "next_attempt_at": NOW + n,
        "jid": f"1203630{n:011d}@g.us",
        "greeting": "pending" if n % 1000 == 5 else "none",
    }


async def _fill(connection: AsyncConnection) -> None:
    await instances.sync(connection, [instances.Configured("b", "backup", "wawp", "x")], NOW)
    await orders.place(connection, orders.Order(1, recoveries.Scope(), "t", 4.0, driver="person"), NOW)
    made = [
        {"id": n, "slug": f"g{n}", "name": f"G{n}", "jid": f"1203630{n:011d}@g.us"}
        | {"created_at": NOW, "updated_at": NOW, "name_key": f"g{n}"}
        for n in range(1, MANY + 1)
    ]
    await connection.execute(insert(groups), made)
    codes = [
        {"group_id": n, "ciphertext": b"x", "key_id": "k", "fingerprint": f"f{n}", "last4": "abcd"}
        | {"current": True, "source": "import", "created_at": NOW}
        for n in range(1, MANY + 1)
    ]
    await connection.execute(insert(invite_codes), codes)
    await connection.execute(insert(table), [_membership(n) for n in range(1, MANY + 1)])
    taken = [
        {"instance_id": 1, "n": n, "membership_id": n, "fence": 1, "reserved_at": NOW, "send_at": NOW + n}
        | {"dice": 0.5, "finished_at": NOW + n}
        for n in range(1, MANY + 1)
    ]
    await connection.execute(insert(slot_table), taken)


@asynccontextmanager
async def _filled(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    try:
        await schema.upgrade(database)
        async with database.write() as connection:
            await _fill(connection)
        async with database.write() as connection:
            await connection.execute(text("ANALYZE"))
        yield database
    finally:
        await database.close()


async def _hot_queries(connection: AsyncConnection) -> None:
    """Everything that the loop asks between two joins."""
    policy = pacing(daily_limit=50)
    record = await instances.get(connection, "b")
    for status in Status:
        await due_work.in_line(connection, 1, status, limit=3)
        await due_work.due(connection, 1, status, NOW, limit=50)
        await memberships.expecting(connection, 1, status, ["12036300000000042@g.us"])
    for mine in (None, 1):
        await due_work.heads(connection, 1, mine, most=3)
    await due_work.greetings(connection, 1, Greeting.PENDING, limit=1)
    await instances.revisions(connection)
    await memberships.holders_of(connection, 1, ["12036300000000042@g.us"])
    await memberships.by_group(connection, 1, 77)
    await memberships.by_jids(connection, 1, ["12036300000000042@g.us", "120@g.us"])
    await due_work.needs(connection)
    await memberships.by_ids(connection, [1, 2, 3])
    await memberships.deferred_until(connection, 1, NOW - 1, limit=100)
    await slots.peek(connection, record, policy, NOW)
    await slots.last_n(connection, 1)
    await recoveries.open_one(connection, 1)
    await orders.put_back_in_line(connection)


async def test_no_hot_query_reads_a_whole_table(database_url: str) -> None:
    async with _filled(database_url) as database, database.write() as connection:
        plans = await plans_of(database, connection, _hot_queries(connection))

        assert len(plans) >= 12
        _read_no_whole_table(plans)


async def test_no_look_up_of_a_group_reads_every_group(database_url: str) -> None:
    async with _filled(database_url) as database, database.write() as connection:
        plans = await plans_of(database, connection, _look_ups(connection))

        assert len(plans) >= 7
        _read_no_whole_table(plans)


async def _look_ups(connection: AsyncConnection) -> None:
    for word in ("g77", "G77", "G 77", "1203630@g.us", "nobody is called so"):
        with suppress(NotFoundError):
            await resolve(connection, word)


def _read_no_whole_table(plans: Mapping[str, str]) -> None:
    for sql, plan in plans.items():
        for name in BIG_TABLES:
            assert f"SCAN {name}" not in plan.replace("'", ""), f"{sql}\n{plan}"
            assert f"Seq Scan on {name}" not in plan, f"{sql}\n{plan}"
