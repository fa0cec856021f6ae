"""Recoveries that a daemon drives: how they end, once, and how they go on with what a person put back."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, insert, select, update

from orchestrator.account import loop
from orchestrator.account.joining import Joiner
from orchestrator.account.loop import Ended, Job, run
from orchestrator.account.monitor import Monitor
from orchestrator.daemon import drivers
from orchestrator.domain.loss_evidence import Kind, LossEvidence
from orchestrator.domain.loss_judgement import Case, LossState
from orchestrator.domain.memberships import Status
from orchestrator.domain.recoveries import End
from orchestrator.operations.ordering import stop
from orchestrator.simulator.faults import Trouble
from orchestrator.simulator.model import AccountState
from orchestrator.simulator.truth import Kind as Call
from orchestrator.store import instances, losses, orders, progress, recoveries
from orchestrator.store.orders import Order
from orchestrator.store.recoveries import Scope
from orchestrator.store.tables import group_labels, journal, memberships, messages, slots
from orchestrator.store.tables import recoveries as recoveries_table
from tests.support.command import PATIENCE
from tests.support.stage import Stage, brisk, set_stage
from tests.support.worlds import told, trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BACKUP = 2  # the id of backup-1
NAME = "backup-1"


async def place(stage: Stage, **order: Any) -> int:
    async with stage.database.write() as connection:
        await instances.lock(connection, BACKUP)
        wanted = Order(BACKUP, order.pop("scope", Scope()), "daemon@test", **order)
        return await orders.place(connection, wanted, await stage.database.now(connection))


async def stand(stage: Stage, recovery_id: int) -> tuple[str, str | None]:
    """The recovery's state and outcome."""
    table = recoveries_table
    async with stage.database.read() as connection:
        query = select(table.c.state, table.c.outcome).where(table.c.id == recovery_id)
        state, outcome = (await connection.execute(query)).one()
        return state, outcome


async def messages_of(stage: Stage, kind: str) -> list[Any]:
    async with stage.database.read() as connection:
        return list((await connection.execute(select(messages).where(messages.c.kind == kind))).all())


# The end


async def test_a_recovery_that_is_over_is_not_closed_nor_told_again(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, groups=2) as stage:
        made = await place(stage)
        context = await stage.context(brisk(), fence=None, recovery_id=made)
        await loop.close(context, End.NEEDS_YOU)
        await loop.close(context, End.INSTANCE_LOST)
        await context.gateway.close()
        assert await stand(stage, made) == ("finished", "needs_you")
        assert len(await told(stage.database, "recovery.ended")) == 1
        assert len(await messages_of(stage, "recovery.finished")) == 1


@asynccontextmanager
async def waiting_for_its_session(stage: Stage, **order: Any) -> AsyncIterator[Waits]:
    """A recovery under a daemon whose account is logged out, until its run ends."""
    stage.world.network.account(NAME).state = AccountState.SCAN_QR_CODE
    made = await place(stage, **order)
    context = await stage.context(brisk(patience=inf, lost_after=inf))
    ended = asyncio.create_task(run(context, Job(adopt=made)))
    try:
        async with asyncio.timeout(PATIENCE):
            while not await told(stage.database, "session"):
                await stage.clock.sleep(1.0)
            yield Waits(made, ended)
    finally:
        ended.cancel()
        await context.gateway.close()


@dataclass(frozen=True)
class Waits:
    recovery_id: int
    ended: asyncio.Task[Ended]


async def test_a_wish_to_stop_is_seen_while_a_session_is_waited_for(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, groups=2) as stage, waiting_for_its_session(stage) as it:
        await stop(stage.database, it.recovery_id, actor="ada@desk")
        assert (await it.ended).end is End.STOPPED
        assert await stand(stage, it.recovery_id) == ("stopped", "stopped")
        assert len(await told(stage.database, "recovery.ended")) == 1


