"""How a failure is told: one sentence and a hint on stderr, or one JSON object; and its exit code."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass, replace
from typing import TextIO

from orchestrator.cli import exit_codes, formatting, layout
from orchestrator.cli.output import width_of
from orchestrator.domain.errors import InputRejectedError, RejoinError, damage_hint
from orchestrator.domain.redaction import hide_codes
from orchestrator.redact import scrub_lines
from orchestrator.stop_signals import Terminated
from orchestrator.streams import OutputLostError

_WRITTEN_AS = "The answer holds characters that cannot be written as"
_DIAGNOSTICS = "run it again with -v to see where; rejoin diagnostics makes a file for a bug report"


@dataclass(frozen=True, slots=True)
class Failure:
    exit_code: int
    code: str
    message: str
    hint: str = ""
    problems: tuple[str, ...] = ()


def describe(error: BaseException) -> Failure:
    """What a person or a script is told of it."""
    if isinstance(error, BaseExceptionGroup):
        return describe(_weightiest(error))
    if isinstance(error, InputRejectedError):
        return Failure(error.exit_code, error.code, error.message, error.hint, error.problems)
    if isinstance(error, RejoinError):
        return Failure(error.exit_code, error.code, error.message, error.hint)
    return _of_the_world(error) if isinstance(error, Exception) else _of_the_process(error)


def _weightiest(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Of errors that came at once: one that nobody foresaw, else the first that we know."""
    leaves = [leaf for one in group.exceptions for leaf in _leaves(one)]
    return next((leaf for leaf in leaves if not isinstance(leaf, RejoinError)), leaves[0])


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for one in error.exceptions for leaf in _leaves(one)]


def _of_the_process(error: BaseException) -> Failure:
    """Signals, and an answer that could not be written."""
    if isinstance(error, KeyboardInterrupt):
        return Failure(exit_codes.INTERRUPTED, "interrupted", "Interrupted. What was done is saved.")
    if isinstance(error, Terminated):
        return Failure(exit_codes.TERMINATED, "terminated", "Terminated. What was done is saved.")
    if isinstance(error, OutputLostError):
        return Failure(exit_codes.UNEXPECTED, "output", f"The answer could not be written: {error}.")
    return _unexpected(error)


def _of_the_world(error: BaseException) -> Failure:
    """Errors of other libraries, known by name so that none of them need be imported to ask."""
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if "orchestrator.config.problems.ConfigError" in names:
        problems = tuple(str(problem) for problem in getattr(error, "problems", ()))
        hint = getattr(error, "hint", "")
        return Failure(exit_codes.CONFIGURATION, "configuration", "", hint, problems=problems)
    if "orchestrator.config.problems.UnknownInstanceError" in names:
        return Failure(exit_codes.USAGE, "not_found", _sentence(str(error)))
    if "sqlalchemy.exc.DBAPIError" in names:
        return _of_the_database(error)
    if isinstance(error, UnicodeEncodeError):
        hint = "set a UTF-8 locale, such as LC_ALL=C.UTF-8"
        return Failure(exit_codes.USAGE, "usage", f"{_WRITTEN_AS} {error.encoding}.", hint)
    if isinstance(error, OSError):
        return Failure(exit_codes.UNEXPECTED, "file", _file_message(error))
    return _unexpected(error)


def _unexpected(error: BaseException) -> Failure:
    return Failure(exit_codes.UNEXPECTED, "unexpected", f"Unexpected {type(error).__name__}.", _DIAGNOSTICS)


def _of_the_database(error: BaseException) -> Failure:
    """The driver's own words carry no parameters, unlike SQLAlchemy's."""
    cause = getattr(error, "orig", None)
    said = formatting.clean(cause).rstrip(".") if cause else "no reason given"
    hint = damage_hint(said) or _DIAGNOSTICS
    return Failure(exit_codes.UNEXPECTED, "database", f"The database could not do it: {said}.", hint)


def _file_message(error: OSError) -> str:
    said = error.strerror or type(error).__name__
    return _sentence(f"{error.filename}: {said}" if error.filename else said)


def _sentence(text: str) -> str:
    text = formatting.clean(text)
    return text if text.endswith((".", "?", "!")) else f"{text}."


def report(
    error: BaseException,
    *,
    as_json: bool,
    verbose: bool,
    config: str | None = None,
    stream: TextIO | None = None,
) -> int:
    """Tell it, and return the exit code. `config`: the file that the call named."""
    stream = stream or sys.stderr
    failure = describe(error)
    failure = _without_codes(replace(failure, hint=layout.with_config(failure.hint, config)))
    if verbose and failure.exit_code == exit_codes.UNEXPECTED:
        print(_traceback(error), end="", file=stream)
    text = _as_json(failure) if as_json else layout.lay_out(_as_text(failure), width=width_of(stream))
    print(text, file=stream, flush=True)
    return failure.exit_code


def _traceback(error: BaseException) -> str:
    """Errors of libraries quote addresses, requests and values."""
    return scrub_lines("".join(traceback.format_exception(error)))


def _without_codes(failure: Failure) -> Failure:
    """People paste links where a file or a group is meant, and name files after them."""
    return replace(
        failure,
        message=hide_codes(failure.message),
        hint=hide_codes(failure.hint),
        problems=tuple(map(hide_codes, failure.problems)),
    )


def _as_json(failure: Failure) -> str:
    message = formatting.clean(failure.message) or "; ".join(map(formatting.clean, failure.problems))
    value: dict[str, object] = {
        "type": "error",
        "code": failure.code,
        "message": message,
        "hint": formatting.clean(failure.hint),
    }
    if failure.problems:
        value["problems"] = [formatting.clean(problem) for problem in failure.problems]
    return formatting.as_json(value, indent=None)


def _as_text(failure: Failure) -> str:
    lines = [formatting.clean(problem) for problem in failure.problems]
    if failure.message:
        lines.append(f"rejoin: {formatting.clean(failure.message)}")
    if failure.hint:
        lines.append(f"  {formatting.clean(failure.hint)}")
    return "\n".join(lines)
