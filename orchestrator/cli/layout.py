"""Text in lines for a terminal: wrapped, never cut; and a screen of blocks that fits its height.

Renderers write one line for each thing. A tab in it says where the lines that follow begin. A command holds
together: where it does not fit behind other words it gets a line of its own, and where it is wider than the
terminal it stays one line for who copies it. A command that is suggested works when pasted: it names the
configuration that this call was given. Sentences are written where nobody knows of the command line; the
option is put in on their way out.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from orchestrator.cli.command_list import COMMANDS
from orchestrator.cli.formatting import columns, pad

_SUGGESTING = frozenset({"command", "hint"})  # the keys of JSON that hold words of ours for people
_HOLDS = "\u00a0"  # a blank at which no line ends; clean text has none
_HANG = "\t"
_INDENT = 4
_SHORT = 24  # columns of a value that stays on one line
_LEAST_ROOM = 36  # columns below which a paragraph behind its label reads badly


def config_said(words: Sequence[str]) -> str | None:
    """The file that `-c` or `--config` names among the words before `--`."""
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word == "--":
            break
        if word in ("-c", "--config"):
            return following
        if word.startswith("--config="):
            return word.partition("=")[2]
    return None


def with_config(text: str, config: str | None) -> str:
    """Every `rejoin COMMAND` gets its `-c FILE`; other uses of the word stay."""
    if config is None:
        return text
    words = ("rejoin", "-c", *shlex.quote(config).split(" "), "")
    return _first_words().sub(lambda found: found[1].join(words), text)


def json_with_config(value: Any, config: str | None) -> Any:
    """The same in a hint's fields, and nowhere else: names are foreign text."""
    if config is None:
        return value
    if isinstance(value, dict):
        return {key: _field(key, held, config) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [json_with_config(one, config) for one in value]
    return value


def _field(key: object, held: Any, config: str) -> Any:
    if key in _SUGGESTING and isinstance(held, str):
        return with_config(held, config)
    return json_with_config(held, config)


@cache
def _first_words() -> re.Pattern[str]:
    first = sorted({command.path[0] for command in COMMANDS})
    # A blank that does not break holds a command together on its way to a terminal: see `whole`.
    return re.compile(rf"(?<![\w./-])rejoin([ \u00a0])(?=(?:{'|'.join(map(re.escape, first))})(?![\w-]))")


def whole(command: str) -> str:
    """A command that is part of a sentence: it is not divided."""
    return command.replace(" ", _HOLDS)


def lay_out(text: str, *, width: int | None, config: str | None = None) -> str:
    """`width` in columns, None where there is no terminal; commands repeat the configuration file."""
    marked = with_config(_hold_commands(text), config)
    if width is None:
        return plain(marked)
    return "\n".join(line for one in marked.split("\n") for line in _wrapped(one, max(20, width)))


def plain(marked: str) -> str:
    return marked.replace(_HOLDS, " ").replace(_HANG, "")


def rows(text: str, width: int) -> int:
    """How many rows of a terminal a text takes that is laid out."""
    return sum(max(1, -(-columns(line) // width)) for line in text.split("\n"))


def table(rows: list[list[str]], *, headers: list[str], width: int | None, lead: int = 1) -> str:
    """Columns two spaces apart. Where they do not fit: the last one wrapped, else one paragraph for each row.

    Such a paragraph begins with the first `lead` cells.
    """
    texts = [headers, *rows]
    widths = [max(columns(row[at]) for row in texts) for at in range(len(headers))]
    before = sum(widths[:-1]) + 2 * (len(widths) - 1)
    if width is not None and before + widths[-1] > width:
        if width - before < _LEAST_ROOM:
            return "\n".join(line for row in rows for line in _paragraph(row, headers, width, lead))
        widths[-1] = 0
    lines = []
    for row in texts:
        cells = [pad(cell, size) for cell, size in zip(row, widths, strict=True)]
        line = "  ".join([*cells[:-1], f"{_HANG}{cells[-1]}"]).rstrip(f" {_HANG}")
        lines += [plain(line)] if width is None else _wrapped(line, width)
    return "\n".join(lines)


def _paragraph(row: list[str], headers: list[str], width: int, lead: int) -> list[str]:
    head = "  ".join(row[:lead])
    named = list(zip(headers[lead:], row[lead:], strict=True))
    facts = [
        cell if len(named) == 1 else f"{name.lower()}{_HOLDS}{_held(cell)}"
        for name, cell in named
        if cell != "-"
    ]
    body = " " * _INDENT + _HANG + "   ".join(facts)
    if columns(head) + columns(body) <= width:
        return [plain(head + body)]
    return [*_wrapped(head, width), *(_wrapped(body, width) if facts else [])]


def _held(cell: str) -> str:
    return whole(cell) if columns(cell) <= _SHORT else cell


def _wrapped(line: str, width: int) -> list[str]:
    head, hangs, body = line.partition(_HANG)
    if not hangs:
        body = line.lstrip(" ")
        head = line[: len(line) - len(body)]
        hang = columns(head) + (2 if head else 0)
    else:
        hang = columns(head)
    if columns(head + body) <= width:
        return [plain(head + body)]
    lines = []
    if hang > _INDENT and width - hang < _LEAST_ROOM:
        hang = _INDENT + 2
        if head.strip():
            lines.append(head.rstrip())
        head = " " * hang
    return [plain(one).rstrip() for one in lines + _filled(head, body, hang, width)]


def _filled(head: str, body: str, hang: int, width: int) -> list[str]:
    """Greedy; what does not fit behind `hang` moves to the left."""
    lines: list[str] = []
    line, empty = head, True
    for gap, word in _words(body):
        if empty and columns(line + word) <= width:
            line, empty = line + word, False
        elif not empty and columns(line + gap + word) <= width:
            line += gap + word
        else:
            if not empty or line.strip():
                lines.append(line)
            line, empty = " " * max(0, min(hang, width - columns(word))) + word, False
    return [*lines, line]


def _words(text: str) -> list[tuple[str, str]]:
    """Each with the blanks before it."""
    parts = ["", *re.split("( +)", text)]
    return [(gap, word) for gap, word in zip(parts[::2], parts[1::2], strict=True) if word]


def _hold_commands(text: str) -> str:
    return _commands().sub(lambda found: whole(found[0]), text)


@cache
def _commands() -> re.Pattern[str]:
    """A command with its family and flags; what else follows may be the rest of a sentence."""
    names = sorted((" ".join(command.path) for command in COMMANDS), key=len, reverse=True)
    known = "|".join(re.escape(name) for name in names)
    return re.compile(rf"(?<![\w./-])rejoin (?:{known})(?![\w-])(?: --?[a-z][\w-]*(?: [\w./]+)?)*")


@dataclass
class Block:
    """Items under a title, above a foot. `more` says that so many are left out; with True: all of them."""

    items: list[str]
    title: str = ""
    foot: Sequence[str] = ()
    more: Callable[[int, bool], str] | None = None
    beyond: int = 0  # items that were never among them
    left_out: int = field(default=0, init=False)

    def lines(self) -> list[str]:
        """Not laid out."""
        hidden = self.left_out + self.beyond
        shown = self.items[: len(self.items) - self.left_out]
        rest = [self.more(hidden, not shown)] if hidden and self.more is not None else []
        lines = [*shown, *rest, *self.foot]
        return [self.title, *lines] if self.title and lines else lines


def fit(
    blocks: Sequence[Block],
    lay_out: Callable[[str], str],
    *,
    width: int | None,
    height: int | None,
    shrink: Sequence[tuple[Block, int]],
) -> str:
    """The blocks with an empty line between them.

    While they take more than `height` rows, items are left out as `shrink` says, one pair after the other:
    from the end of that block, down to so many.
    """
    laid: dict[str, tuple[str, int]] = {}

    def rows_of(line: str) -> int:
        if line not in laid:
            text = lay_out(line)
            laid[line] = (text, rows(text, width or 1))
        return laid[line][1]

    def total() -> int:
        used = [sum(map(rows_of, block.lines())) for block in blocks]
        return sum(used) + sum(map(bool, used)) - 1

    if width is not None and height is not None:
        for block, least in shrink:
            while total() > height and len(block.items) - block.left_out > least:
                block.left_out += 1
        for block, _ in reversed(shrink):  # what was large may have made room for what is small
            while block.left_out and total() <= height:
                block.left_out -= 1
            if total() > height:
                block.left_out += 1
    shown = ["\n".join(lay_out(line) for line in block.lines()) for block in blocks]
    return "\n\n".join(text for text in shown if text)
