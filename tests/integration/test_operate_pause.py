"""Pause, resume and stop, with a run at work and without one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from orchestrator.account.accounts import choose_instance
from orchestrator.account.joining import Joiner
from orchestrator.account.monitor import Monitor
from orchestrator.domain.errors import NotFoundError, UsageError
from orchestrator.domain.memberships import Reason
from orchestrator.domain.recoveries import End
from orchestrator.operations.ordering import stop
from orchestrator.operations.pausing import pause, resume
from orchestrator.simulator.model import AccountState
from orchestrator.simulator.truth import Kind
from orchestrator.store import instances, recoveries
from orchestrator.store.tables import slots
from tests.support.by_hand import BACKUP, account, lines, now, put_recovery, record, set_instance
from tests.support.stage import Stage, brisk, set_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.account.loop import Ended


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    async with set_stage(database_url, groups=6) as prepared:
        yield prepared


async def start(stage: Stage, **settings: Any) -> asyncio.Task[Ended]:
    """A run of which the first join was answered."""
    joined = asyncio.Event()
    stage.log.watchers.append(lambda request: joined.set() if request.kind is Kind.JOIN else None)
    run = asyncio.create_task(stage.recover(brisk(**{"lease": 600.0} | settings)))
    await joined.wait()
    return run


async def slots_since(stage: Stage, moment: float) -> int:
    async with stage.database.read() as connection:
        query = select(func.count()).select_from(slots).where(slots.c.reserved_at > moment)
        return int(await connection.scalar(query) or 0)


async def test_a_pause_holds_the_run_under_way_and_a_resume_lets_it_end(stage: Stage) -> None:
    run = await start(stage)

    done = await pause(stage.database, BACKUP, actor="ana@box", because="wait for me")
    held_since = await now(stage)
    await stage.clock.sleep(90)
    given = await slots_since(stage, held_since)  # one that was given before may still leave
    resumed = await resume(stage.database, BACKUP, actor="ana@box")

    assert done.changed
    assert given == 0
    assert resumed.before is not None
    assert (resumed.before.reason, resumed.before.by) == ("operator", "ana@box")
    assert (await run).end is End.COMPLETE


async def test_pausing_twice_is_pausing_once(stage: Stage) -> None:
    first = await pause(stage.database, BACKUP, actor="ana@box")
    again = await pause(stage.database, BACKUP, actor="ben@box")

    assert (first.changed, again.changed) == (True, False)
    assert again.pause.by == "ana@box"
    assert len(await lines(stage, "act.pause")) == 1


async def test_a_persons_pause_replaces_a_shorter_automatic_one_and_never_ends_before_a_longer(
    stage: Stage,
) -> None:
    moment = await now(stage)
    await set_instance(stage, pause_reason="rate_limited", paused_at=moment, paused_until=moment + 7200)

    shorter = await pause(stage.database, BACKUP, actor="ana@box", until=moment + 3600)
    longer = await pause(stage.database, BACKUP, actor="ana@box", until=moment + 9000)

    assert (shorter.changed, shorter.pause.reason, shorter.pause.until) == (
        False,
        "rate_limited",
        moment + 7200,
    )
    assert (longer.changed, longer.pause.reason, longer.pause.until) == (True, "operator", moment + 9000)
    slow_until = (await record(stage)).slow_until
    assert slow_until is not None
    assert slow_until > moment + 9000, "the half pace of the automatic pause outlives it"


async def test_a_pause_that_only_a_person_ends_is_not_shortened(stage: Stage) -> None:
    moment = await now(stage)
    await set_instance(stage, pause_reason="plan_limit", paused_at=moment, paused_until=None)

    done = await pause(stage.database, BACKUP, actor="ana@box", until=moment + 3600)

    assert not done.changed
    assert (await record(stage)).pause_reason == "plan_limit"


async def test_the_sessions_return_does_not_lift_a_persons_pause(stage: Stage) -> None:
    context = await stage.context(brisk())
    monitor = Monitor(context, Joiner(context))
    await pause(stage.database, BACKUP, actor="ana@box", until=await now(stage) + 9000)

    account(stage).state = AccountState.SCAN_QR_CODE
    await monitor.check_session()
    account(stage).state = AccountState.WORKING
    await monitor.check_session()
    await context.gateway.close()

    assert (await record(stage)).pause_reason == "operator"


async def test_resume_says_which_pause_it_lifted_and_goes_on_at_half_pace_after_trouble(
    stage: Stage,
) -> None:
    moment = await now(stage)
    await set_instance(stage, pause_reason="restricted", paused_at=moment, paused_until=moment + 86400)

    done = await resume(stage.database, BACKUP, actor="ana@box")
    again = await resume(stage.database, BACKUP, actor="ana@box")

    assert done.before is not None
    assert done.before.reason == Reason.RESTRICTED
    assert done.slow_until is not None
    assert done.slow_until > moment + 3000
    found = await record(stage)
    assert found.pause_reason is None
    assert found.pace_factor(moment) == 0.5
    assert (again.changed, again.before) == (False, None)


@pytest.mark.parametrize(
    ("reason", "lasts", "slows"),
    [
        (Reason.RATE_LIMITED, True, True),
        (Reason.INSTANCE_UNAVAILABLE, False, True),
        (Reason.INSTANCE_UNAVAILABLE, True, False),  # one group's word, until the session was asked
        (Reason.GATEWAY_LIMIT, True, False),
        (Reason.CREDENTIALS_REFUSED, False, False),
        (Reason.NOT_SUPPORTED, False, False),
        (Reason.PLAN_LIMIT, False, False),
        (Reason.INTERNAL_ERROR, False, False),
    ],
)
async def test_half_pace_follows_only_a_pause_that_whatsapp_caused(
    stage: Stage, reason: Reason, lasts: bool, slows: bool
) -> None:
    moment = await now(stage)
    until = moment + 9000 if lasts else None
    await set_instance(stage, pause_reason=reason.value, paused_at=moment, paused_until=until)
    done = await resume(stage.database, BACKUP, actor="ana@box")
    assert (done.slow_until is not None) is slows

    await set_instance(
        stage, pause_reason=reason.value, paused_at=moment, paused_until=until, slow_until=None
    )
    replaced = await pause(stage.database, BACKUP, actor="ana@box")
    assert replaced.changed
    assert ((await record(stage)).slow_until is not None) is slows


async def test_a_resume_after_ones_own_pause_keeps_the_full_pace(stage: Stage) -> None:
    await pause(stage.database, BACKUP, actor="ana@box")
    done = await resume(stage.database, BACKUP, actor="ana@box")

    assert done.slow_until is None
    assert (await record(stage)).slow_until is None


async def test_a_pause_that_would_be_over_already_is_refused(stage: Stage) -> None:
    with pytest.raises(UsageError, match="over already"):
        await pause(stage.database, BACKUP, actor="ana@box", until=1.0)
    assert (await record(stage)).pause_reason is None


async def test_stop_ends_the_run_under_way_and_nothing_is_sent_afterwards(stage: Stage) -> None:
    run = await start(stage)

    done = await stop(stage.database, actor="ana@box")
    again = await stop(stage.database, actor="ana@box")
    ended = await run
    sent = len(stage.log.joins(BACKUP))
    await stage.clock.sleep(60)

    assert (done.changed, done.ended) == (True, False)
    assert (again.changed, again.recovery_id) == (False, done.recovery_id)
    assert ended.end is End.STOPPED
    assert len(stage.log.joins(BACKUP)) == sent < 6


async def test_stop_reaches_a_run_that_is_late_with_its_sign_of_life(stage: Stage) -> None:
    run = await start(stage)
    async with stage.database.write() as connection:
        driven = await instances.get(connection, "backup-1")
        await instances.set_values(connection, driven.id, lease_until=stage.clock.now() - 1.0)

    done = await stop(stage.database, actor="ana@box")

    assert done.ended
    assert (await run).end is End.STOPPED


async def test_stop_closes_a_recovery_that_nobody_drives_at_once(stage: Stage) -> None:
    number = await put_recovery(stage)

    done = await stop(stage.database, actor="ana@box")
    again = await stop(stage.database, number, actor="ana@box")

    assert (done.recovery_id, done.changed, done.ended) == (number, True, True)
    assert (again.changed, again.ended) == (False, True)
    async with stage.database.read() as connection:
        stored = await recoveries.get(connection, number)
    assert stored is not None
    assert stored.state == "stopped"
    assert len(await lines(stage, "act.stop")) == 1


async def test_stop_without_any_recovery_says_so(stage: Stage) -> None:
    with pytest.raises(NotFoundError, match="no recovery yet"):
        await stop(stage.database, actor="ana@box")
    with pytest.raises(NotFoundError, match="no recovery 7"):
        await stop(stage.database, 7, actor="ana@box")


async def test_the_instance_is_the_named_one_or_the_latest_recoverys_or_the_only_one(stage: Stage) -> None:
    assert await choose_instance(stage.database, None, ["backup-2"]) == "backup-2"
    assert await choose_instance(stage.database, "backup-2", ["backup-1", "backup-2"]) == "backup-2"
    assert await choose_instance(stage.database, "BACKUP-2", ["backup-1", "backup-2"]) == "backup-2"
    with pytest.raises(UsageError) as several:
        await choose_instance(stage.database, None, ["backup-1", "backup-2"])
    assert "backup-1, backup-2" in several.value.hint
    with pytest.raises(NotFoundError):
        await choose_instance(stage.database, "backup-9", ["backup-1"])
    await put_recovery(stage)
    assert await choose_instance(stage.database, None, ["backup-1", "backup-2"]) == "backup-1"
    assert await choose_instance(stage.database, None, ["backup-1", "backup-2"], to_run=True) == "backup-1"
