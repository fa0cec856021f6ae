"""One call from its words to its exit code: parse, run, tell failures, mind the signals."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import re
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, NoReturn, get_args

from cyclopts import App, ArgumentCollection, CycloptsError, UnknownCommandError, UnusedCliTokensError

from orchestrator import redact, stop_signals, streams
from orchestrator.cli import exit_codes, layout
from orchestrator.cli.call import NOTHING_SAID
from orchestrator.cli.command_list import COMMANDS, FAMILIES, NEAR_WORDS
from orchestrator.cli.output import width_of
from orchestrator.domain.errors import UsageError

END_OF_OPTIONS = "--"
_LARGEST = 2**31 - 1  # PostgreSQL's integer
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
HELP_FLAGS = ("--help", "-h")
# Options of every command that take a value: what follows them is no command.
_WITH_VALUE = ("--config", "-c", "--log-format")
# An option that may stand alone or with a number: what it means alone.
_ALONE_MEANS = {"--watch": "2"}
_BRIEF = 1.0  # seconds
_OBJECTS_BETWEEN_COLLECTIONS = 50_000
_NO = ("", "0", "false", "no", "off", "n", "f")


def build() -> App:
    """The whole command line; every command's module is still unread."""
    app = App(
        name="rejoin",
        help_format="plaintext",
        help_flags=HELP_FLAGS,
        version_flags=("--version",),
        config=_refuse_odd_numbers,
    )
    for family, help_text in FAMILIES.items():
        app.command(App(name=family, help=help_text, help_flags=HELP_FLAGS, version_flags=()))
    for command in COMMANDS:
        parent = app if len(command.path) == 1 else app[command.path[0]]
        parent.command(command.import_path, name=command.path[-1], help=command.help)
    return app


def parse(app: App, words: Sequence[str]) -> tuple[Callable[..., Any], inspect.BoundArguments]:
    """Raises UsageError."""
    try:
        function, bound, _ = app.parse_args(
            normalise(words), print_error=False, exit_on_error=False, verbose=False
        )
    except UnusedCliTokensError as error:
        raise _too_many(app, words, error.unused_tokens or []) from None
    except UnknownCommandError as error:
        path = command_path(app, words)
        meant = NEAR_WORDS.get(normalise(words)[len(path)].lower()) if not path else None
        said = str(error).strip()
        if meant is not None:
            said = f'Unknown command "{normalise(words)[0]}". Did you mean "{meant}"?'
        raise UsageError(said, hint=_hint(app, words)) from None
    except CycloptsError as error:
        raise UsageError(str(error).strip(), hint=_hint(app, words)) from None
    for name, value in bound.arguments.items():
        for one in value if isinstance(value, list | tuple) else (value,):
            _refuse_unusable(name.strip("_").replace("_", "-"), one)
    return function, bound


def _refuse_odd_numbers(_app: App, _commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Python reads the digits of every script and `1_0`, and cyclopts `0x3` and `1.7` as whole numbers: each
    is a slip. Called with the words and variables as they came. Raises UsageError.
    """
    for argument in arguments:
        kinds = {argument.hint, *get_args(argument.hint)}
        for token in argument.tokens if kinds & {int, float} else ():
            kind, written = ("whole number", _WHOLE) if int in kinds else ("number", _NUMBER)
            if any(map(str.isdigit, token.value)) and not written.fullmatch(token.value):
                name = (token.keyword or argument.name).strip("-")
                raise UsageError(f'{name}: "{token.value}" is no {kind} in the digits 0 to 9')


def _refuse_unusable(name: str, value: object) -> None:
    """What no database and no terminal takes, from the line or from a variable. Raises UsageError."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise UsageError(f"{name}: must be at most {_LARGEST:,}")
    if isinstance(value, str | Path):
        try:
            str(value).encode()
        except UnicodeEncodeError:
            raise UsageError(f"{name}: is not text in UTF-8") from None


def refuse_unfinished(app: App, words: Sequence[str], *, path: tuple[str, ...]) -> NoReturn:
    """No command, or a family without one, or a word that is neither. Raises UsageError."""
    rest = normalise(words)[len(path) :]
    if rest and not rest[0].startswith("-"):
        parse(app, words)  # the library knows what is most like it
    said = " ".join(("rejoin", *path))
    raise UsageError("A command is missing.", hint=f"{said} --help lists them.")


def normalise(words: Sequence[str]) -> list[str]:
    """Options of every command move behind the command; options that may stand alone get their value."""
    leading = _leading_options(words)
    command = list(words[len(leading) :])
    end = command.index(END_OF_OPTIONS) if END_OF_OPTIONS in command else len(command)
    options = [*command[:end], *leading]
    return [*_complete(options), *command[end:]]


def options(words: Sequence[str]) -> list[str]:
    """The words before `--`."""
    return list(words[: words.index(END_OF_OPTIONS)] if END_OF_OPTIONS in words else words)


def command_path(app: App, words: Sequence[str]) -> tuple[str, ...]:
    """The command that the words name, as far as they name one."""
    plain = [word for word in normalise(words) if word not in HELP_FLAGS]
    return tuple(app.parse_commands(plain)[0]) if plain else ()


def _leading_options(words: Sequence[str]) -> list[str]:
    taken: list[str] = []
    for word in words:
        value_due = bool(taken) and taken[-1] in _WITH_VALUE
        if word == END_OF_OPTIONS or not (word.startswith("-") or value_due):
            break
        taken.append(word)
    return taken


def _complete(words: list[str]) -> list[str]:
    complete: list[str] = []
    for word, following in zip(words, [*words[1:], ""], strict=False):
        complete.append(word)
        if word in _ALONE_MEANS and not following[:1].isdigit():
            complete.append(_ALONE_MEANS[word])
    return complete


def _too_many(app: App, words: Sequence[str], unused: Sequence[str]) -> UsageError:
    """A word that nothing takes. Behind set-code it is an invite code, which must not be repeated."""
    if command_path(app, words) == ("groups", "set-code"):
        said = "The invite code is read from a prompt or from stdin, never from the line."
    else:
        said = "Nothing takes {} here.".format(", ".join(f'"{word}"' for word in unused))
    return UsageError(said, hint=_hint(app, words))


def _hint(app: App, words: Sequence[str]) -> str:
    return " ".join(("rejoin", *command_path(app, words), "--help"))


def run(words: list[str]) -> int:
    """Every end but a lost output is an exit code."""
    streams.show_talk_through(redact.hide)
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


def tell(error: BaseException, words: Sequence[str]) -> int:
    """Say what went wrong, as that line wants it; returns the exit code."""
    from orchestrator.cli.failure import report  # noqa: PLC0415 - for who fails

    return report(
        error,
        as_json=_said(words, "--json"),
        verbose=_said(words, "--verbose", "-v", "-vv", "--very-verbose"),
        config=layout.config_said(words),
    )


def _dispatch(words: list[str]) -> int:
    app = build()
    if words[:1] == ["help"]:
        return _show_help(app, command_path(app, words[1:]))
    path = command_path(app, words)
    if set(HELP_FLAGS) & set(options(words)):
        return _show_help(app, path)
    if not path or path in {(family,) for family in FAMILIES}:
        refuse_unfinished(app, words, path=path)
    function, bound = parse(app, words)
    bound.arguments.setdefault("call", NOTHING_SAID)
    return _carry_out(function, bound)


def _show_help(app: Any, path: tuple[str, ...]) -> int:
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
    return bool(set(names) & set(options(words))) or variable.lower() not in _NO
