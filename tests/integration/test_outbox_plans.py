"""What waits costs the same beside twenty thousand messages that are done with: no query reads them all."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, text

from orchestrator.store import outbox, outgoing_messages, progress, schema
from orchestrator.store.engine import Database
from orchestrator.store.tables import deliveries as delivery_table
from orchestrator.store.tables import messages
from tests.support.plans import plans_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncConnection

MANY = 20_000
OPEN = 50
NOW = 1_800_000_000.0


def _message(n: int) -> dict[str, Any]:
    row = {"id": n, "uid": f"msg_{n}", "kind": "group.active", "at": NOW + n, "subject": f"group:{n % 500}"}
    return row | {"data": "{}", "fanned_out": n <= MANY - 2, "recovery_id": n % 7}


def _delivery(n: int) -> dict[str, Any]:
    state = "delivered" if n <= MANY - OPEN else "parked" if n % 5 == 0 else "pending"
    return {"id": n, "message_id": n, "sink": "hook:crm", "subject": f"group:{n % 500}", "state": state}


@asynccontextmanager
async def _filled(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    try:
        await schema.upgrade(database)
        async with database.write() as connection:
            await connection.execute(insert(messages), [_message(n) for n in range(1, MANY + 1)])
            await connection.execute(insert(delivery_table), [_delivery(n) for n in range(1, MANY + 1)])
        async with database.write() as connection:
            await connection.execute(text("ANALYZE"))
        yield database
    finally:
        await database.close()


async def _hot_queries(connection: AsyncConnection) -> None:
    """Everything that a daemon asks of the outbox."""
    new = await outbox.new_messages(connection)
    assert len(new) == 2
    await outbox.fan_out(connection, [(one, ["hook:crm"]) for one in new])
    line = await outbox.first_in_line(connection, "hook:crm", limit=20)
    assert len(line) == 20
    await outbox.mark_delivered(connection, [one.id for one in line[:5]], NOW)
    await outbox.mark_failed(connection, outbox.Failed(line[6].id, "x", NOW))
    await outbox.listed(connection)
    assert (await outbox.totals(connection)).parked == OPEN // 5
    await outbox.retry_parked(connection, [line[7].id])
    await outbox.retry_parked(connection)
    await outbox.was_told(connection, "instance.lost", 3, since=NOW + MANY - 10)
    await outgoing_messages.facts_of_groups(connection, [1, 2])
    await progress.causes(connection, [1], NOW)


async def test_no_query_reads_what_is_done_with(database_url: str) -> None:
    async with _filled(database_url) as database, database.write() as connection:
        plans = await plans_of(database, connection, _hot_queries(connection))

        assert len(plans) >= 12
        for sql, plan in plans.items():
            for name in ("messages", "deliveries"):
                scanned = [line for line in plan.splitlines() if f"SCAN {name}" in line.replace("'", "")]
                # Walking a partial index reads only what is open.
                assert not [line for line in scanned if "ix_" not in line], f"{sql}\n{plan}"
                assert f"Seq Scan on {name}" not in plan, f"{sql}\n{plan}"
