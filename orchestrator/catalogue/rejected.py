"""The rows that an import left out, as a table to be mended and imported: as they came, with reasons."""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.catalogue.cells import LinkedText
from orchestrator.catalogue.columns import REASON, is_reason, recognised
from orchestrator.catalogue.delimited import delimiter_of
from orchestrator.catalogue.rows import defuse, undefuse
from orchestrator.catalogue.table_reading import read_sheet
from orchestrator.catalogue.workbook import is_workbook
from orchestrator.domain.errors import UsageError
from orchestrator.domain.invites import holds_link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from orchestrator.catalogue.source import ReadOptions, Source
    from orchestrator.catalogue.table_reading import NumberedCells, Sheet

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
