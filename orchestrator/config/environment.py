"""`REJOIN_SECTION__KEY` over the file: which variable means which key, and how its text is read."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

from orchestrator.config.models import Settings
from orchestrator.config.origins import KeyPath, Origin
from orchestrator.config.schema import Key, Kind, keys_of, known_names
from orchestrator.config.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from orchestrator.config.draft import Draft

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
    """One part of a variable's name leads nowhere; carries the names that would."""

    def __init__(self, part: str, known: list[str]) -> None:
        super().__init__(did_you_mean(part, known))


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
            draft.complain_of_variable(name, f"unknown key.{error}")
            continue
        _put(draft, name, path=path, value=_read(environ[name], key))


def _order(name: str) -> tuple[bool, int, str]:
    index = name.split(SEPARATOR)[1] if SEPARATOR in name else ""
    return (not index.isdecimal(), int(index) if index.isdecimal() else 0, name)


def _put(draft: Draft, name: str, *, path: KeyPath, value: Any) -> None:
    origin = Origin(variable=name)
    if not _make_room(draft, path[:-1], origin):
        draft.complain_of_variable(name, "cannot be set: what the file holds there is not a table")
        return
    _forget_twin(draft, path)
    if isinstance(path[-1], int) and path[-1] == len(draft.at(path[:-1])):
        draft.at(path[:-1]).append(None)
    draft.put(path, value, origin)


def _make_room(draft: Draft, parents: KeyPath, origin: Origin) -> bool:
    container: Any = draft.data
    for depth, step in enumerate(parents):
        if isinstance(step, int):
            if step == len(container):
                container.append({})
                draft.origins[parents[: depth + 1]] = origin
        else:
            is_list = depth + 1 < len(parents) and isinstance(parents[depth + 1], int)
            container.setdefault(step, [] if is_list else {})
        container = container[step]
        if not isinstance(container, dict | list):
            return False
    return isinstance(container, dict | list)


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
        raise _UnknownPartError(part, [name.upper() for name in names])
    return keys_of(model).get(found) or Key(found, Kind.TEXT)


def _index(draft: Draft, path: KeyPath, parts: list[str]) -> tuple[int, list[str]]:
    """The item that the first parts name, and the parts left. A name may itself hold the separator."""
    listed = draft.get(path)
    items = listed if isinstance(listed, list) else []
    names = [
        env_name(str(item.get("name"))) if isinstance(item, dict) and "name" in item else None
        for item in items
    ]
    for length in range(len(parts), 0, -1):
        name = SEPARATOR.join(parts[:length])
        if names.count(name) == 1:
            return names.index(name), parts[length:]
    first = parts[0]
    if first.isdecimal() and first.isascii() and int(first) <= len(items):
        return int(first), parts[1:]
    raise _UnknownPartError(
        first, [name for name in names if name] + [str(index) for index in range(len(items))]
    )


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
    except tomllib.TOMLDecodeError:
        read = {}
    if len(read) == 1:
        return read["value"]
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
