"""Who listens on a port of this machine, as far as Linux shows it to this user (proc(5), net/tcp)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_LISTENS = "0A"
_PROC = Path("/proc")


def occupant(port: int) -> str:
    """`nginx (process 812)`; empty where it cannot be told."""
    inodes = {f"socket:[{inode}]" for inode in _listening(port)}
    if not inodes:
        return ""
    for process in _PROC.glob("[0-9]*"):
        try:
            held = _held(process / "fd")
            name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:  # another user's, or gone meanwhile
            continue
        if inodes & held:
            return f"{name} (process {process.name})"
    return ""


def _held(folder: Path) -> set[str]:
    """What a process has open. One that is closed meanwhile does not matter."""
    found = set()
    for number in os.listdir(folder):  # noqa: PTH208 - names are enough, and there may be many
        with suppress(OSError):
            found.add(os.readlink(folder / number))  # noqa: PTH115 - a text, not a path
    return found


def _listening(port: int) -> Iterator[str]:
    """The inodes of the sockets: the tenth column. The second is address:port in hex."""
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for columns in map(str.split, lines):
            if columns[3] == _LISTENS and int(columns[1].rpartition(":")[2], 16) == port:
                yield columns[9]
