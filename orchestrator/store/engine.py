"""Opening the database: SQLite (WAL, full sync) or PostgreSQL, one transaction manner for both."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from sqlalchemy import event, literal_column, make_url, select, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql import Select
from sqlalchemy.sql.elements import ColumnElement

from orchestrator.domain.errors import DatabaseReplacedError, TemporaryError
from orchestrator.store.sqlite_engine import WRITES, DataVersion, DirectEngine, threaded_engine
from orchestrator.store.sqlite_file import OpenedFile, WriterLock, replaced
from orchestrator.tasks import to_its_end

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection as AsyncConnection  # noqa: PLC0414 - for all who annotate
    from sqlalchemy.ext.asyncio import AsyncEngine
else:
    AsyncConnection = Any  # the real one brings the ORM, which costs a brief command too much

DriverError = DBAPIError  # what a database said, for who tells people of it

_CLOCK_SQL = {
    # julianday has millisecond steps, on every SQLite that is still about
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    # clock_timestamp moves inside a transaction; now() would stand still at its beginning
    "postgresql": "extract(epoch from clock_timestamp())::double precision",
}

TRANSACTION = 60.0  # seconds, the most for a transaction on PostgreSQL that goes through no whole table
LOCK_TIMEOUT = TRANSACTION + 15.0  # seconds; whoever is waited for is over before
# postgresql.org/docs/17/runtime-config-client.html: transaction_timeout came with 17.
_BOUNDS_TRANSACTIONS = (17,)


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
    """An engine, and the two kinds of transaction that the store uses.

    `brief`: for a process that only reads, a few times, and ends: it may also wait for what is long.
    """

    def __init__(self, url: str, clock: DatabaseClock | None = None, *, brief: bool = False) -> None:
        path = make_url(url).database if url.startswith("sqlite") else None
        self._file = OpenedFile(path) if path else None
        self.engine = _postgresql(url) if path is None else _sqlite(url, self._file, brief=brief)
        self._threaded: AsyncEngine | None = None
        self._brief = brief
        self._writer_lock = WriterLock()
        self._data_version = DataVersion(path)
        self.clock: DatabaseClock = clock or DatabaseTime()

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    @asynccontextmanager
    async def write(self, *, many: bool = False, long: bool = False) -> AsyncIterator[AsyncConnection]:
        """One short transaction that writes. On SQLite it takes the write lock at its beginning.

        `many`: it may touch as many rows as a recovery or an account has; SQLite then works in a thread.
        `long`: it goes through whole tables, and may take as long as it needs.
        """
        if self._brief:
            raise RuntimeError("this database was opened for reading")
        with _told_apart():
            async with self._in_turn(), self._begun(many=many or long) as connection:
                await self._take_time(connection, long=long)
                yield connection

    async def _take_time(self, connection: AsyncConnection, *, long: bool) -> None:
        if long and (connection.dialect.server_version_info or ()) >= _BOUNDS_TRANSACTIONS:
            await connection.execute(text("SET LOCAL transaction_timeout = 0"))

    def _in_turn(self) -> AbstractAsyncContextManager[None]:
        return self._writer_lock.hold() if self.dialect == "sqlite" else nullcontext()

    @asynccontextmanager
    async def read(self, *, many: bool = False, long: bool = False) -> AsyncIterator[AsyncConnection]:
        """A consistent view that never waits for writers. `many`, `long`: as in `write`."""
        with _told_apart():
            await asyncio.sleep(0)  # on SQLite nothing below waits, and whoever reads in a loop is not alone
            async with self._connected(many=many or long) as connection, connection.begin():
                await self._take_time(connection, long=long)
                yield connection

    @asynccontextmanager
    async def _begun(self, *, many: bool) -> AsyncIterator[AsyncConnection]:
        begun = False
        try:
            async with self._connected(many=many) as connection:
                await connection.execution_options(**{WRITES: True})
                async with connection.begin():
                    begun = True
                    yield connection
        except (DBAPIError, PoolTimeout) as error:
            if not begun and _is_away(error):
                said = _gone(error).message
                self._writer_lock.refuse(lambda: DatabaseGoneError(said))
            raise

    @asynccontextmanager
    async def _connected(self, *, many: bool) -> AsyncIterator[AsyncConnection]:
        engine = self._threaded_engine() if many and self._file and not self._brief else self.engine
        async with AsyncExitStack() as closing:
            try:
                connection = await closing.enter_async_context(engine.connect())
            except OSError as error:  # no such host, no socket, no answer
                raise DatabaseGoneError(f"the database cannot be reached: {error}") from None
            yield connection

    def _threaded_engine(self) -> AsyncEngine:
        if self._threaded is None:
            self._threaded = threaded_engine(self.engine.url, self._file)
        return self._threaded

    async def now(self, connection: AsyncConnection) -> float:
        """The database's clock, this moment."""
        return float((await connection.execute(_asking_time(self.clock.sql(self.dialect)))).scalar_one())

    def now_expression(self) -> ColumnElement[Any]:
        """The same object for the same clock, so that statements with it can be kept."""
        return _time(self.clock.sql(self.dialect))

    def version(self) -> int | None:
        """A number that changes when anybody has written; None where there is no such cheap question."""
        if self._file is not None:
            self._file.check_latest()
        return self._data_version.version() if self.dialect == "sqlite" else None

    def in_place(self) -> bool:
        """The last look before something leaves: whether the opened file is the one under the path."""
        try:
            if self._file is not None:
                self._file.check_latest()
        except DatabaseReplacedError:
            return False
        return True

    async def close(self) -> None:
        """To its end, also when cancelled: half-closed connections are logged as errors by their library."""
        await to_its_end(self._close())

    async def _close(self) -> None:
        self._data_version.close()
        await self.engine.dispose()
        if self._threaded is not None:
            await self._threaded.dispose()


