"""What a cell of a workbook may be, in every format: how far from its table, how long, what behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from orchestrator.catalogue.columns import letter

MOST_COLUMNS = 256
WIDEST_GAP = 1000  # blank rows; what stands behind more of them is no part of the table
LONGEST_TEXT = 32_767  # characters of one cell, Excel's own limit
MOST_TEXT = 64 * 1024 * 1024  # characters of all cells: many can refer to one long text
_EXACT = 1e15  # a spreadsheet keeps 15 digits of a number


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
