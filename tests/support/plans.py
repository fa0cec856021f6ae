"""How the database goes about the queries of a piece of work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sqlalchemy.ext.asyncio import AsyncConnection

    from orchestrator.store.engine import Database


async def plan_of(connection: AsyncConnection, statement: str, parameters: Any) -> str:
    prefix = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
    result = await connection.exec_driver_sql(prefix + statement, parameters)
    return "\n".join(str(row) for row in result.all())


async def plans_of(
    database: Database, connection: AsyncConnection, work: Awaitable[object]
) -> dict[str, str]:
    """Do the work, and then ask for the plan of every statement that it sent."""
    seen: dict[str, Any] = {}

    def note(_conn: object, _cursor: object, statement: str, parameters: Any, *rest: Any) -> None:
        seen.setdefault(statement, parameters[0] if rest[-1] else parameters)  # many at once: the first

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await work
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return {sql: await plan_of(connection, sql, values) for sql, values in seen.items()}
