"""A database that forgot its latest slots, or whose clock ran ahead, cannot speed the pace up."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from orchestrator.account.loop import Job, run
from orchestrator.cli.output import Look
from orchestrator.cli.render_status import status_text
from orchestrator.domain.instances import ClockPair, Continuity, continuity, is_continuous
from orchestrator.domain.memberships import Reason
from orchestrator.simulator.faults import Trouble
from orchestrator.simulator.truth import Kind
from orchestrator.status.as_json import to_json
from orchestrator.store import instances
from orchestrator.store.engine import Database
from orchestrator.store.recoveries import Scope
from orchestrator.store.slot_high_water_mark import SlotHighWaterMark
from orchestrator.store.tables import instances as table
from orchestrator.store.tables import slots
from tests.support.command import PATIENCE
from tests.support.defaults import read_status
from tests.support.stage import Stage, brisk, set_stage
from tests.support.worlds import judge, trouble, world

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.status.views import StatusView
    from orchestrator.store.engine import DatabaseClock

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


@pytest.mark.parametrize(
    ("later", "found"),
    [
        ({"database_id": "7/@2"}, Continuity.HISTORY),  # another device in the same boot: a copy
        ({"database_id": "7/@2", "boot_id": "another"}, Continuity.CLOCK),  # devices are numbered anew
        ({"database_id": "8/@1", "boot_id": "another"}, Continuity.HISTORY),
        ({"database_id": "7/mark@1"}, Continuity.HISTORY),
        ({"database_now": 1062.0, "boottime": 60.0}, Continuity.CLOCK),
    ],
)
def test_only_another_database_makes_the_history_doubtful(later: dict[str, Any], found: Continuity) -> None:
    here = replace(HERE, database_id="7/@1")
    assert continuity(here, replace(here, **later)) is found


async def until_joins(stage: Stage, number: int) -> None:
    while len(stage.log.joins()) < number:  # noqa: ASYNC110 - the simulator has no event for it
        await asyncio.sleep(0.02)


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
        async with asyncio.timeout(PATIENCE):
            while not await _slots_given_up(stage):  # noqa: ASYNC110 - its progress has no event
                await asyncio.sleep(0.02)
        assert stage.log.joins() == []
        async with asyncio.timeout(PATIENCE):
            while not _paused(view := await read_status(stage.database)):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.02)
        assert view.target is not None
        assert view.target.pause is not None
        assert view.target.pause.reason == Reason.SLOTS_FILE_UNWRITABLE
        assert "rejoin.db.2.slots: Is a directory" in status_text(view, Look(zone=UTC))
        assert "the file that names the last join cannot be written" in status_text(view, Look(zone=UTC))

        in_the_way.rmdir()
        ended = await running

        assert ended.counts["active"] == 1
        assert len(stage.log.joins()) == 1


def _paused(view: StatusView) -> bool:
    return view.target is not None and view.target.pause is not None


async def _slots_given_up(stage: Stage) -> int:
    async with stage.database.read() as connection:
        over = slots.c.finished_at.is_not(None) & slots.c.sent_at.is_(None)
        return int(await connection.scalar(select(func.count()).where(over)) or 0)


async def test_a_first_run_needs_no_witness(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, groups=2, speed=30.0) as stage:
        began = stage.clock.now()

        await stage.recover(brisk())

        assert stage.log.joins("backup-1")[0].at < began + 55.0
        async with stage.database.read() as connection:
            record = await instances.get(connection, "backup-1")
        assert SlotHighWaterMark.of(stage.database, record.id).read() == 2


async def test_a_database_that_holds_another_slot_by_that_number_is_an_older_branch(
    sqlite_url: str, tmp_path: Path
) -> None:
    """A copy of a copy: both know as many joins, and not the same ones."""
    async with set_stage(sqlite_url, groups=2) as stage:
        await stage.recover(brisk())
        mark = SlotHighWaterMark.of(stage.database, 2)
        async with stage.database.read() as connection:
            assert not await mark.contradicted(connection)
        file = tmp_path / "rejoin.db.2.slots"
        n, send_at, made = file.read_text().split()
        file.write_text(f"{n} {float(send_at) + 7.0!r} {time.time_ns()}")

        async with stage.database.read() as connection:
            assert await mark.contradicted(connection)
        assert made


async def test_a_copied_witness_is_known_by_its_age(sqlite_url: str, tmp_path: Path) -> None:
    async with set_stage(sqlite_url, groups=1) as stage:
        await stage.recover(brisk())
        file, mark = tmp_path / "rejoin.db.2.slots", SlotHighWaterMark.of(stage.database, 2)
        n, send_at, made = file.read_text().split()
        # As if made two seconds ago: nothing but waiting ages a real one.
        file.write_text(f"{n} {send_at} {int(made) - 2 * 10**9}")
        async with stage.database.read() as connection:
            assert await mark.contradicted(connection)
            assert mark.accept()
            assert not await mark.contradicted(connection)


@pytest.mark.parametrize("copied_after", [0, 1])
async def test_a_backup_restored_into_the_open_database_is_noticed_by_the_next_slot(
    sqlite_url: str, tmp_path: Path, copied_after: int
) -> None:
    """SQLite's own restore writes into the same file, and whoever has it open goes on with older contents.

    In those, groups that had their turn wait for one again, and nobody has told the stages.
    """
    content = world(generate=8)
    async with set_stage(sqlite_url, content=content, speed=60.0) as stage:
        trouble(stage, Trouble.LIST_EMPTY, Kind.LIST)
        context = await stage.context(brisk())
        running = asyncio.create_task(run(context, Job(Scope())))
        async with asyncio.timeout(PATIENCE):
            while not await stage.statuses():  # noqa: ASYNC110 - its progress has no event
                await asyncio.sleep(0.01)
        await until_joins(stage, copied_after)
        await asyncio.to_thread(_copy_contents, tmp_path / "rejoin.db", tmp_path / "copy.db")
        await until_joins(stage, 3)
        await asyncio.to_thread(_copy_contents, tmp_path / "copy.db", tmp_path / "rejoin.db")
        sent = len(stage.log.joins("backup-1"))

        ended = await running

        assert ended.counts["active"] == 8
        joins = stage.log.joins("backup-1")
        assert joins[sent].at - joins[sent - 1].at >= 165.0
        await judge(stage)
        await context.gateway.close()


def _copy_contents(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as origin, closing(sqlite3.connect(target)) as copy:
        origin.backup(copy)


async def test_steps_of_the_clock_are_counted_for_the_status(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, groups=3, speed=60.0) as stage:
        running = asyncio.create_task(stage.recover(brisk()))
        await until_joins(stage, 1)
        for _ in range(2):
            before = await _steps(stage)
            stage.database.clock = _Stepped(stage.database.clock, 20.0)
            async with asyncio.timeout(PATIENCE):
                while await _steps(stage) == before:  # noqa: ASYNC110 - a sign of life has no event
                    await asyncio.sleep(0.05)
        await running
        view = await read_status(stage.database)
        assert view.target is not None
        assert view.target.clock_steps == 2
        assert [one["clock_steps"] for one in to_json(view)["instances"] if one["part"] == "to"] == [2]
        assert "clock stepped 2 times while backup-1 was driven" in status_text(view, Look(zone=UTC))


async def _steps(stage: Stage) -> int:
    target = (await read_status(stage.database)).target
    return 0 if target is None else target.clock_steps


class _Stepped:
    """The same clock, some seconds ahead."""

    def __init__(self, clock: DatabaseClock, by: float) -> None:
        self._clock, self._by = clock, by

    def sql(self, dialect: str) -> str:
        return f"({self._clock.sql(dialect)} + {self._by!r})"


async def test_a_witness_that_was_made_after_its_last_change_is_a_copy_too(
    sqlite_url: str, tmp_path: Path
) -> None:
    """The machine's clock stepped back between the copy and its return."""
    async with set_stage(sqlite_url, groups=2) as stage:
        file, mark = tmp_path / "rejoin.db.2.slots", SlotHighWaterMark.of(stage.database, 2)
        mark.begin()
        n, send_at, made = file.read_text().split()
        file.write_text(f"{n} {send_at} {int(made) + 3600 * 1_000_000_000}")
        async with stage.database.read() as connection:
            assert await mark.contradicted(connection)
