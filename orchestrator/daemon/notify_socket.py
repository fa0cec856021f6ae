"""Telling systemd how the daemon is: the protocol of sd_notify(3), a datagram to the socket that it names.

Without NOTIFY_SOCKET nobody is told. Nothing here raises or waits: a supervisor that does not listen is one
line in the log.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping

_log = logging.getLogger(__name__)
_MICRO = 1_000_000
_LONGEST_STATUS = 500


class NotifySocket:
    """`environ` is read once; `pid` is whose watchdog it is."""

    def __init__(self, environ: Mapping[str, str] = os.environ, *, pid: int | None = None) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._failed = False
        self.watchdog_every = _watchdog(environ, os.getpid() if pid is None else pid)
        """Real seconds between two signs of life: half of what systemd waits for; None: it waits for none."""

    @property
    def listening(self) -> bool:
        """Whether there is a supervisor to tell."""
        return bool(self._address)

    def ready(self, status: str = "") -> None:
        """It works: after the start, and after a reload."""
        self._send("READY=1", *_status(status))

    def reloading(self) -> None:
        """It reads its configuration again; `ready` follows."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}")

    def stopping(self, status: str = "") -> None:
        self._send("STOPPING=1", *_status(status))

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(*_status(text))

    def watchdog(self) -> None:
        """A sign of life."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if not self._address or not lines:
            return
        # A name in Linux's abstract space begins with a zero byte, written as @.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.setblocking(False)  # a full queue must not hold up the joins
                out.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            if not self._failed:
                _log.warning("the supervisor at NOTIFY_SOCKET cannot be told: %s", error)
            self._failed = True
        else:
            self._failed = False


def _status(text: str) -> list[str]:
    line = " ".join(text.split())[:_LONGEST_STATUS]
    return [f"STATUS={line}"] if line else []


def _watchdog(environ: Mapping[str, str], pid: int) -> float | None:
    """See sd_watchdog_enabled(3): the variables of another process are not ours."""
    theirs, text = environ.get("WATCHDOG_PID"), environ.get("WATCHDOG_USEC", "")
    if (theirs and theirs != str(pid)) or not text.isascii() or not text.isdigit() or int(text) == 0:
        return None
    return int(text) / _MICRO / 2
