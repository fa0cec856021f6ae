"""Trouble with the account or the gateway: the account stops, and no group pays for it."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select

from orchestrator.domain.errors import CredentialsError, InstanceLostError, TemporaryError
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.recoveries import End
from orchestrator.simulator import server
from orchestrator.simulator.faults import Trouble
from orchestrator.simulator.model import AccountState
from orchestrator.simulator.truth import Kind
from orchestrator.store.tables import memberships, slots
from tests.support.defaults import retrying
from tests.support.stage import Stage, brisk, set_stage
from tests.support.worlds import ACCOUNT, backup, entered, group, judge, named, row, told, trouble, world

SPEED = 150.0
UNHURRIED = 50.0  # where gaps between joins are measured, a loaded machine must not blur them
SHORT = retrying(pauses=(600.0, 1200.0, 2400.0))
WORK = (Kind.PROBE, Kind.JOIN, Kind.LIST, Kind.GROUP, Kind.PARTICIPANTS, Kind.SEND)


SLACK = 25.0  # half a real second of UNHURRIED time, for what was under way when the account stopped


async def assert_no_slot_after_the_pause(stage: Stage, outcome: str | None = None) -> None:
    """A join whose slot was taken before a pause may still be on its way. `outcome`: of these alone."""
    paused = (await told(stage.database, "instance.paused"))[0]
    query = select(slots.c.reserved_at).where(slots.c.reserved_at > paused.at)
    async with stage.database.read() as connection:
        found = await connection.execute(
            query if outcome is None else query.where(slots.c.outcome == outcome)
        )
        assert list(found.scalars()) == []


async def assert_half_pace(stage: Stage, since: float) -> None:
    """With five a minute there is no jitter; with half of it there is: 24 s, a fifth more or less.

    By the instants for which the joins were planned: the way to the gateway takes a busy machine's time.
    """
    planned = select(slots.c.send_at).where(slots.c.sent_at >= since).order_by(slots.c.n)
    async with stage.database.read() as connection:
        later = (await connection.execute(planned)).scalars().all()
    gaps = [b - a for a, b in pairwise(later)]
    assert len(gaps) >= 2
    assert min(gaps) >= 24.0 * 0.8 - 1e-6


async def attempts(stage: Stage) -> set[int]:
    async with stage.database.read() as connection:
        return set((await connection.execute(select(memberships.c.attempts))).scalars().all())


def work_between(stage: Stage, start: float, end: float) -> list[Any]:
    return [request for request in stage.log.between(start, end, ACCOUNT) if request.kind in WORK]


async def test_after_the_join_limit_nothing_is_asked_until_the_pause_ends_and_then_at_half_pace(
    database_url: str,
) -> None:
    content = world(generate=8, account="join_budget = 4\njoin_pause = 500")
    async with set_stage(database_url, content=content, speed=UNHURRIED) as stage:
        ended = await stage.recover(brisk(retry=SHORT))
        assert ended.end is End.COMPLETE
        limited = [r for r in stage.log.joins(ACCOUNT) if r.iq == 429]
        pauses = await told(stage.database, "instance.paused")
        # On a busy machine the next join may leave before the refusal is recorded: it meets the same limit.
        assert len(pauses) <= len(limited)
        assert limited[-1].at <= pauses[0].at + SLACK
        paused = pauses[-1]  # which is a little longer then
        assert (await backup(stage)).strikes == 1
        assert work_between(stage, paused.at + SLACK, paused.at + 600.0 - SLACK) == []
        await assert_half_pace(stage, paused.at + 600.0 - SLACK)
        assert await attempts(stage) == {0}
        await judge(stage)


async def test_a_second_limit_pauses_longer(sqlite_url: str) -> None:
    content = world(generate=5, account="join_budget = 2\njoin_pause = 50")
    settings = brisk(retry=retrying(pauses=(100.0, 300.0, 800.0)))
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        assert (await stage.recover(settings)).end is End.COMPLETE
        lengths = [
            json.loads(line.data)["until"] - line.at for line in await told(stage.database, "instance.paused")
        ]
        assert lengths[0] == pytest.approx(100.0)
        assert lengths[-1] == pytest.approx(300.0)


async def test_two_joins_under_way_that_meet_the_same_limit_are_one_strike(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=4), speed=SPEED) as stage:
        trouble(stage, Trouble.SLOW, Kind.JOIN, seconds=40.0)
        account = stage.world.network.account(ACCOUNT)
        account.limited_until = stage.clock.now() + 300.0
        ended = await stage.recover(brisk(retry=retrying(pauses=(400.0, 5000.0))))
        assert (await backup(stage)).strikes == 1
        assert ended.end is End.COMPLETE


async def test_the_gateways_own_limit_on_joins_pauses_for_as_long_as_it_asks(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=3), speed=UNHURRIED) as stage:
        trouble(stage, Trouble.PLAN_LIMIT, Kind.JOIN, times=1, seconds=700.0)
        assert (await stage.recover(brisk(retry=SHORT))).end is End.COMPLETE
        paused = (await told(stage.database, "instance.paused"))[0]
        assert work_between(stage, paused.at + SLACK, paused.at + 700.0 - SLACK) == []
        await judge(stage)


async def test_a_throttled_probe_calms_the_run_and_costs_no_attempt(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=3), speed=UNHURRIED) as stage:
        trouble(stage, Trouble.IQ, Kind.PROBE, times=1, skip=1, iq=429)
        assert (await stage.recover(brisk())).end is End.COMPLETE
        paused = (await told(stage.database, "instance.paused"))[0]
        assert work_between(stage, paused.at + SLACK, paused.at + 60.0 - SLACK) == []
        assert (await backup(stage)).strikes == 0
        assert await attempts(stage) == {0}
        await judge(stage)


async def test_a_restriction_without_an_end_pauses_for_a_day(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=3), speed=SPEED) as stage:
        trouble(stage, Trouble.IQ, Kind.JOIN, iq=463)
        ended = await stage.recover(brisk())
        instance = await backup(stage)
        assert ended.end is End.DEFERRED
        assert instance.pause_reason == Reason.RESTRICTED
        assert instance.paused_until - instance.paused_at >= 24 * 3600.0
        await assert_no_slot_after_the_pause(stage)
        assert await attempts(stage) == {0}
        await judge(stage)


async def test_a_restriction_whose_end_the_session_tells_lasts_until_then(sqlite_url: str) -> None:
    content = world(generate=2, account="restricted_for = 600")
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        ends = stage.world.network.account(ACCOUNT).restricted_until
        ended = await stage.recover(brisk())
        assert ended.end is End.COMPLETE
        assert [r for r in stage.log.joins(ACCOUNT) if r.at < ends and r.iq != 463] == []
        await assert_no_slot_after_the_pause(stage, "restricted")
        await judge(stage)


async def test_a_session_that_goes_and_comes_back_pauses_the_account_only(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=6), speed=UNHURRIED) as stage:
        network = stage.world.network
        account = network.account(ACCOUNT)

        def fall(request: Any) -> None:
            if request.kind is Kind.JOIN and len(stage.log.joins()) == 2:
                network.set_state(account, AccountState.STARTING)
                network.later(100.0, lambda: network.set_state(account, AccountState.WORKING))

        stage.log.watchers.append(fall)
        ended = await stage.recover(brisk())
        assert ended.end is End.COMPLETE
        assert "instance_unavailable" in (await told(stage.database, "instance.paused"))[0].data
        assert await attempts(stage) == {0}
        resumed = (await told(stage.database, "instance.resumed"))[-1].at
        await assert_half_pace(stage, resumed - SLACK)
        await judge(stage)


async def test_a_session_that_comes_back_does_not_lift_the_pause_of_a_limit(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=4), speed=SPEED) as stage:
        network = stage.world.network
        account = network.account(ACCOUNT)
        account.join_budget, account.join_pause = 2, 100.0

        def fall(request: Any) -> None:
            if request.iq == 429 and not any(r.iq == 429 for r in stage.log.joins() if r is not request):
                network.set_state(account, AccountState.STARTING)
                network.later(130.0, lambda: network.set_state(account, AccountState.WORKING))

        stage.log.watchers.append(fall)
        ended = await stage.recover(brisk(retry=SHORT))
        refused = next(r.at for r in stage.log.joins(ACCOUNT) if r.iq == 429)
        assert [r for r in stage.log.joins(ACCOUNT) if refused + 90.0 < r.at < refused + 600.0 - SLACK] == []
        assert ended.end is End.COMPLETE
        await judge(stage)


async def test_a_log_out_in_the_middle_ends_the_run_as_lost(database_url: str) -> None:
    async with set_stage(database_url, content=world(generate=8), speed=SPEED) as stage:
        network = stage.world.network

        def log_out(request: Any) -> None:
            if len(stage.log.joins(ACCOUNT)) == 3 and request.kind is Kind.JOIN:
                network.set_state(network.account(ACCOUNT), AccountState.SCAN_QR_CODE)

        stage.log.watchers.append(log_out)
        ended = await stage.recover(brisk())
        assert ended.end is End.INSTANCE_LOST
        await assert_no_slot_after_the_pause(stage)
        assert entered(stage) == 3
        assert await attempts(stage) == {0}
        await judge(stage)


async def test_an_account_that_is_logged_out_at_the_start_is_lost_before_anything_is_sent(
    sqlite_url: str,
) -> None:
    content = world(generate=2, account='state = "SCAN_QR_CODE"')
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        with pytest.raises(InstanceLostError, match="logged out"):
            await stage.recover(brisk())
        assert {r.kind for r in stage.log.requests} == {Kind.SESSION}


async def test_a_session_that_does_not_come_up_is_waited_for_with_patience(sqlite_url: str) -> None:
    content = world(generate=2, account='state = "STARTING"')
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        with pytest.raises(TemporaryError, match="STARTING"):
            await stage.recover(brisk(patience=200.0))
        assert {r.kind for r in stage.log.requests} == {Kind.SESSION}


async def test_a_refused_token_is_said_before_anything_is_sent(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=2), speed=SPEED) as stage:
        trouble(stage, Trouble.UNAUTHORIZED)
        with pytest.raises(CredentialsError, match="token of backup-1"):
            await stage.recover(brisk())
        assert {r.kind for r in stage.log.requests} == {Kind.SESSION}


async def test_a_token_that_dies_in_the_middle_ends_the_run(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=6), speed=SPEED) as stage:
        trouble(stage, Trouble.UNAUTHORIZED, skip=12)
        ended = await stage.recover(brisk())
        assert ended.end is End.CREDENTIALS
        assert await attempts(stage) == {0}
        await judge(stage)


async def test_a_gateway_that_is_gone_for_a_while_is_waited_for(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=12), speed=SPEED) as stage:
        port = int(stage.running.base_url.rpartition(":")[2])
        recovery = asyncio.create_task(stage.recover(brisk()))
        while len(stage.log.joins(ACCOUNT)) < 3:
            await stage.clock.sleep(1.0)
        await stage.running.close()
        await stage.clock.sleep(200.0)
        stage.running = await server.start(stage.world.network, stage.world.faults, port=port)
        try:
            ended = await recovery
        finally:
            await stage.running.close()
        assert ended.end is End.COMPLETE
        assert entered(stage) == 12
        await judge(stage)


async def test_many_lost_probes_are_the_gateways_trouble_and_not_the_groups(sqlite_url: str) -> None:
    """Unless its session answers between them."""
    async with set_stage(sqlite_url, content=world(generate=6), speed=UNHURRIED) as stage:
        trouble(stage, Trouble.HTML, Kind.PROBE, times=9, status=502)
        ended = await stage.recover(brisk())
        assert ended.end is End.COMPLETE
        assert "gateway_error" in (await told(stage.database, "instance.paused"))[0].data
        await judge(stage)


async def test_a_throttled_look_is_made_later(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=3), speed=SPEED) as stage:
        trouble(stage, Trouble.IQ, Kind.PARTICIPANTS, times=1, iq=429)
        assert (await stage.recover(brisk())).end is End.COMPLETE
        await judge(stage)


async def test_a_plan_that_does_not_allow_it_is_a_persons(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd"), generate=1), speed=SPEED) as stage:
        trouble(stage, Trouble.SUBSCRIPTION, Kind.JOIN)
        ended = await stage.recover(brisk())
        assert ended.end is End.NEEDS_YOU
        assert (await backup(stage)).pause_reason == Reason.PLAN_LIMIT
        assert (await row(stage, named(stage, "Odd").subject)).status in (Status.PENDING, Status.READY)
        await judge(stage)
