"""What gateways really answer, and what follows: over real HTTP, with the simulator's words for it."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest

from orchestrator.account.loop import Job, run
from orchestrator.domain.hints import account_hint
from orchestrator.domain.memberships import MembershipEvidence, Reason, Status
from orchestrator.domain.recoveries import End
from orchestrator.domain.sightings import SETTLE
from orchestrator.simulator.faults import Trouble, When
from orchestrator.simulator.truth import Kind
from tests.support.defaults import greeting, retrying
from tests.support.stage import Stage, brisk, set_stage
from tests.support.worlds import (
    ACCOUNT,
    backup,
    entered,
    group,
    joins_of,
    judge,
    named,
    row,
    told,
    trouble,
    world,
)

SPEED = 150.0
QUICK = retrying(attempts=3)


async def pauses(stage: Stage) -> list[tuple[float, dict[str, Any]]]:
    return [(line.at, json.loads(line.data)) for line in await told(stage.database, "instance.paused")]


LIMITED = [Kind.JOIN, Kind.PROBE, Kind.PARTICIPANTS, Kind.LIST, Kind.SEND, Kind.SESSION]


@pytest.mark.parametrize("kind", LIMITED, ids=str)
async def test_the_gateways_own_limit_lasts_as_long_as_it_says_and_costs_nothing(
    sqlite_url: str, kind: Kind
) -> None:
    settings = brisk(greeting=greeting(enabled=True))
    async with set_stage(sqlite_url, content=world(generate=5), speed=SPEED) as stage:
        trouble(stage, Trouble.PLAN_LIMIT, kind, times=1, skip=kind in (Kind.JOIN, Kind.PROBE), seconds=20.0)
        ended = await stage.recover(settings)
        assert ended.end is End.COMPLETE
        assert entered(stage) == 5
        ((at, paused),) = await pauses(stage)
        assert paused["reason"] == Reason.GATEWAY_LIMIT
        assert paused["until"] - at == pytest.approx(20.0, abs=0.01)
        after = await backup(stage)
        assert (after.strikes, after.slow_until, after.pause_reason) == (0, None, None)
        assert {(await row(stage, g.subject)).attempts for g in stage.world.network.groups.values()} == {0}
        assert all(len(g.messages) == 1 for g in stage.world.network.groups.values())
        await judge(stage)


async def test_a_limit_that_says_no_time_is_waited_out_for_longer_each_time(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=1), speed=SPEED) as stage:
        trouble(stage, Trouble.HTTP, Kind.JOIN, times=3, status=429)
        assert (await stage.recover(brisk())).end is End.COMPLETE
        waits = [paused["until"] - at for at, paused in await pauses(stage)]
        assert waits == pytest.approx([10.0, 30.0, 60.0], abs=0.01)
        await judge(stage)


@pytest.mark.parametrize("kind", [Kind.JOIN, Kind.PROBE])
async def test_the_screens_name_the_gateways_limit_as_its_own(sqlite_url: str, kind: Kind) -> None:
    async with set_stage(sqlite_url, content=world(generate=1), speed=SPEED) as stage:
        trouble(stage, Trouble.PLAN_LIMIT, kind, seconds=7200.0)
        ended = await stage.recover(brisk())
        assert ended.end is End.DEFERRED
        paused = await backup(stage)
        assert "the gateway's own limit, not WhatsApp's" in paused.pause_text
        for until in (paused.paused_until, None):
            said = account_hint(Reason(paused.pause_reason), until, ACCOUNT)
            assert said.sentence == "the gateway's own limit of calls was reached, not WhatsApp's"


WORDINGS = ["status", "noweb", "gows", "spoken", "listed", "text", "wrapped_gows"]


@pytest.mark.parametrize("dialect", WORDINGS)
async def test_a_look_that_finds_us_outside_is_understood_in_every_wording(
    sqlite_url: str, dialect: str
) -> None:
    """Three joins get a 500 and have no effect: each is a failed attempt, and the fourth brings us in."""
    content = world(group("Odd"), generate=1, gateway=f'dialect = "{dialect}"')
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        trouble(stage, Trouble.HTTP, Kind.JOIN, times=3, group=named(stage, "Odd").jid)
        ended = await stage.recover(brisk())
        assert ended.end is End.COMPLETE
        joins = joins_of(stage, "Odd")
        assert len(joins) == 4
        assert all(later.at - sooner.at >= SETTLE for sooner, later in pairwise(joins))
        found = await row(stage, "Odd")
        assert (found.status, found.attempts) == (Status.ACTIVE, 3)
        await judge(stage)


async def test_looks_that_cannot_tell_lead_to_a_person_who_is_told_so(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED * 2) as stage:
        trouble(stage, Trouble.CUT, Kind.JOIN)
        trouble(stage, Trouble.HTTP, Kind.PARTICIPANTS, text="oops")
        ended = await stage.recover(brisk(retry=QUICK))
        found = await row(stage, "Odd")
        assert (found.status, found.reason) == (Status.BLOCKED, Reason.OUTCOME_UNKNOWN)
        assert "no look could tell" in found.detail
        assert "oops" in found.detail
        assert len(joins_of(stage, "Odd")) == 1
        assert ended.end is End.NEEDS_YOU
        await judge(stage)


@pytest.mark.parametrize("receipt", ["with_id", "empty", "exception", "missing_group", "error"])
async def test_an_approval_group_that_shows_no_members_waits_for_its_admin_after_few_looks(
    sqlite_url: str, receipt: str
) -> None:
    gateway = f'pending_receipt = "{receipt}"\nlist_participants = false'
    content = world(group("Door", "approval = true"), gateway=gateway)
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        trouble(stage, Trouble.NO_MEMBERS, Kind.PARTICIPANTS)
        ended = await stage.recover(brisk())
        found = await row(stage, "Door")
        assert (found.status, found.reason) == (Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING)
        assert ended.end is End.NEEDS_YOU
        assert len(stage.log.of(Kind.PARTICIPANTS, ACCOUNT)) <= 5
        assert len(joins_of(stage, "Door")) == 1
        await judge(stage)


@pytest.mark.parametrize("kind", [Kind.PROBE, Kind.JOIN, Kind.PARTICIPANTS])
async def test_one_groups_401_does_not_stop_an_account_whose_session_works(
    sqlite_url: str, kind: Kind
) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd"), generate=3), speed=SPEED) as stage:
        jid = named(stage, "Odd").jid
        trouble(stage, Trouble.SAID_STATUS, kind, times=2, group=jid, status=401)
        ended = await stage.recover(brisk())
        assert ended.end is End.COMPLETE
        assert entered(stage) == 4
        assert all(paused["until"] is not None for _at, paused in await pauses(stage))
        after = await backup(stage)
        assert (after.strikes, after.slow_until, after.pause_reason) == (0, None, None)
        await judge(stage)


async def test_where_the_gateway_shows_no_members_at_all_its_list_is_the_evidence(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("One"), group("Two")), speed=SPEED) as stage:
        trouble(stage, Trouble.HTML, Kind.PARTICIPANTS, status=404)
        ended = await stage.recover(brisk(list_gap=20.0))
        assert (ended.end, entered(stage)) == (End.COMPLETE, 2)
        assert (await row(stage, "One")).evidence == MembershipEvidence.LISTED
        await judge(stage)


REFUSED_ALOUD = [
    (Trouble.SAID_STATUS, 401, None),
    (Trouble.SAID_STATUS, 429, None),
    (Trouble.SAID_STATUS, 400, None),
    (Trouble.HTTP, 500, "Invalid Invite Code"),
    (Trouble.HTTP, 502, "Instance not connected"),
]


@pytest.mark.parametrize(("what", "status", "text"), REFUSED_ALOUD)
async def test_a_refusal_that_is_none_of_whatsapps_in_a_200_or_a_500_is_looked_up_before_the_join_is_repeated(
    sqlite_url: str, what: Trouble, status: int, text: str | None
) -> None:
    async with set_stage(sqlite_url, content=world(group("In"), group("Out")), speed=SPEED) as stage:
        for name, effect in (("In", When.DONE), ("Out", When.NEVER)):
            jid = named(stage, name).jid
            trouble(stage, what, Kind.JOIN, times=1, group=jid, status=status, text=text, effect=effect)
        ended = await stage.recover(brisk())
        assert (ended.end, entered(stage)) == (End.COMPLETE, 2)
        assert len(joins_of(stage, "In")) == 1
        first, second = joins_of(stage, "Out")
        looks = stage.log.between(first.at, second.at, ACCOUNT)
        assert any(one.kind is Kind.PARTICIPANTS and one.group == second.group for one in looks)
        assert (await backup(stage)).slow_until is None or "connected" in str(text)
        if what is Trouble.SAID_STATUS and status != 400:
            assert (await row(stage, "Out")).attempts == 0  # the account was in trouble, said the gateway
        await judge(stage)


async def test_one_group_that_accuses_the_account_for_ever_waits_alone(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd"), generate=3), speed=SPEED) as stage:
        trouble(stage, Trouble.SAID_STATUS, Kind.PROBE, group=named(stage, "Odd").jid, status=401)
        ended = await stage.recover(brisk())
        assert (ended.end, entered(stage)) == (End.DEFERRED, 3)
        assert (await row(stage, "Odd")).status == Status.DEFERRED
        await judge(stage)


async def test_what_several_groups_say_of_the_account_is_believed(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=6), speed=SPEED) as stage:
        trouble(stage, Trouble.SAID_STATUS, Kind.PROBE, status=401)
        ended = await stage.recover(brisk())
        assert ended.end is End.CREDENTIALS
        assert (await pauses(stage))[-1][1].get("until") is None
        assert len(stage.log.of(Kind.PROBE, ACCOUNT)) <= 12
        assert stage.log.joins() == []


@pytest.mark.parametrize("kind", [Kind.PROBE, Kind.JOIN])
async def test_one_call_that_the_gateway_does_not_know_for_once_stops_nothing_for_long(
    sqlite_url: str, kind: Kind
) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd"), generate=2), speed=SPEED) as stage:
        jid = named(stage, "Odd").jid
        trouble(stage, Trouble.HTML, kind, times=2 if kind is Kind.PROBE else 1, group=jid, status=404)
        ended = await stage.recover(brisk())
        assert (ended.end, entered(stage)) == (End.COMPLETE, 3)
        after = await backup(stage)
        assert (after.strikes, after.slow_until, after.pause_reason) == (0, None, None)
        assert (await row(stage, "Odd")).attempts == 0


async def test_a_parameter_that_the_gateway_does_not_know_is_a_matter_of_the_configuration(
    sqlite_url: str,
) -> None:
    async with set_stage(
        sqlite_url, content=world(generate=2, gateway='code_param = "url"'), speed=SPEED
    ) as stage:
        ended = await stage.recover(brisk())
        assert ended.end is End.NEEDS_YOU
        paused = await backup(stage)
        assert paused.pause_reason == Reason.NOT_SUPPORTED
        assert "check code_parameter" in paused.pause_text
        move = account_hint(Reason.NOT_SUPPORTED, None, ACCOUNT).move
        assert all(name in move for name in ("code_parameter", "probe_path", "auth", "base_url"))
        assert stage.log.joins() == []


async def test_an_invalid_code_in_the_gateways_words_is_asked_once_more_before_a_person_is(
    sqlite_url: str,
) -> None:
    """Also where earlier attempts failed for another reason."""
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED * 2) as stage:
        trouble(stage, Trouble.HTTP, Kind.JOIN, times=1)
        trouble(stage, Trouble.HTTP, Kind.PROBE, times=1, skip=1, status=400, text="Invalid Invite Code")
        assert (await stage.recover(brisk())).end is End.COMPLETE
        probes = stage.log.of(Kind.PROBE, ACCOUNT)
        assert len(probes) == 3
        assert probes[2].at - probes[1].at >= 600.0
        await judge(stage)


async def test_a_gateway_that_is_away_for_long_costs_hardly_any_attempts(sqlite_url: str) -> None:
    """Three probes in a row that were lost speak of the gateway, also after the rest that they bring."""
    async with set_stage(sqlite_url, content=world(generate=4), speed=SPEED) as stage:
        context = await stage.context(brisk(patience=7200.0, retry=retrying(attempts=2)))
        away = [trouble(stage, Trouble.HTTP, Kind.PROBE, status=502)]
        away.append(trouble(stage, Trouble.HTTP, Kind.SESSION, status=502, skip=1))  # it worked when it began
        going = asyncio.create_task(run(context, Job()))
        # A minute, two, five and fifteen. The journal has no event to wait for.
        while len(await pauses(stage)) < 4 and not going.done():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.05)
        for rule in away:
            stage.running.faults.rules.remove(rule)
        ended = await going
        await context.gateway.close()

        assert (ended.end, entered(stage)) == (End.COMPLETE, 4)
        await judge(stage)


async def test_one_group_whose_probe_is_always_lost_uses_up_its_attempts_where_the_gateway_answers(
    sqlite_url: str,
) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd"), generate=1), speed=SPEED) as stage:
        trouble(stage, Trouble.HTTP, Kind.PROBE, group=named(stage, "Odd").jid, status=502)
        ended = await stage.recover(brisk(retry=QUICK))

        assert (ended.end, entered(stage)) == (End.NEEDS_YOU, 1)
        assert (await row(stage, "Odd")).reason == Reason.ATTEMPTS_EXHAUSTED


async def test_groups_whose_probes_are_always_lost_hold_up_no_other(sqlite_url: str) -> None:
    """They are the first in line, and so many that they look like the gateway's trouble."""
    bad = [f"Odd {n}" for n in range(3)]
    async with set_stage(sqlite_url, content=world(*map(group, bad), generate=6), speed=SPEED) as stage:
        for name in bad:
            trouble(stage, Trouble.HTTP, Kind.PROBE, group=named(stage, name).jid, status=502)
        ended = await stage.recover(brisk(retry=QUICK))

        assert (ended.end, entered(stage)) == (End.NEEDS_YOU, 6)
        for name in bad:
            assert (await row(stage, name)).reason == Reason.ATTEMPTS_EXHAUSTED
