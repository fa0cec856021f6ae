from __future__ import annotations

import asyncio

import pytest

from tests.support.clock import ManualClock


async def test_sleepers_wake_in_the_order_of_their_due_times_each_at_its_own_instant() -> None:
    clock = ManualClock(start=1_000.0)
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *naps: float) -> None:
        for nap in naps:
            await clock.sleep(nap)
            woken.append((name, clock.now()))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sleeper("slow", 30))
        tasks.create_task(sleeper("fast", 10, 10, 20))
        await clock.sleeping(2)
        await clock.advance(35)
        assert woken == [("fast", 1_010.0), ("fast", 1_020.0), ("slow", 1_030.0)]
        assert clock.next_alarm == 5.0
        await clock.advance(5)

    assert woken[-1] == ("fast", 1_040.0)
    assert clock.next_alarm is None


async def test_a_jump_of_the_wall_clock_wakes_nobody_and_leaves_the_boot_time_alone() -> None:
    clock = ManualClock(start=1_000.0, boottime=50.0)
    nap = asyncio.create_task(clock.sleep(10))
    await clock.sleeping()

    clock.jump(3_600)
    await clock.advance(9)

    assert (clock.now(), clock.boottime()) == (4_609.0, 59.0)
    assert not nap.done()
    clock.jump(-7_200)
    await clock.advance(1)
    assert nap.done()


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = ManualClock()
    nap = asyncio.create_task(clock.sleep(10))
    await clock.sleeping()

    nap.cancel()
    await asyncio.gather(nap, return_exceptions=True)

    assert clock.sleepers == 0
    assert clock.next_alarm is None
    await clock.advance(20)


async def test_time_does_not_go_backwards() -> None:
    with pytest.raises(ValueError, match="forward"):
        await ManualClock().advance(-1)
