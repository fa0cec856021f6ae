from __future__ import annotations

import csv
import io
import json
import os
import stat
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from orchestrator.catalogue.exporting import ExportFormat, export_to, export_to_file
from orchestrator.catalogue.importing import import_groups
from orchestrator.catalogue.source import Source
from orchestrator.domain.errors import UsageError
from orchestrator.store.tables import journal
from tests.support.catalogue import CODES, JIDS, Catalogue, opened

if TYPE_CHECKING:
    from pathlib import Path

TABLE = (
    "name,code,jid,subject,owner,instances,labels,priority,notes\n"
    f"Suppliers North,{CODES[0]},{JIDS[0]},Suppliers,5511912345678,sales-2;sales-main,north;vip,7,call Ana\n"
    f'\'=HYPERLINK(1),{CODES[1]},{JIDS[1]},\'+sum,,,\'@label,-3,"\'-one\ntwo, ""three"""\n'
    f"Ação 🚀 ''tis,,{JIDS[2]},,0031 987654321,,,,\n"
)


async def text_of(catalogue: Catalogue, form: ExportFormat, *, with_codes: bool = False) -> str:
    out = io.StringIO()
    ring = catalogue.ring if with_codes else None
    await export_to(catalogue.database, out, form, actor="test", ring=ring)
    return out.getvalue()


async def test_an_export_can_be_imported_elsewhere_and_is_the_same(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)
        text = await text_of(catalogue, ExportFormat.CSV, with_codes=True)
        again = await catalogue.take(text)
        (tmp_path / "other").mkdir()
        async with opened(f"sqlite+aiosqlite:///{tmp_path / 'other' / 'r.db'}", tmp_path / "other") as other:
            report = await import_groups(
                other.database, other.ring, Source("export", text.encode()), actor="test"
            )
            second = await text_of(other, ExportFormat.CSV, with_codes=True)

    assert text.startswith("\ufeff")
    assert (again.unchanged, again.rows) == (3, 3)
    assert report.new == 3
    assert second == text


async def test_no_cell_of_a_csv_can_run_as_a_formula(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)
        rows = list(
            csv.DictReader(io.StringIO((await text_of(catalogue, ExportFormat.CSV)).lstrip("\ufeff")))
        )

    assert rows[1]["name"] == "'=HYPERLINK(1)"
    assert (rows[1]["subject"], rows[1]["labels"], rows[1]["priority"]) == ("'+sum", "'@label", "'-3")
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


async def test_codes_are_left_out_unless_asked_for_and_then_the_journal_says_so(
    database_url: str, tmp_path: Path
) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)
        plain = [await text_of(catalogue, form) for form in ExportFormat]
        full = [await text_of(catalogue, form, with_codes=True) for form in ExportFormat]
        async with catalogue.database.read() as connection:
            kinds = (await connection.execute(select(journal.c.kind))).scalars().all()

        assert not any(code in text for code in CODES for text in plain)
        assert all(f"https://chat.whatsapp.com/{CODES[0]}" in text for text in full)
        assert kinds == ["act.import", "act.export_codes", "act.export_codes"]
        assert (await catalogue.take(plain[0])).unchanged == 3


async def test_json_is_an_array_of_objects(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        assert json.loads(await text_of(catalogue, ExportFormat.JSON)) == []
        await catalogue.take(TABLE)
        rows = json.loads(await text_of(catalogue, ExportFormat.JSON))

    assert rows[0] == {
        "group": "suppliers-north", "name": "Suppliers North", "code": None, "jid": JIDS[0],
        "subject": "Suppliers", "owner": "5511912345678", "instances": ["sales-2", "sales-main"],
        "labels": ["north", "vip"], "priority": 7, "notes": "call Ana",
    }  # fmt: skip
    assert rows[1]["name"] == "=HYPERLINK(1)"


async def test_an_exported_file_is_private_whole_or_not_there(database_url: str, tmp_path: Path) -> None:
    target = tmp_path / "groups.csv"
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)
        target.write_text("old")
        target.chmod(0o644)
        count = await export_to_file(catalogue.database, target, ExportFormat.CSV, actor="test")

        assert count == 3
        assert stat.S_IMODE(os.stat(target).st_mode) == 0o600  # noqa: PTH116 - the loop is idle
        assert target.read_text("utf-8").count("\n") == 5
        with pytest.raises(UsageError, match="cannot be written"):
            await export_to_file(catalogue.database, tmp_path / "no" / "x", ExportFormat.CSV, actor="test")
        assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []  # noqa: PTH208


async def test_an_export_that_fails_keeps_the_old_file(sqlite_url: str, tmp_path: Path) -> None:
    target = tmp_path / "groups.csv"
    async with opened(sqlite_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)
        target.write_text("old")
        (tmp_path / "rejoin.key").unlink()
        catalogue.ring._keys.clear()
        with pytest.raises(Exception, match="no key file"):
            await export_to_file(
                catalogue.database, target, ExportFormat.CSV, actor="test", ring=catalogue.ring
            )

    assert target.read_text() == "old"
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []  # noqa: PTH208


async def test_the_export_follows_the_order_of_the_import(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)
        rows = json.loads(await text_of(catalogue, ExportFormat.JSON))

    assert [row["group"] for row in rows] == ["suppliers-north", "hyperlink-1", "acao-tis"]
