"""A step that fails after its transaction was committed: what it had begun is not forgotten.

The disk is full, or the database away, for the one moment that matters. The stage goes on with its next step,
in the same process; nobody else would look after what the failed one left behind.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from orchestrator.domain.memberships import Greeting, Status
from orchestrator.domain.recoveries import End
from orchestrator.simulator.truth import Kind
from orchestrator.store.engine import DatabaseGoneError
from orchestrator.store.tables import memberships, slots
from tests.support.defaults import greeting
from tests.support.stage import brisk, set_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.store.engine import AsyncConnection
    from tests.support.stage import Stage

GROUPS = 6
SPEED = 150.0
IN_A_STEP = (
    "probe.answered", "probe.recorded", "slot.reserved", "look.answered", "look.recorded",
    "greeting.marked", "greeting.answered", "greeting.recorded",
)  # fmt: skip


class GoneAt:
    """The database is away when this point is passed for the n-th time, and then there again."""

    def __init__(self, point: str, turn: int) -> None:
        self.point, self.left, self.failed = point, turn, False

    def reach(self, name: str) -> None:
        self.left -= name == self.point
        if self.left == 0 and not self.failed:
            self.failed = True
            raise DatabaseGoneError


@pytest.mark.parametrize("turn", [1, 3])
@pytest.mark.parametrize("point", IN_A_STEP)
async def test_a_step_that_fails_at_any_point_leaves_nothing_behind(
    database_url: str, point: str, turn: int
) -> None:
    async with set_stage(database_url, groups=GROUPS, speed=SPEED) as stage:
        points = GoneAt(point, turn)
        ended = await stage.recover(brisk(greeting=greeting()), points=points)
        assert points.failed
        assert (ended.end, ended.counts["active"]) == (End.COMPLETE, GROUPS)
        assert_once(stage)
        assert await greetings(stage) <= {Greeting.SENT, Greeting.FAILED}


async def test_a_reservation_whose_commit_is_not_told_is_looked_up(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COMMIT took effect, and said that it had not."""
    async with set_stage(database_url, groups=GROUPS, speed=SPEED) as stage:
        write = stage.database.write
        failed: list[bool] = []

        @asynccontextmanager
        async def untold(**given: Any) -> AsyncIterator[Any]:
            async with write(**given) as connection:
                before = await count_of_slots(connection)
                yield connection
                reserves = before == 1 and await count_of_slots(connection) > 1
            if reserves and not failed:
                failed.append(True)
                raise DatabaseGoneError

        monkeypatch.setattr(stage.database, "write", untold)
        ended = await stage.recover(brisk())
        assert failed
        assert (ended.end, ended.counts["active"]) == (End.COMPLETE, GROUPS)
        assert_once(stage)
        async with stage.database.read() as connection:
            assert await count_of_slots(connection) == GROUPS + 1  # the lost one is used up


async def test_an_answered_greeting_is_recorded_when_the_database_is_there_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with set_stage(database_url, groups=GROUPS, speed=SPEED) as stage:
        write = stage.database.write
        away: list[int] = []

        @asynccontextmanager
        async def out(**given: Any) -> AsyncIterator[Any]:
            if len(away) < 3 and stage.log.of(Kind.SEND):
                away.append(1)
                raise DatabaseGoneError
            async with write(**given) as connection:
                yield connection

        monkeypatch.setattr(stage.database, "write", out)
        ended = await stage.recover(brisk(greeting=greeting()))
        assert len(away) == 3
        assert (ended.end, ended.counts["active"]) == (End.COMPLETE, GROUPS)
        assert await greetings(stage) == {Greeting.SENT}
        assert_once(stage)


def assert_once(stage: Stage) -> None:
    assert len(stage.log.joins()) == GROUPS
    sends = [request.group for request in stage.log.of(Kind.SEND)]
    assert len(sends) == len(set(sends))


async def count_of_slots(connection: AsyncConnection) -> int:
    return int(await connection.scalar(select(func.count()).select_from(slots)) or 0)


async def greetings(stage: Stage) -> set[Greeting]:
    query = select(memberships.c.greeting).where(memberships.c.status == Status.ACTIVE)
    async with stage.database.read() as connection:
        return {Greeting(row.greeting) for row in (await connection.execute(query)).all()}
