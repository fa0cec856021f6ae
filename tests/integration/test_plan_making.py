"""Plans against the simulated network: what they say, what they ask, and that they change nothing."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, update

from orchestrator.account import plan_probes
from orchestrator.account.plan_making import make_plan
from orchestrator.account.plan_probes import Probing, Progress
from orchestrator.account.plan_result import Decision, Plan
from orchestrator.domain.errors import (
    CredentialsError,
    InstanceLostError,
    NotFoundError,
    RejoinError,
    TemporaryError,
)
from orchestrator.domain.memberships import Reason, Status
from orchestrator.simulator.faults import Trouble
from orchestrator.simulator.model import AccountState
from orchestrator.simulator.truth import Kind
from orchestrator.store.recoveries import Scope
from orchestrator.store.tables import invite_codes, memberships, slots
from tests.support.by_hand import (
    BACKUP,
    account,
    let_in,
    lines,
    network_group,
    now,
    put,
    set_group,
    set_instance,
    trouble,
)
from tests.support.defaults import retrying
from tests.support.noted_gaps import note_gaps
from tests.support.stage import Stage, brisk, plain_code, set_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.account.plan_result import Line

ONE_TRY = retrying(read_tries=1)


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    async with set_stage(database_url, groups=6, speed=600.0) as prepared:
        yield prepared


async def planned(
    stage: Stage, *, probe: bool = True, told: list[Progress] | None = None, **settings: Any
) -> Plan:
    gateway = stage.gateway()
    heard: list[Progress] = [] if told is None else told
    probing = Probing(
        gateway,
        stage.clock,
        plain_code,
        "ana@box",
        heard.append,
        random.Random(3),
    )
    try:
        return await make_plan(
            stage.database,
            BACKUP,
            Scope(),
            settings=brisk(**{"retry": ONE_TRY} | settings),
            probing=probing if probe else None,
        )
    finally:
        await gateway.close()


def by_slug(plan: Plan) -> dict[str, Line]:
    return {line.slug: line for line in plan.lines}


async def verdicts(stage: Stage) -> list[str | None]:
    query = select(invite_codes.c.verdict).order_by(invite_codes.c.group_id)
    async with stage.database.read() as connection:
        return list((await connection.execute(query)).scalars())


async def test_a_plan_probes_every_group_gently_and_changes_nothing_but_what_is_known_of_the_codes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = note_gaps(monkeypatch, plan_probes)
    told: list[Progress] = []
    plan = await planned(stage, told=told, probe_gap=120.0)

    assert plan.counts[Decision.JOIN] == plan.probed == 6
    assert plan.has_work
    assert {r.kind for r in stage.log.requests} == {Kind.SESSION, Kind.RATE_LIMIT, Kind.LIST, Kind.PROBE}
    assert len(made) == len(stage.log.of(Kind.PROBE, BACKUP)) == 6
    assert min(after - before for before, after in pairwise(made)) >= 120.0
    assert [(step.done, step.total) for step in told] == [(n, 6) for n in range(7)]
    assert told[0].seconds_left > told[1].seconds_left > told[-1].seconds_left == 0
    assert await verdicts(stage) == ["good"] * 6
    assert len(await lines(stage, "probe")) == 6
    async with stage.database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(memberships)) == 0


async def test_the_order_is_the_order_of_the_joins(stage: Stage) -> None:
    await set_group(stage, 4, priority=9)
    await put(stage, 6, Status.PENDING)

    plan = await planned(stage, probe=False)
    assert [line.group_id for line in plan.lines] == [4, 6, 1, 2, 3, 5]

    # On a busy machine a verification could get stale: its group would be probed again, behind others.
    await stage.recover(brisk(freshness=86400.0))
    async with stage.database.read() as connection:
        query = select(memberships.c.group_id).join(slots, slots.c.membership_id == memberships.c.id)
        turns = (await connection.scalars(query.order_by(slots.c.n))).all()
    # A slot that a busy machine was too late for is given up: its group's first turn is what counts.
    assert list(dict.fromkeys(turns)) == [line.group_id for line in plan.lines]


async def test_a_plan_names_what_is_wrong_with_each_group(stage: Stage) -> None:
    network = stage.world.network
    network.reset_code(network_group(stage, 1))
    await set_group(stage, 2, jid="120363999999999999@g.us")
    network_group(stage, 3).approval = True
    inside = let_in(stage, 4)
    await put(stage, 5, Status.SKIPPED, Reason.OPERATOR, detail="closed in May")
    await put(stage, 6, Status.DEFERRED, Reason.GROUP_FULL, next_attempt_at=await now(stage) + 1e6)

    plan = await planned(stage)

    found = by_slug(plan)
    assert {slug: line.decision for slug, line in found.items()} == {
        "group-1": Decision.BLOCKED,
        "group-2": Decision.BLOCKED,
        "group-3": Decision.JOIN,
        "group-4": Decision.ALREADY_IN,
        "group-5": Decision.SKIP,
        "group-6": Decision.DEFERRED,
    }
    assert found["group-1"].reason is Reason.CODE_REVOKED
    assert found["group-2"].reason is Reason.IDENTITY_MISMATCH
    assert "120363999999999999@g.us" in found["group-2"].sentence
    assert "admin must approve" in found["group-3"].sentence
    assert found["group-4"].jid == inside
    assert "closed in May" in found["group-5"].sentence
    assert plan.join_ids == (3,)
    assert (await verdicts(stage))[:3] == ["code_revoked", "identity_mismatch", "good"]


async def test_a_code_that_leads_to_a_group_we_have_under_another_name_is_a_duplicate(stage: Stage) -> None:
    jid, row = network_group(stage, 1).jid, stage.world.rows[0]
    await put(stage, 1, Status.ACTIVE, jid=jid)
    await set_group(stage, 2, jid=None, subject=row.subject, owner=None)
    async with stage.database.write() as connection:
        same = update(invite_codes).where(invite_codes.c.group_id == 2)
        await connection.execute(same.values(ciphertext=row.code.encode()))

    assert by_slug(await planned(stage))["group-2"].reason is Reason.DUPLICATE_GROUP


async def test_a_plan_without_probes_asks_nobody_and_knows_what_the_last_probe_said(stage: Stage) -> None:
    stage.world.network.reset_code(network_group(stage, 1))
    await planned(stage)
    asked = len(stage.log.requests)

    plan = await planned(stage, probe=False)

    assert len(stage.log.requests) == asked
    assert by_slug(plan)["group-1"].reason is Reason.CODE_REVOKED
    assert plan.counts[Decision.JOIN] == 5


async def test_the_plan_says_how_long_the_joins_take_and_a_run_takes_so_long(stage: Stage) -> None:
    plan = await planned(stage, probe=False)
    assert plan.joins_per_minute == 5.0
    assert plan.first_at is not None
    assert plan.last_at is not None
    assert plan.last_at - plan.first_at == pytest.approx(5 * 12.0)
    assert plan.duration == pytest.approx(plan.last_at - plan.made_at)


async def test_at_half_pace_the_plan_takes_twice_as_long(stage: Stage) -> None:
    await set_instance(stage, slow_until=await now(stage) + 1e6)
    plan = await planned(stage, probe=False)
    assert plan.joins_per_minute == 2.5
    assert plan.last_at is not None
    assert plan.first_at is not None
    assert plan.last_at - plan.first_at == pytest.approx(5 * 24.0)


async def test_while_the_instance_is_paused_without_an_end_no_time_is_promised(stage: Stage) -> None:
    await set_instance(stage, pause_reason="operator", paused_at=1.0)
    plan = await planned(stage)
    assert (plan.first_at, plan.last_at, plan.paused_by) == (None, None, "operator")
    assert plan.probed == 6, "a person's pause stops joins, not looks"


async def test_an_account_that_is_paused_for_trouble_is_not_asked(stage: Stage) -> None:
    await set_instance(stage, pause_reason="rate_limited", paused_at=1.0, paused_until=await now(stage) + 1e6)
    with pytest.raises(TemporaryError, match="paused: rate_limited"):
        await planned(stage)
    assert stage.log.requests == []


@pytest.mark.parametrize(
    ("what", "more", "error"),
    [
        (Trouble.UNAUTHORIZED, {}, CredentialsError),
        (Trouble.SUBSCRIPTION, {}, CredentialsError),
        (Trouble.SESSION, {}, TemporaryError),
        (Trouble.IQ, {"iq": 463}, TemporaryError),
    ],
)
async def test_trouble_with_the_account_ends_the_probing_at_once(
    stage: Stage, what: Trouble, more: dict[str, Any], error: type[RejoinError]
) -> None:
    trouble(stage, what, Kind.SESSION, Kind.PROBE, skip=3, **more)

    with pytest.raises(error) as raised:
        await planned(stage)

    assert raised.value.hint
    assert len(stage.log.of(Kind.PROBE)) == 3
    assert await verdicts(stage) == ["good", "good", None, None, None, None]


@pytest.mark.parametrize("what", [Trouble.SAID_STATUS, Trouble.SESSION])
async def test_what_one_group_says_of_the_account_ends_no_plan_while_the_session_works(
    stage: Stage, what: Trouble
) -> None:
    trouble(stage, what, Kind.PROBE, skip=2, times=1, status=401)

    plan = await planned(stage)

    assert (plan.counts[Decision.JOIN], plan.counts[Decision.DEFERRED]) == (5, 1)


async def test_what_several_groups_say_of_the_account_ends_the_plan(stage: Stage) -> None:
    trouble(stage, Trouble.SAID_STATUS, Kind.PROBE, skip=1, status=401)

    with pytest.raises(CredentialsError):
        await planned(stage)

    assert len(stage.log.of(Kind.PROBE)) == 4


async def test_a_gateway_that_wants_fewer_calls_for_a_moment_is_waited_for_and_that_is_said(
    stage: Stage,
) -> None:
    trouble(stage, Trouble.IQ, Kind.PROBE, skip=2, times=2, iq=429)
    told: list[Progress] = []

    plan = await planned(stage, told=told)

    assert plan.counts[Decision.JOIN] == 6
    assert [one.waits for one in told if one.waits] == [60.0, 120.0]
    throttled = stage.log.of(Kind.PROBE)[2:5]
    assert throttled[1].at - throttled[0].at >= 60.0
    assert throttled[2].at - throttled[1].at >= 120.0


async def test_a_gateway_that_wants_fewer_calls_for_long_ends_the_plan_after_five_minutes(
    stage: Stage,
) -> None:
    trouble(stage, Trouble.IQ, Kind.PROBE, skip=2, iq=429)
    told: list[Progress] = []

    with pytest.raises(TemporaryError, match="wants fewer calls"):
        await planned(stage, told=told)

    assert [one.waits for one in told if one.waits] == [60.0, 120.0]  # one more would be five minutes
    assert await verdicts(stage) == ["good", "good", None, None, None, None]


async def test_a_gateway_that_does_not_answer_any_more_ends_the_probing(stage: Stage) -> None:
    trouble(stage, Trouble.CUT, Kind.PROBE, skip=1)
    with pytest.raises(TemporaryError, match="does not answer"):
        await planned(stage)
    assert len(stage.log.of(Kind.PROBE)) == 4


async def test_one_lost_probe_is_a_group_put_off_and_not_the_end(stage: Stage) -> None:
    trouble(stage, Trouble.CUT, Kind.PROBE, skip=1, times=1)
    plan = await planned(stage)
    assert by_slug(plan)["group-2"].decision is Decision.DEFERRED
    assert plan.counts[Decision.JOIN] == 5
    assert (await verdicts(stage))[1] is None


async def test_a_session_that_is_logged_out_is_told_before_any_probe(stage: Stage) -> None:
    account(stage).state = AccountState.SCAN_QR_CODE
    with pytest.raises(InstanceLostError, match="SCAN_QR_CODE"):
        await planned(stage)
    assert stage.log.of(Kind.PROBE) == []


async def test_a_code_that_cannot_be_decrypted_blocks_its_group_only(stage: Stage) -> None:
    async with stage.database.write() as connection:
        broken = update(invite_codes).where(invite_codes.c.group_id == 1)
        await connection.execute(broken.values(ciphertext=b"not a code at all"))
    plan = await planned(stage)
    assert by_slug(plan)["group-1"].reason is Reason.CODE_INVALID
    assert plan.counts[Decision.JOIN] == 5


async def test_an_unknown_instance_is_named(stage: Stage) -> None:
    with pytest.raises(NotFoundError, match="backup-9"):
        await make_plan(stage.database, "backup-9", Scope(), settings=brisk())
