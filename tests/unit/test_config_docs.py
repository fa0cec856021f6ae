from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic_core import PydanticUndefined

from orchestrator.config import Settings, effective, load
from orchestrator.config.keys import Kind, keys_of
from orchestrator.config.toml_lines import key_lines
from orchestrator.config.values import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config.example.toml"
GUIDE = ROOT / "docs" / "configuration.md"
TOKENS = {
    "REJOIN_INSTANCES__SALES_MAIN__ACCESS_TOKEN": "k3y-of-sales",
    "REJOIN_INSTANCES__BACKUP_1__ACCESS_TOKEN": "k3y-of-backup",
}


def leaves(
    model: type[BaseModel], section: tuple[str, ...] = ()
) -> Iterator[tuple[type[BaseModel], tuple[str, ...], str]]:
    for key in keys_of(model).values():
        if key.model is not None:
            yield from leaves(key.model, (*section, key.name))
        else:
            yield model, section, key.name


LEAVES = list(leaves(Settings))


def documented() -> dict[tuple[tuple[str, ...], str], list[str]]:
    rows: dict[tuple[tuple[str, ...], str], list[str]] = {}
    section: tuple[str, ...] = ()
    for line in GUIDE.read_text().splitlines():
        header = re.match(r"##+ (?:`\[+([a-z_.]+)\]+`|Top level)", line)
        if header:
            section = tuple(header[1].split(".")) if header[1] else ()
        row = re.match(r"\| `([a-z_]+)` \| (.*) \| (.*) \| (.*) \|$", line)
        if row:
            rows[section, row[1]] = [row[2], row[3], row[4]]
    return rows


@pytest.mark.parametrize(("model", "section", "name"), LEAVES, ids=[".".join((*s, n)) for _, s, n in LEAVES])
def test_each_key_stands_in_the_guide_with_its_default(
    model: type[BaseModel], section: tuple[str, ...], name: str
) -> None:
    kind, default, meaning = documented()[section, name]

    assert default == _spelled_default(model, name)
    assert kind
    assert meaning.endswith(".")


def test_the_guide_names_no_key_that_does_not_exist() -> None:
    assert set(documented()) == {(section, name) for _, section, name in LEAVES}


def test_the_guide_names_the_file_of_each_secret() -> None:
    rows = documented()
    secrets = [(section, name) for model, section, name in LEAVES if keys_of(model)[name].secret]

    assert len(secrets) == 9
    assert [s for s in secrets if f"(or `{s[1]}_file`)" not in rows[s][0]] == []


def _spelled_default(model: type[BaseModel], name: str) -> str:
    if name == "access_token":
        return "required"
    default = model.model_fields[name].default
    if default is PydanticUndefined:
        return "required"
    if hasattr(default, "get_secret_value"):
        default = default.get_secret_value()
    key = keys_of(model)[name]
    if key.durations:
        default = [format_duration(d) for d in default] if key.kind is Kind.LIST else format_duration(default)
    if key.kind is Kind.NUMBER:
        default = int(default) if float(default).is_integer() else default
    if key.kind is Kind.TEXT:
        default = str(default)
    return f"`{json.dumps(default)}`"


def test_each_key_stands_in_the_example() -> None:
    uncommented = re.sub(
        r"(?m)^# (?=\[\[|name = |url = |url_file = |secret_file|access_token_file)", "", EXAMPLE.read_text()
    )
    written = {tuple(s for s in path if isinstance(s, str)) for path in key_lines(uncommented)}
    missing = [
        (*section, name)
        for _, section, name in LEAVES
        if not {(*section, name), (*section, f"{name}_file")} & written
    ]

    assert missing == []


def test_the_example_is_valid_once_its_tokens_are_supplied() -> None:
    settings = load(EXAMPLE, TOKENS)

    assert [i.name for i in settings.instances] == ["sales-main", "backup-1"]
    assert settings.instance("backup-1").access_token.get_secret_value() == "k3y-of-backup"
    assert settings.warnings == ()


def test_the_example_shows_the_defaults() -> None:
    settings = load(EXAMPLE, TOKENS)
    defaults = {entry.key: entry.value for entry in effective(Settings())}
    shown = {entry.key: entry.value for entry in effective(settings)}
    beside = {"database.url", "database.key_file", "instances"}

    assert {k: v for k, v in defaults.items() if k not in beside} == {
        k: v for k, v in shown.items() if k in defaults and k not in beside
    }
