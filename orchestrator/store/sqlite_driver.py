"""A driver for SQLite that makes one visit to aiosqlite's thread for each statement.

SQLAlchemy makes a cursor, executes, fetches and closes in four visits there, and a statement that was
cancelled between them leaves its cursor, and with it the write lock, to the garbage collector. Here a
statement is one visit, at whose end its cursor is closed; a rollback waits for what the thread still does.
"""

from __future__ import annotations

import asyncio
import collections
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)
from sqlalchemy.util import await_only


class _Done(NamedTuple):
    """What a closed cursor leaves."""

    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    __slots__ = ()

    def __init__(self, adapt_connection: _Connection) -> None:
        self._adapt_connection: Any = adapt_connection
        self._connection = adapt_connection._connection  # noqa: SLF001 - as the class that this one replaces
        self._cursor: Any = _Done()
        self._soft_closed_memoized: Any = {}
        self._rows = collections.deque()

    async def _execute_async(self, operation: Any, parameters: Any) -> Any:
        await self._visit(lambda cursor: cursor.execute(operation, () if parameters is None else parameters))

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> Any:
        await self._visit(lambda cursor: cursor.executemany(operation, seq_of_parameters))

    async def _visit(self, statement: Callable[[sqlite3.Cursor], Any]) -> None:
        adapted = self._adapt_connection
        connection: aiosqlite.Connection = self._connection  # type: ignore[assignment]
        raw = connection._conn  # noqa: SLF001 - what aiosqlite itself passes to its thread

        def work() -> tuple[list[Any], _Done]:
            cursor = raw.cursor()
            try:
                statement(cursor)
                rows = cursor.fetchall() if cursor.description else []
                return rows, _Done(cursor.description, cursor.rowcount, cursor.lastrowid)
            finally:
                cursor.close()

        async with adapted._execute_mutex:  # noqa: SLF001 - as the class that this one replaces
            adapted.unsettled += 1
            try:
                rows, self._cursor = await connection._execute(work)  # type: ignore[no-untyped-call]  # noqa: SLF001
            except Exception:  # the thread is done with it; only a cancelled one may go on
                adapted.unsettled -= 1
                raise
            adapted.unsettled -= 1
        self._rows = collections.deque(rows)

    async def _async_soft_close(self) -> None:
        """It is closed already."""

    def close(self) -> None:
        self._rows.clear()


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ("unsettled",)

    _cursor_cls = _Cursor  # type: ignore[assignment]

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.unsettled = 0  # statements that were given up on, and may still be carried out by the thread

    def rollback(self) -> None:
        connection: Any = self._connection
        if self.unsettled or connection.in_transaction:
            super().rollback()  # behind whatever the thread still does
            self.unsettled = 0


class _Module(AsyncAdapt_aiosqlite_dbapi):
    def connect(self, *arg: Any, **kw: Any) -> _Connection:
        return _Connection(self, await_only(opened(aiosqlite.connect(*arg, **kw))))


async def opened(connection: aiosqlite.Connection) -> aiosqlite.Connection:
    """Open it. Cancelled or failed, wait for its thread, which would else report to a closed event loop."""
    thread = connection._thread  # noqa: SLF001 - nothing else tells when it is done
    thread.daemon = True  # a process that is told to end does not wait for it
    opening = asyncio.ensure_future(connection)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with suppress(sqlite3.Error):
            await (await opening).close()
        raise
    except sqlite3.Error:
        thread.join()  # it was told to stop, and has nothing to close
        raise


def driver() -> _Module:
    """For `create_async_engine(..., module=driver())`."""
    return _Module(aiosqlite, sqlite3)
