"""`python -m benchmarks.counted WORDS`: `rejoin WORDS`, its statements counted into the file REJOIN_COUNTS.

The file holds two numbers, always true: all statements, and those among them that write.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from sqlalchemy import event
from sqlalchemy.engine import Engine

VARIABLE = "REJOIN_COUNTS"
_FORM = "QQ"
_WRITING = ("INSERT", "UPDATE", "DELETE")


class Statements(NamedTuple):
    """How many a process has sent to its database."""

    all: int
    writing: int

    @classmethod
    def read(cls, file: Path) -> Statements:
        return cls(*struct.unpack(_FORM, file.read_bytes()))

    def since(self, before: Statements) -> Statements:
        return Statements(self.all - before.all, self.writing - before.writing)


def count_into(file: Path) -> None:
    """From now on, every statement of every engine of this process. One for many rows counts once."""
    file.write_bytes(struct.pack(_FORM, 0, 0))
    with file.open("r+b") as opened:
        shared = mmap.mmap(opened.fileno(), 0)

    def executed(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        found, writing = struct.unpack_from(_FORM, shared)
        writes = statement.lstrip().startswith(_WRITING)
        struct.pack_into(_FORM, shared, 0, found + 1, writing + writes)

    event.listen(Engine, "before_cursor_execute", executed)


def main() -> NoReturn:
    count_into(Path(os.environ[VARIABLE]))
    from orchestrator.__main__ import main as rejoin  # noqa: PLC0415 - after the listener is in place

    rejoin()


if __name__ == "__main__":
    main()
