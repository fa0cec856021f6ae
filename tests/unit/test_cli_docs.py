"""docs/command-line.md says everything that the command line can do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.call import variable
from orchestrator.cli.command_line import build
from orchestrator.cli.command_list import COMMANDS, Command
from orchestrator.cli.exit_codes import EXIT_CODES

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")


def section_of(command: Command) -> str:
    title = f"### rejoin {' '.join(command.path)}\n"
    assert title in PAGE
    return re.split(r"\n##+ ", PAGE.partition(title)[2])[0]


def arguments(command: Command) -> list[Any]:
    found = build()
    for name in command.path:
        found = found[name]
    return [one for one in found.assemble_argument_collection() if one.show and one.parse]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: " ".join(one.path))
def test_every_flag_of_a_command_stands_there_with_its_variable(command: Command) -> None:
    section = section_of(command)
    flags = [one for one in arguments(command) if one.names[0].startswith("-")]

    assert flags
    for flag in flags:
        place = PAGE if flag.keys else section
        for name in flag.names:
            assert re.search(rf"`[^`]*{re.escape(name)}\b[^`]*`", place), name
        assert flag.parameter.env_var == (variable(flag.names[0]),)
        assert f"`{flag.parameter.env_var[0]}`" in place
        assert flag.parameter.help in place


def test_no_section_speaks_of_a_command_that_is_not_there() -> None:
    assert set(re.findall(r"^### rejoin (.+)$", PAGE, re.MULTILINE)) == {
        " ".join(one.path) for one in COMMANDS
    }


def test_every_exit_code_stands_there_with_its_meaning() -> None:
    for code, meaning in EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in PAGE


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: " ".join(one.path))
def test_every_command_has_examples_that_call_it(command: Command) -> None:
    section = section_of(command)
    examples = section.partition("```\n")[2].partition("\n```")[0].splitlines()

    assert examples
    assert all(f"rejoin {' '.join(command.path)}" in line for line in examples)
