"""The agenda in memory says what the rows say: kept by the worker's own writes, loaded when others wrote."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from orchestrator.account import agenda as module
from orchestrator.account import lease
from orchestrator.account.agenda import Agenda
from orchestrator.account.preparing import open_recovery
from orchestrator.account.probing import send_back_stale
from orchestrator.account.requests import Request
from orchestrator.domain.errors import IllegalMoveError
from orchestrator.domain.memberships import (
    IN_FLIGHT,
    REASON_REQUIRED,
    TRANSITIONS,
    Greeting,
    Reason,
    Status,
    check_move,
)
from orchestrator.operations.ordering import stop
from orchestrator.operations.pausing import pause, resume
from orchestrator.operations.retry_skip import retry, skip
from orchestrator.store import due_work, instances
from orchestrator.store import memberships as store
from orchestrator.store.due_work import LIVE
from orchestrator.store.tables import memberships
from tests.support.defaults import recovery
from tests.support.stage import set_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from orchestrator.account.context import Context
    from orchestrator.store.engine import Database
    from orchestrator.store.memberships import Membership

GROUPS = 12
BACKUP = "backup-1"


@asynccontextmanager
async def worker(url: str) -> AsyncIterator[Context]:
    """The holder of the lease, with an open recovery of twelve groups that nothing has been done for."""
    async with set_stage(url, groups=GROUPS, speed=1.0) as stage:
        context = await stage.context(recovery())
        await lease.take(context)
        await open_recovery(context, Request(), pace=None)
        try:
            yield context
        finally:
            await context.gateway.close()


async def kept_and_stored(context: Context) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """What the worker's agenda holds, and what one that is loaded now does."""
    kept = await context.look_ahead()
    fresh = Agenda(context.database, context.clock, context.instance_id)
    await fresh.load(context.recovery_id)
    return held(kept), held(fresh)


def held(agenda: Agenda) -> dict[Any, Any]:
    return {status: sorted(agenda.items(status), key=lambda item: item.id) for status in LIVE} | {
        "greets": agenda.greets,
        "deferred": agenda.next_due((Status.DEFERRED,)),
        "present": agenda.present,
        "paused": agenda.instance.pause_reason,
    }


async def all_of(context: Context) -> list[Membership]:
    async with context.database.read() as connection:
        return await store.matching(connection, memberships.c.instance_id == context.instance_id)


def any_move(old: Membership, dice: random.Random, now: float) -> dict[str, Any] | None:
    """One that the table allows, with what it needs."""
    status = dice.choice(sorted({*TRANSITIONS[old.status], old.status}))
    reason = Reason.GROUP_FULL if status in REASON_REQUIRED else None
    due = status in {Status.DEFERRED, Status.AWAITING_APPROVAL, *IN_FLIGHT}
    at = now + dice.randint(1, 1000) if due and status is not Status.JOINING else None
    fields = {
        "status": status,
        "reason": reason,
        "next_attempt_at": at,
        "greeting": dice.choice([Greeting.NONE, Greeting.PENDING, Greeting.SENT]),
        "verified_at": now if status is Status.READY else None,
    }
    try:
        check_move(old.status, status, reason, at)
    except IllegalMoveError:
        return None
    return fields


@pytest.mark.parametrize("seed", range(4))
async def test_the_worker_s_own_moves_keep_it_as_the_rows_are(database_url: str, seed: int) -> None:
    dice = random.Random(seed)
    async with worker(database_url) as context:
        loads = await counting_loads(context)
        for _ in range(40):
            chosen = dice.sample(await all_of(context), dice.randint(1, 3))
            async with context.writing() as writing:
                for old in chosen:
                    fields = any_move(old, dice, writing.now)
                    if fields is not None:
                        writing.move(old, fields.pop("status"), fields.pop("reason"), **fields)
            kept, stored = await kept_and_stored(context)
            assert kept == stored

        assert loads() == 0  # it was not read anew for that


async def counting_loads(context: Context) -> Callable[[], int]:
    """How often the agenda has been read since now."""
    agenda, count = await context.look_ahead(), 0
    load = agenda._load

    async def counted(recovery_id: int | None) -> None:
        nonlocal count
        count += 1
        await load(recovery_id)

    agenda._load = counted  # type: ignore[method-assign]
    return lambda: count


