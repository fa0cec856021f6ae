"""One module knows the words of the command line for all below `cli`, and every command it makes is one."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from itertools import compress, product
from pathlib import Path

import pytest

import orchestrator
from orchestrator.cli.command_line import build, parse
from orchestrator.cli.command_list import COMMANDS
from orchestrator.domain.commands import Command, Operation, run_command

PACKAGE = Path(orchestrator.__file__).parent
ABOVE = {"cli", "__main__.py"}
KNOWS_THE_WORDS = PACKAGE / "domain" / "commands.py"
A_COMMAND = re.compile(rf"\brejoin ((?:{'|'.join(one.path[0] for one in COMMANDS)})\b|{{}})")

SUBJECT = Command(
    Operation.RUN,
    group="team; rm -rf ~",
    instance="-backup 1",
    from_name="sales-main",
    labels=("vip", "-odd label"),
    recovery=12,
    file="my plan.json",
    because="it's closed",
)
NOTHING = Command(Operation.RUN)


def parts(operation: Operation) -> list[str]:
    return [part.field for part in operation.value if not isinstance(part, str)]


def possible() -> Iterator[Command]:
    """Every operation with every selection of what it takes from a subject."""
    for operation in Operation:
        for left_out in product((False, True), repeat=len(parts(operation))):
            nothing = {name: getattr(NOTHING, name) for name in compress(parts(operation), left_out)}
            yield SUBJECT._replace(operation=operation, **nothing)


@pytest.mark.parametrize("command", list(possible()), ids=str)
def test_the_command_line_takes_every_command_that_can_be_advised(command: Command) -> None:
    words = shlex.split(str(command))

    assert words[0] == "rejoin"
    _, bound = parse(build(), words[1:])
    for name in parts(command.operation):
        value = getattr(command, name)
        for one in value if isinstance(value, tuple) else () if value is None else (value,):
            assert str(one) in str(bound.arguments)


def test_an_operation_takes_of_its_subject_what_its_command_knows() -> None:
    assert str(SUBJECT._replace(operation=Operation.DIAGNOSTICS)) == "rejoin diagnostics"
    assert str(SUBJECT._replace(operation=Operation.SET_CODE)) == "rejoin groups set-code 'team; rm -rf ~'"
    assert str(Command(Operation.RETRY, group="a", instance="b")) == "rejoin retry a --to b"
    assert str(Command(Operation.EXPLAIN, group="a", instance="b")) == "rejoin explain a --instance b"


def test_what_is_not_said_is_left_out_or_for_the_person_to_fill_in() -> None:
    assert str(Command(Operation.RESUME)) == "rejoin resume"
    assert str(Command(Operation.IMPORT)) == "rejoin groups import FILE"
    assert str(Operation.IMPORT) == "rejoin groups import"


@pytest.mark.parametrize(
    ("chosen", "is_open", "text"),
    [
        (False, True, "rejoin run --from a --label vip '--label=-n o' --to b"),
        (False, False, "rejoin run --from a --label vip '--label=-n o' --to b"),
        (True, True, "rejoin run --to b"),
        (True, False, "rejoin plan --from a --label vip '--label=-n o' --to b"),
    ],
)
def test_going_on_with_a_recovery_names_its_scope(chosen: bool, is_open: bool, text: str) -> None:
    assert str(run_command("a", ("vip", "-n o"), to="b", chosen=chosen, is_open=is_open)) == text


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The strings but docstrings, and lists of words as one; `{}` is what is filled in."""
    passed: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            passed.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            passed.update(node.values)
            yield node.lineno, "".join(map(literal, node.values))
        elif isinstance(node, ast.List | ast.Tuple) and node.elts and literal(node.elts[0]) == "rejoin":
            yield node.lineno, " ".join(map(literal, node.elts))
        elif node not in passed:
            yield getattr(node, "lineno", 0), literal(node, other="")


def literal(node: ast.AST, *, other: str = "{}") -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else other


def test_a_spelled_command_is_found_in_every_form() -> None:
    forms = ('"run: rejoin plan"', 'f"{x}: rejoin plan"', 'f"rejoin {x}"', '["rejoin", "plan", x]')

    assert all(spelled(f"said = {form}") for form in forms)
    assert not spelled('"""`rejoin plan`"""\nsaid = "an older rejoin made it"')


def spelled(source: str) -> list[tuple[int, str]]:
    return [(line, text) for line, text in texts(ast.parse(source)) if A_COMMAND.search(text)]


def test_below_the_command_line_no_text_spells_a_command() -> None:
    below = [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] not in ABOVE and path != KNOWS_THE_WORDS
    ]
    found = {str(path.relative_to(PACKAGE)): spelled(path.read_text(encoding="utf-8")) for path in below}

    assert {path: texts for path, texts in found.items() if texts} == {}