@lru_cache(maxsize=8)
def _time(sql: str) -> ColumnElement[Any]:
    return literal_column(sql)


@lru_cache(maxsize=8)
def _asking_time(sql: str) -> Select[Any]:
    return select(_time(sql))


class DatabaseGoneError(TemporaryError):
    """The database does not answer just now."""

    code = "database_gone"


@contextmanager
def _told_apart() -> Iterator[None]:
    """Turn a database that is away, locked or full into DatabaseGoneError; other errors stay as they are."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        if not _is_away(error):
            raise
        raise _gone(error) from None
    except ConnectionError as error:
        raise DatabaseGoneError(f"the database cannot be reached: {error}") from None


# Connection lost, no resources, shutting down or starting up; a deadlock or a lock that was not given, both
# undone; a transaction that idled or took too long; a standby; a database that is closed to connections.
_POSTGRESQL_AWAY = ("08", "53", "57P", "40", "55P03", "25P03", "25P04", "25006", "55000")
_SQLITE_AWAY = ("locked", "busy", "unable to open", "disk i/o", "is full", "readonly")


def _is_away(error: DBAPIError | PoolTimeout) -> bool:
    if isinstance(error, PoolTimeout) or error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):  # there, OperationalError also means a wrong statement
        return any(word in str(error.orig).lower() for word in _SQLITE_AWAY)
    state = str(getattr(error.orig, "sqlstate", None) or "")
    return state.startswith(_POSTGRESQL_AWAY) or isinstance(error, OperationalError | InterfaceError)


def _gone(error: Exception) -> DatabaseGoneError:
    return DatabaseGoneError(f"the database does not answer: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    said = str(getattr(error, "orig", None) or error).strip().splitlines()
    return said[0] if said else type(error).__name__


def _sqlite(url: str, opened: OpenedFile | None, *, brief: bool) -> AsyncEngine:
    return cast("AsyncEngine", DirectEngine(url, opened, brief=brief))  # the same, as far as the store goes


def _postgresql(url: str) -> AsyncEngine:
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - brings the ORM

    # The pool's wait is bounded; a commit is on disk when it returns, whatever the server's default says.
    engine = create_async_engine(
        url,
        pool_size=5,
        max_overflow=5,
        pool_timeout=30,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "server_settings": {
                "synchronous_commit": "on",
                "application_name": "rejoin",
                # A process that was stopped inside a transaction must not keep the instance's row for ever.
                "idle_in_transaction_session_timeout": "15s",
                "lock_timeout": f"{LOCK_TIMEOUT:.0f}s",
            }
        },
    )
    event.listen(engine.sync_engine, "connect", _bound_transactions)
    return engine


def _bound_transactions(connection: Any, _record: object) -> None:
    """A process that was stopped between a statement's messages is not idle to the server, but at work."""
    if connection.driver_connection.get_server_version() >= _BOUNDS_TRANSACTIONS:
        connection.run_async(lambda driver: driver.execute(f"SET transaction_timeout = '{TRANSACTION:.0f}s'"))


async def database_identity(database: Database, connection: AsyncConnection) -> str:
    """A text that changes when the database behind the URL is another one than before.

    PostgreSQL: the cluster's system identifier and its time line (a failover changes one of them), and the
    table's object id (a restored dump changes it). SQLite: the file's inode, and the mark that `rejoin db
    backup` leaves in its copies. Behind an @ stands what may also change with a restart: when the server
    began, and the number of the device. Raises DatabaseReplacedError where SQLite's file is gone.
    """
    if database.dialect == "postgresql":
        return str(await connection.scalar(text(_POSTGRESQL_IDENTITY)))
    path = database.engine.url.database or ""
    try:
        info = Path(path).stat()  # noqa: ASYNC240 - one look at a local inode
    except FileNotFoundError:
        raise replaced(path) from None
    restored = await connection.scalar(text("select value from meta where key = 'restored'"))
    return f"{info.st_ino}/{restored or ''}@{info.st_dev}"


_POSTGRESQL_IDENTITY = """
select (select system_identifier from pg_control_system())::text || '/' ||
       (select timeline_id from pg_control_checkpoint())::text || '/' ||
       'slots'::regclass::oid::text || '@' || pg_postmaster_start_time()::text
"""
