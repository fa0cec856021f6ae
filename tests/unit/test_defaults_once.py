"""A configured value has its default in orchestrator.config and nowhere else: a second one drifts."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orchestrator
from orchestrator.assembly import recovery_settings, watch_settings
from orchestrator.config import Settings, WawpOptions, models
from orchestrator.gateways.calls import Timeouts
from orchestrator.gateways.wawp.opening import routes_of
from orchestrator.operations.retention import Keep

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHER: dict[str, dict[str, Any]] = {
    "pacing": {
        "joins_per_minute": 2.0, "jitter": 0.1, "daily_limit": 7,
        "probe_gap": 11.0, "look_gap": 12.0, "greeting_gap": 13.0,
    },
    "http": {"timeout": 31.0, "join_timeout": 101.0, "connect_timeout": 11.0},
    "retry": {"attempts": 6, "first_wait": 61.0, "longest_wait": 7000.0, "pauses": (1.0, 2.0)},
    "allow_list": {"mode": "listed_jids", "owners": ("15550100001",)},
    "confirm": {"method": "lookup"},
    "greeting": {"enabled": False, "default": "a", "small": "b", "small_group_members": 21},
    "watch": {
        "every": 61.0, "lost_after": 601.0, "on_loss": "recover", "on_backup_lost": "next",
        "memberships_every": 700.0,
    },
    "retention": {"journal": 3e7, "slots": 3e7, "events": 3e7, "messages": 3e7},
}  # fmt: skip
WAWP = {
    "probe_path": "/p", "join_path": "/j", "code_parameter": "url", "code_in": "query", "code_form": "link",
    "auth": "header",
    "paths": {name: f"/x{field.default}" for name, field in models.WawpPaths.model_fields.items()},
}  # fmt: skip
# The same word for another thing: after so long without its session a run gives up.
ANOTHER_THING = {("RecoverySettings", "lost_after")}
# Names of parts and of columns, not of settings.
NOT_CONFIGURED = {"name", "participants"}


def told(settings: Settings, options: WawpOptions) -> list[Any]:
    """Everything that is made of the configuration for those below it."""
    http = settings.http
    return [
        recovery_settings(settings),
        watch_settings(settings),
        Keep(**settings.retention.model_dump()),
        routes_of(options.model_dump()),
        Timeouts(http.connect_timeout, http.timeout, http.join_timeout),
    ]


def differing(one: Any, other: Any) -> Iterator[tuple[type, dataclasses.Field[Any]]]:
    for field in dataclasses.fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if mine != theirs:
            yield type(one), field
            if dataclasses.is_dataclass(mine):
                yield from differing(mine, theirs)


def test_what_the_configuration_gives_has_no_default_where_it_arrives() -> None:
    usual, other = Settings(), Settings.model_validate(OTHER)
    for section, keys in OTHER.items():
        assert keys.keys() == type(getattr(usual, section)).model_fields.keys(), section
        assert all(
            getattr(getattr(usual, section), key) != getattr(getattr(other, section), key) for key in keys
        )
    pairs = zip(told(usual, WawpOptions()), told(other, WawpOptions.model_validate(WAWP)), strict=True)
    found = [each for one, two in pairs for each in differing(one, two)]

    assert len(found) > 45
    missing = dataclasses.MISSING
    twice = [
        f"{owner.__name__}.{field.name}"
        for owner, field in found
        if field.default is not missing or field.default_factory is not missing
    ]
    assert twice == []


def configured_names() -> set[str]:
    sections = [
        one for one in vars(models).values() if inspect.isclass(one) and issubclass(one, models.Section)
    ]
    return {name for section in sections for name in section.model_fields} - NOT_CONFIGURED


ROOMS = [
    found.name
    for found in pkgutil.iter_modules([str(Path(orchestrator.__file__).parent)])
    if found.ispkg and found.name not in ("cli", "config", "simulator")
]


def defaults(module: Any) -> Iterator[tuple[str, str, Any]]:
    for owner in vars(module).values():
        if not inspect.isclass(owner) or owner.__module__ != module.__name__:
            continue
        if dataclasses.is_dataclass(owner):
            yield from ((owner.__name__, field.name, field.default) for field in dataclasses.fields(owner))
        named: dict[str, Any] = getattr(owner, "_field_defaults", {})
        yield from ((owner.__name__, name, value) for name, value in named.items())


def test_no_part_has_a_default_of_its_own_for_what_bears_a_configured_name() -> None:
    names, twice = configured_names(), []
    for package in ROOMS:
        inside = importlib.import_module(f"orchestrator.{package}")
        for found in pkgutil.walk_packages(inside.__path__, f"{inside.__name__}."):
            if found.name.endswith("_process"):  # a program of its own
                continue
            twice += [
                (owner, name, value)
                for owner, name, value in defaults(importlib.import_module(found.name))
                if name in names and (owner, name) not in ANOTHER_THING
                if type(value) in (str, int, float, tuple) and value
            ]

    assert twice == []
