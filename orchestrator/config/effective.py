"""Every key as it stands, secrets masked, and where its value came from: `rejoin config show --origin`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, SecretStr

from orchestrator.config.database import MASK
from orchestrator.config.schema import Key, Kind, keys_of
from orchestrator.config.values import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.config.models import Settings
    from orchestrator.config.origins import KeyPath, Origin

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
