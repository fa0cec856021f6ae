"""Killed at two hundred moments that dice choose, while everything else goes wrong as well."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.simulator.faults import Trouble, When
from orchestrator.simulator.truth import Kind
from tests.support.crash import KILLED, Databases, finish, judge_crashes, nursery
from tests.support.stage import set_stage
from tests.support.worlds import trouble, world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.crash import Nursery
    from tests.support.stage import Stage

KILLS = 100  # on each database
GROUPS = 30
SPEED = 250.0
CONTENT = world(generate=GROUPS, gateway="latency = [0.2, 4]")
LOSSES: tuple[tuple[Trouble, dict[str, Any]], ...] = (
    (Trouble.CUT, {"effect": When.DONE}),
    (Trouble.CUT, {}),
    (Trouble.CUT, {"effect": When.LATER, "seconds": 45.0}),
    (Trouble.HANG, {"effect": When.DONE, "seconds": 300.0}),
    (Trouble.HTTP, {"effect": When.DONE, "status": 500}),
    (Trouble.SLOW, {"seconds": 25.0}),
)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_kills_at_random_moments_lose_nothing_and_repeat_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    server = request.getfixturevalue("postgres_server") if kind == "postgresql" else None
    databases, dice = Databases(tmp_path, server), random.Random(f"moments on {kind}")
    kills = helped = groups = 0
    async with nursery(tmp_path) as home:
        while kills < KILLS:
            url = await databases.fresh()
            async with set_stage(url, content=CONTENT, speed=SPEED) as stage:
                for what, more in LOSSES:
                    trouble(stage, what, Kind.JOIN, probability=0.02, **more)
                kills += await harass(home, stage, dice, most=KILLS - kills)
                helped += await finish(home, stage)
                await judge_crashes(stage)
                groups += GROUPS
    assert kills == KILLS
    assert helped <= groups / 20  # the others needed nobody, whatever happened to them


def moment(dice: random.Random) -> float:
    """Real seconds until the kill: mostly soon, so that it hits the beginnings; else in the thick of it."""
    return dice.uniform(0.02, 0.4) if dice.random() < 0.6 else dice.uniform(0.4, 1.8)


async def harass(home: Nursery, stage: Stage, dice: random.Random, *, most: int) -> int:
    """Kill one run after the other until a recovery gets through; how often it was killed."""
    kills = 0
    while kills < most:
        driver = await home.start(stage)
        try:
            async with asyncio.timeout(moment(dice)):
                await driver.wait()
        except TimeoutError:
            driver.kill()
        status = await driver.wait()
        if status != KILLED:
            assert status == 0, driver.said()
            break
        kills += 1
    return kills