async def test_news_that_nobody_told_is_found_within_a_minute(sqlite_url: str) -> None:
    """Whoever rings may miss a line; a stage that waits for news must not wait for ever."""
    async with set_stage(sqlite_url, groups=3) as stage:
        made = await place(stage)
        context = await stage.context(brisk(patience=inf, lost_after=inf), under_daemon=True)
        async with stage.database.write() as connection:
            far = (await stage.database.now(connection)) + 1e6
            later = {"status": "deferred", "reason": "group_full", "next_attempt_at": far}
            await connection.execute(update(memberships).values(**later))
        ended = asyncio.create_task(run(context, Job(adopt=made)))
        try:
            await stage.clock.sleep(120.0)  # by now every stage waits for news, or for years
            async with stage.database.write() as connection:
                back = {"status": "pending", "reason": None, "next_attempt_at": None}
                await connection.execute(update(memberships).values(**back))
            async with asyncio.timeout(PATIENCE):
                assert (await ended).end is End.COMPLETE
        finally:
            ended.cancel()
            await context.gateway.close()


async def test_a_deadline_is_seen_while_a_session_is_waited_for(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, groups=2) as stage:
        deadline = stage.anchor + 1200.0
        async with waiting_for_its_session(stage, deadline=deadline) as it:
            assert (await it.ended).end is End.INTERRUPTED
            assert await stand(stage, it.recovery_id) == ("stopped", "interrupted")
            assert len(await messages_of(stage, "recovery.finished")) == 1


async def test_a_lost_instances_recovery_that_a_person_stopped_ends_as_stopped(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, groups=2) as stage:
        made = await place(stage)
        async with stage.database.write() as connection:
            await recoveries.request_stop(connection, made, actor="ada@desk", now=stage.anchor)
        context = await stage.context(brisk())
        await drivers._close_lost(context, made)
        await context.gateway.close()
        assert await stand(stage, made) == ("stopped", "stopped")


async def test_where_a_pause_holds_up_nothing_any_more_a_daemons_recovery_ends_by_what_is_left(
    sqlite_url: str,
) -> None:
    async with set_stage(sqlite_url, groups=2) as stage:
        made = await place(stage)
        async with stage.database.write() as connection:
            await connection.execute(update(memberships).values(status=Status.SKIPPED.value))
        context = await stage.context(
            brisk(patience=inf, lost_after=inf, session_every=inf, session_every_when_down=inf),
            fence=None,
            recovery_id=made,
        )
        async with stage.database.write() as connection:
            pause = {"pause_reason": "instance_unavailable", "paused_at": stage.anchor}
            await instances.set_values(connection, BACKUP, **pause)
        monitor = Monitor(context, Joiner(context))
        await monitor.step()
        await context.gateway.close()
        assert monitor.end is End.COMPLETE


# Going on


async def over(stage: Stage, outcome: str, *, state: str = "finished", **order: Any) -> int:
    """A recovery of the daemon that ended so, with all its groups blocked."""
    made = await place(stage, **order)
    mine = memberships.c.recovery_id == made
    async with stage.database.write() as connection:
        now = await stage.database.now(connection)
        await recoveries.finish(connection, made, state=state, outcome=outcome, counted={}, now=now)
        await connection.execute(update(memberships).where(mine).values(status="blocked", status_since=now))
    return made


async def put_back(stage: Stage, *group_ids: int) -> list[Order]:
    """What goes on after a person put these back in line."""
    mine = memberships.c.group_id.in_(group_ids)
    async with stage.database.write() as connection:
        now = await stage.database.now(connection)
        await connection.execute(update(memberships).where(mine).values(status="pending", status_since=now))
        return await orders.put_back_in_line(connection)


async def test_groups_of_several_recoveries_that_are_over_go_on_in_one(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, groups=4) as stage:
        await over(stage, "needs_you")
        await over(stage, "complete", only=[2])
        (order,) = await put_back(stage, 2, 3)
        assert (order.instance_id, order.only) == (BACKUP, [2, 3])
        made = await place(stage, scope=order.scope, only=order.only)
        async with stage.database.read() as connection:
            query = select(memberships.c.group_id).where(memberships.c.recovery_id == made)
            assert set(await connection.scalars(query)) == {2, 3}
        assert await put_back(stage, 1) == []  # one is open


async def test_a_group_outside_the_latest_ones_scope_is_taken_too(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, groups=3) as stage:
        async with stage.database.write() as connection:
            await connection.execute(insert(group_labels).values(group_id=2, label="north"))
        await over(stage, "needs_you")
        await over(stage, "complete", scope=Scope(labels=("north",)))
        (order,) = await put_back(stage, 2)
        assert order.scope == Scope(labels=("north",))
        (order,) = await put_back(stage, 3)
        made = await place(stage, scope=order.scope, only=order.only)
        async with stage.database.write() as connection:
            assert (await progress.counts(connection, made))["pending"] == 2
            await recoveries.finish(
                connection, made, state="finished", outcome="complete", counted={}, now=stage.anchor
            )
            await connection.execute(update(memberships).values(status="active"))
            assert await orders.put_back_in_line(connection) == []


