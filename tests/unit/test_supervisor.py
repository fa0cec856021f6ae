"""The supervisor outlives its parts, wakes them, and says who is stuck."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import pytest

from orchestrator.clock import SystemClock
from orchestrator.daemon import supervisor
from orchestrator.daemon.supervisor import Supervisor
from orchestrator.domain.errors import LeaseLostError
from orchestrator.store.engine import DatabaseGoneError

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 60.0


class Scripted:
    """A part that does what it is told, step by step, and then waits for an hour."""

    def __init__(
        self, name: str, *steps: BaseException | float, after: Callable[[], object] = lambda: None
    ) -> None:
        self.name = name
        self._steps = list(steps)
        self._after = after
        self.stepped = 0

    async def step(self) -> float:
        self.stepped += 1
        await asyncio.sleep(0)
        if not self._steps:
            self._after()
            return 3600.0
        now = self._steps.pop(0)
        if isinstance(now, BaseException):
            raise now
        return now


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BACKOFF", (0.0,))


async def until_stopped(made: Supervisor) -> None:
    async with asyncio.timeout(PATIENCE):
        await made.run()


async def test_an_error_in_one_part_ends_neither_it_nor_the_others() -> None:
    made = Supervisor(SystemClock())
    steady = Scripted("steady")
    frail = Scripted("frail", ValueError("a"), ValueError("b"), after=made.stop)
    made.add(steady, frail)

    await until_stopped(made)

    assert frail.stepped == 3
    assert steady.stepped == 1
    assert made.troubles() == []


async def test_a_cancellation_from_inside_a_part_does_not_end_it() -> None:
    made = Supervisor(SystemClock())
    frail = Scripted("frail", asyncio.CancelledError(), after=made.stop)
    made.add(frail)

    await until_stopped(made)

    assert frail.stepped == 2


async def test_a_failing_part_is_a_trouble_with_its_words_scrubbed(caplog: pytest.LogCaptureFixture) -> None:
    made = Supervisor(SystemClock())
    frail = Scripted("frail", ValueError("access_token=s3cret"))
    made.add(frail)
    running = asyncio.create_task(made.run())
    while not made.troubles():  # noqa: ASYNC110 - its progress has no event
        await asyncio.sleep(0)

    trouble = made.troubles()[0]

    assert (trouble.part, trouble.text) == ("frail", "access_token=[hidden]")
    assert any("frail failed" in record.message for record in caplog.records)
    made.stop()
    await asyncio.wait_for(running, PATIENCE)


async def test_a_database_that_is_gone_is_said_once_for_all_parts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    made = Supervisor(SystemClock())
    ended = 0

    def end() -> None:
        nonlocal ended
        ended += 1
        if ended == 3:
            made.stop()

    gone = [DatabaseGoneError("the database does not answer") for _ in range(4)]
    made.add(*(Scripted(name, *gone, after=end) for name in ("one", "two", "three")))

    await until_stopped(made)

    said = [record.message for record in caplog.records]
    assert said.count("the database does not answer; waiting for it") == 1
    assert said.count("the database answers again") == 1


async def test_a_seat_that_was_lost_ends_everything() -> None:
    made = Supervisor(SystemClock(), [Scripted("steady"), Scripted("heart", LeaseLostError())])

    with pytest.raises(BaseExceptionGroup) as ended:
        await until_stopped(made)

    assert ended.value.subgroup(LeaseLostError) is not None


async def test_news_wake_a_part_before_its_time_has_come() -> None:
    made = Supervisor(SystemClock())
    part = Scripted("patient")
    made.add(part)
    running = asyncio.create_task(made.run())
    while part.stepped < 1:  # noqa: ASYNC110 - its progress has no event
        await asyncio.sleep(0)

    made.wake("patient")
    async with asyncio.timeout(PATIENCE):
        while part.stepped < 2:  # noqa: ASYNC110 - its progress has no event
            await asyncio.sleep(0.001)

    made.stop()
    await asyncio.wait_for(running, PATIENCE)


async def test_news_that_concern_nobody_wake_nobody() -> None:
    patient = Scripted("patient")
    made = Supervisor(SystemClock(), [patient])
    running = asyncio.create_task(made.run())
    while patient.stepped < 1:  # noqa: ASYNC110 - its progress has no event
        await asyncio.sleep(0)

    made.wake()
    await asyncio.sleep(2 * supervisor.SHORTEST)

    assert patient.stepped == 1
    made.stop()
    await asyncio.wait_for(running, PATIENCE)


async def test_a_long_wait_is_looked_after_in_between_but_not_cut_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "LONGEST", 0.01)
    patient = Scripted("patient", 0.05)
    made = Supervisor(SystemClock(), [patient])
    began = time.monotonic()
    running = asyncio.create_task(made.run())
    while patient.stepped < 2:  # noqa: ASYNC110 - its progress has no event
        await asyncio.sleep(0.001)

    assert time.monotonic() - began >= 0.05
    made.stop()
    await asyncio.wait_for(running, PATIENCE)


async def test_a_part_that_stays_in_one_step_is_named_as_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "STUCK_AFTER", -1.0)
    let_go = asyncio.Event()

    class Hanging:
        name = "hanging"

        async def step(self) -> float:
            await let_go.wait()
            return 3600.0

    made = Supervisor(SystemClock(), [Hanging(), Scripted("steady")])
    running = asyncio.create_task(made.run())
    await asyncio.sleep(0.01)

    assert made.stuck() == ["hanging"]

    made.stop()
    let_go.set()
    await asyncio.wait_for(running, PATIENCE)
