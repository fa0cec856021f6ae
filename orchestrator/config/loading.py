"""From a file, the environment and the files of secrets to settings, or to every problem at once."""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from orchestrator import config_file
from orchestrator.config.checks import check_clock_speed, check_together
from orchestrator.config.environment import apply_environment
from orchestrator.config.error_sentences import explain
from orchestrator.config.keys import Key, Kind, keys_of
from orchestrator.config.models import Settings, Source
from orchestrator.config.problems import ConfigError, KeyPath, Origin, Problem
from orchestrator.config.raw_values import Draft, TypedValues, is_secret
from orchestrator.config.toml_lines import key_lines
from orchestrator.domain.commands import Command, Operation


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


LARGEST_SECRET = 64 * 1024
# Container engines mount secrets with mode 0444, systemd with an ACL that looks like 0440, in places that
# only the container or the service sees.
_HANDED_OVER = (Path("/run/secrets"), Path("/run/credentials"))


class _UnreadableError(Exception):
    """A secret's file cannot be used; the text says why and never what it holds."""


def read_secret_files(draft: Draft) -> None:
    _read_table(draft, (), Settings)


def _read_table(draft: Draft, path: KeyPath, model: type[BaseModel]) -> None:
    table = draft.raw(path)
    if not isinstance(table, dict):
        return
    for key in keys_of(model).values():
        below: KeyPath = (*path, key.name)
        if key.secret and f"{key.name}_file" in table:
            _take(draft, below, key)
        elif key.kind is Kind.TABLE and key.model:
            _read_table(draft, below, key.model)
        elif key.kind is Kind.TABLES and key.model and isinstance(table.get(key.name), list):
            for index in range(len(table[key.name])):
                _read_table(draft, (*below, index), key.model)


def _take(draft: Draft, path: KeyPath, key: Key) -> None:
    """Replace `x_file` by `x`. An empty name means none."""
    table: dict[str, Any] = draft.at(path[:-1])
    file_path: KeyPath = (*path[:-1], f"{key.name}_file")
    name = table.pop(f"{key.name}_file")
    if name == "":
        return
    if not isinstance(name, str):
        draft.complain(file_path, "must be the path of a file, in quotes")
    elif table.get(key.name):
        draft.complain(file_path, f"{key.name} is given as well: keep one of the two")
    else:
        _put(draft, path, key=key, name=name)
        return
    draft.refused.add(path)


def _put(draft: Draft, path: KeyPath, *, key: Key, name: str) -> None:
    file_path: KeyPath = (*path[:-1], f"{key.name}_file")
    try:
        secret = _content(draft.folder / name)
    except _UnreadableError as error:
        # The name itself is not shown: a token put there by mistake would be.
        draft.complain(file_path, f"the file it names {error} (paths are relative to {draft.folder})")
        draft.refused.add(path)
        return
    _warn_if_open(draft, file_path, draft.folder / name)
    said = draft.origin(file_path)
    value = [line for line in secret.splitlines() if line.strip()] if key.kind is Kind.LIST else secret
    draft.put(path, value, Origin(said.line, said.variable, secret_file=name))


def _content(file: Path) -> str:
    """Without one trailing line break. Raises _UnreadableError."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST_SECRET + 1)
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _UnreadableError("is not UTF-8 text") from None
    except OSError as error:
        raise _UnreadableError(
            f"cannot be read ({(error.strerror or 'input/output error').lower()})"
        ) from None
    except ValueError:
        raise _UnreadableError("is not the name of a file") from None
    if len(raw) > LARGEST_SECRET:
        raise _UnreadableError("is too large for a secret")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise _UnreadableError("is empty")
    return text


def _warn_if_open(draft: Draft, path: KeyPath, file: Path) -> None:
    if not any(file.absolute().is_relative_to(place) for place in _HANDED_OVER):
        warn_if_readable(draft, path, file)


def warn_if_readable(draft: Draft, path: KeyPath, file: Path) -> None:
    """Group or others may read it: a warning, since some set-ups mean it so."""
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o044:
        draft.warn(path, f"other users of this machine can read {file.name} (mode {mode:04o}): chmod 600 it")
