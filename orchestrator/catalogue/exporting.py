"""Export: the catalogue as CSV or JSON. Codes stay out unless asked for; the file is for its owner alone."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

from orchestrator.catalogue.header import FIELDS
from orchestrator.catalogue.sheets import defuse
from orchestrator.domain.errors import UsageError
from orchestrator.domain.phones import written_phone
from orchestrator.private_files import replacing
from orchestrator.store import codes, groups
from orchestrator.store.bulk import CHUNK, chunks
from orchestrator.store.codes import SealedCode
from orchestrator.store.engine import AsyncConnection, Database
from orchestrator.store.groups import GroupName
from orchestrator.store.journal import Entry, append
from orchestrator.store.keyring import KeyRing
from orchestrator.store.secrets import CodeCipher, cipher_for_reading


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
        aclosing(_records(connection, ring)) as parts,
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
    connection: AsyncConnection, ring: KeyRing | None
) -> AsyncGenerator[list[dict[str, Any]], None]:
    """Every group, some at a time."""
    cipher = await cipher_for_reading(connection, ring) if ring is not None else None
    everyone: list[GroupName] = [group async for part in groups.names(connection) for group in part]
    for part in chunks(everyone, CHUNK):
        ids = [group.id for group in part]
        stored = await groups.by_ids(connection, ids)
        sealed = {} if cipher is None else await codes.current(connection, ids)
        labels = await groups.labels(connection, ids)
        instances = await groups.instances(connection, ids)
        yield [
            {
                "group": stored[i].slug,
                "name": stored[i].name,
                "code": _link(sealed[i], cipher) if i in sealed and cipher is not None else None,
                "jid": stored[i].jid,
                "subject": stored[i].subject,
                "owner": stored[i].owner,
                "instances": list(instances.get(i, ())),
                "labels": list(labels.get(i, ())),
                "priority": stored[i].priority,
                "notes": stored[i].notes,
            }
            for i in ids
        ]


def _link(code: SealedCode, cipher: CodeCipher) -> str:
    return f"https://chat.whatsapp.com/{cipher.decrypt(code.ciphertext, code.key_id)}"


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
