"""A SQLite database for a command that asks a few questions and ends, without a thread and without greenlets.

Importing SQLAlchemy's asynchronous engine brings its ORM, which nothing here uses and which costs such a
command more than everything it asks. Here the synchronous engine stands behind the part of the asynchronous
one that the read model calls. Each statement blocks the event loop while it runs, so this is for a process
that has nothing else to do, and that only reads: in WAL mode a reader waits for no writer.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, make_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from sqlalchemy.engine import URL, Connection, CursorResult, Dialect, Engine, Row, ScalarResult


class DirectEngine:
    """As `sqlalchemy.ext.asyncio.AsyncEngine`."""

    def __init__(self, url: str, **options: Any) -> None:
        self.sync_engine: Engine = create_engine(make_url(url).set(drivername="sqlite"), **options)

    @property
    def url(self) -> URL:
        return self.sync_engine.url

    @property
    def dialect(self) -> Dialect:
        return self.sync_engine.dialect

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[DirectConnection]:
        with self.sync_engine.connect() as connection:
            yield DirectConnection(connection)

    async def dispose(self) -> None:
        self.sync_engine.dispose()


class DirectConnection:
    """As `sqlalchemy.ext.asyncio.AsyncConnection`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[None]:
        with self._connection.begin():
            yield

    async def execute(self, statement: Any, parameters: Any = None) -> CursorResult[Any]:
        return self._connection.execute(statement, parameters)

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
