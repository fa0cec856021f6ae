"""Whether the SQLite files that a connection has open are still the ones under their paths.

A file that was deleted, renamed over, restored or moved lives on for whoever has it open: its locks and its
leases are then worth nothing, as the next process opens another file. The same holds for the write-ahead log
and its index, which carry the locks: SQLite removes them only with the last connection
(https://www.sqlite.org/wal.html#the_wal_file), so they stay the same for as long as one is open. They stand
beside the file itself, not beside a link to it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import DatabaseReplacedError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_LOGS = ("-wal", "-shm")
_INFO = "rejoin_logs"


class FileId(NamedTuple):
    """What tells two files apart while both exist."""

    device: int
    inode: int


_Logs = tuple[FileId | None, FileId | None]
_NO_LOGS: _Logs = (None, None)


class OpenedFile:
    """The file that this process opened first, and the check of every connection against the paths."""

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
