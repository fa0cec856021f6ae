"""Leaving a group by hand: sent at most once, and what cannot be known is looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.domain.errors import CredentialsError, NotFoundError, TemporaryError, UsageError
from orchestrator.domain.memberships import Greeting, Reason, Status
from orchestrator.operations.leaving import Leaving, Whereabouts, leave
from orchestrator.operations.retry_skip import retry
from orchestrator.simulator.faults import Trouble, When
from orchestrator.simulator.model import AccountState
from orchestrator.simulator.truth import Kind
from tests.support.by_hand import (
    BACKUP,
    account,
    let_in,
    lines,
    membership,
    network_group,
    put,
    set_instance,
    trouble,
)
from tests.support.stage import Stage, set_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ANA = "ana@box"


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    async with set_stage(database_url, groups=3) as prepared:
        await set_instance(prepared, own_phone=account(prepared).phone)
        yield prepared


async def active(stage: Stage, group_id: int = 1) -> str:
    jid = let_in(stage, group_id)
    await put(stage, group_id, Status.ACTIVE, jid=jid, greeting=Greeting.PENDING.value)
    return jid


async def let_go(stage: Stage, group: str = "group-1") -> Leaving:
    gateway = stage.gateway()
    try:
        return await leave(stage.database, gateway, BACKUP, group, actor=ANA, because="no longer ours")
    finally:
        await gateway.close()


async def test_an_active_group_is_left_and_both_ends_are_in_the_journal(stage: Stage) -> None:
    jid = await active(stage)

    done = await let_go(stage)
    again = await let_go(stage)

    found = await membership(stage, 1)
    assert (found.status, found.reason, found.jid) == (Status.LEFT, Reason.OPERATOR, jid)
    assert found.greeting is Greeting.SKIPPED, "nobody greets a group that was left"
    assert (done.changed, again.changed, again.whereabouts) == (True, False, Whereabouts.OUT)
    assert len(stage.log.of(Kind.LEAVE, BACKUP)) == 1
    assert await lines(stage, "act.leave") == [{"jid": jid, "because": "no longer ours"}]
    assert [line["whereabouts"] for line in await lines(stage, "leave")] == ["out"]


@pytest.mark.parametrize(
    ("effect", "whereabouts", "status"),
    [
        (When.DONE, Whereabouts.OUT, Status.LEFT),
        (When.NEVER, Whereabouts.STILL_IN, Status.ACTIVE),
    ],
)
async def test_a_leave_of_unknown_outcome_is_decided_by_a_look_at_the_members(
    stage: Stage, effect: When, whereabouts: Whereabouts, status: Status
) -> None:
    await active(stage)
    trouble(stage, Trouble.CUT, Kind.LEAVE, effect=effect)

    done = await let_go(stage)

    assert done.whereabouts is whereabouts
    assert (await membership(stage, 1)).status is status
    assert len(stage.log.of(Kind.LEAVE, BACKUP)) == 1, "never sent twice"


async def test_where_not_even_a_look_can_tell_it_says_so_and_changes_nothing(stage: Stage) -> None:
    await active(stage)
    trouble(stage, Trouble.CUT, Kind.LEAVE, Kind.PARTICIPANTS)

    done = await let_go(stage)

    assert (done.whereabouts, done.changed) == (Whereabouts.UNKNOWN, False)
    assert "see on the phone" in done.sentence
    assert (await membership(stage, 1)).status is Status.ACTIVE


async def test_a_group_that_the_account_is_not_in_any_more_counts_as_left(stage: Stage) -> None:
    await put(stage, 1, Status.ACTIVE, jid=network_group(stage, 1).jid)
    assert (await let_go(stage)).whereabouts is Whereabouts.OUT
    assert (await membership(stage, 1)).status is Status.LEFT


async def test_a_group_joined_by_mistake_is_left_and_stays_blocked_for_a_person(stage: Stage) -> None:
    foreign = let_in(stage, 2)
    await put(stage, 1, Status.BLOCKED, Reason.IDENTITY_MISMATCH, jid=foreign, joined_at=5.0)

    done = await let_go(stage)

    found = await membership(stage, 1)
    assert done.changed
    assert account(stage).name not in network_group(stage, 2).inside
    assert (found.status, found.reason) == (Status.BLOCKED, Reason.IDENTITY_MISMATCH)
    assert found.detail == f"{foreign} was joined by mistake, and left again"
    assert (found.jid, found.joined_at) == (None, None)
    again = await retry(stage.database, BACKUP, actor=ANA, groups=["group-1"])
    assert again.groups[0].status is Status.PENDING


async def test_a_refused_token_leaves_everything_as_it_was(stage: Stage) -> None:
    await active(stage)
    trouble(stage, Trouble.UNAUTHORIZED, Kind.LEAVE)
    with pytest.raises(CredentialsError):
        await let_go(stage)
    assert (await membership(stage, 1)).status is Status.ACTIVE
    assert [line["outcome"] for line in await lines(stage, "leave")] == ["bad_credentials"]


async def test_a_session_that_is_down_is_a_temporary_failure(stage: Stage) -> None:
    await active(stage)
    account(stage).state = AccountState.SCAN_QR_CODE
    with pytest.raises(TemporaryError):
        await let_go(stage)
    assert (await membership(stage, 1)).status is Status.ACTIVE


async def test_only_a_group_that_the_account_is_in_can_be_left(stage: Stage) -> None:
    await put(stage, 1, Status.PENDING)
    with pytest.raises(UsageError, match="only a group that"):
        await let_go(stage)
    with pytest.raises(NotFoundError, match="never joined"):
        await let_go(stage, "group-2")
    assert stage.log.of(Kind.LEAVE, BACKUP) == []
