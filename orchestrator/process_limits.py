"""Limits for a process that only reads what others made, which may ask for any amount of memory."""

from __future__ import annotations

import resource
from contextlib import suppress


def limit_this_process(memory: int) -> None:
    """At most so many bytes of address space, and no core dump: it would hold what the process was given."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, memory)


def _limit(what: int, most: int) -> None:
    """Never above the limit that the process has. Some systems know no such limit."""
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(what, (most, most))
