"""SQLite without a thread for each statement: what is short is carried out where it is asked for.

A short statement on a local file takes some microseconds; to hand it to a thread and to wait for the answer
takes ten times as long, and was most of what a busy daemon's processor did. So the statements of a short
transaction run on the event loop. BEGIN IMMEDIATE, which may wait for another process, asks again and again;
COMMIT, which waits for the disk, has a thread of its own. What may touch many rows goes through aiosqlite,
see `threaded_engine`.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Self, TypeVar

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.engine import URL, Connection, CursorResult, Dialect, Engine, Row, ScalarResult
from sqlalchemy.exc import DBAPIError

from orchestrator.store.sqlite_file import OpenedFile, existing
from orchestrator.tasks import to_its_end

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")
WRITES = "rejoin_writes"  # the execution option of a connection that takes the write lock when it begins
PATIENCE = 30.0  # seconds for another writer to be done
READERS_PATIENCE = 1.0  # seconds for another process that repairs the log after a crash: else nobody waits
_ASK_AGAIN = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)  # seconds; the last for as long as it takes


class DirectEngine:
    """What the store uses of `sqlalchemy.ext.asyncio.AsyncEngine`, over SQLAlchemy's synchronous engine.

    It also imports a good deal less: the asynchronous one brings the ORM, which costs a brief command more
    than everything that it asks.
    """

    def __init__(self, url: str, opened: OpenedFile | None, *, brief: bool) -> None:
        """`brief`: for a process that has nothing else to do, and may wait within a statement."""
        self._patience = PATIENCE if brief else READERS_PATIENCE
        factory = sqlite3.Connection if brief else FetchingConnection
        self.sync_engine: Engine = create_engine(
            make_url(url).set(drivername="sqlite"),
            connect_args={"timeout": PATIENCE if brief else 0, "factory": factory},
            hide_parameters=True,
            max_overflow=-1,  # nobody waits in the pool: that would hold up the event loop
        )
        self._committer = Committer()
        _listen(self.sync_engine, opened, _begin_reading)
        event.listen(self.sync_engine, "connect", lambda made, _record: _wait_for(made, self._patience))

    @property
    def url(self) -> URL:
        return self.sync_engine.url

    @property
    def dialect(self) -> Dialect:
        return self.sync_engine.dialect

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[DirectConnection]:
        with await _patiently(self.sync_engine.connect) as connection:
            yield DirectConnection(connection, self._committer, self._patience)

    async def dispose(self) -> None:
        self.sync_engine.dispose()
        self._committer.close()


class FetchingCursor(sqlite3.Cursor):
    """Fetches all rows at once: a statement that is not read to its end keeps the connection in its snapshot.

    Whoever fails over a row would leave such a statement behind for as long as its error is remembered.
    """

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._rows: deque[Any] = deque()

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        super().execute(sql, parameters)
        self._rows = deque(super().fetchall() if self.description else ())
        return self

    def __next__(self) -> Any:
        if not self._rows:
            raise StopIteration
        return self._rows.popleft()

    def fetchone(self) -> Any:
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        number = min(self.arraysize if size is None else size, len(self._rows))
        return [self._rows.popleft() for _ in range(number)]

    def fetchall(self) -> list[Any]:
        rows, self._rows = list(self._rows), deque()
        return rows


class FetchingConnection(sqlite3.Connection):
    """Of such cursors."""

    def cursor(self, factory: Any = FetchingCursor) -> Any:
        return super().cursor(factory)


class DirectConnection:
    """As `sqlalchemy.ext.asyncio.AsyncConnection`."""

    def __init__(self, connection: Connection, committer: Committer, patience: float) -> None:
        self._connection = connection
        self._committer = committer
        self._patience = patience

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    async def execution_options(self, **options: Any) -> None:
        self._connection.execution_options(**options)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[None]:
        writes = self._connection.get_execution_options().get(WRITES, False)
        if writes:
            await _take_write_lock(self._connection, self._patience)
        transaction = self._connection.begin()
        try:
            yield
            if writes:
                await to_its_end(self._committer.carry_out(transaction.commit))
            else:
                transaction.commit()
        except BaseException:
            if transaction.is_active:
                transaction.rollback()
            raw = _raw(self._connection)
            if raw.in_transaction:  # of a COMMIT that failed SQLAlchemy thinks that it is over
                raw.rollback()
            raise

    async def execute(self, statement: Any, parameters: Any = None) -> CursorResult[Any]:
        return self._connection.execute(statement, parameters)

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> CursorResult[Any]:
        return self._connection.exec_driver_sql(statement, parameters)

    async def scalar(self, statement: Any, parameters: Any = None) -> Any:
        return self._connection.scalar(statement, parameters)

    async def scalars(self, statement: Any, parameters: Any = None) -> ScalarResult[Any]:
        return self._connection.scalars(statement, parameters)

    async def stream(self, statement: Any) -> DirectResult:
        return DirectResult(self._connection.execute(statement))

    async def run_sync(self, function: Callable[..., Any], *given: Any) -> Any:
        return function(self._connection, *given)


class DirectResult:
    """As `sqlalchemy.ext.asyncio.AsyncResult`."""

    def __init__(self, result: CursorResult[Any]) -> None:
        self._result = result

    async def partitions(self) -> AsyncIterator[Sequence[Row[Any]]]:
        for part in self._result.partitions():
            yield part

    async def __aiter__(self) -> AsyncIterator[Row[Any]]:
        for row in self._result:
            yield row


def _raw(connection: Connection) -> sqlite3.Connection:
    return connection.connection.dbapi_connection  # type: ignore[return-value]


async def _take_write_lock(connection: Connection, patience: float) -> None:
    """BEGIN IMMEDIATE, as soon as no other process writes. Raises OperationalError at the end."""
    raw = _raw(connection)

    def begin() -> None:
        try:
            raw.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise DBAPIError.instance("BEGIN IMMEDIATE", None, error, sqlite3.Error) from None

    _wait_for(raw, 0)
    try:
        await _patiently(begin)
    finally:
        _wait_for(raw, patience)


def _wait_for(raw: sqlite3.Connection, patience: float) -> None:
    """SQLite's own waiting, in seconds."""
    raw.execute(f"PRAGMA busy_timeout = {patience * 1000:.0f}")


