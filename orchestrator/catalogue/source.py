"""Where an import comes from: a file or standard input, within a limit."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BufferedReader, BytesIO, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from orchestrator.domain.errors import InputRejectedError, NotFoundError, UsageError

MOST_BYTES = 64 * 1024 * 1024  # of what stands in memory: standard input, a workbook
MOST_BYTES_OF_A_FILE = 256 * 1024 * 1024
STANDARD_INPUT = "-"
_BLANK = 64 * 1024  # bytes; a file that begins with so much white space holds no table


class Source:
    """The bytes of a table, and what to call it in sentences. They can be read as often as wanted.

    Those of a file are read from it each time: from the file that was opened, whatever takes its name later.
    """

    def __init__(
        self, name: str, data: bytes = b"", *, path: Path | None = None, file: BinaryIO | None = None
    ) -> None:
        self.name = name
        self.path = path  # of a regular file
        self._data = data
        self._file = file

    def open(self) -> BinaryIO:
        """From the beginning, independent of other readers. Closing it does not close the source."""
        return BytesIO(self._data) if self._file is None else BufferedReader(_FromTheBeginning(self._file))

    def head(self, size: int) -> bytes:
        with self.open() as stream:
            return stream.read(size)

    @property
    def data(self) -> bytes:
        """All bytes. Raises InputRejectedError for more than may stand in memory."""
        data = self.head(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise _too_large(self.name, MOST_BYTES)
        return data


class _FromTheBeginning(RawIOBase):
    """A file's bytes, with a position of its own."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = os.pread(self._file.fileno(), len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to take the table. `mapping`: foreign column name to field, or to "ignore"."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    sheet: str | None = None  # name, or number from 1
    delimiter: str | None = None
    encoding: str | None = None
    skip_bad: bool = False  # import the others, and write the bad ones to a file


def read_source(path: Path, *, limit: int | None = None) -> Source:
    """What is at `path`; `-` is standard input. Raise UsageError if it cannot be read or is too large."""
    if str(path) == STANDARD_INPUT:
        return Source("standard input", _read(sys.stdin.buffer, "standard input", limit or MOST_BYTES))
    try:
        file = path.open("rb")
        if not path.is_file():
            with file:
                return Source(path.name, _read(file, str(path), limit or MOST_BYTES))
        return _of_file(path, file, limit or MOST_BYTES_OF_A_FILE)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def _of_file(path: Path, file: BinaryIO, limit: int) -> Source:
    source = Source(path.name, path=path, file=file)
    weakref.finalize(source, file.close)
    if os.fstat(file.fileno()).st_size > limit:
        raise _too_large(str(path), limit)
    if not source.head(_BLANK).strip():
        raise InputRejectedError(f"{path}: empty")
    return source


def _read(file: BinaryIO, name: str, limit: int) -> bytes:
    data = file.read(limit + 1)
    if len(data) > limit:
        raise _too_large(name, limit)
    if not data or data.isspace():
        raise InputRejectedError(f"{name}: empty")
    return data


def _too_large(name: str, limit: int) -> InputRejectedError:
    return InputRejectedError(f"{name}: larger than {limit // 2**20} MiB", hint="import it in several parts")
