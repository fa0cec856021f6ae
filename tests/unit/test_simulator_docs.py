"""The page on the simulated network names every key, every deed and every default."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from orchestrator.simulator import deeds, scenario
from orchestrator.simulator import faults as knobs
from orchestrator.simulator.faults import Webhooks

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()


def first_cells(section: str) -> list[str]:
    """What the tables of one section have in their first column."""
    text = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", text, flags=re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_every_key_of_an_account_is_told() -> None:
    assert sorted(first_cells("`[[accounts]]`")) == sorted(scenario.ACCOUNT)


def test_every_key_of_webhooks_is_told() -> None:
    assert sorted(first_cells("`[webhooks]`")) == sorted([*knobs.WEBHOOKS, *knobs.TARGET])


def test_every_deed_is_told() -> None:
    assert sorted(first_cells("`[[events]]`")) == sorted([*deeds.ON_ACCOUNTS, *deeds.ON_GROUPS])


def test_the_defaults_are_the_right_ones() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `?([^`|]+?)`? \| ", PAGE.split("## `[webhooks]`")[1], flags=re.MULTILINE
    )
    told = {name: value for name, value in rows if name in knobs.WEBHOOKS and value not in ("all", " ")}
    known = Webhooks().as_json() | {"secret": "", "delay": 0, "replay_after": [120, 900]}
    assert len(told) == 17
    assert {name: tomllib.loads(f"x = {value}")["x"] for name, value in told.items()} == {
        name: known[name] for name in told
    }


def test_the_example_can_be_used() -> None:
    example = PAGE.split("```toml\n")[1].split("```")[0]
    world = scenario.parse('[[accounts]]\nname = "backup-1"\n' + example)
    assert world.faults.webhooks.targets[0].account == "backup-1"
