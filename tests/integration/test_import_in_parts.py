"""A long table is gone through in parts: what is said far apart still meets, and little stands in memory."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from sqlalchemy import select

from orchestrator.catalogue.source import ReadOptions, Source
from orchestrator.catalogue.table_reading import ImportRow, read_table
from orchestrator.store.bulk import CHUNK
from orchestrator.store.tables import groups
from tests.support.catalogue import JIDS, opened
from tests.support.command import Rejoin

if TYPE_CHECKING:
    from pathlib import Path

LINK = "https://chat.whatsapp.com/"
MANY = 2 * CHUNK + 500


def code(number: int) -> str:
    return f"Ab{number:08d}Cd{number:08d}Ef"


def table(names: list[str], *more: str) -> str:
    lines = [f"{name},{LINK}{code(number)},," for number, name in enumerate(names)]
    return "\n".join(["name,code,jid,notes", *lines, *more, ""])


def test_few_rows_stand_in_memory_at_a_time() -> None:
    text = table([f"Group {number}" for number in range(20 * CHUNK)])
    rows = read_table(Source("groups.csv", text.encode()), ReadOptions()).rows()

    assert max(alive() for row in rows if row.number % (2 * CHUNK) == 0) < CHUNK


def alive() -> int:
    return sum(isinstance(one, ImportRow) for one in gc.get_objects())


def test_an_import_takes_little_more_memory_for_more_rows(tmp_path: Path) -> None:
    """Forty thousand rows as objects take 27 MB; their bytes and the hashes of what identifies them 5."""
    rejoin = Rejoin(tmp_path)
    assert rejoin("init").code == 0
    (tmp_path / "few.csv").write_text(table(["A"]))
    (tmp_path / "many.csv").write_text(table([f"Group {number}" for number in range(40 * CHUNK)]))
    few, many = (peak(tmp_path, name) for name in ("few.csv", "many.csv"))

    assert many - few < 16


def peak(folder: Path, name: str) -> float:
    """Megabytes of a whole dry run."""
    command = [sys.executable, "-m", "orchestrator", "groups", "import", name, "--dry-run", "-q"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 1024


async def test_rows_that_contradict_each_other_far_apart_are_found_and_nothing_is_written(
    database_url: str, tmp_path: Path
) -> None:
    names = [f"Group {number}" for number in range(MANY)]
    more = (f"Other,{code(3)},,", "GROUP 7,,,", f"Group 9,{LINK}{code(9)},,")
    async with opened(database_url, tmp_path) as catalogue:
        problems = await catalogue.refused(table(names, *more))

    assert problems == (
        f"row {MANY + 2}: same code as row 5",
        f"row {MANY + 3}: same name as row 9; give the jid of both",
    )


async def test_two_rows_about_one_stored_group_meet_far_apart(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code,jid\nOld,{'Z' * 22},{JIDS[0]}\n")
        names = ["Old", *(f"Group {number}" for number in range(MANY))]
        problems = await catalogue.refused(table(names, f"Older,,{JIDS[0]},"))

    assert problems == (f"row {MANY + 3}: same group as row 2",)


async def test_short_names_stay_unique_and_match_no_group_of_the_same_import(
    database_url: str, tmp_path: Path
) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code\nStored,{'Z' * 22}\nابجد,{'Y' * 22}\n")
        names = ["Team A", *(chr(0x4E00 + number) for number in range(MANY)), "team-a", "stored"]
        report = await catalogue.take(table(names))
        async with catalogue.database.read() as connection:
            slugs = list((await connection.execute(select(groups.c.slug).order_by(groups.c.id))).scalars())

    assert (report.new, report.updated) == (MANY + 2, 1)
    assert len(slugs) == len(set(slugs)) == MANY + 4
    assert slugs[:4] == ["stored", "group", "team-a", "group-2"]
    assert slugs[-2:] == [f"group-{MANY + 1}", "team-a-2"]


async def test_the_same_long_table_again_changes_nothing(database_url: str, tmp_path: Path) -> None:
    text = table([f"Group {number}" for number in range(MANY)])
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(text)
        again = await catalogue.take(text)

    assert (again.new, again.updated, again.unchanged) == (0, 0, MANY)
