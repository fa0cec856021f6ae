"""Memberships kept true without a recovery: approvals, greetings, removals that no event told of."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from orchestrator.account import comparing
from orchestrator.domain.memberships import Greeting, Reason, Status
from orchestrator.simulator.faults import Trouble
from orchestrator.simulator.model import AccountState
from orchestrator.simulator.truth import Kind
from orchestrator.store.tables import memberships
from tests.support.by_hand import let_in, lines, membership, now, put, set_group, set_instance
from tests.support.defaults import greeting
from tests.support.events import drive, reconciling
from tests.support.noted_gaps import note_gaps
from tests.support.stage import brisk, set_stage
from tests.support.worlds import ACCOUNT, group, named, trouble, world

if TYPE_CHECKING:
    from tests.support.stage import Stage

SPEED = 400.0
GREETS = brisk(greeting=greeting(enabled=True))
OWN = {"own_phone": "15550100002", "own_lid": "900000000000002", "state": "working"}


async def active(stage: Stage, *group_ids: int, inside: bool = True, **values: Any) -> None:
    await set_instance(stage, **OWN)
    for number in group_ids:
        jid = let_in(stage, number) if inside else stage.world.rows[number - 1].jid
        facts: dict[str, Any] = {
            "jid": jid,
            "evidence": "participant",
            "confirmed_at": await now(stage) - 900,
        }
        await put(stage, number, Status.ACTIVE, **facts | values)


async def open_in(stage: Stage, status: Status, reason: Reason | None = None, **values: Any) -> None:
    await set_instance(stage, **OWN)
    facts: dict[str, Any] = {"jid": stage.world.rows[0].jid, "requested_at": await now(stage) - 9000}
    await put(stage, 1, status, reason, **facts | values)


async def test_an_approval_hours_later_becomes_active_and_is_greeted_by_itself(database_url: str) -> None:
    async with set_stage(database_url, content=world(group("Odd")), speed=SPEED) as stage:
        later = await now(stage) + 90_000.0
        await open_in(stage, Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING, next_attempt_at=later)
        let_in(stage, 1)
        async with reconciling(stage, GREETS) as reconciler:
            await reconciler.step()
            assert stage.log.requests == []
            async with stage.database.write() as connection:
                await connection.execute(update(memberships).values(next_attempt_at=later - 90_000.0))
            await drive(stage, reconciler, seconds=100)
        found = await membership(stage, 1)
        assert (found.status, found.greeting) == (Status.ACTIVE, Greeting.SENT)
        assert stage.log.joins() == []


@pytest.mark.parametrize("dialect", ["status", "gows", "spoken", "listed", "text"])
async def test_a_removal_that_no_event_told_of_is_found(sqlite_url: str, dialect: str) -> None:
    """However the gateway words that we are outside."""
    content = world(generate=3, gateway=f'dialect = "{dialect}"')
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        await active(stage, 1, 2)
        await active(stage, 3, inside=False, greeting="pending")
        async with reconciling(stage, GREETS) as reconciler:
            await drive(stage, reconciler, seconds=60)
        found = [await membership(stage, number) for number in (1, 2, 3)]
        assert [one.status for one in found] == [Status.ACTIVE, Status.ACTIVE, Status.LEFT]
        assert found[2].greeting is not Greeting.PENDING
        assert len(stage.log.of(Kind.LIST)) == 1
        assert len(stage.log.of(Kind.PARTICIPANTS)) == 1
        assert stage.log.joins() == []


async def test_what_an_event_has_just_confirmed_is_not_lost_by_a_gateway_that_lags(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=1), speed=SPEED) as stage:
        await active(stage, 1, inside=False, confirmed_at=await now(stage) + 900)
        async with reconciling(stage, brisk()) as reconciler:
            await drive(stage, reconciler, seconds=30)
        assert stage.log.of(Kind.PARTICIPANTS)
        assert (await membership(stage, 1)).status is Status.ACTIVE


@pytest.mark.parametrize("lie", [Trouble.LIST_EMPTY, Trouble.LIST_MISSING, Trouble.LIST_BARE])
async def test_a_list_that_is_short_proves_nothing(
    sqlite_url: str, lie: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = note_gaps(monkeypatch, comparing)
    async with set_stage(sqlite_url, content=world(generate=4), speed=SPEED) as stage:
        await active(stage, 1, 2, 3, 4)
        trouble(stage, lie, Kind.LIST)
        async with reconciling(stage, brisk()) as reconciler:
            await drive(stage, reconciler, seconds=90)
        assert {(await membership(stage, number)).status for number in (1, 2, 3, 4)} == {Status.ACTIVE}
        looks = stage.log.of(Kind.PARTICIPANTS)
        assert len(looks) == {Trouble.LIST_EMPTY: 4, Trouble.LIST_MISSING: 2, Trouble.LIST_BARE: 0}[lie]
        assert len(made) == len(looks) + 1, "the list, and each look"
        assert all(b - a >= comparing.LOOK_GAP for a, b in pairwise(made))


@pytest.mark.parametrize("state", [AccountState.STARTING, AccountState.SCAN_QR_CODE])
async def test_a_session_that_does_not_work_is_not_asked_where_we_are(
    sqlite_url: str, state: AccountState
) -> None:
    """Whatever it would answer proves nothing, and the time of the comparison has not come by it."""
    async with set_stage(sqlite_url, content=world(generate=2), speed=SPEED) as stage:
        await active(stage, 1, 2)
        trouble(stage, Trouble.IQ, Kind.PARTICIPANTS, iq=404)
        trouble(stage, Trouble.LIST_EMPTY, Kind.LIST)
        network = stage.world.network
        network.show_state(network.account(ACCOUNT), state)
        async with reconciling(stage, brisk()) as reconciler:
            await drive(stage, reconciler, seconds=100)
        assert {(await membership(stage, number)).status for number in (1, 2)} == {Status.ACTIVE}
        assert not stage.log.of(Kind.LIST)


async def test_after_a_restart_the_list_is_not_asked_for_again_before_its_time(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=2), speed=SPEED) as stage:
        await active(stage, 1, 2)
        for _restart in range(3):
            async with reconciling(stage, brisk()) as reconciler:
                await drive(stage, reconciler, seconds=40)
        assert len(stage.log.of(Kind.LIST)) == 1
        async with reconciling(stage, brisk(), every=100.0) as reconciler:
            await drive(stage, reconciler, seconds=200)
        assert len(stage.log.of(Kind.LIST)) >= 2


async def test_an_account_that_a_recovery_drives_is_left_alone(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=1), speed=SPEED) as stage:
        await active(stage, 1, inside=False, greeting="pending")
        await set_instance(stage, lease_holder="{}", lease_until=await now(stage) + 9000)
        async with reconciling(stage, GREETS) as reconciler:
            await drive(stage, reconciler, seconds=70)
        assert stage.log.requests == []
        assert (await membership(stage, 1)).status is Status.ACTIVE


async def test_a_join_that_a_dead_process_left_behind_is_looked_up(database_url: str) -> None:
    async with set_stage(database_url, content=world(group("Odd")), speed=SPEED) as stage:
        await open_in(stage, Status.JOINING, status_since=await now(stage) - 400)
        let_in(stage, 1)
        async with reconciling(stage, brisk()) as reconciler:
            await drive(stage, reconciler, seconds=70)
        assert (await membership(stage, 1)).status is Status.ACTIVE
        assert stage.log.joins() == []
        assert len(await lines(stage, "join.cut_off")) == 1


async def test_a_greeting_that_may_have_been_sent_is_not_sent_again(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        await active(stage, 1, greeting="sending")
        async with reconciling(stage, GREETS) as reconciler:
            await drive(stage, reconciler, seconds=30)
        assert (await membership(stage, 1)).greeting is Greeting.FAILED
        assert stage.log.of(Kind.SEND) == []


@pytest.mark.parametrize(
    "status", [Status.PENDING, Status.DEFERRED, Status.BLOCKED, Status.LEFT, Status.SKIPPED]
)
async def test_a_group_in_which_the_gateway_shows_us_becomes_active_ungreeted(
    sqlite_url: str, status: Status
) -> None:
    async with set_stage(sqlite_url, content=world(generate=2), speed=SPEED) as stage:
        await open_in(stage, status, Reason.GROUP_FULL, next_attempt_at=await now(stage) + 9000)
        let_in(stage, 1)
        await active(stage, 2)
        async with reconciling(stage, GREETS) as reconciler:
            await drive(stage, reconciler, seconds=30)
        found = await membership(stage, 1)
        assert (found.status, found.greeting) == (Status.ACTIVE, Greeting.NONE)
        looked = len(stage.log.of(Kind.PARTICIPANTS))
        assert looked == (1 if status in (Status.LEFT, Status.SKIPPED) else 0)


async def test_a_group_that_was_entered_by_mistake_stays_a_persons(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=2), speed=SPEED) as stage:
        await open_in(stage, Status.BLOCKED, Reason.IDENTITY_MISMATCH)
        await set_group(stage, 1, jid=None)
        let_in(stage, 1)
        await active(stage, 2)
        async with reconciling(stage, brisk()) as reconciler:
            await drive(stage, reconciler, seconds=30)
        assert (await membership(stage, 1)).status is Status.BLOCKED


async def test_a_throttled_look_pauses_nothing_and_is_made_later(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        await open_in(
            stage, Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING, next_attempt_at=await now(stage)
        )
        let_in(stage, 1)
        trouble(stage, Trouble.IQ, Kind.PARTICIPANTS, iq=429, times=1)
        async with reconciling(stage, brisk()) as reconciler:
            await drive(stage, reconciler, seconds=30)
            assert (await membership(stage, 1)).status is Status.AWAITING_APPROVAL
            assert await lines(stage, "instance.paused") == []
            await drive(stage, reconciler, seconds=700)
        assert (await membership(stage, 1)).status is Status.ACTIVE
        assert named(stage, "Odd").inside
