"""What SIGINT and SIGTERM do, from the first instruction of the process to its last.

The handlers are installed once and stay: removing one would leave a moment in which the system's default
kills the process. What a signal does is decided by who receives it at that moment:

- nobody (imports, the last flush, an earlier signal's clean-up): the process ends at once, with 130 or 143;
- `raised`: blocking code, which closes on the way out of an exception;
- `delivered`: code on an event loop, which is told and ends when it is ready.

Standard library only, and no asyncio: this is imported before anything else.
"""

from __future__ import annotations

import atexit
import os
import signal
from contextlib import closing, contextmanager

TYPE_CHECKING = False  # typing costs more time than all else before the handlers are installed
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import NoReturn

    Receiver = Callable[[int], None]

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LOOKS_EVERY = 0.25  # seconds
_SHELL_OFFSET = 128  # a shell's exit code for a death by signal n is 128 + n

_receiver: Receiver | None = None
_received: list[int] = []
_last_words = b""


class Terminated(BaseException):
    """SIGTERM. Like KeyboardInterrupt it is no Exception, so that nothing swallows it on the way."""


def exception_for(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated()


def exit_code_for(number: int) -> int:
    return _SHELL_OFFSET + number


def install() -> None:
    """For the process's entry point only, on its main thread."""
    for number in STOP_SIGNALS:
        signal.signal(number, _on_signal)
    # The interpreter's own end puts handlers of ours back to the default, but leaves SIG_IGN alone. What is
    # registered first runs last: from here on, the exit code is decided.
    atexit.register(_ignore)


@contextmanager
def raised() -> Iterator[None]:
    """Within this, a signal raises KeyboardInterrupt or Terminated, also one that a loop was told of before.

    A second one ends the process.
    """

    def receive(number: int) -> None:
        _receive_with(None)
        raise exception_for(number)

    with _receiving(receive), _interrupted():
        if _received:  # the loop cannot act on it while this blocks
            raise exception_for(_received[0])
        yield


@contextmanager
def _interrupted() -> Iterator[None]:
    """What blocks looks for signals now and then.

    The interpreter runs a handler between two instructions, or when a signal ends a system call. One that
    comes between the last instruction and the call would be waited out, for ever where nothing is typed.
    """
    signal.signal(signal.SIGALRM, _look_again)
    _, before = signal.setitimer(signal.ITIMER_REAL, _LOOKS_EVERY, _LOOKS_EVERY)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, before, before)


@contextmanager
def delivered(
    loop: asyncio.AbstractEventLoop, receive: Callable[[int], None], *, most: int = 1
) -> Iterator[None]:
    """Within this, `receive` is called on `loop`, which runs on this thread. One more ends the process."""
    left = most

    def schedule(number: int) -> None:
        nonlocal left
        if not left:
            _end_at_once(number)
        left -= 1
        loop.call_soon_threadsafe(receive, number)

    with _receiving(schedule):
        yield


@contextmanager
def waking(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """A signal ends the loop's wait, also one that comes just before the wait (signal.set_wakeup_fd)."""
    import socket  # noqa: PLC0415 - not before the handlers are installed

    reader, writer = socket.socketpair()
    with closing(reader), closing(writer):
        reader.setblocking(False)
        writer.setblocking(False)
        loop.add_reader(reader, reader.recv, 4096)
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            loop.remove_reader(reader)


@contextmanager
def last_words(sequence: bytes) -> Iterator[None]:
    """What the terminal needs to be usable again, if the process ends at once within this."""
    global _last_words  # noqa: PLW0603 - a process has one terminal
    before, _last_words = _last_words, sequence
    try:
        yield
    finally:
        _last_words = before


@contextmanager
def _receiving(receiver: Receiver) -> Iterator[None]:
    before = _receiver
    _receive_with(receiver)
    try:
        yield
    finally:
        _receive_with(before)


def _receive_with(receiver: Receiver | None) -> None:
    global _receiver  # noqa: PLW0603 - signal handlers belong to the process
    _receiver = receiver


def _on_signal(number: int, _frame: FrameType | None) -> None:
    _received.append(number)
    if _receiver is None:
        _end_at_once(number)
    _receiver(number)


def _look_again(_number: int, _frame: FrameType | None) -> None:
    """SIGALRM: the system call was ended, and whatever waited was seen to."""


def _end_at_once(number: int) -> NoReturn:
    """Without clean-up, as after a kill: whatever must survive that is on disk."""
    if _last_words:
        os.write(1, _last_words)
    os._exit(exit_code_for(number))


def _ignore() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
