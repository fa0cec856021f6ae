"""The standard streams as a command meets them: closed, without a reader, on a full disk.

A write to stdout that fails raises OutputLostError. It is no Exception, so that nobody on its way up takes it
for a fault of a database or a gateway. From then on the stream leads nowhere: whatever is still written on
the way out is lost quietly. Talk on stderr that nobody can read is no reason to end.

Everything that Python writes to stderr passes one function, whoever writes it: the log, tracebacks, also of
threads and of what nobody awaited, warnings, and what libraries print.

Standard library only: this is imported before anything else.
"""

from __future__ import annotations

import io
import os
import select
import sys
from contextlib import contextmanager

TYPE_CHECKING = False  # see stop_signals: little comes before its handlers
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn, TextIO

    from _typeshed import ReadableBuffer

_STDOUT, _STDERR = 1, 2
_lost: OSError | None = None
_fit_to_show: Callable[[str], str] | None = None


class OutputLostError(BaseException):
    """The answer cannot be written; the reason is the cause."""


def install() -> None:
    """For the process's entry point only. Streams that came closed lead to /dev/null."""
    for number in range(3):
        _open_if_closed(number)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole process
    sys.stdout = _guarded(_STDOUT, sys.stdout)
    sys.stderr = _guarded(_STDERR, sys.stderr)


def show_talk_through(function: Callable[[str], str]) -> None:
    """Called from now on with each piece of text on its way to stderr; what it returns is written."""
    global _fit_to_show  # noqa: PLW0603 - a process has one stderr
    _fit_to_show = function


def lost() -> OSError | None:
    """Why the answer could not be written, if so."""
    return _lost


def check_reader() -> None:
    """For commands that stay: whether anybody can still read stdout. Raises OutputLostError."""
    poll = select.poll()
    poll.register(_STDOUT, 0)
    if any(seen & (select.POLLERR | select.POLLHUP) for _, seen in poll.poll(0)):
        lose(BrokenPipeError())


def lose(error: OSError) -> NoReturn:
    """The answer's way out is gone."""
    global _lost  # noqa: PLW0603 - a process has one stdout
    _lost = error
    _lead_nowhere(_STDOUT)
    raise OutputLostError from error


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """For a pipe that was named in place of a file: without its reader it is like stdout without one."""
    try:
        yield
    except BrokenPipeError as error:
        lose(error)


class _Guarded(io.FileIO):
    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except BlockingIOError:
            raise
        except OSError as error:
            if self.fileno() == _STDOUT:
                lose(error)
            _lead_nowhere(self.fileno())
            return memoryview(data).nbytes


class _Talk(io.TextIOWrapper):
    def write(self, text: str, /) -> int:
        super().write(text if _fit_to_show is None else _fit_to_show(text))
        return len(text)


def _guarded(number: int, model: TextIO | None) -> io.TextIOWrapper:
    """As the interpreter made it, but for what happens when a write fails."""
    raw = _Guarded(number, "w", closefd=False)
    made = model if isinstance(model, io.TextIOWrapper) else None
    at_once = number == _STDERR or (made is not None and made.write_through)
    return (_Talk if number == _STDERR else io.TextIOWrapper)(
        raw if at_once else io.BufferedWriter(raw),
        encoding="utf-8" if made is None else made.encoding,
        errors="replace" if made is None else made.errors,
        line_buffering=number == _STDERR or os.isatty(number),
        write_through=at_once,
    )


def _open_if_closed(number: int) -> None:
    """The system gives the lowest number that is free: the next file would be written to as the answer."""
    try:
        os.fstat(number)
    except OSError:
        os.open(os.devnull, os.O_RDWR)


def _lead_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
