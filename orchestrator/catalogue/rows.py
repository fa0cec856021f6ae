"""One row of a table, parsed. What is wrong with it is collected, all at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.catalogue.cells import LinkedText
from orchestrator.domain import group_fields
from orchestrator.domain.group_fields import InvalidValueError
from orchestrator.domain.invites import InvalidInviteError, holds_link, parse_invite
from orchestrator.domain.redaction import hide_codes, may_be_codes

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping

    from orchestrator.domain.invites import InviteCode

_HOLDS_NO_CODE = re.compile(
    r"[^/\\=%&\x80-\U0010ffff]{0,19}"
).fullmatch  # too short for a bare one, and no link
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
