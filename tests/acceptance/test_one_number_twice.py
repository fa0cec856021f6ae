"""One number under two entries, as two real processes: judged at the gateway, where they are one account."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.domain.recoveries import End
from orchestrator.simulator.faults import Trouble, When
from orchestrator.simulator.truth import Kind
from orchestrator.store import instances
from tests.support.command import PATIENCE
from tests.support.crash import Databases, nursery
from tests.support.stage import set_stage
from tests.support.worlds import ACCOUNT, trouble, world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.crash import Driver
    from tests.support.stage import Stage

CONTENT = world(generate=12, gateway="latency = [0.2, 3]")
LATER = "backup-2"
TWO_OF_ONE = 78
ENTRIES = [
    instances.Configured("sales-main", "primary", "wawp", "http://127.0.0.1#100"),
    instances.Configured(ACCOUNT, "backup", "wawp", "http://127.0.0.1#200"),
    instances.Configured(LATER, "backup", "wawp", "http://localhost#200"),
]


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Databases:
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    return Databases(tmp_path, server)


async def add_entry(stage: Stage) -> None:
    async with stage.database.write() as connection:
        await instances.sync(connection, ENTRIES, await stage.database.now(connection))


async def ended(driver: Driver) -> dict[str, object]:
    await driver.wait()
    return driver.said()


def judge(stage: Stage) -> None:
    log = stage.log
    assert log.worst_window(ACCOUNT) <= 5
    assert log.double_effects() == []
    assert log.needless_joins() == []
    assert log.joins_without_probe() == []
    assert len(log.joins(ACCOUNT)) >= 12


async def test_two_runs_for_one_number_that_begin_together_never_both_join(
    databases: Databases, tmp_path: Path
) -> None:
    async with (
        nursery(tmp_path) as home,
        set_stage(await databases.fresh(), content=CONTENT, speed=100.0) as stage,
    ):
        await add_entry(stage)
        later = await home.start(stage, instance=LATER, host="localhost")
        first = await home.start(stage)  # forked milliseconds later
        said = await ended(later)
        if "end" in said:  # it began before the other said who it is
            assert said["end"] in (End.NEEDS_YOU, End.STOPPED), said
        else:
            assert later.status == TWO_OF_ONE, said
            assert f"the same number as {ACCOUNT}" in str(said["text"])
        assert (await ended(first)).get("end") == End.COMPLETE
        judge(stage)
        again = await home.start(stage, instance=LATER, host="localhost")
        assert (await ended(again))["error"] == "ConfigurationError"
        judge(stage)


async def test_the_earlier_entry_takes_over_from_the_later_one_without_a_join_too_many(
    databases: Databases, tmp_path: Path
) -> None:
    """The later one has sent joins, one of them is on its way still, and the list of groups lies."""
    async with (
        nursery(tmp_path) as home,
        set_stage(await databases.fresh(), content=CONTENT, speed=100.0) as stage,
    ):
        await add_entry(stage)
        trouble(stage, Trouble.SLOW, Kind.JOIN, skip=3, times=1, seconds=60.0, effect=When.DONE)
        trouble(stage, Trouble.LIST_EMPTY, Kind.LIST)
        later = await home.start(stage, instance=LATER, host="localhost")
        async with asyncio.timeout(PATIENCE):
            while len(stage.log.joins(ACCOUNT)) < 4:
                await stage.clock.sleep(1.0)
        first = await home.start(stage)
        assert (await ended(later)).get("end") == End.NEEDS_YOU
        assert (await ended(first)).get("end") == End.COMPLETE
        judge(stage)
