"""Several processes for one instance: one works, the others may not, whoever is stopped or killed."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from orchestrator.domain.recoveries import End
from orchestrator.simulator.faults import Trouble, When
from orchestrator.simulator.truth import Kind
from orchestrator.store import instances
from tests.support.crash import KILLED, LOCKED, PATIENCE, Databases, finish, judge_crashes, nursery
from tests.support.driver import REAL_LEASE
from tests.support.stage import set_stage
from tests.support.worlds import ACCOUNT, trouble, world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.crash import Driver, Nursery
    from tests.support.stage import Stage

SPEED = 200.0
CONTENT = world(generate=9, gateway="latency = [0.2, 3]")
MINUTES_OF_CHAOS = 0.3


async def until_joins(stage: Stage, number: int) -> None:
    while len(stage.log.joins(ACCOUNT)) < number:
        await stage.clock.sleep(1.0)


async def move_lease(stage: Stage, *, by: float) -> None:
    """Its end comes when the test wants it, however busy the machine is."""
    async with asyncio.timeout(PATIENCE), stage.database.write() as connection:
        record = await instances.get(connection, ACCOUNT)
        assert record.lease_until is not None
        await instances.set_values(connection, record.id, lease_until=record.lease_until + by)


async def stop_between_writes(stage: Stage, run: Driver) -> None:
    """Whoever is stopped within a transaction keeps SQLite's write lock, whatever becomes of his lease."""
    while True:
        run.send(signal.SIGSTOP)
        with suppress(TimeoutError):
            async with asyncio.timeout(2.0), stage.database.write() as connection:
                await instances.lock_all(connection)
                return
        run.send(signal.SIGCONT)
        await asyncio.sleep(0.02)


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Databases:
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    return Databases(tmp_path, server)


async def test_a_second_run_is_refused_while_the_first_works(databases: Databases, tmp_path: Path) -> None:
    async with (
        nursery(tmp_path) as home,
        set_stage(await databases.fresh(), content=CONTENT, speed=SPEED) as stage,
    ):
        first = await home.start(stage)
        await until_joins(stage, 2)
        second = await home.start(stage)
        assert await second.wait() == LOCKED
        assert second.said()["error"] == "LockHeldError"
        assert str(first.pid) in second.said()["text"]
        assert await first.wait() == 0
        assert first.said()["end"] == End.COMPLETE
        await judge_crashes(stage)


async def test_a_dead_run_is_replaced_at_once(databases: Databases, tmp_path: Path) -> None:
    async with (
        nursery(tmp_path) as home,
        set_stage(await databases.fresh(), content=CONTENT, speed=SPEED) as stage,
    ):
        first = await home.start(stage)
        await until_joins(stage, 2)
        first.kill()
        assert await first.wait() == KILLED
        await move_lease(stage, by=1e6)  # so that it is not replaced because its lease ended
        sessions = len(stage.log.of(Kind.SESSION))
        second = await home.start(stage)
        assert await second.wait() == 0
        assert len(stage.log.of(Kind.SESSION)) > sessions
        await judge_crashes(stage)


async def test_a_stopped_run_is_replaced_when_its_lease_is_over_and_does_no_harm_when_it_wakes(
    databases: Databases, tmp_path: Path
) -> None:
    """It is stopped while the last join is on its way and nothing else is left to do."""
    content = world(generate=4, gateway="latency = [0.2, 3]")
    async with (
        nursery(tmp_path) as home,
        set_stage(await databases.fresh(), content=content, speed=60.0) as stage,
    ):
        trouble(stage, Trouble.SLOW, Kind.JOIN, skip=3, times=1, seconds=95.0)
        first = await home.start(stage)
        await until_joins(stage, 4)
        await stage.clock.sleep(45.0)
        await stop_between_writes(stage, first)
        await move_lease(stage, by=1e6)
        second = await home.start(stage)
        assert await second.wait() == LOCKED, second.said()
        await move_lease(stage, by=-2e6)
        third = await home.start(stage)
        assert await third.wait() == 0, third.said()
        assert third.said()["end"] == End.COMPLETE
        first.send(signal.SIGCONT)
        assert await first.wait() == LOCKED, first.said()
        assert first.said()["error"] == "LeaseLostError"
        await judge_crashes(stage)


async def test_three_processes_that_are_stopped_resumed_and_killed_never_break_the_pace_nor_join_twice(
    databases: Databases, tmp_path: Path
) -> None:
    dice = random.Random(11)
    content = world(generate=40, gateway="latency = [0.2, 4]")
    async with (
        nursery(tmp_path) as home,
        set_stage(await databases.fresh(), content=content, speed=SPEED) as stage,
    ):
        trouble(stage, Trouble.CUT, Kind.JOIN, probability=0.03, effect=When.DONE)
        trouble(stage, Trouble.SLOW, Kind.JOIN, probability=0.05, seconds=40.0)
        rivals = [await home.start(stage) for _ in range(3)]
        deadline = time.monotonic() + 60 * MINUTES_OF_CHAOS
        kills = stops = 0
        while time.monotonic() < deadline:
            rivals = [await _alive(home, stage, rival) for rival in rivals]
            victim = dice.choice(rivals)
            if dice.random() < 0.4:
                victim.kill()
                kills += 1
            else:
                victim.send(signal.SIGSTOP)
                stops += 1
                asyncio.get_running_loop().call_later(
                    dice.uniform(0.1, 2 * REAL_LEASE), victim.send, signal.SIGCONT
                )
            await asyncio.sleep(dice.uniform(0.05, 0.5))
        for rival in rivals:
            rival.kill()
            await rival.wait()
        assert kills >= 5
        assert stops >= 5
        await finish(home, stage, runs=10)
        await judge_crashes(stage)


async def _alive(home: Nursery, stage: Stage, rival: Driver) -> Driver:
    if not rival.ended.is_set():
        return rival
    assert rival.status in (0, LOCKED, KILLED), rival.said()
    return await home.start(stage)
