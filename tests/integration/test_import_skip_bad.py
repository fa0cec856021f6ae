"""`--skip-bad`: the good rows are stored, the bad ones lie in a file that is mended and imported."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest
import xlsxwriter

from orchestrator.catalogue.importing import import_groups
from orchestrator.catalogue.source import ReadOptions, read_source
from orchestrator.domain.errors import InputRejectedError, UsageError
from tests.support.catalogue import CODES, JIDS, Catalogue, opened

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.catalogue.importing import ImportReport

LINK = "https://chat.whatsapp.com/"


async def take(
    catalogue: Catalogue, path: Path, *, dry_run: bool = False, mapping: Mapping[str, str] | None = None
) -> ImportReport:
    options = ReadOptions(mapping or {}, skip_bad=True)
    source = read_source(path)
    return await import_groups(
        catalogue.database, catalogue.ring, source, actor="test", options=options, dry_run=dry_run
    )


def rows_of(report: ImportReport, *, delimiter: str = ",") -> list[list[str]]:
    assert report.rejected_file is not None
    text = report.rejected_file.read_text(encoding="utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def rejected_in(folder: Path) -> list[Path]:
    return list(folder.glob("*rejected*"))


async def test_the_rest_is_stored_and_the_mended_file_finishes_the_job(
    database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "groups.csv"
    path.write_text(
        f"Grupos 2026;;\nNome;Link de convite;Cidade\nA;{CODES[0]};Recife\nB;{LINK}short;=Rio\n"
        f'"C; ""x""";{CODES[2]};Natal\nD;{CODES[2]};\n'
    )
    async with opened(database_url, tmp_path) as catalogue:
        report = await take(catalogue, path, mapping={"Cidade": "ignore"})

        assert (report.new, report.rejected, report.written) == (2, 2, True)
        assert report.rejected_file == tmp_path / "groups.rejected.csv"
        assert rows_of(report, delimiter=";") == [
            ["Nome", "Link de convite", "Cidade", "Why it was not imported"],
            [
                *("B", f"{LINK}short", "'=Rio"),
                "row 4: code in the link has 5 characters; a code has 22 letters and digits",
            ],
            ["D", CODES[2], "", "row 6: same code as row 5"],
        ]
        assert report.rejected_file.stat().st_mode & 0o777 == 0o600

        mended = report.rejected_file.read_text().replace("short", CODES[1]).replace(CODES[2], CODES[3])
        report.rejected_file.write_text(mended)
        rest = await take(catalogue, report.rejected_file, mapping={"Cidade": "ignore"})

        assert (rest.new, rest.rejected, rest.rejected_file) == (2, 0, None)
        assert [await catalogue.code_of(name) for name in ("A", "B", "D")] == [CODES[0], CODES[1], CODES[3]]


async def test_no_file_is_overwritten_and_reasons_do_not_pile_up(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_text(f"name,code\nA,{CODES[0]}\nB,nonsense\n")
    async with opened(database_url, tmp_path) as catalogue:
        first, again = await take(catalogue, path), await take(catalogue, path)
        assert first.rejected_file is not None
        assert again.rejected_file == first.rejected_file  # it says that already
        first.rejected_file.chmod(0o644)  # others can read it: not where codes are put
        second = await take(catalogue, path)
        first.rejected_file.write_text(first.rejected_file.read_text() + f"C,{CODES[1]},\nD,nothing,\n")
        third = await take(catalogue, first.rejected_file)

    names = [report.rejected_file and report.rejected_file.name for report in (first, second, third)]
    assert names == ["groups.rejected.csv", "groups.rejected-2.csv", "groups.rejected-3.csv"]
    assert rows_of(third)[0] == ["name", "code", "Why it was not imported"]
    assert rows_of(third)[1][2] == ('row 2: code is not a chat.whatsapp.com link or a bare code: "nonsense"')


async def test_what_a_workbook_hides_behind_its_cells_is_in_the_file(
    database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "groups.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Group", "Link", "JID"])
        sheet.write_row(1, 0, ["A", CODES[0]])
        sheet.write_row(2, 0, ["B"])
        sheet.write_url(2, 1, LINK + CODES[1], string="Join")
        sheet.write(2, 2, "nonsense")
        sheet.write_row(3, 0, ["C", CODES[2], JIDS[2], "beside the header"])
    async with opened(database_url, tmp_path) as catalogue:
        report = await take(catalogue, path)
        assert report.rejected_file is not None
        header, *rows = rows_of(report)
        assert header == ["Group", "Link", "JID", "", "Why it was not imported"]
        assert [row[:4] for row in rows] == [
            ["B", f"Join {LINK}{CODES[1]}", "nonsense", ""],
            ["C", CODES[2], JIDS[2], "beside the header"],
        ]

        text = report.rejected_file.read_text().replace("nonsense", "").replace("beside the header", "")
        report.rejected_file.write_text(text)
        assert (await take(catalogue, report.rejected_file)).new == 2
        assert await catalogue.code_of("B") == CODES[1]


async def test_a_contradiction_with_the_store_is_a_bad_row_too(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_text(f"name,code\nB,{CODES[0]}\nC,{CODES[1]}\n")
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code,jid\nA,{CODES[0]},{JIDS[0]}\nB,{CODES[2]},{JIDS[1]}\n")
        report = await take(catalogue, path)

    assert (report.new, report.rejected) == (1, 1)
    assert 'code belongs to "A", but the name to "B"' in rows_of(report)[1][2]


async def test_where_every_row_is_bad_nothing_is_written(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_text("name,code\nA,nonsense\n")
    async with opened(database_url, tmp_path) as catalogue:
        with pytest.raises(InputRejectedError):
            await take(catalogue, path)
        assert await catalogue.count() == 0
    assert not rejected_in(tmp_path)


async def test_a_dry_run_writes_no_file(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_text(f"name,code\nA,{CODES[0]}\nB,nonsense\n")
    async with opened(database_url, tmp_path) as catalogue:
        report = await take(catalogue, path, dry_run=True)

    assert (report.new, report.rejected, report.written, report.rejected_file) == (1, 1, False, None)
    assert not rejected_in(tmp_path)


async def test_without_a_place_for_the_file_nothing_is_stored(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is none stands for one where nobody may write: root may write everywhere."""
    path = tmp_path / "groups.csv"
    path.write_text(f"name,code\nA,{CODES[0]}\nB,nonsense\n")
    source, gone = read_source(path), tmp_path / "gone"
    gone.mkdir()
    source.path = path / "groups.csv"
    monkeypatch.chdir(gone)
    gone.rmdir()
    async with opened(database_url, tmp_path) as catalogue:
        options = ReadOptions(skip_bad=True)
        with pytest.raises(UsageError, match="the rejected rows cannot be written"):
            await import_groups(catalogue.database, catalogue.ring, source, actor="test", options=options)
        assert await catalogue.count() == 0


async def test_a_folder_that_takes_no_file_is_not_the_end(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "groups.csv"
    path.write_text(f"name,code\nA,{CODES[0]}\nB,nonsense\n")
    source, here = read_source(path), tmp_path / "here"
    here.mkdir()
    source.path = path / "groups.csv"
    monkeypatch.chdir(here)
    async with opened(database_url, tmp_path) as catalogue:
        options = ReadOptions(skip_bad=True)
        await import_groups(catalogue.database, catalogue.ring, source, actor="test", options=options)

    assert (here / "groups.rejected.csv").exists()