async def skipped(database: Database) -> None:
    await skip(database, BACKUP, actor="a person", groups=["group-1"], because=None)


async def skipped_and_retried(database: Database) -> None:
    await skipped(database)
    await retry(database, BACKUP, actor="a person", groups=["group-1"])


async def paused(database: Database) -> None:
    await pause(database, BACKUP, actor="a person")


async def paused_and_resumed(database: Database) -> None:
    await paused(database)
    await resume(database, BACKUP, actor="a person")


async def stopped(database: Database) -> None:
    await stop(database, actor="a person")


@pytest.mark.parametrize("act", [skipped, skipped_and_retried, paused, paused_and_resumed, stopped])
async def test_whatever_somebody_else_does_raises_the_revision(
    database_url: str, act: Callable[[Database], Awaitable[None]]
) -> None:
    async with worker(database_url) as context:
        agenda = await context.look_ahead()
        await act(context.database)

        async with context.database.read() as connection:
            revision = (await instances.revisions(connection))[context.instance_id]
        assert agenda.saw(revision)
        kept, stored = await kept_and_stored(context)
        assert kept == stored
        if act is stopped:
            assert agenda.recovery is not None
            assert agenda.recovery.stop_requested_at is not None


async def test_what_somebody_else_wrote_is_seen_at_the_worker_s_next_write(sqlite_url: str) -> None:
    async with worker(sqlite_url) as context:
        agenda = await context.look_ahead()
        await paused(context.database)
        assert not agenda.stale

        async with context.writing() as writing:
            writing.note("probe")

        assert agenda.stale


async def test_whoever_notices_first_that_others_wrote_wakes_every_stage(sqlite_url: str) -> None:
    """The worker's own write, say: the poller then sees nothing new any more."""
    async with worker(sqlite_url) as context:
        await context.look_ahead()
        sleeping = context.wake_events["joining"] = asyncio.Event()
        await paused(context.database)
        async with context.writing() as writing:
            writing.note("probe")
        assert not sleeping.is_set()

        agenda = await context.look_ahead()

        assert sleeping.is_set()
        sleeping.clear()
        async with context.database.read() as connection:
            assert not agenda.saw((await instances.revisions(connection))[context.instance_id])
        await context.look_ahead()
        assert not sleeping.is_set()


async def test_of_another_recovery_it_is_read_anew(sqlite_url: str) -> None:
    async with worker(sqlite_url) as context:
        assert (await context.look_ahead()).count(Status.PENDING) == GROUPS
        context.recovery_id += 1

        assert (await context.look_ahead()).count(Status.PENDING) == 0


async def test_the_log_of_slots_is_read_once_until_it_changes(sqlite_url: str) -> None:
    async with worker(sqlite_url) as context:
        agenda, policy = await context.look_ahead(), context.settings.policy
        reads = 0

        def count(*asked: Any) -> None:
            nonlocal reads
            reads += "FROM slots" in asked[2]

        event.listen(context.database.engine.sync_engine, "before_cursor_execute", count)
        for _ in range(3):
            await agenda.next_slot(policy)
            async with context.writing() as writing:
                writing.note("probe")
        assert reads == 1

        async with context.writing() as writing:
            writing.slots_changed = True
        await agenda.next_slot(policy)
        assert reads == 2


async def test_a_move_that_had_no_effect_is_not_kept(sqlite_url: str) -> None:
    async with worker(sqlite_url) as context:
        await context.look_ahead()
        old = (await all_of(context))[0]
        async with context.writing() as writing:
            writing.move(old, Status.BLOCKED, Reason.CODE_REVOKED)
        async with context.writing() as writing:
            writing.move(old, Status.READY, verified_at=writing.now)  # it is pending no more

        kept, stored = await kept_and_stored(context)

        assert kept == stored
        assert old.id not in [item.id for item in kept[Status.READY]]


async def failing_write(context: Context, old: Membership) -> None:
    async with context.writing() as writing:
        writing.move(old, Status.READY, verified_at=writing.now)
        await writing.flush()
        raise RuntimeError("on the way")


