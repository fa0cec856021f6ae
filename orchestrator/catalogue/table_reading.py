"""From bytes to rows: the table's form, its header, its rows, and what they say against each other.

What is wrong with a row is collected, all at once.
"""

from __future__ import annotations

import itertools
import re
from array import array
from collections.abc import Callable, Collection, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from orchestrator.catalogue.csv_reading import HEADER_WITHIN, delimited_rows
from orchestrator.catalogue.header import (
    columns_of,
    has_required,
    holds_invite,
    ignored_places,
    recognised,
)
from orchestrator.catalogue.sheets import LinkedText, letter, undefuse
from orchestrator.catalogue.source import ReadOptions, Source
from orchestrator.catalogue.workbook import is_workbook, workbook_rows
from orchestrator.domain import group_fields
from orchestrator.domain.errors import InputRejectedError
from orchestrator.domain.group_fields import InvalidValueError, name_key
from orchestrator.domain.invites import InvalidInviteError, InviteCode, holds_link, parse_invite
from orchestrator.domain.redaction import hide_codes, may_be_codes

_HOLDS_NO_CODE = re.compile(
    r"[^/\\=%&\x80-\U0010ffff]{0,19}"
).fullmatch  # too short for a bare one, and no link


@dataclass(slots=True)
class ImportRow:
    """None (or an empty name) means: the cell is empty, what is stored stays."""

    number: int
    name: str = ""
    code: InviteCode | None = None
    jid: str | None = None
    subject: str | None = None
    owner: str | None = None
    instances: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None
    priority: int | None = None
    notes: str | None = None
    problems: list[str] | None = None
    # Found in the catalogue:
    group_id: int | None = None  # None: a new group
    fingerprint: str | None = None  # of the code

    def words_like_codes(self) -> Iterator[str]:
        """What in people's texts may be a bare invite code."""
        for _, texts in self._texts():
            for text in texts:
                yield from may_be_codes(text)

    def hide_codes(self, ours: Container[str]) -> list[str]:
        """Reduce the invite codes in what people write to their last four; the names of these cells."""
        found = []
        for name, texts in self._texts():
            hidden = [hide_codes(text, ours=ours) for text in texts]
            if hidden != texts:
                setattr(self, name, tuple(sorted(set(hidden))) if name == "labels" else hidden[0])
                found.append(name)
        return found

    def _texts(self) -> Iterator[tuple[str, list[str]]]:
        """By cell what people wrote, but for what surely holds no code."""
        for name, text in (("name", self.name), ("subject", self.subject), ("notes", self.notes)):
            if text is not None and not _HOLDS_NO_CODE(text):
                yield name, [text]
        if self.labels is not None and not all(map(_HOLDS_NO_CODE, self.labels)):
            yield "labels", list(self.labels)

    def object_to(self, sentence: str) -> None:
        if self.problems is None:
            self.problems = []
        self.problems.append(f"row {self.number}: {sentence}")

    def said(self) -> tuple[object, ...]:
        """Everything that the row says of its group, for comparing two rows."""
        return tuple(getattr(self, name) for name in _PARSERS)


def parse_row(number: int, cells: Mapping[str, str]) -> ImportRow:
    """Cells by field. What cannot be read is objected to, and left out."""
    row = ImportRow(number)
    for field_name, text in cells.items():
        if not text or text.isspace():
            continue
        try:
            value = _PARSERS[field_name](text if isinstance(text, LinkedText) else undefuse(text))
        except InvalidInviteError as refusal:
            row.object_to(refusal.message)
        except InvalidValueError as refusal:
            row.object_to(f"{field_name} {refusal}")
        else:
            if value or value == 0:
                setattr(row, field_name, value)
    if row.subject == row.name:
        row.subject = row.name or None  # one text in memory, not two
    return row


def _code(text: str) -> InviteCode:
    """Of what a cell shows, or of the link behind it; the two may not differ."""
    target = text.target if isinstance(text, LinkedText) else ""
    return parse_invite(f"{text} {target}" if holds_link(target) else text)


_PARSERS: dict[str, Callable[[str], object]] = {
    "name": lambda text: group_fields.parse_text(text, group_fields.NAME_LONGEST),
    "subject": lambda text: group_fields.parse_text(text, group_fields.SUBJECT_LONGEST),
    "code": _code,
    "jid": group_fields.parse_jid,
    "owner": group_fields.parse_owner,
    "instances": group_fields.parse_list,
    "labels": group_fields.parse_list,
    "priority": group_fields.parse_priority,
    "notes": group_fields.parse_notes,
}


UNNAMED = "which the header does not name"
_KEPT = 2_000_000  # characters of a table whose rows are kept, so that it need not be read twice
_PER_ROW = 100  # that count for the row itself
NumberedCells: TypeAlias = "tuple[int, list[str]]"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A source's rows as they stand there, mostly to be read once. `columns`: place (from 0) to field."""

    above: Sequence[NumberedCells]
    header: Sequence[str]
    columns: Mapping[int, str]
    ignored: Collection[int]  # places without a name that are left out
    rows: Iterable[NumberedCells]
    warnings: list[str]


