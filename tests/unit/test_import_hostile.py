"""Tables that want more than they hold: far cells, bombs, one giant line. What they cost is bounded."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import zipfile
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter

from orchestrator.catalogue.source import ReadOptions, Source
from orchestrator.domain.errors import InputRejectedError, UsageError
from tests.support.catalogue import Rows, rows_of
from tests.support.command import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

CODE = "AAAOM8UXL8EDR3dXoKozql"


def cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>'


HEADER = f'<row r="1">{cell("name")}{cell("code")}</row>'
ROW = f'<row r="2">{cell("A")}{cell(CODE)}</row>'


def read(data: bytes, **options: Any) -> Rows:
    return rows_of(Source("groups", data), ReadOptions(**options))


def book(write: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, **options}) as made:
        write(made)
    return out.getvalue()


def usual(made: Any) -> Any:
    sheet = made.add_worksheet("Groups")
    sheet.write_row(0, 0, ["name", "code", "notes"])
    sheet.write_row(1, 0, ["A", CODE, "n"])
    return sheet


def replaced(data: bytes, part: str, content: bytes, declared: int | None = None) -> bytes:
    """The same workbook with another part. `declared`: the size that its directory gives the part."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, content if entry.filename == part else old.read(entry))
        if declared is not None:
            new.getinfo(part).file_size = declared
    return out.getvalue()


def sheet_of(rows: str, *, before: str = "") -> bytes:
    xml = f"<worksheet>{before}<sheetData>{rows}</sheetData></worksheet>"
    return replaced(book(usual), "xl/worksheets/sheet1.xml", xml.encode())


@pytest.mark.parametrize("place", ["XFD1048576", "XFD1", "XFD2", "A1048576", "IW2", "B5000"])
def test_a_far_cell_leaves_the_rows_of_the_table_as_they_are(place: str) -> None:
    table = read(book(lambda made: usual(made).write_string(place, "stray")))

    assert [(row.name, row.problems) for row in table.rows] == [("A", None)]
    row = place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert table.warnings == [f"row {row}: cell {place} is far from the table and was not read"]


def test_many_far_cells_are_one_warning() -> None:
    table = read(book(lambda made: [usual(made).write_column(f"XFD{n}", ["x"] * 500) for n in (1,)]))

    assert [row.name for row in table.rows] == ["A"]
    assert table.warnings == ["row 1: 500 cells far from the table were not read, the first is XFD1"]


def test_a_cell_nearby_is_refused_as_before() -> None:
    table = read(book(lambda made: usual(made).write_string("K2", "stray")))

    assert table.rows[0].problems == ["row 2: there is something in column K, which the header does not name"]


def test_a_table_with_gaps_is_read_whole() -> None:
    def write(made: Any) -> None:
        sheet = usual(made)
        sheet.write_row(900, 0, ["B", CODE[::-1]])
        sheet.write_row(1800, 0, ["C", CODE.swapcase()])

    assert [row.number for row in read(book(write)).rows] == [2, 901, 1801]


@pytest.mark.parametrize("lie", ["A1:XFD1048576", "A1", "nonsense", "A1:ZZZZZZ99999999999999"])
def test_what_a_sheet_says_of_its_dimension_does_not_matter(lie: str) -> None:
    table = read(sheet_of(HEADER + ROW, before=f'<dimension ref="{lie}"/>'))

    assert [row.name for row in table.rows] == ["A"]


@pytest.mark.parametrize(
    "rows",
    [
        HEADER + '<row r="99999999999999"/>',
        HEADER + '<row r="-1"/>',
        HEADER + '<row r="1"/>',
        HEADER + '<row r="2"><c r="ZZZZ2"><v>1</v></c></row>',
        HEADER + '<row r="2"><c t="s"><v>99</v></c></row>',
        HEADER + '<row r="2"><c t="s"><v>-1</v></c></row>',
        HEADER + "<row",
    ],
)
def test_a_sheet_against_the_format_is_refused(rows: str) -> None:
    with pytest.raises(InputRejectedError, match="not a workbook that can be read"):
        read(sheet_of(rows))


