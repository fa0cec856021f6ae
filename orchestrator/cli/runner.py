"""One call from its words to its exit code: parse, run, tell failures, mind the signals."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import sys
from typing import TYPE_CHECKING, Any

from orchestrator import stop_signals, streams
from orchestrator.cli import app as command_line
from orchestrator.cli import exit_codes, layout, pasting
from orchestrator.cli.call import NOTHING_SAID
from orchestrator.cli.catalogue import FAMILIES
from orchestrator.cli.output import width_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

_BRIEF = 1.0  # seconds
_OBJECTS_BETWEEN_COLLECTIONS = 50_000
_NO = ("", "0", "false", "no", "off", "n", "f")


def run(words: list[str]) -> int:
    """Every end but a lost output is an exit code."""
    streams.show_talk_through(_without_secrets)
    try:
        return _dispatch(words)
    except (streams.OutputLostError, GeneratorExit):
        raise
    # The edge of the program: whatever comes this far ends as a sentence and an exit code.
    except BaseException as error:
        if isinstance(error, SystemExit) or streams.lost():
            raise
        sys.stdout.flush()
        return tell(error, words)


def _without_secrets(text: str) -> str:
    from orchestrator.redact import hide  # noqa: PLC0415 - not for a command that says nothing

    return hide(text)


def tell(error: BaseException, words: Sequence[str]) -> int:
    """Say what went wrong, as that line wants it; returns the exit code."""
    from orchestrator.cli.failure import report  # noqa: PLC0415 - for who fails

    return report(
        error,
        as_json=_said(words, "--json"),
        verbose=_said(words, "--verbose", "-v", "-vv", "--very-verbose"),
        config=pasting.config_said(words),
    )


def _dispatch(words: list[str]) -> int:
    app = command_line.build()
    if words[:1] == ["help"]:
        return _help(app, command_line.command_path(app, words[1:]))
    path = command_line.command_path(app, words)
    if set(command_line.HELP_FLAGS) & set(command_line.options(words)):
        return _help(app, path)
    if not path or path in {(family,) for family in FAMILIES}:
        command_line.refuse_unfinished(app, words, path=path)
    function, bound = command_line.parse(app, words)
    bound.arguments.setdefault("call", NOTHING_SAID)
    return _carry_out(function, bound)


def _help(app: Any, path: tuple[str, ...]) -> int:
    from orchestrator.cli import help as help_texts  # noqa: PLC0415 - only when asked

    text, width = help_texts.text_for(app, path), width_of(sys.stdout)
    if width is not None:
        text = layout.lay_out(help_texts.in_paragraphs(text), width=width)
    sys.stdout.write(text + "\n")
    return exit_codes.DONE


def _carry_out(function: Callable[..., Any], bound: inspect.BoundArguments) -> int:
    with stop_signals.raised():
        result = function(*bound.args, **bound.kwargs)
    if inspect.iscoroutine(result):
        result = asyncio.run(_until_stopped(result))
    return result if isinstance(result, int) else exit_codes.DONE


async def _until_stopped(work: Coroutine[Any, Any, Any]) -> Any:
    """A signal cancels it, so that everything closes on the way out."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    told: list[int] = []

    def stop(number: int) -> None:
        told.append(number)
        if task is not None:
            task.cancel()

    loop.call_later(_BRIEF, gc.set_threshold, _OBJECTS_BETWEEN_COLLECTIONS)
    with stop_signals.waking(loop), stop_signals.delivered(loop, stop):
        try:
            return await work
        except asyncio.CancelledError:
            if told:
                raise stop_signals.exception_for(told[0]) from None
            raise


def _said(words: Sequence[str], *names: str) -> bool:
    """Whether a flag was given, for a line that may not even have been understood."""
    variable = os.environ.get(f"REJOIN_{names[0].removeprefix('--').upper()}", "")
    return bool(set(names) & set(command_line.options(words))) or variable.lower() not in _NO