@pytest.mark.parametrize("outcome", ["unavailable", "credentials"])
async def test_what_an_outage_ended_goes_on(sqlite_url: str, outcome: str) -> None:
    async with set_stage(sqlite_url, groups=2) as stage:
        await over(stage, outcome)
        assert [order.only for order in await put_back(stage, 1)] == [[1]]


@pytest.mark.parametrize("outcome", ["stopped", "replaced", "interrupted"])
async def test_what_a_person_a_newer_order_or_a_limit_ended_stays(sqlite_url: str, outcome: str) -> None:
    async with set_stage(sqlite_url, groups=2) as stage:
        await over(stage, outcome, state="stopped")
        assert await put_back(stage, 1) == []


async def test_what_a_loss_ended_goes_on_when_the_instance_is_back(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, groups=2) as stage:
        await over(stage, "instance_lost")
        seen = LossEvidence(stage.anchor, Kind.STATE, gone=True, says="FAILED", text="")
        async with stage.database.write() as connection:
            loss = await losses.suspect(connection, BACKUP, Case(LossState.SUSPECTED, stage.anchor, (seen,)))
        assert await put_back(stage, 1) == []
        async with stage.database.write() as connection:
            await losses.end(connection, loss, LossState.DISMISSED, stage.anchor)
        assert [order.only for order in await put_back(stage, 1)] == [[1]]


async def test_what_another_backup_went_on_with_stays_until_a_person_puts_it_back(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, groups=2) as stage:
        lost = await over(stage, "instance_lost")
        async with stage.database.write() as connection:
            await orders.place(connection, Order(1, Scope(), "daemon@test", follows_id=lost), stage.anchor)
            left = {"status": "pending", "status_since": stage.anchor}
            mine = memberships.c.instance_id == BACKUP
            await connection.execute(update(memberships).where(mine).values(left))
            assert await orders.put_back_in_line(connection) == []
        assert [order.only for order in await put_back(stage, 1)] == [[1]]


async def test_a_recovery_has_begun_also_when_its_first_line_is_thrown_away(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, groups=2) as stage:
        made = await place(stage)
        async with stage.database.write() as connection:
            fresh = await orders.adopt(connection, made)
            await connection.execute(delete(journal))
            slot = {"instance_id": BACKUP, "n": 1, "membership_id": 1, "recovery_id": made, "fence": 1}
            times = {"reserved_at": stage.anchor, "send_at": stage.anchor, "dice": 0.5}
            await connection.execute(insert(slots).values(slot | times))
            again = await orders.adopt(connection, made)
        assert fresh is not None
        assert again is not None
        assert (fresh.begun_before, again.begun_before) == (False, True)


async def test_the_end_is_seen_when_the_last_group_is_settled(sqlite_url: str) -> None:
    """Also where that gives no stage anything to do: the monitor's own beat would come a minute later."""
    passed: dict[str, float] = {}
    async with set_stage(sqlite_url, groups=1, speed=10.0) as stage:
        made = await place(stage)
        trouble(stage, Trouble.IQ, Call.PROBE, iq=410)

        class Passed:
            def reach(self, name: str) -> None:
                passed[name] = stage.clock.boottime()

        context = await stage.context(brisk(patience=inf, lost_after=inf), under_daemon=True, points=Passed())
        ended = await run(context, Job(adopt=made))
        await context.gateway.close()

        assert ended.end is End.NEEDS_YOU
        assert passed["recovery.finished"] - passed["probe.recorded"] < 30.0


async def test_an_account_that_nobody_works_for_is_looked_at_when_its_revision_rises(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, groups=1) as stage:
        nobody = drivers.Drivers(
            stage.database,
            stage.clock,
            known=(),
            context_for=lambda _one: stage.context(brisk()),
            on_end=lambda: None,
            actor="daemon",
        )
        assert [nobody.saw(2, revision) for revision in (4, 4, 5, 5)] == [False, False, True, False]