def test_entities_are_refused() -> None:
    xml = f'<!DOCTYPE x [<!ENTITY a "b">]><worksheet><sheetData>{HEADER}{ROW}</sheetData></worksheet>'
    with pytest.raises(InputRejectedError, match="not a workbook that can be read"):
        read(replaced(book(usual), "xl/worksheets/sheet1.xml", xml.encode()))


@pytest.mark.parametrize(
    "xml",
    [
        f'<?xml version="1.0" encoding="rot13"?><worksheet><sheetData>{HEADER}{ROW}</sheetData></worksheet>',
        f'<worksheet><sheetData>{HEADER}{ROW}<row a="{"x" * 3 * 2**20}"/></sheetData></worksheet>',
        f"<worksheet><sheetData>{HEADER}{ROW}<!--{'x' * 3 * 2**20}--></sheetData></worksheet>",
    ],
    ids=["no encoding", "a tag of 3 MiB", "a comment of 3 MiB"],
)
def test_xml_that_nobody_writes_is_refused(xml: str) -> None:
    with pytest.raises(InputRejectedError, match="not a workbook that can be read"):
        read(replaced(book(usual), "xl/worksheets/sheet1.xml", xml.encode()))


def test_a_long_text_is_no_long_tag() -> None:
    text = cell("A" + " " * 3 * 2**20)

    assert len(read(sheet_of(HEADER + f'<row r="2">{text}{cell(CODE)}</row>')).rows) == 1


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = replaced(book(usual), "xl/sharedStrings.xml", b"", declared=257 * 2**20)

    assert len(bomb) < 2**20
    with pytest.raises(InputRejectedError, match="larger than 256 MiB when unpacked"):
        read(bomb)


def test_a_bomb_that_lies_about_its_size_is_refused() -> None:
    bomb = replaced(book(usual), "xl/sharedStrings.xml", b"<sst>" + b" " * 2**20 + b"</sst>")
    size = (2**20 + 11).to_bytes(4, "little")
    assert size in bomb

    with pytest.raises(InputRejectedError, match="not a workbook that can be read"):
        read(bomb.replace(size, (100).to_bytes(4, "little")))


def test_a_part_that_is_not_read_may_be_large() -> None:
    data = replaced(book(usual), "docProps/app.xml", b"", declared=257 * 2**20)

    assert [row.name for row in read(data).rows] == ["A"]


def test_many_parts_are_refused() -> None:
    out = io.BytesIO(book(usual))
    with zipfile.ZipFile(out, "a") as archive:
        for number in range(10_001):
            archive.writestr(f"x{number}", b"")
    with pytest.raises(InputRejectedError, match="more than 10,000 parts"):
        read(out.getvalue())


def test_many_sheets_are_listed_in_part() -> None:
    with pytest.raises(UsageError) as refusal:
        read(book(lambda made: [made.add_worksheet(f"n{n}") for n in range(300)]), sheet="elsewhere")

    assert len(str(refusal.value)) < 300


def test_a_huge_text_that_many_cells_share_is_held_once(tmp_path: Path) -> None:
    """3,000 references to 3 MB; with a copy for each it would be 9 GB."""
    huge = b"<sst><si><t>name</t></si><si><t>code</t></si><si><t>" + b"a" * 3_000_000 + b"</t></si></sst>"
    cells = "".join(f'<row r="{n}"><c r="B{n}" t="s"><v>2</v></c></row>' for n in range(2, 3_002))
    header = '<row r="1"><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>'
    data = replaced(sheet_of(header + cells), "xl/sharedStrings.xml", huge)

    assert in_bounds(tmp_path, data) == "groups: more than 64 Mi characters in one sheet"


def test_a_far_cell_costs_no_memory(tmp_path: Path) -> None:
    data = book(lambda made: usual(made).write_string("XFD1048576", "stray"))

    assert in_bounds(tmp_path, data).startswith("1 rows, 0 of them refused")


