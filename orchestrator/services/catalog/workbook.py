"""XLSX (and what else calamine reads: XLS, ODS): one sheet's cells as text."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

from orchestrator.domain.errors import InputRejectedError, NotFoundError
from orchestrator.services.catalog.words import did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from python_calamine import CalamineWorkbook

    from orchestrator.services.catalog.source import Source

_MAGIC = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_MOST_UNPACKED = 512 * 1024 * 1024
_EXACT = 1e15  # a spreadsheet keeps 15 digits of a number


def is_workbook(data: bytes) -> bool:
    return data.startswith(_MAGIC)


def workbook_rows(source: Source, sheet: str | None) -> Iterator[tuple[int, list[str]]]:
    """Row number as the spreadsheet shows it, and the cells. Raises InputRejectedError."""
    import python_calamine  # noqa: PLC0415 - only for workbooks

    _refuse_bomb(source)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(source.data))
        rows = book.get_sheet_by_name(_sheet(source, book, sheet)).iter_rows()
        for number, cells in enumerate(rows, start=1):
            yield number, [_text(cell) for cell in cells]
    except python_calamine.PasswordError:
        raise InputRejectedError(f"{source.name}: protected by a password") from None
    except python_calamine.CalamineError as error:
        raise InputRejectedError(f"{source.name}: not a workbook that can be read") from error


def _sheet(source: Source, book: CalamineWorkbook, wanted: str | None) -> str:
    names = book.sheet_names
    if not names:
        raise InputRejectedError(f"{source.name}: the workbook has no sheet")
    if wanted is None:
        return _first_visible(book)
    if wanted in names:
        return wanted
    if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        return names[int(wanted) - 1]
    near = did_you_mean(wanted, names) or f" Sheets: {', '.join(names)}."
    raise NotFoundError(f"{source.name}: there is no sheet {quoted(wanted)}.{near}")


def _first_visible(book: CalamineWorkbook) -> str:
    from python_calamine import SheetVisibleEnum  # noqa: PLC0415 - as above

    visible = [sheet.name for sheet in book.sheets_metadata if sheet.visible == SheetVisibleEnum.Visible]
    return (visible or book.sheet_names)[0]


def _text(cell: Any) -> str:
    """Numbers as people typed them; those too long to be exact stay in the form that shows it."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _EXACT:
        return str(int(cell))
    return str(cell)


def _refuse_bomb(source: Source) -> None:
    if not source.data.startswith(_MAGIC[0]):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(source.data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile:
        raise InputRejectedError(f"{source.name}: not a workbook that can be read") from None
    if unpacked > _MOST_UNPACKED:
        raise InputRejectedError(f"{source.name}: larger than {_MOST_UNPACKED // 2**20} MiB when unpacked")