async def test_a_write_that_failed_is_doubted(sqlite_url: str) -> None:
    async with worker(sqlite_url) as context:
        agenda = await context.look_ahead()
        old = (await all_of(context))[0]
        with pytest.raises(RuntimeError, match="on the way"):
            await failing_write(context, old)

        assert agenda.stale
        kept, stored = await kept_and_stored(context)
        assert kept == stored


async def test_a_write_whose_end_is_not_known_wakes_every_stage_at_the_next_read(
    sqlite_url: str,
) -> None:
    """Whoever wrote has forgotten what it planned, and the rows may hold it all the same."""
    async with worker(sqlite_url) as context:
        await context.look_ahead()
        sleeping = context.wake_events["joining"] = asyncio.Event()
        with pytest.raises(RuntimeError, match="on the way"):
            await failing_write(context, (await all_of(context))[0])
        assert not sleeping.is_set()  # while the database is away, everybody would try in vain

        await context.look_ahead()

        assert sleeping.is_set()


async def test_a_clock_that_seems_late_sends_no_fresh_verification_back(sqlite_url: str) -> None:
    async with worker(sqlite_url) as context:
        agenda, old = await context.look_ahead(), (await all_of(context))[0]
        async with context.writing() as writing:
            writing.move(old, Status.READY, verified_at=writing.now)
            now = writing.now
        agenda.saw_time(now - 60.0)  # a machine that was held up between the clocks, say

        await send_back_stale(context)

        assert [one.status for one in await all_of(context) if one.id == old.id] == [Status.READY]


async def test_the_latest_reading_of_the_clock_counts(sqlite_url: str) -> None:
    async with worker(sqlite_url) as context:
        agenda = await context.look_ahead()
        agenda.saw_time(agenda.now - 60.0)
        late = agenda.now
        async with context.writing() as writing:
            writing.note("probe")

        assert agenda.now > late + 59.0


async def test_what_is_written_beside_a_load_is_not_lost(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with worker(sqlite_url) as context:
        agenda, old = await context.look_ahead(), (await all_of(context))[0]
        read, goes_on, heads = asyncio.Event(), asyncio.Event(), due_work.heads

        async def held_up(*args: Any, **options: Any) -> Any:
            found = await heads(*args, **options)
            read.set()
            await goes_on.wait()
            return found

        monkeypatch.setattr(due_work, "heads", held_up)
        agenda.doubt()
        loading = asyncio.create_task(context.look_ahead())
        await read.wait()
        async with context.writing() as writing:
            writing.move(old, Status.READY, verified_at=writing.now)
        goes_on.set()
        await loading

        assert agenda.stale
        kept, stored = await kept_and_stored(context)
        assert kept == stored
        assert [item.id for item in kept[Status.READY]] == [old.id]


async def test_of_many_it_holds_the_first_and_loads_the_rest_when_these_are_done(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 4)
    async with worker(sqlite_url) as context:
        agenda, seen = await context.look_ahead(), 0
        assert agenda.count(Status.PENDING) == 4
        while (agenda := await context.look_ahead()).count(Status.PENDING):
            works = {one.id: one for one in await all_of(context)}
            async with context.writing() as writing:
                for item in agenda.items(Status.PENDING):
                    writing.move(works[item.id], Status.BLOCKED, Reason.CODE_REVOKED)
                    seen += 1

        assert seen == GROUPS


async def test_without_a_lease_every_question_reads_the_rows(sqlite_url: str) -> None:
    async with worker(sqlite_url) as context:
        context.fence = None
        assert (await context.look_ahead()).instance.pause_reason is None
        await paused(context.database)

        assert (await context.look_ahead()).instance.pause_reason == Reason.OPERATOR


async def test_the_worker_s_own_sign_of_life_raises_no_revision(sqlite_url: str) -> None:
    async with worker(sqlite_url) as context:
        async with context.database.read() as connection:
            before = await instances.revisions(connection)
        await lease.renew(context)

        async with context.database.read() as connection:
            assert await instances.revisions(connection) == before
