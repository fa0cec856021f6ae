"""The header: which column holds what. A header that is not recognised is an error, never data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.domain.errors import InputRejectedError, UsageError
from orchestrator.services.catalog.words import did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

REQUIRED = ("name", "code")
FIELDS = (*REQUIRED, "jid", "subject", "owner", "instances", "labels", "priority", "notes")
IGNORE = "ignore"
_SYNONYMS = {
    "group": "name", "group_name": "name", "groupname": "name", "title": "name",
    "link": "code", "invite": "code", "invite_code": "code", "invite_link": "code", "url": "code",
    "group_jid": "jid", "group_id": "jid", "id": "jid", "chat_id": "jid",
    "topic": "subject", "phone": "owner", "admin": "owner",
    "instance": "instances", "account": "instances", "tag": "labels", "tags": "labels", "label": "labels",
    "prio": "priority", "rank": "priority", "note": "notes", "comment": "notes", "remarks": "notes",
}  # fmt: skip
_HINT = (
    "the first row names the columns: name, code, and perhaps"
    " jid, subject, owner, instances, labels, priority, notes"
)


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
    known = {_normal(column) for column in mapping} | set(FIELDS)
    return sum(_normal(cell) in known for cell in cells)


def columns_of(header: Sequence[str], mapping: Mapping[str, str]) -> dict[int, str]:
    """Column number (from 0) to field, without ignored ones. Raise InputRejectedError with all problems."""
    if not recognised(header, mapping):
        # No "did you mean": these cells may be data, and data holds codes.
        problems = [f"--map: there is no column {quoted(column)}." for column in mapping]
        raise InputRejectedError("the first row is not a header", problems=tuple(problems), hint=_HINT)
    foreign = {_normal(column): field for column, field in mapping.items()}
    found: dict[int, str] = {}
    problems = _unused(header, mapping)
    for number, cell in enumerate(header):
        name = _normal(cell)
        field = foreign.get(name, name if name in FIELDS else "")
        if field and field in found.values():
            problems.append(f"column {letter(number)}: {field} is there twice")
        elif field == IGNORE or not name:
            continue
        elif field:
            found[number] = field
        else:
            problems.append(_unknown(number, cell))
    problems += [f"there is no column {field}" for field in REQUIRED if field not in found.values()]
    if problems:
        raise InputRejectedError("the header does not fit", problems=tuple(problems), hint=_HINT)
    return found


def letter(number: int) -> str:
    """The spreadsheet's name of a column: A for 0, AA for 26."""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def _unknown(number: int, cell: str) -> str:
    name = _normal(cell)
    near = f" Did you mean {_SYNONYMS[name]}?" if name in _SYNONYMS else did_you_mean(name, FIELDS)
    ignore = "" if near else f' If it does not matter: --map "{quoted(cell)[1:-1]}={IGNORE}"'
    return f"column {letter(number)}: unknown column {quoted(cell)}.{near}{ignore}"


def _unused(header: Sequence[str], mapping: Mapping[str, str]) -> list[str]:
    there = {_normal(cell): cell for cell in header}
    return [
        f"--map: there is no column {quoted(column)}.{did_you_mean(column, there.values())}"
        for column in mapping
        if _normal(column) not in there
    ]


def _normal(cell: str) -> str:
    return "_".join(cell.replace("-", " ").replace("_", " ").casefold().split())
