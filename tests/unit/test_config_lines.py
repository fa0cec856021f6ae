from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.toml_lines import key_lines

if TYPE_CHECKING:
    from orchestrator.config.problems import KeyPath

HARD = '''\
top = 1 # [not.a.table]
"quoted key" = 'x'
dotted.a."b.c" = 2

[plain]
text = """
[fake]
fake = "1" \\"""
end"""""
literal = \'\'\'
[[fake]]
it\'\'\'\'
list = [
  1, # one ]
  "two,]",
  [3, 4], { five = [5], "six" = "}" },
]
empty = []
nothing = {}
when = 1979-05-27 07:32:00Z
[[items]]
name = "a"
[items.deep]
x = true
[[items.parts]]
y = 1
[[items.parts]]
y = 2
[[items]]
name = "b"
[ items . deep ]
x = false
'''


def leaf_paths(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    if isinstance(value, dict):
        return {path} - {()} | {p for key, item in value.items() for p in leaf_paths(item, (*path, key))}
    if isinstance(value, list):
        return {path} | {p for index, item in enumerate(value) for p in leaf_paths(item, (*path, index))}
    return {path}


def test_it_finds_what_tomllib_finds_and_nothing_else() -> None:
    assert set(key_lines(HARD)) >= leaf_paths(tomllib.loads(HARD)) - {
        ("items",),
        ("items", 0, "parts"),
        ("dotted",),
    }
    assert set(key_lines(HARD)) <= leaf_paths(tomllib.loads(HARD))


@pytest.mark.parametrize(
    ("path", "marker"),
    [
        (("top",), "top ="),
        (("quoted key",), '"quoted key"'),
        (("dotted", "a", "b.c"), "dotted.a"),
        (("plain",), "[plain]"),
        (("plain", "text"), "text ="),
        (("plain", "literal"), "literal ="),
        (("plain", "list", 0), "1, # one"),
        (("plain", "list", 1), '"two,]"'),
        (("plain", "list", 2, 1), "[3, 4]"),
        (("plain", "list", 3, "six"), "[3, 4]"),
        (("plain", "when"), "when ="),
        (("items", 0), "[[items]]"),
        (("items", 0, "deep", "x"), "x = true"),
        (("items", 0, "parts", 1, "y"), "y = 2"),
        (("items", 1, "name"), 'name = "b"'),
        (("items", 1, "deep", "x"), "x = false"),
    ],
)
def test_each_key_has_the_line_it_stands_on(path: KeyPath, marker: str) -> None:
    line = next(number for number, text in enumerate(HARD.splitlines(), 1) if marker in text)

    assert key_lines(HARD)[path] == line


def test_windows_line_breaks_count_once() -> None:
    assert key_lines("a = 1\r\nb = 2\r\n") == {("a",): 1, ("b",): 2}


words = st.text(alphabet="ab_\"\\'#[]{}=,\n é", max_size=6)


def spelled(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


@given(st.lists(st.tuples(words, words, st.integers(0, 3)), max_size=8))
def test_lines_are_right_for_any_keys_and_texts(entries: list[tuple[str, str, int]]) -> None:
    text, expected = "", {}
    for number, (key, value, blank) in enumerate(entries):
        name = f"{number}{key}"
        text += "\n" * blank
        expected[(name,)] = text.count("\n") + 1
        text += f"{spelled(name)} = {spelled(value)} # {number} ]\n"

    assert key_lines(text) == expected
