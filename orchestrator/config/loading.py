"""From a file and the environment to settings, or to every problem at once."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from orchestrator import config_file
from orchestrator.config.checks import check_clock_speed, check_together
from orchestrator.config.draft import Draft, is_secret
from orchestrator.config.environment import apply_environment
from orchestrator.config.explain import explain
from orchestrator.config.lines import key_lines
from orchestrator.config.models import Settings, Source
from orchestrator.config.origins import KeyPath, Origin
from orchestrator.config.problems import ConfigError, Problem
from orchestrator.config.schema import Kind, keys_of
from orchestrator.config.secret_files import read_secret_files, warn_if_readable
from orchestrator.config.typed_values import TypedValues
from orchestrator.domain.commands import Command, Operation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Raises ConfigError with every problem that was found."""
    file = config_file.find(path, environ)
    try:
        text = _read(file)
    except FileNotFoundError:
        raise ConfigError((_not_there(file, path, environ),)) from None
    draft = _parse(file, text)
    apply_environment(draft, environ)
    _warn_of_open_file(draft, file)
    read_secret_files(draft)
    settings = _validate(draft)
    values = TypedValues(draft)
    check_together(values)
    speed = check_clock_speed(values, environ)
    if settings is None or draft.problems:
        raise ConfigError(tuple(sorted(draft.problems, key=_order)))
    warnings = tuple(sorted(draft.warnings, key=_order))
    settings._source = Source(str(file), file.absolute(), draft.origins, warnings, speed)  # noqa: SLF001 - the one place that fills it
    return settings


def _order(problem: Problem) -> tuple[bool, float]:
    return (problem.file is None, problem.line or 0)


def _read(file: Path) -> str:
    """Raises ConfigError and FileNotFoundError."""
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        problem = Problem(
            str(file), None, "", f"cannot be read ({(error.strerror or 'input/output error').lower()})"
        )
    else:
        text, line = _decode(raw)
        if line is None:
            return text
        problem = Problem(str(file), line, "", "is not UTF-8 text: save it as UTF-8")
    raise ConfigError((problem,))


def _not_there(file: Path, path: Path | None, environ: Mapping[str, str]) -> Problem:
    """Where one is, or else where it was looked for and how to make one."""
    here = Problem(str(file), None, "", "there is no such file")
    if config_file.named(path, environ) is None:
        *others, last = config_file.places(environ)[1:]
        looked = f"{', '.join(map(str, others))} nor {last}" if others else str(last)
        said = (
            f'nor {looked}: run "{Operation.INIT}" to write one, or name yours with --config or REJOIN_CONFIG'
        )
        return here._replace(message=f"there is no such file, {said}")
    found = config_file.existing(environ)
    if found is not None:
        return here._replace(
            message=f"there is no such file; the configuration in effect without it is {found}"
        )
    init = Command(Operation.INIT, file=str(file))
    return here._replace(message=f"{here.message}: {init} writes one")


def _decode(raw: bytes) -> tuple[str, int | None]:
    """The text, and the line where it stops being UTF-8."""
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n"), None
    except UnicodeDecodeError as error:
        return "", raw[: error.start].count(b"\n") + 1


def _parse(file: Path, text: str) -> Draft:
    """Raises ConfigError, outside of the parser's own error, which on newer Pythons holds the whole text."""
    try:
        data: dict[str, Any] = tomllib.loads(text)
        origins = {path: Origin(line=line) for path, line in key_lines(text).items()}
    except tomllib.TOMLDecodeError as error:
        problem = _syntax_problem(str(file), text, str(error))
    except (ValueError, RecursionError):  # Python's own limits: 4300 digits, and the depth of its stack
        problem = Problem(
            str(file), None, "", "holds a number that is too long, or values nested too deep, to be read"
        )
    else:
        return Draft(str(file), file.absolute().parent, data, origins)
    raise ConfigError((problem,))


def _syntax_problem(file: str, text: str, message: str) -> Problem:
    found = re.search(r"(?<!\s)\s*\(at (?:line (\d+), column \d+|end of document)\)$", message)
    said = message[: found.start()] if found else message
    lines = text.split("\n")
    line = int(found[1]) if found and found[1] else len(text.rstrip("\n").split("\n"))
    # tomllib points behind the value, which for a key given twice may be the line after.
    written = re.match(r"\s*(?:\[+\s*)?([A-Za-z0-9_.-]+)", lines[line - 1]) if line <= len(lines) else None
    key = written[1] if written else ""
    if said.startswith("Cannot"):
        return Problem(file, line, key, "is given twice")
    return Problem(file, line, "", f"is not valid TOML: {said[:1].lower()}{said[1:]}")


def _warn_of_open_file(draft: Draft, file: Path) -> None:
    if any(_holds_secret(draft, path) for path in draft.origins):
        warn_if_readable(draft, (), file)


def _holds_secret(draft: Draft, path: KeyPath) -> bool:
    """Whether the file itself holds one. A database's address is secret only with a password in it."""
    value = draft.raw(path)
    written = isinstance(value, str) and value and draft.origin(path).variable is None
    in_place = is_secret(path) and not str(path[-1]).endswith("_file")
    return bool(written and in_place and (path != ("database", "url") or "@" in value))


def _validate(draft: Draft) -> Settings | None:
    """Every section is named, so that its defaults are checked with the file's folder at hand."""
    sections: dict[str, Any] = {key.name: {} for key in keys_of(Settings).values() if key.kind is Kind.TABLE}
    try:
        return Settings.model_validate(sections | draft.data, context={"folder": draft.folder})
    except ValidationError as error:
        explain(draft, error)
        return None
