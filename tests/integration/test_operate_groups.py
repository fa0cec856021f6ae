"""Retry and skip of groups, with a run at work and without one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.account.requests import NONE_OPEN, Request, to_go_on_with
from orchestrator.domain.errors import InputRejectedError, NotFoundError, UsageError
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.recoveries import End
from orchestrator.operations.retry_skip import retry, skip
from orchestrator.simulator.faults import Trouble
from orchestrator.simulator.truth import Effect, Kind
from orchestrator.store.recoveries import Scope
from tests.support.by_hand import (
    BACKUP,
    let_in,
    lines,
    membership,
    network_group,
    now,
    put,
    put_recovery,
    record,
    trouble,
)
from tests.support.stage import Stage, brisk, set_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.store.recoveries import Recovery

ANA = "ana@box"


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    async with set_stage(database_url, groups=5) as prepared:
        yield prepared


async def test_a_retried_group_is_back_in_line_with_its_attempts_forgotten(stage: Stage) -> None:
    await put(
        stage,
        1,
        Status.BLOCKED,
        Reason.CODE_REVOKED,
        attempts=3,
        slow_rounds=2,
        unknowns=1,
        looks=2,
        requested_at=1000.0,
        detail="gone",
    )

    done = await retry(stage.database, BACKUP, actor=ANA, groups=["group-1"])
    again = await retry(stage.database, BACKUP, actor=ANA, groups=["group-1"])

    found = await membership(stage, 1)
    assert (found.status, found.reason, found.detail) == (Status.PENDING, None, None)
    assert (found.attempts, found.slow_rounds, found.unknowns, found.looks) == (0, 0, 0, 0)
    assert found.requested_at == 1000.0
    assert (done.changed, again.changed) == (1, 0)
    assert await lines(stage, "act.retry") == [{"was": "blocked: code_revoked", "status": "pending"}]


async def test_a_join_of_unknown_outcome_is_looked_up_and_not_joined_again_when_it_worked(
    stage: Stage,
) -> None:
    jid = let_in(stage, 1)
    await put(stage, 1, Status.BLOCKED, Reason.OUTCOME_UNKNOWN, jid=jid, requested_at=await now(stage) - 500)
    stage.world.faults.list_participants = False  # so that only a look can tell

    done = await retry(stage.database, BACKUP, actor=ANA, groups=["group-1"])
    await stage.recover(brisk())

    assert done.groups[0].status is Status.CONFIRMING
    assert (await membership(stage, 1)).status is Status.ACTIVE
    assert [r for r in stage.log.joins(BACKUP) if r.group == jid] == []


async def test_a_join_of_unknown_outcome_is_sent_again_only_after_a_look_that_shows_absence(
    stage: Stage,
) -> None:
    group = network_group(stage, 1)
    await put(
        stage, 1, Status.BLOCKED, Reason.OUTCOME_UNKNOWN, jid=group.jid, requested_at=await now(stage) - 500
    )

    await retry(stage.database, BACKUP, actor=ANA, groups=["group-1"])
    await stage.recover(brisk())

    assert (await membership(stage, 1)).status is Status.ACTIVE
    seen = [r.kind for r in stage.log.requests if r.group == group.jid]
    assert seen.index(Kind.PARTICIPANTS) < seen.index(Kind.PROBE) < seen.index(Kind.JOIN)
    assert stage.log.effects(Effect.JOINED, BACKUP)[group.jid] == 1


async def test_a_request_that_was_approved_meanwhile_is_not_sent_again(stage: Stage) -> None:
    jid = let_in(stage, 1)
    await put(
        stage, 1, Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING, jid=jid, requested_at=1.0, approval=True
    )
    trouble(stage, Trouble.LIST_EMPTY, Kind.LIST)

    await retry(stage.database, BACKUP, actor=ANA, groups=["group-1"])
    await stage.recover(brisk())

    assert (await membership(stage, 1)).status is Status.ACTIVE
    assert stage.log.needless_joins() == []


async def test_a_request_that_was_refused_is_sent_again_after_a_look(stage: Stage) -> None:
    group = network_group(stage, 1)
    await put(
        stage,
        1,
        Status.AWAITING_APPROVAL,
        Reason.APPROVAL_PENDING,
        jid=group.jid,
        requested_at=await now(stage) - 500,
        approval=True,
        next_attempt_at=await now(stage) + 9000,
    )

    await retry(stage.database, BACKUP, actor=ANA, groups=["group-1"])
    ended = await stage.recover(brisk())

    assert ended.end is End.COMPLETE
    assert stage.log.effects(Effect.JOINED, BACKUP)[group.jid] == 1
    assert stage.log.joins_repeated_without_look() == []


async def test_named_groups_stand_or_fall_together(stage: Stage) -> None:
    await put(stage, 1, Status.BLOCKED, Reason.CODE_REVOKED)
    await put(stage, 2, Status.JOINING)
    await put(stage, 3, Status.ACTIVE, jid="3@g.us")

    with pytest.raises(InputRejectedError) as refused:
        await retry(stage.database, BACKUP, actor=ANA, groups=["group-1", "group-2", "group-3", "group-4"])

    assert len(refused.value.problems) == 2
    assert "a join is on its way" in refused.value.problems[0]
    assert (await membership(stage, 1)).status is Status.BLOCKED
    assert set(await stage.statuses()) == {stage.world.rows[n].name for n in range(3)}
    assert await lines(stage, "act.retry") == []


async def test_one_group_that_cannot_be_retried_is_a_sentence(stage: Stage) -> None:
    await put(stage, 1, Status.CONFIRMING)
    with pytest.raises(UsageError, match="looked up whether the join worked"):
        await retry(stage.database, BACKUP, actor=ANA, groups=["group-1"])
    with pytest.raises(NotFoundError):
        await retry(stage.database, BACKUP, actor=ANA, groups=["nowhere"])
    with pytest.raises(UsageError, match="say which"):
        await retry(stage.database, BACKUP, actor=ANA)
    with pytest.raises(UsageError, match="say which"):
        await retry(stage.database, BACKUP, actor=ANA, groups=["group-1"], all_needs_you=True)


async def test_a_retry_by_reason_moves_exactly_those(stage: Stage) -> None:
    await put(stage, 1, Status.BLOCKED, Reason.GROUP_FULL)
    await put(stage, 2, Status.DEFERRED, Reason.GROUP_FULL, next_attempt_at=await now(stage) + 9000)
    await put(stage, 3, Status.BLOCKED, Reason.CODE_REVOKED)

    done = await retry(stage.database, BACKUP, actor=ANA, reason=Reason.GROUP_FULL)

    assert {one.slug for one in done.groups} == {"group-1", "group-2"}
    assert [(await membership(stage, n)).status for n in (1, 2, 3)] == [
        Status.PENDING,
        Status.PENDING,
        Status.BLOCKED,
    ]


async def test_a_retry_of_all_that_need_you_sends_no_pending_request_again(stage: Stage) -> None:
    later = await now(stage) + 9000
    await put(stage, 1, Status.BLOCKED, Reason.CODE_REVOKED)
    await put(stage, 2, Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING, next_attempt_at=later)
    await put(stage, 3, Status.LEFT, Reason.REMOVED_BY_ADMIN)
    await put(stage, 4, Status.LEFT, Reason.OPERATOR)
    await put(stage, 5, Status.BLOCKED, Reason.IDENTITY_MISMATCH, jid="9@g.us", joined_at=5.0)

    done = await retry(stage.database, BACKUP, actor=ANA, all_needs_you=True)

    found = [await membership(stage, n) for n in range(1, 6)]
    assert [one.status for one in found] == [
        Status.PENDING,
        Status.AWAITING_APPROVAL,
        Status.PENDING,
        Status.LEFT,
        Status.BLOCKED,
    ]
    assert found[1].next_attempt_at is not None
    assert found[1].next_attempt_at < later
    assert [one.slug for one in done.refused] == ["group-5"]


@pytest.mark.parametrize("chosen", [{"all_needs_you": True}, {"reason": Reason.CODE_REVOKED}], ids=str)
async def test_a_retry_of_many_stays_within_the_open_recovery(stage: Stage, chosen: dict[str, Any]) -> None:
    """What an earlier recovery with a wider scope left behind is taken up where it is named."""
    opened = await put_recovery(stage, Scope(labels=("north",)))
    await put(stage, 1, Status.BLOCKED, Reason.CODE_REVOKED, recovery_id=opened)
    await put(stage, 2, Status.BLOCKED, Reason.CODE_REVOKED)

    done = await retry(stage.database, BACKUP, actor=ANA, **chosen)

    assert [one.slug for one in done.groups] == ["group-1"]
    left = await membership(stage, 2)
    assert (left.status, left.recovery_id) == (Status.BLOCKED, None)
    await retry(stage.database, BACKUP, actor=ANA, groups=["group-2"])
    named = await membership(stage, 2)
    assert (named.status, named.recovery_id) == (Status.PENDING, opened)


async def test_new_ends_no_recovery_but_the_one_that_the_person_saw(stage: Stage) -> None:
    found = await record(stage)

    async def asked(seen: int | None) -> Recovery | None:
        async with stage.database.read() as connection:
            return await to_go_on_with(connection, found.id, BACKUP, Request(new=True, open_id=seen))

    assert await asked(NONE_OPEN) is None
    opened = await put_recovery(stage)

    for seen in (NONE_OPEN, opened + 1):
        with pytest.raises(UsageError, match=f"recovery {opened} onto {BACKUP} was opened meanwhile"):
            await asked(seen)
    assert await asked(opened) is None


async def test_a_group_without_a_membership_gets_one(stage: Stage) -> None:
    retried = await retry(stage.database, BACKUP, actor=ANA, groups=["group-1", "group-1"])
    skipped = await skip(stage.database, BACKUP, ["group-2"], actor=ANA, because="closed in May")

    assert (retried.changed, skipped.changed) == (1, 1)
    assert (await membership(stage, 1)).status is Status.PENDING
    found = await membership(stage, 2)
    assert (found.status, found.reason, found.detail) == (
        Status.SKIPPED,
        Reason.OPERATOR,
        "closed in May",
    )


async def test_a_skipped_group_is_not_joined_until_it_is_retried(stage: Stage) -> None:
    await skip(stage.database, BACKUP, ["group-1"], actor=ANA, because="closed in May")
    again = await skip(stage.database, BACKUP, ["group-1"], actor=ANA)
    first = await stage.recover(brisk())
    left_out = network_group(stage, 1).jid
    assert again.changed == 0
    assert first.counts["skipped"] == 1
    assert stage.log.effects(Effect.JOINED, BACKUP)[left_out] == 0

    await retry(stage.database, BACKUP, actor=ANA, groups=["group-1"])
    await stage.recover(brisk())
    assert stage.log.effects(Effect.JOINED, BACKUP)[left_out] == 1


async def test_an_active_group_is_left_and_not_skipped(stage: Stage) -> None:
    await put(stage, 1, Status.ACTIVE, jid="1@g.us")
    with pytest.raises(UsageError, match="leave it"):
        await skip(stage.database, BACKUP, ["group-1"], actor=ANA)
    assert (await membership(stage, 1)).status is Status.ACTIVE


async def test_the_run_under_way_takes_up_what_is_retried_and_counts_it(stage: Stage) -> None:
    await put(stage, 5, Status.BLOCKED, Reason.CODE_REVOKED)
    joined = asyncio.Event()
    stage.log.watchers.append(lambda request: joined.set() if request.kind is Kind.JOIN else None)
    run = asyncio.create_task(stage.recover(brisk()))
    await joined.wait()

    await retry(stage.database, BACKUP, actor=ANA, groups=["group-5"])
    ended = await run

    assert ended.counts["active"] == 5
    assert (await membership(stage, 5)).recovery_id == ended.recovery_id


async def test_a_group_beyond_the_scope_of_the_run_under_way_is_taken_into_it(stage: Stage) -> None:
    number = await put_recovery(stage, Scope(labels=("none",)))
    await retry(stage.database, BACKUP, actor=ANA, groups=["group-1"])
    assert (await membership(stage, 1)).recovery_id == number
