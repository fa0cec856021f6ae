"""Import: a table of groups into the catalogue, all of it or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.domain.errors import InputRejectedError
from orchestrator.services.catalog.changes import Writer, compare
from orchestrator.services.catalog.matching import load_catalogue, match_rows
from orchestrator.services.catalog.reading import read_table
from orchestrator.services.catalog.report import ImportReport
from orchestrator.services.catalog.source import ReadOptions
from orchestrator.store import groups
from orchestrator.store.journal import Entry, append
from orchestrator.store.secrets import cipher_for_reading, cipher_for_writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from orchestrator.services.catalog.matching import Catalogue, Match
    from orchestrator.services.catalog.reading import Table
    from orchestrator.services.catalog.source import Source
    from orchestrator.store.engine import Database
    from orchestrator.store.secrets import KeyRing

_NO_OPTIONS = ReadOptions()


@dataclass(slots=True)
class _Counts:
    new: int = 0
    updated: int = 0
    unchanged: int = 0


async def import_groups(
    database: Database,
    ring: KeyRing,
    source: Source,
    *,
    actor: str,
    options: ReadOptions = _NO_OPTIONS,
    dry_run: bool = False,
) -> ImportReport:
    """One transaction. Raise InputRejectedError, with every problem and its row, if any row cannot stand.

    A dry run writes nothing and gives the same report, with the problems in it.
    """
    table = read_table(source, options)
    if dry_run:
        async with database.read() as connection:
            cipher = await cipher_for_reading(connection, ring)
            catalogue = await load_catalogue(connection)
            matches = match_rows(table.rows, catalogue, cipher, table.warnings)
            counts = await _go_through(connection, matches, catalogue, table, None)
            return _report(source, table, counts, dry_run=True)
    async with database.write() as connection:
        await groups.lock(connection)
        cipher = await cipher_for_writing(connection, ring)
        catalogue = await load_catalogue(connection)
        matches = match_rows(table.rows, catalogue, cipher, table.warnings)
        rejected = any(row.problems for row in table.rows)
        now = await database.now(connection)
        writer = None if rejected else Writer(connection, cipher, catalogue, now, actor)
        counts = await _go_through(connection, matches, catalogue, table, writer)
        report = _report(source, table, counts, dry_run=False)
        if rejected:
            raise _refusal(report)
        await append(connection, now, [_entry(report, actor)])
    return report


async def _go_through(
    connection: AsyncConnection,
    matches: Sequence[Match],
    catalogue: Catalogue,
    table: Table,
    writer: Writer | None,
) -> _Counts:
    counts = _Counts()
    for part in groups.chunks([match for match in matches if match.row.problems is None]):
        changes = await compare(connection, part, catalogue)
        updated = len(changes.touched)
        counts.new += len(changes.new)
        counts.updated += updated
        counts.unchanged += len(part) - len(changes.new) - updated
        table.warnings += changes.warnings
        if writer is not None:
            await writer.write(changes)
    return counts


def _report(source: Source, table: Table, counts: _Counts, *, dry_run: bool) -> ImportReport:
    bad = [row for row in table.rows if row.problems is not None]
    return ImportReport(
        source=source.name,
        rows=len(table.rows),
        new=counts.new,
        updated=counts.updated,
        unchanged=counts.unchanged,
        rejected=len(bad),
        problems=tuple(problem for row in bad for problem in row.problems or ()),
        warnings=tuple(sorted(table.warnings, key=_row_number)),
        dry_run=dry_run,
    )


def _row_number(warning: str) -> int:
    return int(warning.removeprefix("row ").split(":", 1)[0])


def _refusal(report: ImportReport) -> InputRejectedError:
    return InputRejectedError(
        f"{report.source}: {report.sentence}",
        problems=report.problems,
        hint="correct these rows and import the table again",
    )


def _entry(report: ImportReport, actor: str) -> Entry:
    counts = {name: getattr(report, name) for name in ("rows", "new", "updated", "unchanged")}
    return Entry("act.import", actor, {"source": report.source, **counts})