@dataclass(slots=True)
class Table:
    """A source's rows, parsed anew each time that they are gone through: a million need not stand in memory.

    `codes`: hashes of the rows' invite codes, sorted. `has_bad`: whether a row is bad by what it says alone.
    """

    source: Source
    options: ReadOptions
    codes: Sequence[int]
    has_bad: bool
    warnings: list[str] = field(default_factory=list)  # about rows that stand, once they were gone through
    _sheet: Sheet | None = None  # a short one, which need not be read twice
    _shared: Mapping[str, frozenset[int]] = field(default_factory=dict)  # hashes of what several rows say

    def rows(self) -> Iterator[ImportRow]:
        """In order, each with its own problems. A row that says just what an earlier one says is left out."""
        sheet = self._sheet or read_sheet(self.source, self.options)
        self.warnings[:] = [f"row {number}: stands above the header; left out" for number, _ in sheet.above]
        first: dict[str, dict[Hashable, ImportRow]] = {
            what: {} for what, shared in self._shared.items() if shared
        }
        for row in _parsed(sheet):
            if first and self._repeats(row, first):
                continue
            if row.code is not None and not row.code.usual:
                self.warnings.append(f"row {row.number}: code has an unusual form; used as it is")
            yield row
        self.warnings += sheet.warnings

    def _repeats(self, row: ImportRow, first: Mapping[str, dict[Hashable, ImportRow]]) -> bool:
        """One code, one JID and, without a JID, one name can stand for one group only."""
        for what, seen in first.items():
            value = _IDENTITIES[what](row)
            if value is None or hash(value) not in self._shared[what]:
                continue
            other = seen.setdefault(value, row)
            if other is row:
                continue
            if row.problems is None and other.said() == row.said():
                self.warnings.append(f"row {row.number}: the same as row {other.number}; left out")
                return True
            if what != "name":
                row.object_to(f"same {what} as row {other.number}")
            elif other.jid is None or row.jid is None:
                row.object_to(f"same name as row {other.number}; give the jid of both")
        return False


_IDENTITIES: dict[str, Callable[[ImportRow], Hashable]] = {
    "code": lambda row: row.code,
    "jid": lambda row: row.jid,
    "name": lambda row: name_key(row.name) if row.name else None,
}


def read_table(source: Source, options: ReadOptions) -> Table:
    """Go through the rows once. Raise InputRejectedError if it is no table with a header of ours."""
    hashes = {what: array("q") for what in _IDENTITIES}
    sheet = read_sheet(source, options)
    kept: list[NumberedCells] = []
    empty, has_bad = True, False
    for row in _parsed(replace(sheet, rows=_remembered(sheet.rows, kept))):
        empty, has_bad = False, has_bad or row.problems is not None
        for what, identity in _IDENTITIES.items():
            if (value := identity(row)) is not None:
                hashes[what].append(hash(value))
    if empty:
        raise InputRejectedError(f"{source.name}: there are no rows below the header")
    ordered = {what: array("q", sorted(found)) for what, found in hashes.items()}
    shared = {
        what: frozenset(one for one, other in itertools.pairwise(found) if one == other)
        for what, found in ordered.items()
    }
    short = replace(sheet, rows=kept) if kept else None
    return Table(source, options, ordered["code"], has_bad, _sheet=short, _shared=shared)


def _remembered(rows: Iterable[NumberedCells], kept: list[NumberedCells]) -> Iterator[NumberedCells]:
    """The same rows, which are in `kept` afterwards if they are few, and else not one of them."""
    room = _KEPT
    for one in rows:
        if room >= 0:
            kept.append(one)
            room -= _PER_ROW + sum(map(len, one[1]))
            if room < 0:
                kept.clear()
        yield one


def _parsed(sheet: Sheet) -> Iterator[ImportRow]:
    return (_row(number, values, sheet) for number, values in sheet.rows)


def read_sheet(source: Source, options: ReadOptions) -> Sheet:
    """Raise InputRejectedError if it is no table with a header of ours."""
    warnings: list[str] = []
    cells = _non_blank(_raw_rows(source, options, warnings))
    above, head = _split_header(list(itertools.islice(cells, HEADER_WITHIN)), options)
    if not head:
        raise InputRejectedError(f"{source.name}: empty")
    header = [undefuse(cell) for cell in head[0][1]]
    columns = columns_of(header, options.mapping, [values for _, values in head[1:]])
    ignored = ignored_places(header, options.mapping)
    return Sheet(above, header, columns, ignored, itertools.chain(head[1:], cells), warnings)


def _split_header(
    rows: list[NumberedCells], options: ReadOptions
) -> tuple[list[NumberedCells], list[NumberedCells]]:
    """What stands above the header, a title perhaps, and the header with what follows.

    The first row that names every required column is the header, unless an invite link stands above it.
    """
    for place, (_, cells) in enumerate(rows):
        if has_required(cells, options.mapping):
            return rows[:place], rows[place:]
        if holds_invite(cells):
            break
    return [], rows


def _raw_rows(source: Source, options: ReadOptions, warnings: list[str]) -> Iterator[tuple[int, list[str]]]:
    if is_workbook(source.head(8)):
        return workbook_rows(source, options.sheet, warnings)
    return delimited_rows(source, options, lambda cells: recognised(cells, options.mapping))


def _non_blank(rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    return ((number, cells) for number, cells in rows if any(cell and not cell.isspace() for cell in cells))


def _row(number: int, values: Sequence[str], sheet: Sheet) -> ImportRow:
    last = len(values)
    row = parse_row(number, {name: values[place] for place, name in sheet.columns.items() if place < last})
    if last > len(sheet.columns):
        _refuse_unnamed(row, values, sheet)
    return row


def _refuse_unnamed(row: ImportRow, values: Sequence[str], sheet: Sheet) -> None:
    header = sheet.header
    for place, value in enumerate(values):
        named = place < len(header) and header[place].strip()
        if value.strip() and not named and place not in sheet.ignored:
            row.object_to(f"there is something in column {letter(place)}, {UNNAMED}")
