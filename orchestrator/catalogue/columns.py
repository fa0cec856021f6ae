"""The header: which column holds what. A header that is not recognised is an error, never data."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from orchestrator.catalogue.header_words import field_of, normal
from orchestrator.catalogue.words import did_you_mean, may_hold_code, quoted
from orchestrator.domain.errors import InputRejectedError, UsageError
from orchestrator.domain.invites import InvalidInviteError, parse_invite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

REQUIRED = ("name", "code")
FIELDS = (*REQUIRED, "jid", "subject", "owner", "instances", "labels", "priority", "notes")
IGNORE = "ignore"
REASON = "Why it was not imported"  # a column of ours, in the file of rejected rows; no field
_LIKELY = {"topic": "subject", "phone": "owner", "admin": "owner", "id": "jid", "rank": "priority"}
_HINT = (
    "the first row names the columns: name, code, and perhaps"
    " jid, subject, owner, instances, labels, priority, notes"
)
_OURS = {**{field: field for field in FIELDS}, normal(REASON): IGNORE}
_LETTERS = re.compile(r"[A-Za-z]{1,3}")
_SAMPLE = 20  # rows that show what a column holds


def parse_mapping(pairs: Iterable[str]) -> dict[str, str]:
    """`["Group title=name"]` as a mapping from columns to fields. Raise UsageError for an unknown field."""
    mapping = {}
    for pair in pairs:
        column, equals, field = pair.rpartition("=")
        field = field.strip().casefold()
        if not equals or not column.strip():
            raise UsageError(f"--map takes column=field, not {quoted(pair)}")
        if field not in {*FIELDS, IGNORE}:
            near = did_you_mean(field, FIELDS) or f" Fields: {', '.join(FIELDS)}, {IGNORE}."
            raise UsageError(f"--map: there is no field {quoted(field)}.{near}")
        mapping[column.strip()] = field
    return mapping


def recognised(cells: Iterable[str], mapping: Mapping[str, str]) -> int:
    """How many of these cells name a column."""
    return sum(field is not None for field in _fields(cells, mapping))


def has_required(cells: Sequence[str], mapping: Mapping[str, str]) -> bool:
    """Whether these cells name at least the columns that every table needs."""
    return set(REQUIRED) <= set(_fields(cells, mapping))


def ignored_places(header: Sequence[str], mapping: Mapping[str, str]) -> frozenset[int]:
    """The columns without a name that are left out; they are called by their letters: `--map A=ignore`."""
    return frozenset(
        place
        for column, field in mapping.items()
        if field == IGNORE and (place := _unnamed_place(header, column)) is not None
    )


def _unnamed_place(header: Sequence[str], column: str) -> int | None:
    """The place (from 0) of the column with this letter, if the header does not name it."""
    if not _LETTERS.fullmatch(column):
        return None
    place = place_of(column.upper())
    return None if place < len(header) and header[place].strip() else place


def is_reason(cell: str) -> bool:
    """Whether a column holds what an earlier import said of its rows."""
    return normal(cell) == normal(REASON)


def holds_invite(cells: Iterable[str]) -> bool:
    """Whether one of these cells is an invite link or code: the row is data, not a header or a title."""
    return any(_is_invite(cell) for cell in cells)


def columns_of(
    header: Sequence[str], mapping: Mapping[str, str], sample: Sequence[Sequence[str]] = ()
) -> dict[int, str]:
    """Column number (from 0) to field, without ignored ones. Raise InputRejectedError with all problems.

    `sample`: some rows below the header, from which the columns that it does not name are guessed at.
    """
    if holds_invite(header):  # no word of this row is repeated: it may be a code
        problems = [f"--map: there is no column {quoted(column)}." for column in mapping]
        sentence = "the first row is not a header: it holds an invite link"
        raise InputRejectedError(sentence, problems=tuple(problems), hint=_missing_header(header, sample))
    found: dict[int, str] = {}
    problems = _unused(header, mapping)
    for number, (cell, field) in enumerate(zip(header, _fields(header, mapping), strict=True)):
        if field == IGNORE or not normal(cell):
            continue
        if field is None:
            problems.append(_unknown(number, cell))
        elif field in found.values():
            other = header[next(place for place, known in found.items() if known == field)]
            problems.append(
                f"column {letter(number)}: {quoted(cell)} is the {field}, and so is {quoted(other)}"
            )
        else:
            found[number] = field
    problems += [f"there is no column {field}" for field in REQUIRED if field not in found.values()]
    if problems:
        seen = ", ".join(quoted(cell) for cell in header if normal(cell))
        hint = f"the columns are {seen}; if this is what they hold: {_whole_mapping(header, mapping, sample)}"
        raise InputRejectedError("the header does not fit", problems=tuple(problems), hint=hint)
    return found


def _missing_header(first: Sequence[str], sample: Sequence[Sequence[str]]) -> str:
    """The row to write above the first one, where it can be told from what stands there."""
    rows, places = [first, *sample], range(len(first))
    code = _column_that(_is_invite, places, rows)
    name = _column_that(_is_words, [place for place in places if place != code], rows)
    if code is None or name is None or len(first) > len(REQUIRED):
        return _HINT
    header = ",".join("code" if place == code else "name" for place in places)
    return f"{_HINT}. Here, write this row above it: {header}"


def _fields(header: Iterable[str], mapping: Mapping[str, str]) -> list[str | None]:
    """What each cell names: as `--map` says, else a field's own name, else a word for it."""
    given = {normal(column): field for column, field in mapping.items()}
    cells = [normal(cell) for cell in header]
    taken = {given[cell] for cell in cells if cell in given} | {cell for cell in cells if cell in FIELDS}
    found: list[str | None] = []
    for cell in cells:
        field = given.get(cell) or _OURS.get(cell) or field_of(cell)
        by_word = cell not in given and cell not in _OURS
        found.append(None if by_word and field in taken else field)
    return found


