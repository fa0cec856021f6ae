"""Import: a table of groups into the catalogue, all of it or nothing; its report; the rows it left out."""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.catalogue.changes import Writer, compare
from orchestrator.catalogue.csv_reading import delimiter_of
from orchestrator.catalogue.header import REASON, is_reason, recognised
from orchestrator.catalogue.matching import load_matcher
from orchestrator.catalogue.sheets import LinkedText, defuse, undefuse
from orchestrator.catalogue.source import ReadOptions, Source
from orchestrator.catalogue.table_reading import UNNAMED, NumberedCells, Sheet, Table, read_sheet, read_table
from orchestrator.catalogue.workbook import is_workbook
from orchestrator.domain.errors import InputRejectedError, UsageError
from orchestrator.domain.invites import holds_link
from orchestrator.store import groups
from orchestrator.store.bulk import CHUNK
from orchestrator.store.engine import AsyncConnection, Database
from orchestrator.store.journal import Entry, append
from orchestrator.store.keyring import KeyRing
from orchestrator.store.secrets import CodeCipher, cipher_for_reading, cipher_for_writing


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Counts of rows, every problem and every warning, in the order of the rows."""

    source: str
    rows: int
    new: int
    updated: int
    unchanged: int
    rejected: int
    problems_of: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # by row
    warnings: tuple[str, ...] = ()
    dry_run: bool = False
    skip_bad: bool = False
    rejected_file: Path | None = None  # the rejected rows with their reasons, of an import that skips them

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(problem for of_row in self.problems_of.values() for problem in of_row)

    @property
    def written(self) -> bool:
        return not self.dry_run and (not self.rejected or self.imports_the_rest)

    @property
    def imports_the_rest(self) -> bool:
        """Whether bad rows are left out, and there are others."""
        return self.skip_bad and self.rejected < self.rows

    @property
    def hint(self) -> str:
        """What to do about bad rows."""
        hint = "correct these rows and import the table again; --skip-bad imports the others now"
        if any(problem.endswith(UNNAMED) for problem in self.problems):
            hint += "; a column without a name is left out by its letter, such as --map A=ignore"
        return hint

    @property
    def sentence(self) -> str:
        """`118 rows: 109 new, 5 updated, 2 unchanged, 2 rejected. Nothing written (--dry-run).`"""
        counts = f"{self.new:,} new, {self.updated:,} updated, {self.unchanged:,} unchanged"
        rows = "row" if self.rows == 1 else "rows"
        rejected = f", {self.rejected:,} rejected" if self.rejected else ""
        nothing = " Nothing written (--dry-run)." if self.dry_run else ""
        if not self.written and not self.dry_run:
            nothing = " Nothing written."
        return f"{self.rows:,} {rows}: {counts}{rejected}.{nothing}"


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


_ENDING = ".rejected"
_OURS = re.compile(rf"{re.escape(_ENDING)}(-[0-9]+)?$")


def write_rejected(source: Source, options: ReadOptions, reasons: Mapping[int, Sequence[str]]) -> Path:
    """Write these rows (by number) beside the source, else into the working directory; mode 0600.

    The file is a new one, or one that says exactly that already. It is CSV in UTF-8 that `options.mapping`
    fits as it fits the source. Raise UsageError if it can be written nowhere.
    """
    sheet = read_sheet(source, options)
    wanted = [(number, cells) for number, cells in sheet.rows if number in reasons]
    delimiter = "," if is_workbook(source.head(8)) else _delimiter(source, options)
    content = _csv(_lines(sheet, wanted, reasons), delimiter)
    failure: OSError | None = None
    for folder in dict.fromkeys([source.path.parent if source.path else Path(), Path()]):
        try:
            return _written(folder, source, content)
        except OSError as error:
            failure = failure or error
    why = failure.strerror if failure else ""
    raise UsageError(
        f"the rejected rows cannot be written beside {source.name}: {why}; nothing was imported",
        hint="call it in a folder in which you may write",
    ) from failure


def _delimiter(source: Source, options: ReadOptions) -> str:
    return delimiter_of(source, options, lambda cells: recognised(cells, options.mapping))


def _csv(lines: Iterable[Sequence[str]], delimiter: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(lines)
    return text.getvalue().encode("utf-8-sig", errors="ignore")


def _written(folder: Path, source: Source, content: bytes) -> Path:
    """`x.rejected.csv`, then `x.rejected-2.csv`, …; for its owner alone. Raises OSError.

    The file is gone again where it could not be written whole.
    """
    stem = _OURS.sub("", source.path.stem) if source.path else ""
    name = f"{stem}{_ENDING}" if stem else _ENDING.removeprefix(".")
    for number in itertools.count(1):
        path = folder / (f"{name}.csv" if number == 1 else f"{name}-{number}.csv")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            if _says(path, content):
                return path
            continue
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path
    raise AssertionError  # it counts for ever


def _says(path: Path, content: bytes) -> bool:
    """It holds exactly that, and nobody else can read it."""
    with suppress(OSError):
        found = path.stat()
        private = stat.S_ISREG(found.st_mode) and not found.st_mode & 0o077
        return private and found.st_size == len(content) and path.read_bytes() == content
    return False


def _lines(
    sheet: Sheet, rows: Sequence[NumberedCells], reasons: Mapping[int, Sequence[str]]
) -> Iterator[list[str]]:
    """The header with a column for the reasons, and the rows below it; no cell can be run as a formula."""
    width = max([len(sheet.header), *(len(cells) for _, cells in rows)])
    header = [*sheet.header, *[""] * (width - len(sheet.header))]
    places = [place for place, cell in enumerate(header) if not is_reason(cell)]
    yield [*(defuse(header[place]) for place in places), REASON]
    for number, cells in rows:
        shown = [_shown(text, sheet.columns.get(place)) for place, text in enumerate(cells)]
        shown += [""] * (width - len(shown))
        yield [*(defuse(shown[place]) for place in places), "; ".join(reasons[number])]


def _shown(text: str, field: str | None) -> str:
    """What a cell says. The link behind the code's cell stands in it: CSV has nothing behind."""
    if not isinstance(text, LinkedText):
        return undefuse(text)
    if field == "code" and holds_link(text.target) and text.target not in text:
        return f"{text} {text.target}"
    return text
