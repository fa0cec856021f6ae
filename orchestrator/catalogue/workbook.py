"""One sheet of a workbook as rows of text: XLSX here, others (.xls, .ods, .xlsb) by a process of its own.

The XML is read as a stream, so that what a sheet costs grows with the bytes that it really holds: neither a
cell far away nor a wrong `dimension` counts. The format is ECMA-376 part 1, chapter 18 (SpreadsheetML).
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from orchestrator.catalogue.sheets import (
    MOST_COLUMNS,
    MOST_TEXT,
    WIDEST_GAP,
    LeftOut,
    SheetEntry,
    chosen_sheet,
    far_cell,
)
from orchestrator.catalogue.source import Source
from orchestrator.catalogue.workbook_xml import (
    BrokenXmlError,
    Relations,
    SheetReader,
    TooMuchTextError,
    date_styles,
    hyperlinks,
    relations,
    shared_strings,
    workbook_sheets,
)
from orchestrator.domain.errors import InputRejectedError
from orchestrator.domain.strict_json import parse_json

_PATIENCE = 60.0  # seconds
_AS_XLSX = "save it as XLSX without a password, or as CSV"
_PROBLEMS = {
    "password": "protected by a password",
    "text": f"more than {MOST_TEXT // 2**20} Mi characters in one sheet",
    "unreadable": "not a workbook that can be read, or a cell stands very far from its table",
    "bounds": "needs too much memory or time; perhaps a cell stands very far from its table",
}


def other_workbook_rows(
    source: Source, sheet: str | None, warnings: list[str]
) -> Iterator[tuple[int, list[str]]]:
    """As `workbook_rows` of the same name for XLSX. Raises InputRejectedError or NotFoundError."""
    answer = _asked(source.data, sheet)
    if problem := answer.get("problem"):
        raise InputRejectedError(f"{source.name}: {_PROBLEMS[problem]}", hint=_AS_XLSX)
    chosen_sheet(source.name, [SheetEntry(name, visible) for name, visible in answer["sheets"]], sheet)
    left_out: LeftOut | None = None
    last = 0
    for number, cells in answer["rows"]:
        near = 0 if number > last + WIDEST_GAP + 1 else MOST_COLUMNS
        for column, cell in enumerate(cells[near:], near):
            if cell.strip():
                left_out = far_cell(left_out, number, column)
        if any(cell.strip() for cell in cells[:near]):
            last = number
            yield number, cells[:near]
    if left_out:
        warnings.append(left_out.sentence())


def _asked(data: bytes, sheet: str | None) -> dict[str, Any]:
    module = "orchestrator.catalogue.calamine_process"
    command = [sys.executable, "-P", "-m", module, json.dumps(sheet)]  # -P: nothing from the current folder
    try:
        done = subprocess.run(command, input=data, capture_output=True, check=True, timeout=_PATIENCE)  # noqa: S603 - ours
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return {"problem": "bounds"}
    answer: dict[str, Any] = parse_json(done.stdout)
    return answer


_ZIP = b"PK\x03\x04"
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # an old .xls, and what Excel makes of a password
_DIRECTORY_ENTRY = b"PK\x01\x02"
_MOST_PARTS = 10_000
_MOST_UNPACKED = 256 * 1024 * 1024  # bytes of all parts that are read
_CHUNK = 64 * 1024
_IN_PARTS = "import it in several parts"
# RuntimeError: an entry with a password. NotImplementedError: a compression that zipfile does not know.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError, BrokenXmlError)


def is_workbook(data: bytes) -> bool:
    return data.startswith((_ZIP, _COMPOUND))


def workbook_rows(source: Source, sheet: str | None, warnings: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Row number as the spreadsheet shows it, and the cells. Raises InputRejectedError.

    `warnings` gets a sentence about cells too far from the table to belong to it; they are left out.
    """
    with _sentences(source):
        package = _Package(source) if source.head(len(_ZIP)) == _ZIP else None
        main = package.related("").by_kind.get("officeDocument", "") if package else ""
        if package is None or package.is_other(main):
            yield from other_workbook_rows(source, sheet, warnings)
            return
        sheets, since_1904 = workbook_sheets(package.read(main))
        parts = package.related(main)
        chosen = parts.by_id.get(chosen_sheet(source.name, sheets, sheet).relation)
        reader = SheetReader(
            strings=shared_strings(package.read(parts.by_kind.get("sharedStrings"))),
            dates=date_styles(package.read(parts.by_kind.get("styles"))),
            since_1904=since_1904,
            links=package.hyperlinks(chosen),
        )
        yield from reader.rows(package.read(chosen))
    if reader.left_out:
        warnings.append(reader.left_out.sentence())


class _Package:
    """The zip archive, opened. Of all its parts together no more is read than _MOST_UNPACKED."""

    def __init__(self, source: Source) -> None:
        data = source.data
        if data.count(_DIRECTORY_ENTRY) > _MOST_PARTS:  # before zipfile makes an object of each
            raise InputRejectedError(f"{source.name}: a workbook of more than {_MOST_PARTS:,} parts")
        self._name = source.name
        self._archive = zipfile.ZipFile(io.BytesIO(data))
        self._left = _MOST_UNPACKED

    def related(self, part: str) -> Relations:
        """What a part refers to; "" is the package itself."""
        folder, _, name = part.rpartition("/")
        return relations(self.read(f"{folder}/_rels/{name}.rels".lstrip("/")), folder)

    def hyperlinks(self, sheet: str | None) -> dict[tuple[int, int], str]:
        """The addresses behind a sheet's cells. They stand below its rows: it is read once more for them."""
        outside = self.related(sheet).outside if sheet else {}
        return hyperlinks(self.read(sheet), outside) if outside else {}

    def is_other(self, main: str) -> bool:
        """Whether the format is that of OpenDocument, or Excel's binary one."""
        return main.endswith(".bin") or (not main and "content.xml" in self._archive.NameToInfo)

    def read(self, part: str | None) -> Iterator[bytes]:
        """In chunks; nothing where there is no part. zipfile never unpacks more than the entry declares."""
        entry = self._archive.NameToInfo.get(part or "")
        if entry is None:
            return
        self._left -= entry.file_size
        if self._left < 0:
            limit = _MOST_UNPACKED // 2**20
            raise InputRejectedError(f"{self._name}: larger than {limit} MiB when unpacked", hint=_IN_PARTS)
        with self._archive.open(entry) as file:
            while chunk := file.read(_CHUNK):
                yield chunk


@contextmanager
def _sentences(source: Source) -> Iterator[None]:
    try:
        yield
    except TooMuchTextError:
        raise InputRejectedError(
            f"{source.name}: more than {MOST_TEXT // 2**20} Mi characters in one sheet", hint=_IN_PARTS
        ) from None
    except _UNREADABLE as error:
        raise InputRejectedError(f"{source.name}: not a workbook that can be read") from error
