"""Whether a daemon lives: by its heartbeat in a SQLite database, else by its own HTTP server."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from orchestrator.cli.health import PATIENCE, UnhealthyError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OLDEST = 60.0
"""Real seconds since the last sign of life."""

_ROW = """
SELECT holder, heartbeat_at, (julianday('now') - 2440587.5) * 86400.0,
       (SELECT value FROM meta WHERE key = 'created_at')
FROM daemon WHERE id = 1
"""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound


def check(sqlite_file: Path | None, listen: str, environ: Mapping[str, str]) -> None:
    """`listen` is `web.listen`, asked where the database is not a file. Raises UnhealthyError."""
    if sqlite_file is None:
        _ask(listen)
        return
    uri = f"{sqlite_file.as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE)) as database:
            row = database.execute(_ROW).fetchone()
    except sqlite3.Error as error:
        raise UnhealthyError(f"{sqlite_file}: {error}") from None
    if row is None or row[0] is None or row[1] is None:
        raise UnhealthyError("no daemon runs")
    age = _age(float(row[1]), float(row[2]), born=float(row[3] or 0.0), environ=environ)
    if age > OLDEST:
        raise UnhealthyError(f"the daemon gave its last sign of life {age:.0f} s ago")


def _age(heartbeat: float, now: float, *, born: float, environ: Mapping[str, str]) -> float:
    """In real seconds, also where a test's clock is accelerated about the database's creation."""
    try:
        speed = float(environ.get("REJOIN_CLOCK_SPEED") or 1.0)
    except ValueError:
        speed = 1.0
    return (born + (now - born) * speed - heartbeat) / speed


def _ask(listen: str) -> None:
    """`GET /healthz`, by hand: a client library would take longer than the answer."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    host = _EVERYWHERE.get(host, host)
    try:
        with socket.create_connection((host, int(port)), PATIENCE) as connection:
            connection.sendall(f"GET /healthz HTTP/1.0\r\nHost: {listen}\r\n\r\n".encode())
            words = connection.recv(64).split()
    except (OSError, ValueError, OverflowError) as error:  # the last two: no host name, or no port
        raise UnhealthyError(f"no daemon answers at {listen}: {error}") from None
    if len(words) < 2 or words[1] != b"200":
        told = words[1].decode(errors="replace") if len(words) > 1 else "nothing"
        raise UnhealthyError(f"the daemon at {listen} answers {told}")
