"""A screen made of blocks, each of items; where the terminal is too low, items are left out and counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.cli import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


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

    def rows(line: str) -> int:
        if line not in laid:
            text = lay_out(line)
            laid[line] = (text, layout.rows(text, width or 1))
        return laid[line][1]

    def total() -> int:
        used = [sum(map(rows, block.lines())) for block in blocks]
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
