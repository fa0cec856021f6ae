"""A process that reads one sheet of a workbook with calamine, within a limit of memory.

calamine makes a dense table of a sheet first: a few bytes can ask for any amount of memory. So it never reads
in a process that has something else to do. The workbook comes on standard input, the wanted sheet as JSON in
the first argument; the answer is one JSON object on standard output. Killed by its limit, it answers nothing.
"""

from __future__ import annotations

import io
import json
import sys
from datetime import date, datetime
from typing import Any

from python_calamine import CalamineWorkbook

from orchestrator.catalogue.sheets import LONGEST_TEXT, MOST_TEXT, SheetEntry, chosen_sheet, number_text
from orchestrator.domain.errors import RejoinError
from orchestrator.domain.strict_json import parse_json
from orchestrator.process_limits import limit_this_process

_MOST_MEMORY = 1536 * 2**20  # bytes; 65,536 rows of 256 columns, the most of an .xls, need 1.1 GiB


def main() -> None:
    limit_this_process(_MOST_MEMORY)
    answer = _answer(sys.stdin.buffer.read(), parse_json(sys.argv[1]))
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode())


def _answer(data: bytes, wanted: str | None) -> dict[str, Any]:
    import python_calamine  # noqa: PLC0415 - after the limits are set

    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        return _read(book, wanted)
    except python_calamine.PasswordError:
        return {"problem": "password"}
    except python_calamine.CalamineError:
        return {"problem": "unreadable"}


def _read(book: CalamineWorkbook, wanted: str | None) -> dict[str, Any]:
    from python_calamine import SheetVisibleEnum  # noqa: PLC0415 - as above

    sheets = [SheetEntry(one.name, one.visible == SheetVisibleEnum.Visible) for one in book.sheets_metadata]
    answer: dict[str, Any] = {"sheets": [[sheet.name, sheet.visible] for sheet in sheets]}
    try:
        sheet = book.get_sheet_by_name(chosen_sheet("", sheets, wanted).name)
    except RejoinError:
        return answer  # whoever asked says it
    rows: list[tuple[int, list[str]]] = []
    room = MOST_TEXT
    for number, values in enumerate(sheet.iter_rows(), start=1):
        if values.count("") == len(values):
            continue
        cells = [_text(value)[: LONGEST_TEXT + 1] for value in values]
        room -= sum(map(len, cells))
        if room < 0:
            return answer | {"problem": "text"}
        while cells and not cells[-1].strip():
            cells.pop()
        if cells:
            rows.append((number, cells))
    return answer | {"rows": rows}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else str(value)


if __name__ == "__main__":
    main()
