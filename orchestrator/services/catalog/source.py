"""Where an import comes from: a file or standard input, read whole within a limit."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from orchestrator.domain.errors import InputRejectedError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST_BYTES = 64 * 1024 * 1024
STANDARD_INPUT = "-"


@dataclass(slots=True)
class Source:
    """The bytes of a table, and what to call it in sentences. An import uses the bytes up."""

    name: str
    data: bytes = field(repr=False)
    path: Path | None = None  # of a regular file


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to take the table. `mapping`: foreign column name to field, or to "ignore"."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    sheet: str | None = None  # name, or number from 1
    delimiter: str | None = None
    encoding: str | None = None
    skip_bad: bool = False  # import the others, and write the bad ones to a file


def read_source(path: Path, *, limit: int = MOST_BYTES) -> Source:
    """The file's bytes; `-` is standard input. Raise UsageError if it cannot be read or is too large."""
    if str(path) == STANDARD_INPUT:
        return Source("standard input", _read(sys.stdin.buffer, "standard input", limit))
    try:
        with path.open("rb") as file:
            return Source(path.name, _read(file, str(path), limit), path if path.is_file() else None)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def _read(file: BinaryIO, name: str, limit: int) -> bytes:
    if file.seekable():  # its size is known: one read without a second copy
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        data = file.read() if size <= limit else b""
    else:
        data = file.read(limit + 1)
        size = len(data)
    if size > limit:
        raise InputRejectedError(
            f"{name}: larger than {limit // 2**20} MiB", hint="import it in several parts"
        )
    if not data or data.isspace():
        raise InputRejectedError(f"{name}: empty")
    return data
