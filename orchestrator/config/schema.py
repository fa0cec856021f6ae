"""The models read as a list of keys, for the environment, secret files, error sentences and `config show`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel, SecretStr

from orchestrator.config.models import Settings
from orchestrator.config.values import InSeconds

if TYPE_CHECKING:
    from orchestrator.config.origins import KeyPath


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
