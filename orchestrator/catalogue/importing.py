"""Import: a table of groups into the catalogue, all of it or nothing."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.catalogue.changes import Writer, compare
from orchestrator.catalogue.matching import load_matcher
from orchestrator.catalogue.rejected import write_rejected
from orchestrator.catalogue.report import ImportReport
from orchestrator.catalogue.source import ReadOptions
from orchestrator.catalogue.table_reading import read_table
from orchestrator.domain.errors import InputRejectedError
from orchestrator.store import groups
from orchestrator.store.bulk import CHUNK
from orchestrator.store.journal import Entry, append
from orchestrator.store.secrets import cipher_for_reading, cipher_for_writing

if TYPE_CHECKING:
    from orchestrator.catalogue.source import Source
    from orchestrator.catalogue.table_reading import Table
    from orchestrator.store.engine import AsyncConnection, Database
    from orchestrator.store.secrets import CodeCipher, KeyRing

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
    table = read_table(source, options)
    if dry_run:
        async with database.read(long=True) as connection:
            cipher = await cipher_for_reading(connection, ring)
            return await _go_through(connection, table, cipher, None)
    async with database.write(long=True) as connection:
        await groups.lock(connection)
        cipher = await cipher_for_writing(connection, ring)
        writer = Writer(connection, cipher, await database.now(connection), actor)
        report = await _go_through(connection, table, cipher, writer)
        if not report.written:
            raise _refusal(report)
        await writer.finish()
        await append(connection, writer.now, [_entry(report, actor)])
        if report.rejected:  # before the rest is stored: without the file nobody would know what is missing
            report = replace(report, rejected_file=write_rejected(source, options, report.problems_of))
    return report


async def _go_through(
    connection: AsyncConnection, table: Table, cipher: CodeCipher, writer: Writer | None
) -> ImportReport:
    """Compare every good row with the store, some at a time, and write the changes where there is a writer.

    Not if there is a bad row, unless these are skipped: what was written before it was found goes with the
    transaction.
    """
    skip_bad = table.options.skip_bad
    matcher = await load_matcher(connection, cipher, table.codes)
    bad: dict[int, tuple[str, ...]] = {}
    warnings: list[str] = []
    new = updated = unchanged = 0
    rows = table.rows()
    while part := list(itertools.islice(rows, CHUNK)):
        catalogue = await matcher.match(part, warnings)
        bad |= {row.number: tuple(row.problems) for row in part if row.problems is not None}
        good = [row for row in part if row.problems is None]
        changes = await compare(connection, good, catalogue)
        new += len(changes.new)
        updated += len(changes.touched)
        unchanged += len(good) - len(changes.new) - len(changes.touched)
        warnings += changes.warnings
        if writer is not None and (skip_bad or not (bad or table.has_bad)):
            await writer.write(changes)
    return ImportReport(
        source=table.source.name,
        rows=len(bad) + new + updated + unchanged,
        new=new,
        updated=updated,
        unchanged=unchanged,
        rejected=len(bad),
        problems_of=bad,
        warnings=tuple(sorted([*table.warnings, *warnings], key=_row_number)),
        dry_run=writer is None,
        skip_bad=skip_bad,
    )


def _row_number(warning: str) -> int:
    return int(warning.removeprefix("row ").split(":", 1)[0])


def _refusal(report: ImportReport) -> InputRejectedError:
    return InputRejectedError(
        f"{report.source}: {report.sentence}", problems=report.problems, hint=report.hint
    )


def _entry(report: ImportReport, actor: str) -> Entry:
    counts = {name: getattr(report, name) for name in ("rows", "new", "updated", "unchanged")}
    if report.rejected:
        counts["rejected"] = report.rejected
    return Entry("act.import", actor, {"source": report.source, **counts})
