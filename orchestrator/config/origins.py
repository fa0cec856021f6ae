"""Where a value came from: a line of the file, a variable, a secret's own file, or nowhere (a default)."""

from __future__ import annotations

from typing import NamedTuple

KeyPath = tuple[str | int, ...]


class Origin(NamedTuple):
    """`secret_file` is the path as written, when the value was read from a file of its own."""

    line: int | None = None
    variable: str | None = None
    secret_file: str | None = None
