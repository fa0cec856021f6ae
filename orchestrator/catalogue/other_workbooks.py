"""Workbooks that are no XLSX (.xls, .ods, .xlsb) as rows of text. A process of its own reads them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from orchestrator.catalogue.cells import MOST_COLUMNS, MOST_TEXT, WIDEST_GAP, LeftOut, far_cell
from orchestrator.catalogue.sheet_choice import SheetEntry, chosen_sheet
from orchestrator.domain.errors import InputRejectedError
from orchestrator.domain.strict_json import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.catalogue.source import Source

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
