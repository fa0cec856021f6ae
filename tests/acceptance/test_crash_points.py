"""Killed at every named point of the loop, and continued by the next run to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from orchestrator.account.context import POINTS
from orchestrator.simulator.faults import Trouble
from orchestrator.simulator.truth import Kind
from tests.support.crash import KILLED, Databases, Nursery, finish, judge_crashes, nursery
from tests.support.stage import set_stage
from tests.support.worlds import group, trouble, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPEED = 250.0
ONCE = {"lease.taken", "recovery.opened", "list.answered", "list.recorded", "recovery.finished"}
CONTENT = world(group("Home", 'inside = ["backup-1"]'), generate=6, gateway="latency = [0.2, 3]")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nursery]:
    async with nursery(tmp_path_factory.mktemp("drivers")) as made:
        yield made


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    return Databases(tmp_path_factory.mktemp("databases"), server)


@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_at_any_point_loses_nothing_and_repeats_nothing(
    home: Nursery, databases: Databases, point: str
) -> None:
    async with set_stage(await databases.fresh(), content=CONTENT, speed=SPEED) as stage:
        if point not in ONCE:
            trouble(stage, Trouble.LIST_EMPTY, Kind.LIST, skip=1)  # only a look can tell then
        for number in [1] if point in ONCE else [1, 3]:
            killed = await home.start(stage, kill_at=f"{point}:{number}")
            assert await killed.wait() == KILLED
        assert await finish(home, stage) <= 1
        await judge_crashes(stage)
