"""The models read as a list of keys: for the environment, secret files and error sentences, and each with its
value and where that came from for `rejoin config show --origin`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import BaseModel, SecretStr

from orchestrator.config.database import MASK
from orchestrator.config.models import Settings
from orchestrator.config.problems import KeyPath, Origin
from orchestrator.config.values import InSeconds, format_duration


class Kind(StrEnum):
    TEXT = "text"
    DURATION = "duration"
    NUMBER = "number"
    WHOLE = "whole number"
    YES_NO = "true or false"
    LIST = "list"
    TABLE = "table"
    TABLES = "list of tables"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a section. `durations`: it, or each item, is a duration. `model`: what a table holds."""

    name: str
    kind: Kind
    secret: bool = False
    durations: bool = False
    model: type[BaseModel] | None = None


@cache
def keys_of(model: type[BaseModel]) -> dict[str, Key]:
    return {name: _key(name, field.annotation, field.metadata) for name, field in model.model_fields.items()}


def _key(name: str, annotation: Any, metadata: list[Any]) -> Key:
    inner = annotation
    is_list = get_origin(annotation) is tuple
    if is_list:
        inner, *metadata = [get_args(annotation)[0]]
        if hasattr(inner, "__metadata__"):
            inner, *metadata = get_args(inner)
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        return Key(name, Kind.TABLES if is_list else Kind.TABLE, model=inner)
    durations = any(isinstance(mark, InSeconds) for mark in metadata)
    kind = Kind.LIST if is_list else Kind.DURATION if durations else _SCALARS.get(inner, Kind.TEXT)
    return Key(name, kind, secret=inner is SecretStr, durations=durations)


_SCALARS = {bool: Kind.YES_NO, int: Kind.WHOLE, float: Kind.NUMBER}


def key_at(path: KeyPath) -> Key | None:
    """The key that a path names; None for what no model knows. An item of a list has its list's key."""
    model: type[BaseModel] | None = Settings
    key: Key | None = None
    for step in path:
        if isinstance(step, int):
            continue
        key = keys_of(model).get(step) if model else None
        if key is None:
            return None
        model = key.model
    return key


def known_names(model: type[BaseModel]) -> list[str]:
    """Every name that may stand in a section's table, `…_file` of secrets included."""
    keys = keys_of(model).values()
    return [key.name for key in keys] + [f"{key.name}_file" for key in keys if key.secret]


DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Effective:
    """One key. `value` is fit for JSON: a duration as text, a secret as its mask, or "" for none."""

    key: str
    value: Any
    origin: str


def effective(settings: Settings) -> list[Effective]:
    return list(_section(settings, settings, ()))


def _section(settings: Settings, section: BaseModel, path: KeyPath) -> Iterator[Effective]:
    for key in keys_of(type(section)).values():
        below: KeyPath = (*path, key.name)
        value = getattr(section, key.name)
        if key.kind is Kind.TABLE:
            yield from _section(settings, value, below)
        elif key.kind is Kind.TABLES and value:
            for index, item in enumerate(value):
                yield from _section(settings, item, (*below, index))
        else:
            origin = _origin(settings, below) if key.name in section.model_fields_set else DEFAULT
            yield Effective(_shown(settings, below), _show(settings, below, key=key, value=value), origin)


def _shown(settings: Settings, path: KeyPath) -> str:
    steps = [str(step) for step in path]
    if len(path) > 1 and path[0] == "instances" and isinstance(path[1], int):
        steps[1] = settings.instances[path[1]].name
    return ".".join(steps)


def _show(settings: Settings, path: KeyPath, *, key: Key, value: Any) -> Any:
    if path == ("database", "url"):
        return settings.database.safe_url
    if isinstance(value, tuple):
        return [_plain(item, key) for item in value]
    return _plain(value, key)


def _plain(value: Any, key: Key) -> Any:
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if key.durations:
        return format_duration(value)
    return str(value) if isinstance(value, Path | ZoneInfo) else value


def _origin(settings: Settings, path: KeyPath) -> str:
    origins = settings.source.origins
    for length in range(len(path), 0, -1):
        if path[:length] in origins:
            return _label(origins[path[:length]], settings.source.file)
    return DEFAULT


def _label(origin: Origin, file: str) -> str:
    if origin.secret_file is not None:
        return f"file {origin.secret_file}"
    if origin.variable is not None:
        return f"environment {origin.variable}"
    return f"{file}:{origin.line}"
