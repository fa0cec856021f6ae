"""Opening the database: SQLite (WAL, full sync) or PostgreSQL, one transaction manner for both."""

from __future__ import annotations

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

from sqlalchemy import event, literal_column, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql import Select
from sqlalchemy.sql.elements import ColumnElement

from orchestrator.domain.errors import DatabaseReplacedError, TemporaryError
from orchestrator.store.sqlite import DirectEngine, OpenedFile, WriterLock, replaced
from orchestrator.tasks import to_its_end

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection as AsyncConnection  # noqa: PLC0414 - for all who annotate
    from sqlalchemy.ext.asyncio import AsyncEngine

    from orchestrator.store.sqlite_driver import DataVersion
else:
    AsyncConnection = Any  # the real one brings the ORM, which costs a brief command too much

DriverError = DBAPIError  # what a database said, for who tells people of it

_CLOCK_SQL = {
    # julianday has millisecond steps, on every SQLite that is still about
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    # clock_timestamp moves inside a transaction; now() would stand still at its beginning
    "postgresql": "extract(epoch from clock_timestamp())::double precision",
}

WRITES = "rejoin_writes"
PATIENCE = 30.0  # seconds for another writer to be done
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

    `brief`: for a process that only reads, a few times, and ends; see orchestrator.store.sqlite.
    """

    def __init__(self, url: str, clock: DatabaseClock | None = None, *, brief: bool = False) -> None:
        self.engine = _create(url, brief=brief)
        self._brief = brief
        self._writer_lock = WriterLock()
        self._data_version: DataVersion | None = None
        self._file = _watch_file(self.engine)
        self.clock: DatabaseClock = clock or DatabaseTime()

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    @asynccontextmanager
    async def write(self, *, long: bool = False) -> AsyncIterator[AsyncConnection]:
        """One short transaction that writes. On SQLite it takes the write lock at its beginning.

        `long`: it goes through whole tables, and may take as long as it needs.
        """
        if self._brief:
            raise RuntimeError("this database was opened for reading")
        with _told_apart():
            async with self._in_turn(), self._begun() as connection:
                await self._take_time(connection, long=long)
                yield connection

    async def _take_time(self, connection: AsyncConnection, *, long: bool) -> None:
        if long and (connection.dialect.server_version_info or ()) >= _BOUNDS_TRANSACTIONS:
            await connection.execute(text("SET LOCAL transaction_timeout = 0"))

    def _in_turn(self) -> AbstractAsyncContextManager[None]:
        return self._writer_lock.hold() if self.dialect == "sqlite" else nullcontext()

    @asynccontextmanager
    async def read(self, *, long: bool = False) -> AsyncIterator[AsyncConnection]:
        """A consistent view that never waits for writers. `long`: as in `write`."""
        with _told_apart():
            async with self._connected() as connection, connection.begin():
                await self._take_time(connection, long=long)
                yield connection

    @asynccontextmanager
    async def _begun(self) -> AsyncIterator[AsyncConnection]:
        begun = False
        try:
            async with self._connected() as connection:
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
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        async with AsyncExitStack() as closing:
            try:
                connection = await closing.enter_async_context(self.engine.connect())
            except OSError as error:  # no such host, no socket, no answer
                raise DatabaseGoneError(f"the database cannot be reached: {error}") from None
            yield connection

    async def now(self, connection: AsyncConnection) -> float:
        """The database's clock, this moment."""
        return float((await connection.execute(_asking_time(self.clock.sql(self.dialect)))).scalar_one())

    def now_expression(self) -> ColumnElement[Any]:
        """The same object for the same clock, so that statements with it can be kept."""
        return _time(self.clock.sql(self.dialect))

    async def version(self) -> int | None:
        """A number that changes when anybody has written; None where there is no such cheap question."""
        if self._file is not None:
            self._file.check_latest()
        if self.dialect != "sqlite":
            return None
        if self._data_version is None:
            from orchestrator.store.sqlite_driver import DataVersion  # noqa: PLC0415 - for who looks again and again

            self._data_version = DataVersion(self.engine.url.database)
        return await self._data_version.version()

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
        if self._data_version is not None:
            await self._data_version.close()
        await self.engine.dispose()


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


def _create(url: str, *, brief: bool) -> AsyncEngine:
    return _sqlite(url, brief=brief) if url.startswith("sqlite") else _postgresql(url)


def _sqlite(url: str, *, brief: bool) -> AsyncEngine:
    options: dict[str, Any] = {"connect_args": {"timeout": PATIENCE}, "hide_parameters": True}
    if brief:
        engine = cast("AsyncEngine", DirectEngine(url, **options))  # as far as reading goes
    else:
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - brings the ORM

        from orchestrator.store import sqlite_driver  # noqa: PLC0415

        engine = create_async_engine(url, module=sqlite_driver.driver(), **options)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


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


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late; ours is below
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("SELECT 1 FROM sqlite_master")  # opens the log, which is watched from now on
    cursor.close()


def _watch_file(engine: AsyncEngine) -> OpenedFile | None:
    """Let every connection and every transaction look whether its file is still in place."""
    if not engine.url.drivername.startswith("sqlite") or not engine.url.database:
        return None
    opened = OpenedFile(engine.url.database)
    listened = engine.sync_engine
    event.listen(
        listened, "do_connect", lambda _dialect, _record, args, options: opened.connecting(args, options)
    )
    event.listen(listened, "connect", lambda _made, record: opened.connected(record.info))
    event.listen(listened, "begin", lambda connection: opened.check(connection.info))
    return opened


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


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