@pytest.mark.parametrize(
    "line",
    ["a" * 20_000_000, "," * 20_000_000, '"' + "\n" * 20_000_000, '""' * 10**7],
    ids=["letters", "commas", "breaks", "quotes"],
)
def test_a_giant_line_is_refused(tmp_path: Path, line: str) -> None:
    said = in_bounds(tmp_path, f"name,code\nA,{CODE}\n{line}".encode())

    assert said == "groups: row 3: longer than 100,000 characters"


def test_a_giant_first_line_is_refused() -> None:
    with pytest.raises(InputRejectedError, match="row 1: longer than 100,000 characters"):
        read(b"name,code," + b"a" * 200_000)


_WITHIN = f"""
import resource, sys
from orchestrator.domain.errors import RejoinError
from orchestrator.catalogue.table_reading import read_table
from orchestrator.catalogue.source import ReadOptions, Source
resource.setrlimit(resource.RLIMIT_AS, ({2**30}, {2**30}))
try:
    table = read_table(Source("groups", open(sys.argv[1], "rb").read()), ReadOptions())
    refused = [row.problems is not None for row in table.rows()]
    print(len(refused), "rows,", sum(refused), "of them refused")
except RejoinError as error:
    print(error)
"""


def in_bounds(folder: Path, data: bytes) -> str:
    """What a process says that reads it with 1 GiB of address space."""
    file = folder / "table"
    file.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", _WITHIN, str(file)],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-500:]
    return done.stdout.strip()


def test_dates_and_truth_are_read_as_they_are_shown() -> None:
    def write(made: Any) -> None:
        sheet = made.add_worksheet()
        sheet.write_row(0, 0, ["name", "code", "notes"])
        day, moment = made.add_format({"num_format": "dd/mm/yy"}), made.add_format({"num_format": 22})
        money = made.add_format({"num_format": '[Red]"days" 0.00'})
        sheet.write_datetime(1, 0, date(2026, 1, 5), day)
        sheet.write_datetime(2, 0, datetime(2026, 1, 5, 10, 30), moment)  # noqa: DTZ001 - cells have no zone
        sheet.write_number(3, 0, 46027.5, money)
        sheet.write_boolean(4, 0, True)
        sheet.write_formula(5, 0, "=1+1", value="two")
        sheet.write_rich_string(6, 0, "Ri", made.add_format({"bold": True}), "ch")

    for since_1904 in (False, True):
        data = book(write, date_1904=since_1904)
        assert [row.name for row in read(data).rows] == [
            *("2026-01-05", "2026-01-05 10:30:00", "46027.5", "TRUE", "two", "Rich")
        ]


@pytest.mark.parametrize("seed", range(300))
def test_a_workbook_with_broken_bytes_is_read_or_refused(seed: int) -> None:
    rng = random.Random(seed)
    data = bytearray(book(usual))
    for _ in range(rng.randrange(1, 6)):
        data[rng.randrange(4, len(data))] = rng.randrange(256)
    try:
        read(bytes(data))
    except (InputRejectedError, UsageError) as refusal:
        assert str(refusal)  # noqa: PT017 - either is right


@pytest.mark.parametrize(
    "encoding", ["rot13", "base64", "hex", "zip", "bz2", "uu", "quopri", "nonsense", "ü", "\udcff"]
)
def test_what_is_no_encoding_of_a_text_is_refused(encoding: str) -> None:
    with pytest.raises(UsageError, match="there is no encoding"):
        read(f"name,code\nA,{CODE}\n".encode(), encoding=encoding)


@pytest.mark.parametrize("encoding", ["undefined", "idna", "punycode", "utf-16", "utf-7", "ascii"])
def test_another_encoding_than_the_table_has_is_refused(encoding: str) -> None:
    with pytest.raises(InputRejectedError):
        read(f"name,code\nÄ..ü,{CODE}\n\udcff".encode("utf-8", "surrogateescape"), encoding=encoding)
