"""What SQLite needs beside its driver: one writer at a time, and a file that stays in place."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import quote

from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import DatabaseReplacedError

_LOGS = ("-wal", "-shm")
_INFO = "rejoin_logs"


class FileId(NamedTuple):
    """What tells two files apart while both exist."""

    device: int
    inode: int


_Logs = tuple[FileId | None, FileId | None]
_NO_LOGS: _Logs = (None, None)


class OpenedFile:
    """The file that this process opened first, and the check of every connection against the paths.

    A file that was deleted, renamed over, restored or moved lives on for whoever has it open: its locks and
    its leases are then worth nothing, as the next process opens another file. The same holds for the
    write-ahead log and its index, which carry the locks: SQLite removes them only with the last connection
    (https://www.sqlite.org/wal.html#the_wal_file), so they stay the same for as long as one is open. They
    stand beside the file itself, not beside a link to it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._real = path  # where a link leads: there stand the logs
        self._first: FileId | None = None
        self._logs: _Logs = _NO_LOGS  # of the latest transaction

    def connecting(self, arguments: list[object], options: dict[str, object]) -> None:
        """Only the very first connection may make the file."""
        if self._first is not None:
            self._check_path()
            arguments[0], options["uri"] = existing(self.path), True

    def _check_path(self) -> None:
        if _file_id(self.path) != self._first:
            raise replaced(self.path)

    def connected(self, info: MutableMapping[str, object]) -> None:
        """Remember the files of a new connection, in what the pool keeps with it."""
        if self._first is None:
            self._first, self._real = _file_id(self.path), os.path.realpath(self.path)
        self._check_path()
        info[_INFO] = self._logs_in_place()

    def check(self, info: MutableMapping[str, object]) -> None:
        """At the beginning of a transaction. Raises DatabaseReplacedError."""
        if info.get(_INFO, _NO_LOGS) == _NO_LOGS:  # an empty database makes them with its first transaction
            info[_INFO] = self._logs_in_place()
        self._logs = info[_INFO]  # type: ignore[assignment]
        self.check_latest()

    def check_latest(self) -> None:
        """As the latest transaction left it. Raises DatabaseReplacedError."""
        opened, now = (self._first, *self._logs), (_file_id(self.path), *self._logs_in_place())
        for suffix, was, is_now in zip(("", *_LOGS), opened, now, strict=True):
            if was is not None and was != is_now:
                raise replaced((self._real if suffix else self.path) + suffix)

    def _logs_in_place(self) -> _Logs:
        return _file_id(self._real + _LOGS[0]), _file_id(self._real + _LOGS[1])


def replaced(path: str) -> DatabaseReplacedError:
    """What stands under this path is not what was opened."""
    return DatabaseReplacedError(
        f"{path}: this file was deleted, replaced or moved while the database was open:"
        " no join is sent with what this process has open",
        hint=f"see what stands there with `{Operation.CHECK_DATABASE}`, then start again:"
        " it waits and looks first",
    )


def existing(path: str) -> str:
    """The address at which SQLite opens this file, and makes none (https://www.sqlite.org/uri.html)."""
    return f"file:{quote(path)}?mode=rw"


def _file_id(path: str) -> FileId | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - asked at every transaction, and a Path costs more than the call
    except OSError:
        return None
    return FileId(found.st_dev, found.st_ino)


class WriterLock:
    """One writer at a time, first come first served; however many wait, none of them asks the database.

    SQLite's own queue is none: whoever waits asks again after up to a tenth of a second, and all the while
    keeps a connection that a reader could use. In one process writers wait here instead, and only the first
    one asks.
    """

    def __init__(self) -> None:
        self._line: deque[asyncio.Future[None]] = deque()
        self._taken = False
        self._owner: asyncio.Task[object] | None = None

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Raises what `refuse` was given if the one in front did not get in either.

        Raises RuntimeError on re-entry, which would deadlock.
        """
        task = asyncio.current_task()
        if self._taken and self._owner is task:
            raise RuntimeError("a transaction that writes was begun inside another one of the same task")
        await self._take()
        self._owner = task
        try:
            yield
        finally:
            self._owner = None
            self._give()

    def refuse(self, why: Callable[[], Exception]) -> None:
        """The one in front waited for another process in vain: nobody needs to find that out once more."""
        for waiting in self._line:
            if not waiting.done():
                waiting.set_exception(why())
        self._line.clear()

    async def _take(self) -> None:
        if not self._taken:
            self._taken = True
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                self._give()  # it came just now
            raise

    def _give(self) -> None:
        while self._line:
            following = self._line.popleft()
            if not following.done():
                following.set_result(None)
                return
        self._taken = False
