"""One row of a table, parsed. What is wrong with it is collected, all at once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from orchestrator.domain import groups
from orchestrator.domain.groups import InvalidValueError
from orchestrator.domain.invites import InvalidInviteError, InviteCode, parse_invite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

# What an export puts an apostrophe before, so that no spreadsheet takes it for a formula. The full-width
# signs count in some languages' spreadsheets.
DEFUSED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")
DANGEROUS = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


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
    problems: list[str] | None = field(default=None)

    def object_to(self, sentence: str) -> None:
        if self.problems is None:
            self.problems = []
        self.problems.append(f"row {self.number}: {sentence}")


def parse_row(number: int, cells: Mapping[str, str]) -> ImportRow:
    """Cells by field. What cannot be read is objected to, and left out."""
    row = ImportRow(number)
    filled = {field: undefuse(text) for field, text in cells.items() if text and not text.isspace()}
    for field_name, text in filled.items():
        if field_name == "code":
            row.code = _code(row, text)
        else:
            value = _value(row, field_name, text)
            if value is not None:
                setattr(row, field_name, value)
    return row


def undefuse(text: str) -> str:
    """Take back the apostrophe that an export put before a dangerous cell."""
    return text[1:] if text.startswith("'") and DEFUSED.match(text) else text


def defuse(text: str) -> str:
    """What a spreadsheet would run as a formula, made plain text. `undefuse` is its inverse."""
    return f"'{text}" if DANGEROUS.match(text) else text


def _code(row: ImportRow, text: str) -> InviteCode | None:
    try:
        return parse_invite(text)
    except InvalidInviteError as refusal:
        row.object_to(refusal.message)
        return None


def _value(row: ImportRow, field_name: str, text: str) -> object:
    try:
        return _PARSERS[field_name](text) or None if field_name != "priority" else groups.parse_priority(text)
    except InvalidValueError as refusal:
        row.object_to(f"{field_name} {refusal}")
        return None


_PARSERS: dict[str, Callable[[str], object]] = {
    "name": lambda text: groups.parse_text(text, groups.NAME_LONGEST),
    "subject": lambda text: groups.parse_text(text, groups.SUBJECT_LONGEST),
    "jid": groups.parse_jid,
    "owner": groups.parse_owner,
    "instances": groups.parse_list,
    "labels": groups.parse_list,
    "priority": groups.parse_priority,
    "notes": groups.parse_notes,
}