async def _patiently(ask: Callable[[], T]) -> T:
    """Ask again until no other process is in the way: SQLite's own waiting would hold up everything here."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    pauses = chain(_ASK_AGAIN, repeat(_ASK_AGAIN[-1]))
    while True:
        try:
            return ask()
        except DBAPIError as error:
            code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF  # the low byte: sqlite.org/rescode.html
            if code != sqlite3.SQLITE_BUSY or loop.time() >= end:
                raise
        await asyncio.sleep(next(pauses))


class Committer:
    """A thread that waits for the disk. A process that is told to end does not wait for it."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Callable[[], None] | None] | None = None

    def carry_out(self, work: Callable[[], None]) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def carried_out() -> None:
            error: BaseException | None = None
            try:
                work()
            except BaseException as raised:  # noqa: BLE001 - it is the asker's
                error = raised
            with suppress(RuntimeError):  # its loop was closed
                loop.call_soon_threadsafe(_tell, done, error)

        if self._work is None:
            self._work = queue.SimpleQueue()
            threading.Thread(target=_work_off, args=(self._work,), name="rejoin-commit", daemon=True).start()
        self._work.put(carried_out)
        return done

    def close(self) -> None:
        """The thread ends when all is done."""
        if self._work is not None:
            self._work.put(None)
            self._work = None


def _work_off(work: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    while (one := work.get()) is not None:
        one()


def _tell(done: asyncio.Future[None], error: BaseException | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


def threaded_engine(url: URL, opened: OpenedFile | None) -> AsyncEngine:
    """SQLAlchemy's asynchronous engine over aiosqlite, which carries out each statement in a thread.

    For transactions that may touch many rows: on the event loop they would hold up everything else.
    """
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - brings the ORM

    from orchestrator.store import sqlite_driver  # noqa: PLC0415 - for what touches many rows only

    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        module=sqlite_driver.driver(),
        connect_args={"timeout": PATIENCE},
        hide_parameters=True,
    )
    _listen(engine.sync_engine, opened, _begin)
    return engine


def _listen(engine: Engine, opened: OpenedFile | None, begin: Callable[[Connection], None]) -> None:
    """Prepare each connection, begin each transaction; both look whether the file is still in place."""
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", begin)
    if opened is None:
        return
    event.listen(
        engine, "do_connect", lambda _dialect, _record, args, options: opened.connecting(args, options)
    )
    event.listen(engine, "connect", lambda _made, record: opened.connected(record.info))
    event.listen(engine, "begin", lambda connection: opened.check(connection.info))


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late; ours is below
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("SELECT 1 FROM sqlite_master")  # opens the log, which is watched from now on
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_reading(connection: Connection) -> None:
    if not connection.get_execution_options().get(WRITES, False):  # else it has begun, see `begin`
        connection.exec_driver_sql("BEGIN")


class DataVersion:
    """Whether anybody wrote to the file since the last question, asked on a kept connection.

    `PRAGMA data_version`: one number, from memory that all processes at this file share.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def version(self) -> int | None:
        """None when it cannot be told: whoever asks then looks for himself."""
        if not self._path:
            return None
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(existing(self._path), uri=True)
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except (sqlite3.Error, ValueError, OSError):
            self.close()
            return None

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
