"""`REJOIN_SECTION__KEY` over the file: which variable means which key, and how its text is read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from orchestrator.config.keys import Key, Kind, keys_of, known_names
from orchestrator.config.models import Settings
from orchestrator.config.problems import KeyPath, Origin, Problem
from orchestrator.config.raw_values import Draft
from orchestrator.domain.strict_json import InvalidJsonError, parse_json
from orchestrator.domain.suggestions import did_you_mean

PREFIX = "REJOIN_"
SEPARATOR = "__"
# The one key that stands outside every section. Other single words are flags of the command line.
_SINGLE_WORDS = frozenset({"REJOIN_TIMEZONE"})
_YES_NO = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


class _UnknownPartError(LookupError):
    """One part of a variable's name leads nowhere. The text says so and names the nearest that would."""

    def __init__(self, what: str, part: str, known: list[str]) -> None:
        hint = did_you_mean(part, known)
        super().__init__(f"{what}.{hint}" if hint else what)


def variable_for(path: KeyPath, instance_name: str | None = None) -> str:
    """The variable that sets a key; an instance by its name where given."""
    steps = [env_name(step) for step in path]
    if instance_name is not None:
        steps[1] = env_name(instance_name)
    return PREFIX + SEPARATOR.join(steps)


def env_name(step: str | int) -> str:
    return re.sub(r"[^A-Z0-9_]", "_", str(step).upper())


def apply_environment(draft: Draft, environ: Mapping[str, str]) -> None:
    """Put every variable of ours over the draft. Numbered items come first, since they may give a name."""
    ours = [
        name for name in environ if name.startswith(PREFIX) and (SEPARATOR in name or name in _SINGLE_WORDS)
    ]
    for name in sorted(ours, key=_order):
        try:
            path, key = _resolve(draft, name.removeprefix(PREFIX).split(SEPARATOR))
        except _UnknownPartError as error:
            draft.complain_of_variable(name, str(error))
            continue
        _put(draft, name, path=path, value=_read(environ[name], key))
    _warn_of_single_underscores(draft, environ)


def _warn_of_single_underscores(draft: Draft, environ: Mapping[str, str]) -> None:
    """`REJOIN_PACING_JITTER` looks right and would quietly do nothing."""
    for section in keys_of(Settings).values():
        for key in known_names(section.model) if section.model else []:
            meant = f"{PREFIX}{section.name}{SEPARATOR}{key}".upper()
            written = meant.replace(SEPARATOR, "_")
            if written in environ:
                message = f"is not read: write {meant}, with two underscores"
                draft.warnings.append(Problem(None, None, written, message))


def _order(name: str) -> tuple[bool, int, str]:
    item = [*name.split(SEPARATOR), ""][1]
    return (not _is_index(item), int(item) if _is_index(item) else 0, name)


def _put(draft: Draft, name: str, *, path: KeyPath, value: Any) -> None:
    origin = Origin(variable=name)
    if not _make_room(draft, path, origin):
        draft.complain_of_variable(name, "cannot be set: what the file holds there is not a table")
        return
    _forget_twin(draft, path)
    if isinstance(path[-1], int) and path[-1] == len(draft.at(path[:-1])):
        draft.at(path[:-1]).append(None)
    draft.put(path, value, origin)


def _make_room(draft: Draft, path: KeyPath, origin: Origin) -> bool:
    """Add the tables and list items on the way to a value; false where something else stands there."""
    container: Any = draft.data
    for depth, step in enumerate(path):
        fits = isinstance(container, list) if isinstance(step, int) else isinstance(container, dict)
        if not fits:
            return False
        if depth + 1 == len(path):
            break
        if isinstance(step, int) and step == len(container):
            container.append({})
            draft.origins[path[: depth + 1]] = origin
        elif isinstance(step, str):
            container.setdefault(step, [] if isinstance(path[depth + 1], int) else {})
        container = container[step]
    return True


def _forget_twin(draft: Draft, path: KeyPath) -> None:
    """A variable for `x` overrides the file's `x_file`, and the reverse; two variables remain a conflict."""
    last = str(path[-1])
    twin = (*path[:-1], last.removesuffix("_file") if last.endswith("_file") else f"{last}_file")
    table = draft.at(path[:-1])
    if isinstance(table, dict) and twin[-1] in table and draft.origin(twin).variable is None:
        del table[twin[-1]]
        draft.origins.pop(twin, None)


def _resolve(draft: Draft, parts: list[str]) -> tuple[KeyPath, Key]:
    """Raises _UnknownPartError."""
    model: type[BaseModel] | None = Settings
    path: KeyPath = ()
    key = Key("", Kind.TABLE)
    while parts:
        key = _key_named(parts.pop(0), model)
        path = (*path, key.name)
        model = key.model
        if key.kind is Kind.TABLES and parts:
            index, parts = _index(draft, path, parts)
            path = (*path, index)
            key = Key(key.name, Kind.TABLE, model=model)
    return path, key


def _key_named(part: str, model: type[BaseModel] | None) -> Key:
    names = known_names(model) if model else []
    found = next((name for name in names if name.upper() == part), None)
    if found is None or model is None:
        raise _UnknownPartError("unknown key", part, [name.upper() for name in names])
    return keys_of(model).get(found) or Key(found, Kind.TEXT)


def _index(draft: Draft, path: KeyPath, parts: list[str]) -> tuple[int, list[str]]:
    """The item that the first parts name, and the parts left. A name may itself hold the separator."""
    listed = draft.raw(path)
    items = listed if isinstance(listed, list) else []
    names = [
        env_name(str(item.get("name"))) if isinstance(item, dict) and "name" in item else None
        for item in items
    ]
    for length in range(len(parts), 0, -1):
        name = SEPARATOR.join(parts[:length])
        if names.count(name) == 1:
            return names.index(name), parts[length:]
    if _is_index(parts[0]) and int(parts[0]) <= len(items):
        return int(parts[0]), parts[1:]
    known = [name for name in names if name] + [str(index) for index in range(len(items))]
    raise _UnknownPartError(f"{path[0]} has no item of that name or number", parts[0], known)


def _is_index(part: str) -> bool:
    return part.isascii() and part.isdecimal() and len(part) < 5


def _read(text: str, key: Key) -> Any:
    """The value as the file would hold it; text that does not fit is left for the check to refuse."""
    match key.kind:
        case Kind.TEXT | Kind.DURATION:
            return text
        case Kind.YES_NO:
            return _YES_NO.get(text.strip().lower(), text)
        case Kind.WHOLE | Kind.NUMBER:
            return _number(text.strip())
        case Kind.LIST | Kind.TABLE | Kind.TABLES:
            return _toml_or_json(text)


def _number(text: str) -> int | float | str:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _toml_or_json(text: str) -> Any:
    try:
        read = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # not TOML, or a number too long or nested too deep for Python
        read = {}
    if len(read) == 1:
        return read["value"]
    try:
        return parse_json(text)
    except InvalidJsonError:
        return text
