"""The command `rejoin`, from the process's side: the light ways out first, then the command line."""

from __future__ import annotations

import atexit
import gc
import os
import sys

import orchestrator
from orchestrator import stop_signals, streams

TYPE_CHECKING = False  # see stop_signals: little comes before its handlers
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

_BROKEN_PIPE = 141
_OBJECTS_OF_A_BRIEF_COMMAND = 500_000


def main() -> NoReturn:
    stop_signals.install()
    streams.install()
    # Imports make a hundred thousand objects and no garbage: looking for it was a tenth of `status`.
    gc.set_threshold(_OBJECTS_OF_A_BRIEF_COMMAND)  # who stays lowers it: cli/command_line.py
    ended: list[int] = []
    atexit.register(_end, ended)  # behind whatever is registered later, and behind all threads
    ended.append(run(sys.argv[1:]))
    sys.exit(ended[0])


def _end(ended: Sequence[int]) -> None:
    """The interpreter would now free every object one by one: a sixth of what `status` costs, for nothing.

    Everything is closed and flushed. mypy ends in the same way (mypy.util.hard_exit).
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            return  # lost, closed or absent: the interpreter knows what that means
    for code in ended:
        os._exit(code)


def run(words: Sequence[str]) -> int:
    """Carry out one command line. Every end is an exit code."""
    code = 0
    try:
        code = _run(list(words))
        sys.stdout.flush()
    except BaseException:
        if streams.lost() is None:
            raise
    error = streams.lost()
    return code if error is None else _output_lost(error, words)


def _output_lost(error: OSError, words: Sequence[str]) -> int:
    """Whoever read us went away, which is no error; or the answer could not be written, which is one."""
    if isinstance(error, ConnectionError):
        return _BROKEN_PIPE
    from orchestrator.cli import command_line  # noqa: PLC0415 - not for the answer that comes through

    return command_line.tell(streams.OutputLostError(error.strerror), words)


def _run(words: list[str]) -> int:
    options = words[: words.index("--")] if "--" in words else words
    if "--version" in options:
        print(f"rejoin {orchestrator.__version__}")  # noqa: T201 - the answer
        return 0
    if _is_probe(options):
        from orchestrator.cli import health  # noqa: PLC0415 - asked every half minute for ever: stdlib only

        return health.main(ready="--ready" in options, daemon="--daemon" in options)
    from orchestrator.cli import command_line  # noqa: PLC0415 - brings the command line's library

    return command_line.run(words)


def _is_probe(options: Sequence[str]) -> bool:
    """`healthcheck` with nothing but its own flags, none of them said by a variable."""
    plain = options[:1] == ["healthcheck"] and {*options[1:]} <= {"--ready", "--daemon"}
    return plain and not os.environ.keys() & {"REJOIN_READY", "REJOIN_DAEMON"}


if __name__ == "__main__":
    main()
