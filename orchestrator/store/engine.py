"""Opening the database: SQLite (WAL, full sync) or PostgreSQL, one transaction manner for both."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import event, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.engine import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.sql.elements import ColumnElement

_CLOCK_SQL = {
    # julianday has millisecond steps, on every SQLite that is still about
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    # clock_timestamp moves inside a transaction; now() would stand still at its beginning
    "postgresql": "extract(epoch from clock_timestamp())::double precision",
}

WRITES = "rejoin_writes"


class DatabaseClock(Protocol):
    """How the database tells the time: an SQL expression that gives seconds since 1970."""

    def sql(self, dialect: str) -> str:
        """The expression for a dialect, `sqlite` or `postgresql`."""


class DatabaseTime:
    """The database's own clock, optionally accelerated about an anchor (demo, tests, benchmarks)."""

    def __init__(self, speed: float = 1.0, anchor: float = 0.0) -> None:
        self._speed = speed
        self._anchor = anchor

    def sql(self, dialect: str) -> str:
        plain = _CLOCK_SQL[dialect]
        if self._speed == 1.0:
            return plain
        return f"({self._anchor!r} + ({plain} - {self._anchor!r}) * {self._speed!r})"


class Database:
    """An engine, and the two kinds of transaction that the store uses."""

    def __init__(self, url: str, clock: DatabaseClock | None = None) -> None:
        self.engine: AsyncEngine = _create(url)
        self.clock: DatabaseClock = clock or DatabaseTime()

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One short transaction that writes. On SQLite it takes the write lock at its beginning."""
        async with self.engine.connect() as connection:
            await connection.execution_options(**{WRITES: True})
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent view that never waits for writers."""
        async with self.engine.connect() as connection, connection.begin():
            yield connection

    async def now(self, connection: AsyncConnection) -> float:
        """The database's clock, this moment."""
        return float((await connection.execute(select(self.now_expression()))).scalar_one())

    def now_expression(self) -> ColumnElement[Any]:
        return literal_column(self.clock.sql(self.dialect))

    async def close(self) -> None:
        await self.engine.dispose()


def _create(url: str) -> AsyncEngine:
    if url.startswith("sqlite"):
        engine = create_async_engine(url, connect_args={"timeout": 30.0})
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    # The pool's wait is bounded; a commit is on disk when it returns, whatever the server's default says.
    return create_async_engine(
        url,
        pool_size=5,
        max_overflow=5,
        pool_timeout=30,
        connect_args={"server_settings": {"synchronous_commit": "on", "application_name": "rejoin"}},
    )


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late; ours is below
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


async def database_identity(database: Database, connection: AsyncConnection) -> str:
    """A text that changes when the database behind the URL is another one than before.

    PostgreSQL: the cluster's system identifier, its time line and its start (a failover changes one of them).
    SQLite: the file's device and inode, and the machine's boot.
    """
    if database.dialect == "postgresql":
        row = (
            await connection.execute(
                text(
                    "select (select system_identifier from pg_control_system())::text || '/' ||"
                    " (select timeline_id from pg_control_checkpoint())::text || '/' ||"
                    " pg_postmaster_start_time()::text"
                )
            )
        ).scalar_one()
        return str(row)
    import os  # noqa: PLC0415 - needed on this path only

    path = database.engine.url.database or ""
    info = os.stat(path)  # noqa: PTH116 - device and inode are the point
    return f"{info.st_dev}/{info.st_ino}"
