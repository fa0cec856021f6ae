"""What all spreadsheets share: which sheet is read, what a cell may hold, letters of columns, formulas."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from orchestrator.domain.errors import InputRejectedError, NotFoundError
from orchestrator.domain.group_fields import quoted
from orchestrator.domain.suggestions import did_you_mean

MOST_COLUMNS = 256
WIDEST_GAP = 1000  # blank rows; what stands behind more of them is no part of the table
LONGEST_TEXT = 32_767  # characters of one cell, Excel's own limit
MOST_TEXT = 64 * 1024 * 1024  # characters of all cells: many can refer to one long text
_EXACT = 1e15  # a spreadsheet keeps 15 digits of a number


# What an export puts an apostrophe before, so that no spreadsheet takes it for a formula: at the beginning of
# a cell, and behind what a spreadsheet of another language takes for the end of one. The full-width signs
# count in some of them. Both patterns hold whatever apostrophes there are, so that one more changes no match.
_SIGN = r"[=+\-@＝＋－＠]"
_BLANKS = r'\s"\x00-\x1f\u200b-\u200f\u2060\ufeff'
_AT_BEGINNING = re.compile(rf"'*+(?:[\t\r\n]|[{_BLANKS}]*+'*+{_SIGN})")
# Blanks and separators, from the first sign on: a run is read once, and not from each sign.
_RUN = rf"(?<![{_BLANKS},;|])(?=[{_BLANKS}]*?[,;|\t\r\n\v\f])([{_BLANKS},;|]++)"
_INSIDE = re.compile(rf"{_RUN}('*+{_SIGN})")
_INSIDE_DEFUSED = re.compile(rf"{_RUN}'('*+{_SIGN})")


class LinkedText(str):
    """A cell's text with the address that opens when somebody clicks on it."""

    __slots__ = ("target",)
    target: str

    def __new__(cls, text: str, target: str) -> Self:
        self = super().__new__(cls, text)
        self.target = target
        return self


@dataclass(slots=True)
class LeftOut:
    """Cells that are too far away to belong to the table: the first of them, and how many."""

    row: int
    cell: str
    count: int = 1

    def sentence(self) -> str:
        if self.count == 1:
            return f"row {self.row}: cell {self.cell} is far from the table and was not read"
        return (
            f"row {self.row}: {self.count:,} cells far from the table were not read, the first is {self.cell}"
        )


def far_cell(others: LeftOut | None, row: int, column: int) -> LeftOut:
    """One more cell that is left out. `column` counts from 0."""
    if others is None:
        return LeftOut(row, f"{letter(column)}{row}")
    others.count += 1
    return others


def number_text(number: float) -> str:
    """Numbers as people typed them; those too long to be exact stay in the form that shows it."""
    return str(int(number)) if number.is_integer() and abs(number) < _EXACT else str(number)


def letter(number: int) -> str:
    """The spreadsheet's name of a column: A for 0, AA for 26."""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def place_of(letters: str) -> int:
    """The column (from 0) of a spreadsheet's capital letters."""
    column = 0
    for one in letters:
        column = column * 26 + ord(one) - ord("A") + 1
    return column - 1


def undefuse(text: str) -> str:
    """Take back the apostrophes that an export put before what is dangerous."""
    if "'" not in text:
        return text
    if text.startswith("'") and _AT_BEGINNING.match(text, 1):
        text = text[1:]
    return _INSIDE_DEFUSED.sub(r"\1\2", text)


def defuse(text: str) -> str:
    """What a spreadsheet would run as a formula, made plain text. `undefuse` is its inverse."""
    text = _INSIDE.sub(r"\1'\2", text)
    return f"'{text}" if _AT_BEGINNING.match(text) else text


_LISTED = 10  # names of sheets in a sentence
_LONGEST_NUMBER = 6  # digits of --sheet


@dataclass(frozen=True, slots=True)
class SheetEntry:
    """One sheet as the workbook lists it. `relation`: the id under which an XLSX workbook has its part."""

    name: str
    visible: bool
    relation: str = ""


def chosen_sheet(file: str, sheets: Sequence[SheetEntry], wanted: str | None) -> SheetEntry:
    """`wanted`: a name, or a number from 1. Raises InputRejectedError, or NotFoundError."""
    if not sheets:
        raise InputRejectedError(f"{file}: the workbook has no sheet")
    if wanted is None:
        return next((sheet for sheet in sheets if sheet.visible), sheets[0])
    by_name = {sheet.name: sheet for sheet in sheets}
    if wanted in by_name:
        return by_name[wanted]
    if (
        wanted.isascii()
        and wanted.isdecimal()
        and len(wanted) <= _LONGEST_NUMBER
        and 1 <= int(wanted) <= len(sheets)
    ):
        return sheets[int(wanted) - 1]
    near = did_you_mean(wanted, by_name) or f" Sheets: {_listed(list(by_name))}."
    raise NotFoundError(f"{file}: there is no sheet {quoted(wanted)}.{near}")


def _listed(names: list[str]) -> str:
    more = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(map(quoted, names[:_LISTED])) + more
