"""Many rows or values at once. Rows go in without the toolkit's work for each: executemany, or COPY."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import Select
from sqlalchemy.sql.elements import ColumnElement

from orchestrator.store.engine import AsyncConnection

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

CHUNK = 1000  # rows in one statement, well below both databases' limits


async def insert_rows(
    connection: AsyncConnection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Values in the order of `columns`, in the driver's own types; in the connection's transaction."""
    unknown = set(columns) - set(table.c.keys())
    if unknown:
        raise ValueError(f"{table.name} has no columns {sorted(unknown)}")
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        await _copy(connection, table, columns, rows)
        return
    quote = connection.dialect.identifier_preparer.quote
    names, marks = ", ".join(map(quote, columns)), ", ".join("?" * len(columns))
    statement = f"INSERT INTO {quote(table.name)} ({names}) VALUES ({marks})"  # noqa: S608 - our own names
    await connection.exec_driver_sql(statement, list(rows))


async def rows_of(
    connection: AsyncConnection, query: Select[Any], column: ColumnElement[Any], values: Iterable[Any]
) -> list[Any]:
    """The rows of a query that have one of these values in a column, however many values there are."""
    found: list[Any] = []
    for part in chunks(list(values)):
        found += (await connection.execute(query.where(column.in_(part)))).all()
    return found


def upsert(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that can say what happens on a conflict; only the dialect at hand is loaded."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415

    return sqlite.insert(table)


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


async def _copy(
    connection: AsyncConnection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    import asyncpg  # noqa: PLC0415 - only where there is PostgreSQL

    raw: Any = (await connection.get_raw_connection()).driver_connection
    if not raw.is_in_transaction():  # the toolkit begins with its first statement
        await connection.exec_driver_sql("SELECT 1")
    try:
        await raw.copy_records_to_table(table.name, records=rows, columns=columns)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise DBAPIError(f"COPY {table.name}", None, error) from error
