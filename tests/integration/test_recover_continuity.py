"""A database that forgot its latest slots, or whose clock ran ahead, cannot speed the pace up."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from orchestrator.domain.instances import ClockPair, is_continuous
from orchestrator.store import instances
from orchestrator.store.engine import Database
from orchestrator.store.tables import instances as table
from orchestrator.store.tables import slots
from orchestrator.store.witness import Witness
from tests.support.stage import Stage, brisk, set_stage

if TYPE_CHECKING:
    from pathlib import Path

HERE = ClockPair(1000.0, 50.0, "boot", "database")


def test_clocks_that_move_together_are_continuous() -> None:
    assert is_continuous(HERE, replace(HERE, database_now=1500.0, boottime=550.0))


@pytest.mark.parametrize(
    "later",
    [
        replace(HERE, database_now=1062.0, boottime=60.0),  # ran ahead by 52 s
        replace(HERE, database_now=400.0, boottime=60.0),  # stepped back by 610 s
        replace(HERE, boot_id="another"),
        replace(HERE, database_id="another"),
    ],
)
def test_a_step_of_the_clock_another_boot_and_another_database_are_not(later: ClockPair) -> None:
    assert not is_continuous(HERE, later)


def test_a_step_of_less_than_a_second_is_no_step() -> None:
    assert is_continuous(HERE, replace(HERE, database_now=1009.2, boottime=60.0))


async def _known_since(stage: Stage) -> float:
    async with stage.database.read() as connection:
        query = select(table.c.known_since).where(table.c.name == "backup-1")
        return float(await connection.scalar(query) or 0.0)


async def test_a_database_put_back_from_a_copy_waits_for_a_full_window(
    sqlite_url: str, tmp_path: Path
) -> None:
    file, copy = tmp_path / "rejoin.db", tmp_path / "copy.db"
    async with set_stage(sqlite_url, groups=8) as stage:
        await stage.database.close()  # folds the write-ahead log into the file
        shutil.copyfile(file, copy)
        stage.database = Database(sqlite_url, stage.database.clock)
        await stage.recover(brisk())
        last_before = stage.log.joins("backup-1")[-1].at
        await stage.database.close()
        shutil.copyfile(copy, file)  # the same inode, older contents
        for left in ("-wal", "-shm"):
            (tmp_path / f"rejoin.db{left}").unlink(missing_ok=True)
        stage.database = Database(sqlite_url, stage.database.clock)
        found = stage.clock.now()

        await stage.recover(brisk())

        assert await _known_since(stage) >= found - 1.0
        assert stage.log.worst_window("backup-1") <= 5
        assert not stage.log.double_effects()
        assert len([r for r in stage.log.joins("backup-1") if r.at > last_before]) == 0


async def test_a_new_database_beside_an_old_witness_waits_too(sqlite_url: str, tmp_path: Path) -> None:
    async with set_stage(sqlite_url, groups=2) as stage:
        (tmp_path / "rejoin.db.2.slots").write_text("37")
        found = stage.clock.now()

        await stage.recover(brisk())

        assert await _known_since(stage) >= found - 1.0
        assert stage.log.joins("backup-1")[0].at >= found + 59.0


async def test_without_its_witness_no_slot_is_used_and_afterwards_all_goes_on(
    sqlite_url: str, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "rejoin.db.2.slots.new"
    in_the_way.mkdir()
    async with set_stage(sqlite_url, groups=1) as stage:
        running = asyncio.create_task(stage.recover(brisk()))
        async with asyncio.timeout(20):
            while not await _slots_given_up(stage):  # noqa: ASYNC110 - its progress has no event
                await asyncio.sleep(0.02)
        assert stage.log.joins() == []

        in_the_way.rmdir()
        ended = await running

        assert ended.counts["active"] == 1
        assert len(stage.log.joins()) == 1


async def _slots_given_up(stage: Stage) -> int:
    async with stage.database.read() as connection:
        over = slots.c.finished_at.is_not(None) & slots.c.sent_at.is_(None)
        return int(await connection.scalar(select(func.count()).where(over)) or 0)


async def test_a_first_run_needs_no_witness(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, groups=2) as stage:
        began = stage.clock.now()

        await stage.recover(brisk())

        assert stage.log.joins("backup-1")[0].at < began + 55.0
        async with stage.database.read() as connection:
            record = await instances.get(connection, "backup-1")
        assert Witness.of(stage.database, record.id).read() == 2
