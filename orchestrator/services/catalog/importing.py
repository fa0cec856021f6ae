"""Import: a table of groups into the catalogue, all of it or nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.domain.errors import InputRejectedError
from orchestrator.services.catalog.changes import Writer, compare
from orchestrator.services.catalog.matching import load_catalogue, match_rows
from orchestrator.services.catalog.reading import read_table
from orchestrator.services.catalog.rejected import write_rejected
from orchestrator.services.catalog.report import ImportReport
from orchestrator.services.catalog.source import ReadOptions
from orchestrator.store import groups
from orchestrator.store.bulk import CHUNK
from orchestrator.store.journal import Entry, append
from orchestrator.store.secrets import cipher_for_reading, cipher_for_writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.ext.asyncio import AsyncConnection

    from orchestrator.services.catalog.matching import Catalogue
    from orchestrator.services.catalog.reading import Table
    from orchestrator.services.catalog.rows import ImportRow
    from orchestrator.services.catalog.source import Source
    from orchestrator.store.engine import Database
    from orchestrator.store.secrets import KeyRing

_NO_OPTIONS = ReadOptions()


async def import_groups(
    database: Database,
    ring: KeyRing,
    source: Source,
    *,
    actor: str,
    options: ReadOptions = _NO_OPTIONS,
    dry_run: bool = False,
) -> ImportReport:
    """One transaction; the source is used up. Raise InputRejectedError, with all problems, if a row is bad.

    With `options.skip_bad` bad rows are left out and written to a file of their own, unless all are bad. A
    dry run writes nothing and gives the same report, with the problems in it.
    """
    table, skip_bad = read_table(source, options), options.skip_bad
    if not skip_bad:
        source.data = b""  # read: as large as what was made of it
    if dry_run:
        async with database.read() as connection:
            cipher = await cipher_for_reading(connection, ring)
            catalogue = await load_catalogue(connection)
            match_rows(table.rows, catalogue, cipher, table.warnings)
            return await _go_through(connection, table, catalogue, None, skip_bad=skip_bad)
    async with database.write() as connection:
        await groups.lock(connection)
        cipher = await cipher_for_writing(connection, ring)
        catalogue = await load_catalogue(connection)
        match_rows(table.rows, catalogue, cipher, table.warnings)
        writer = Writer(connection, cipher, catalogue, await database.now(connection), actor)
        report = await _go_through(connection, table, catalogue, writer, skip_bad=skip_bad)
        if not report.written:
            raise _refusal(report)
        await append(connection, writer.now, [_entry(report, actor)])
        if (
            report.rejected
        ):  # before the rest is stored: without the file it would not be known what is missing
            report = replace(report, rejected_file=write_rejected(source, options, report.problems_of))
    return report


async def _go_through(
    connection: AsyncConnection, table: Table, catalogue: Catalogue, writer: Writer | None, *, skip_bad: bool
) -> ImportReport:
    """Compare every good row with the store, and write the changes where there is a writer.

    Not if there is a bad row, unless these are skipped.

    The rows are used up: a hundred thousand would otherwise stand in memory beside what is made of them.
    """
    bad = {row.number: tuple(row.problems) for row in table.rows if row.problems is not None}
    new = updated = unchanged = 0
    for rows in _used_up(table, lambda row: row.problems is None):
        changes = await compare(connection, rows, catalogue)
        new += len(changes.new)
        updated += len(changes.touched)
        unchanged += len(rows) - len(changes.new) - len(changes.touched)
        table.warnings += changes.warnings
        if writer is not None and (skip_bad or not bad):
            await writer.write(changes)
    return ImportReport(
        source=table.source,
        rows=len(bad) + new + updated + unchanged,
        new=new,
        updated=updated,
        unchanged=unchanged,
        rejected=len(bad),
        problems_of=bad,
        warnings=tuple(sorted(table.warnings, key=_row_number)),
        dry_run=writer is None,
        skip_bad=skip_bad,
    )


def _used_up(table: Table, wanted: Callable[[ImportRow], bool]) -> Iterator[list[ImportRow]]:
    table.rows.reverse()
    while table.rows:
        part = table.rows[-CHUNK:]
        del table.rows[-CHUNK:]
        yield [row for row in reversed(part) if wanted(row)]


def _row_number(warning: str) -> int:
    return int(warning.removeprefix("row ").split(":", 1)[0])


def _refusal(report: ImportReport) -> InputRejectedError:
    return InputRejectedError(
        f"{report.source}: {report.sentence}",
        problems=report.problems,
        hint="correct these rows and import the table again; --skip-bad imports the others now",
    )


def _entry(report: ImportReport, actor: str) -> Entry:
    counts = {name: getattr(report, name) for name in ("rows", "new", "updated", "unchanged")}
    if report.rejected:
        counts["rejected"] = report.rejected
    return Entry("act.import", actor, {"source": report.source, **counts})