def _whole_mapping(header: Sequence[str], mapping: Mapping[str, str], sample: Sequence[Sequence[str]]) -> str:
    """The options to type, for every column that is not called as we call it."""
    fields: dict[int, str] = {}
    for number, field in enumerate(_fields(header, mapping)):
        if field is not None and field not in fields.values():
            fields[number] = field
    rest = [number for number, cell in enumerate(header) if normal(cell) and number not in fields]
    for field, fits in (("code", _is_invite), ("name", _is_words)):
        if field not in fields.values() and (best := _column_that(fits, rest, sample)) is not None:
            fields[best] = field
            rest.remove(best)
    return " ".join(
        _option(cell, fields.get(number, IGNORE))
        for number, cell in enumerate(header)
        if normal(cell) and _OURS.get(normal(cell)) != fields.get(number, IGNORE)
    )


def _option(cell: str, field: str) -> str:
    column = "COLUMN" if may_hold_code(cell) else " ".join(cell.split())
    return f"--map {shlex.quote(f'{column}={field}')}"


def _column_that(
    fits: Callable[[str], bool], columns: Sequence[int], sample: Sequence[Sequence[str]]
) -> int | None:
    """The first column in which most cells fit."""
    for number in columns:
        cells = [row[number] for row in sample[:_SAMPLE] if number < len(row) and row[number].strip()]
        if cells and 2 * sum(map(fits, cells)) > len(cells):
            return number
    return None


def _is_invite(cell: str) -> bool:
    try:
        parse_invite(cell)
    except InvalidInviteError:
        return False
    return True


def _is_words(cell: str) -> bool:
    return any(character.isalpha() for character in cell) and not _is_invite(cell)


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


def _unknown(number: int, cell: str) -> str:
    name = normal(cell)
    likely = field_of(name) or _LIKELY.get(name)
    near = f" If it holds the {likely}: {_option(cell, likely)}." if likely else did_you_mean(name, FIELDS)
    leave = f" To leave it out: {_option(cell, IGNORE)}"
    return f"column {letter(number)}: unknown column {quoted(cell)}.{near}{leave}"


def _unused(header: Sequence[str], mapping: Mapping[str, str]) -> list[str]:
    there = {normal(cell): cell for cell in header}
    return [
        f"--map: there is no column {quoted(column)}.{did_you_mean(column, there.values())}"
        for column, field in mapping.items()
        if normal(column) not in there and (field != IGNORE or _unnamed_place(header, column) is None)
    ]
