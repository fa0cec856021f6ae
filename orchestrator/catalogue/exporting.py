"""Export: the catalogue as CSV or JSON. Codes stay out unless asked for; the file is for its owner alone."""

from __future__ import annotations

import csv
import io
import json
from contextlib import aclosing
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from orchestrator.catalogue.columns import FIELDS
from orchestrator.catalogue.rows import defuse
from orchestrator.catalogue.showing import in_parts
from orchestrator.domain.errors import UsageError
from orchestrator.domain.phones import written_phone
from orchestrator.private_files import replacing
from orchestrator.store import codes
from orchestrator.store.journal import Entry, append
from orchestrator.store.secrets import cipher_for_reading

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path
    from typing import TextIO

    from orchestrator.catalogue.showing import GroupDetails
    from orchestrator.store.engine import AsyncConnection, Database
    from orchestrator.store.secrets import KeyRing

_LINK = "https://chat.whatsapp.com/"


class ExportFormat(StrEnum):
    CSV = "csv"
    JSON = "json"


async def export_to_file(
    database: Database, path: Path, form: ExportFormat, *, actor: str, ring: KeyRing | None = None
) -> int:
    """Write the whole file, then put it in its place, mode 0600; returns the number of groups.

    With a key ring the codes are in it, as links, and the journal says so. Raise UsageError if it cannot
    be written.
    """
    try:
        with replacing(path) as file:
            count = await export_to(database, file, form, actor=actor, ring=ring)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
    return count


async def export_to(
    database: Database, out: TextIO, form: ExportFormat, *, actor: str, ring: KeyRing | None = None
) -> int:
    """The same to an open text stream, for standard output."""
    if ring is not None:
        await _note(database, form, actor)  # before: what may have left must be on record
    count = 0
    begin, line, end = _writers(form)
    async with (
        database.read(long=True) as connection,
        aclosing(_records(database, connection, ring)) as parts,
    ):
        out.write(begin)
        async for part in parts:
            for record in part:
                out.write(line(record, count))
                count += 1
        out.write(end)
    return count


async def _note(database: Database, form: ExportFormat, actor: str) -> None:
    async with database.write() as connection:
        now = await database.now(connection)
        await append(connection, now, [Entry("act.export_codes", actor, {"format": form.value})])


async def _records(
    database: Database, connection: AsyncConnection, ring: KeyRing | None
) -> AsyncGenerator[list[dict[str, Any]], None]:
    now = await database.now(connection)
    cipher = await cipher_for_reading(connection, ring) if ring is not None else None
    async for part in in_parts(connection, now):
        opened: dict[int, str] = {}
        if cipher is not None:
            sealed = await codes.current(connection, [details.group.id for details in part])
            opened = {i: cipher.decrypt(code.ciphertext, code.key_id) for i, code in sealed.items()}
        yield [_record(details, opened.get(details.group.id)) for details in part]


def _record(details: GroupDetails, code: str | None) -> dict[str, Any]:
    group = details.group
    return {
        "group": group.slug,
        "name": group.name,
        "code": None if code is None else f"{_LINK}{code}",
        "jid": group.jid,
        "subject": group.subject,
        "owner": group.owner,
        "instances": list(details.instances),
        "labels": list(details.labels),
        "priority": group.priority,
        "notes": group.notes,
    }


def _writers(form: ExportFormat) -> tuple[str, Any, str]:
    if form is ExportFormat.JSON:
        return "[", _json_line, "\n]\n"
    return f"\ufeff{_csv_text(FIELDS)}", _csv_line, ""


def _json_line(record: dict[str, Any], number: int) -> str:
    return f"{',' if number else ''}\n{json.dumps(record, ensure_ascii=False)}"


def _csv_line(record: dict[str, Any], _number: int) -> str:
    owner = written_phone(record["owner"]) if record["owner"] else None
    cells = ({**record, "owner": owner}[name] for name in FIELDS)
    return _csv_text(
        tuple(";".join(c) if isinstance(c, list) else "" if c is None else str(c) for c in cells)
    )


def _csv_text(cells: tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([defuse(cell) for cell in cells])
    return line.getvalue()
