"""Ports that a test must know before somebody listens on them."""

from __future__ import annotations

import itertools
import os
import re
import socket
from pathlib import Path

_LOWEST = 10_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_SHARE = 1_000  # ports for each worker of a run
_calls = itertools.count(os.getpid())


def free_port() -> int:
    """A port on loopback that nobody holds, and that nobody is given until its user binds it.

    The system hands out ports of the ephemeral range to whoever binds port 0 or connects: one of those
    may be taken at any moment. These lie below it, and each worker of a run has ports of its own.
    """
    worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0)
    shares = (_ephemeral_from() - _LOWEST) // _SHARE
    first = _LOWEST + worker % shares * _SHARE
    for _ in range(_SHARE):
        port = first + next(_calls) % _SHARE
        with socket.socket() as found:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as asyncio's servers bind
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no port from {first} on is free")


def _ephemeral_from() -> int:
    """Where the ephemeral range begins. 32768 is Linux's default; others begin at 49152."""
    return int(_EPHEMERAL.read_text().split()[0]) if _EPHEMERAL.exists() else 32_768
