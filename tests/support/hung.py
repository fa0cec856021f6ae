"""What a process is doing when it does not end: every thread's stack, and every task's.

A process that is armed answers SIGUSR1 by writing into a memory file, which the tests read through /proc.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_FILE = 250  # a number of its own: the process under test shall not meet it
_SECONDS = 2.0


def arm() -> None:
    """In the process that may hang: tells of threads at once, of tasks when their loop turns."""
    made = os.memfd_create("hung")
    os.dup2(made, _FILE, inheritable=False)
    os.close(made)
    signal.signal(signal.SIGUSR1, lambda *_: _tell_tasks())
    faulthandler.register(signal.SIGUSR1, _FILE, chain=True)


def ask(pid: int) -> str:
    """What the process says of itself, if it was armed and lives."""
    file = Path(f"/proc/{pid}/fd/{_FILE}")
    if not file.exists():
        return ""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGUSR1)
    time.sleep(_SECONDS)
    if not file.exists():
        return "It ended when it was asked: a signal had come that nothing had looked for."
    return file.read_text(errors="replace")


def _tell_tasks() -> None:
    with os.fdopen(_FILE, "w", closefd=False) as file, suppress(RuntimeError):  # no loop
        for task in asyncio.all_tasks():
            file.write(f"\n{task!r}\n")
            awaited: Any = task.get_coro()
            while (frame := getattr(awaited, "cr_frame", None)) is not None:
                file.write(f"  {frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname}\n")
                awaited = getattr(awaited, "cr_await", None)
