"""Which sheet of a workbook is read: the one that was asked for, else the first that is visible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.catalogue.words import did_you_mean, quoted
from orchestrator.domain.errors import InputRejectedError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
