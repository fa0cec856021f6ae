"""Text in lines for a terminal: wrapped, never cut.

Renderers write one line for each thing. A tab in it says where the lines that follow begin. A command holds
together: where it does not fit behind other words it gets a line of its own, and where it is wider than the
terminal it stays one line for who copies it.
"""

from __future__ import annotations

import re
from functools import cache

from orchestrator.cli import pasting
from orchestrator.cli.catalogue import COMMANDS
from orchestrator.cli.render import columns, pad

_HOLDS = "\u00a0"  # a blank at which no line ends; clean text has none
_HANG = "\t"
_INDENT = 4
_SHORT = 24  # columns of a value that stays on one line
_LEAST_ROOM = 36  # columns below which a paragraph behind its label reads badly


def whole(command: str) -> str:
    """A command that is part of a sentence: it is not divided."""
    return command.replace(" ", _HOLDS)


def lay_out(text: str, *, width: int | None, config: str | None = None) -> str:
    """`width` in columns, None where there is no terminal; commands repeat the configuration file."""
    marked = pasting.in_text(_hold_commands(text), config)
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
