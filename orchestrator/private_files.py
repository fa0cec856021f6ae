"""Files for the eyes of their owner: written whole, and only then put in their place."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from orchestrator import streams

_MODE = 0o600


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A text file (UTF-8, ends of lines as written) that takes the place of `path` when the block ends well.

    What is no regular file (a device such as /dev/null, a pipe) is written to as it stands: it must not be
    replaced. Of a symbolic link, the file that it points to is replaced. Raises OSError.
    """
    if path.exists() and not path.is_file():
        with streams.reader_may_leave(), path.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    target = path.resolve()
    partial = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
