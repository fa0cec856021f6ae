"""Many rows at once: the driver's own executemany, without the toolkit's work for each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Table
    from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")

CHUNK = 1000  # rows in one statement, well below both databases' limits


async def insert_rows(
    connection: AsyncConnection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Values in the order of `columns`, in the driver's own types."""
    for name in columns:
        if name not in table.c:
            raise ValueError(f"{table.name} has no column {name}")
    marks = _marks(connection.dialect.paramstyle, len(columns))
    quoted = ", ".join(connection.dialect.identifier_preparer.quote(name) for name in columns)
    name = connection.dialect.identifier_preparer.quote(table.name)
    statement = f"INSERT INTO {name} ({quoted}) VALUES ({marks})"  # noqa: S608 - names of our own tables
    for part in chunks(rows):
        await connection.exec_driver_sql(statement, list(part))


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _marks(paramstyle: str, count: int) -> str:
    """One driver (aiosqlite) counts by position, the other (asyncpg) by number."""
    if paramstyle == "numeric_dollar":
        return ", ".join(f"${number}" for number in range(1, count + 1))
    if paramstyle == "qmark":
        return ", ".join("?" * count)
    raise AssertionError(paramstyle)  # no other driver is configured
