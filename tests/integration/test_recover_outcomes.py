"""One ending at a time: what a group's own trouble leads to, over real HTTP."""

from __future__ import annotations

from itertools import pairwise

import pytest
from sqlalchemy import update

from orchestrator.account.recovery_settings import ConfirmMethod
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.recoveries import End
from orchestrator.simulator.faults import Trouble, When
from orchestrator.simulator.truth import Effect, Kind
from orchestrator.store.tables import memberships
from tests.support.defaults import retrying
from tests.support.stage import brisk, set_stage
from tests.support.worlds import ACCOUNT, entered, group, joins_of, judge, named, row, trouble, world

SPEED = 150.0
HOUR = 3600.0

BLOCKED_AT_THE_PROBE = [
    ("revoked = true", Reason.CODE_REVOKED),
    ('import.code = "AAAAAAAAAAAAAAAAAAAAAA"', Reason.CODE_INVALID),
    ("closed = true", Reason.GROUP_GONE),
    ('removed = ["backup-1"]', Reason.REMOVED_BY_ADMIN),
]
BLOCKED_AT_THE_JOIN = [
    ("needs_upgrade = true", None, Reason.NEEDS_UPGRADE),
    ('removed = ["backup-1"]\nprobe_tells = false', None, Reason.REMOVED_BY_ADMIN),
    ("", 403, Reason.FORBIDDEN),
    ("", 410, Reason.CODE_REVOKED),
    ("", 406, Reason.CODE_INVALID),
    ("", 404, Reason.GROUP_GONE),
    ("", 405, Reason.REMOVED_BY_ADMIN),
]
LATER = [
    ("full = true", 1, Reason.GROUP_FULL),
    ("locked = true", 0, Reason.GROUP_LOCKED),
    ("locked = true\nprobe_tells = false", 1, Reason.GROUP_LOCKED),
    ("growth_locked_for = 7200", 0, Reason.GROUP_LOCKED),
    ("suspended = true", 0, Reason.GROUP_LOCKED),
]


@pytest.mark.parametrize(("lines", "reason"), BLOCKED_AT_THE_PROBE, ids=str)
async def test_what_the_probe_refuses_for_good_is_blocked_and_never_joined(
    sqlite_url: str, lines: str, reason: Reason
) -> None:
    content = world(group("Odd", lines), generate=1)
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        ended = await stage.recover(brisk())
        found = await row(stage, "Odd")
        assert (found.status, found.reason) == (Status.BLOCKED, reason)
        assert ended.end is End.NEEDS_YOU
        assert joins_of(stage, "Odd") == []
        assert ended.counts["active"] == 1
        await judge(stage)


@pytest.mark.parametrize(("lines", "iq", "reason"), BLOCKED_AT_THE_JOIN, ids=str)
async def test_what_the_join_refuses_for_good_is_blocked_after_one_join(
    sqlite_url: str, lines: str, iq: int | None, reason: Reason
) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd", lines), generate=1), speed=SPEED) as stage:
        if iq is not None:
            trouble(stage, Trouble.IQ, Kind.JOIN, group=named(stage, "Odd").jid, iq=iq)
        ended = await stage.recover(brisk())
        found = await row(stage, "Odd")
        assert (found.status, found.reason) == (Status.BLOCKED, reason)
        assert ended.end is End.NEEDS_YOU
        assert len(joins_of(stage, "Odd")) == 1
        await judge(stage)


@pytest.mark.parametrize(("lines", "joins", "reason"), LATER, ids=str)
async def test_what_somebody_else_may_free_is_tried_again_hours_later(
    sqlite_url: str, lines: str, joins: int, reason: Reason
) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd", lines), generate=1), speed=SPEED) as stage:
        ended = await stage.recover(brisk())
        found = await row(stage, "Odd")
        assert (found.status, found.reason) == (Status.DEFERRED, reason)
        assert found.next_attempt_at - found.status_since == pytest.approx(6 * HOUR, abs=1)
        assert ended.end is End.DEFERRED
        assert len(joins_of(stage, "Odd")) == joins
        await judge(stage)


async def test_waiting_for_room_grows_longer_and_costs_no_attempt(sqlite_url: str) -> None:
    content = world(group("Odd", "full = true"), generate=1)
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        for rounds, hours in ((1, 6), (2, 12), (3, 24)):
            await stage.recover(brisk())
            found = await row(stage, "Odd")
            assert (found.slow_rounds, found.attempts) == (rounds, 0)
            assert found.next_attempt_at - found.status_since == pytest.approx(hours * HOUR, abs=1)
            async with stage.database.write() as connection:
                await connection.execute(update(memberships).values(next_attempt_at=found.status_since))


async def test_a_malformed_code_is_tried_once_more_and_then_blocked(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED * 2) as stage:
        trouble(stage, Trouble.IQ, Kind.PROBE, iq=400)
        ended = await stage.recover(brisk())
        found = await row(stage, "Odd")
        assert (found.status, found.reason) == (Status.BLOCKED, Reason.CODE_INVALID)
        probes = stage.log.of(Kind.PROBE, ACCOUNT)
        assert len(probes) == 2
        assert probes[1].at - probes[0].at >= 600.0
        assert ended.end is End.NEEDS_YOU
        await judge(stage)


async def test_an_approval_that_comes_is_seen_by_the_next_run(sqlite_url: str) -> None:
    content = world(group("Door", "approval = true"), generate=1)
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        first = await stage.recover(brisk())
        found = await row(stage, "Door")
        assert (found.status, found.reason) == (Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING)
        assert first.end is End.NEEDS_YOU
        network = stage.world.network
        network.approve(network.account(ACCOUNT), named(stage, "Door"))
        second = await stage.recover(brisk())
        assert second.end is End.COMPLETE
        assert second.counts["active"] == 2
        assert len(joins_of(stage, "Door")) == 1
        await judge(stage)


async def test_an_approval_that_no_list_shows_is_found_by_the_look_that_has_come_due(sqlite_url: str) -> None:
    content = world(group("Door", "approval = true"), gateway="list_participants = false")
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        await stage.recover(brisk())
        network = stage.world.network
        network.approve(network.account(ACCOUNT), named(stage, "Door"))
        await stage.clock.sleep(310.0)
        assert (await stage.recover(brisk())).end is End.COMPLETE
        await judge(stage)


async def test_an_approval_during_the_run_is_found_by_a_look(sqlite_url: str) -> None:
    lines = ("approval = true", "approve_after = 200", "import.priority = 9")
    content = world(group("Door", *lines), generate=40)
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        ended = await stage.recover(brisk())
        assert ended.end is End.COMPLETE
        assert (await row(stage, "Door")).status == Status.ACTIVE
        assert len(joins_of(stage, "Door")) == 1
        await judge(stage)


async def test_an_approval_that_never_comes_is_asked_for_once_however_often_it_runs(sqlite_url: str) -> None:
    content = world(group("Door", "approval = true"), gateway='pending_receipt = "error"')
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        for _ in range(3):
            ended = await stage.recover(brisk())
            assert ended.end is End.NEEDS_YOU
        assert (await row(stage, "Door")).status == Status.AWAITING_APPROVAL
        assert len(joins_of(stage, "Door")) == 1
        assert stage.log.effects(Effect.REQUESTED, ACCOUNT).total() == 1
        await judge(stage)


async def test_a_request_that_was_sent_earlier_is_waited_for(sqlite_url: str) -> None:
    content = world(group("Door", "approval = true", 'pending = ["backup-1"]'))
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        await stage.recover(brisk())
        assert (await row(stage, "Door")).status == Status.AWAITING_APPROVAL
        await judge(stage, needless=1)


async def test_a_group_that_we_are_in_costs_no_slot(sqlite_url: str) -> None:
    content = world(group("Home", 'inside = ["backup-1"]'), generate=1)
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        ended = await stage.recover(brisk())
        assert ended.end is End.COMPLETE
        assert joins_of(stage, "Home") == []
        assert (await row(stage, "Home")).evidence == "participant"
        await judge(stage)


@pytest.mark.parametrize("answer", ["conflict", "receipt"])
async def test_a_group_that_we_turn_out_to_be_in_becomes_active_after_a_look(
    sqlite_url: str, answer: str
) -> None:
    """The list lies, so the join cannot be helped."""
    content = world(group("Home", 'inside = ["backup-1"]'), gateway=f'already_member = "{answer}"')
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        trouble(stage, Trouble.LIST_EMPTY, Kind.LIST)
        ended = await stage.recover(brisk())
        assert ended.end is End.COMPLETE
        assert len(joins_of(stage, "Home")) == 1
        assert stage.log.of(Kind.PARTICIPANTS, ACCOUNT)
        await judge(stage, needless=1)


async def test_another_group_behind_the_code_gets_no_join_at_all(sqlite_url: str) -> None:
    content = world(group("Ours", 'import.code_of = "Theirs"'), group("Theirs", "import.skip = true"))
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        ended = await stage.recover(brisk())
        found = await row(stage, "Ours")
        assert (found.status, found.reason) == (Status.BLOCKED, Reason.IDENTITY_MISMATCH)
        assert stage.log.joins() == []
        assert ended.end is End.NEEDS_YOU
        await judge(stage)


async def test_a_renamed_group_is_known_by_its_jid(sqlite_url: str) -> None:
    content = world(group("New", 'import.name = "Old"', 'import.subject = "Old"'))
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        assert (await stage.recover(brisk())).end is End.COMPLETE
        await judge(stage)


async def test_a_renamed_group_that_is_known_by_its_subject_only_gets_no_join(sqlite_url: str) -> None:
    content = world(group("New", 'import.name = "Old"', 'import.subject = "Old"', 'import.jid = ""'))
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        await stage.recover(brisk())
        assert (await row(stage, "Old")).reason == Reason.IDENTITY_MISMATCH
        assert stage.log.joins() == []


@pytest.mark.parametrize("first", ["by subject", "by JID"])
async def test_two_rows_of_one_group_are_joined_once_and_the_second_is_a_persons(
    sqlite_url: str, first: str
) -> None:
    by_jid, by_subject = (1, 2) if first == "by subject" else (2, 1)
    content = world(
        group("Team", f"import.priority = {by_jid}"),
        group(
            "Shadow",
            'import.subject = "Team"',
            'import.jid = ""',
            f"import.priority = {by_subject}",
            'import.code_of = "Team"',
        ),
    )
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        for _ in range(2):  # and the next run says the same
            ended = await stage.recover(brisk())
            loser = await row(stage, "Team" if first == "by subject" else "Shadow")
            assert (loser.status, loser.reason) == (Status.BLOCKED, Reason.DUPLICATE_GROUP)
            assert ended.end is End.NEEDS_YOU
            assert len(stage.log.joins()) == 1
        await judge(stage)


UNKNOWN_BUT_DONE = [
    (Trouble.CUT, {"effect": When.DONE}),
    (Trouble.HANG, {"effect": When.DONE}),
    (Trouble.HTTP, {"effect": When.DONE, "status": 500}),
    (Trouble.HTML, {"effect": When.DONE, "status": 502}),
    (Trouble.ERROR_BODY, {"effect": When.DONE}),
    (Trouble.GARBAGE, {}),
    (Trouble.TRUNCATED, {}),
    (Trouble.CUT, {"effect": When.LATER, "seconds": 45.0}),
    (Trouble.HTTP, {"effect": When.LATER, "seconds": 60.0, "status": 504}),
]


@pytest.mark.parametrize(("what", "more"), UNKNOWN_BUT_DONE, ids=str)
async def test_a_join_whose_answer_is_lost_is_found_by_a_look_and_not_sent_again(
    sqlite_url: str, what: Trouble, more: dict[str, object]
) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd"), generate=1), speed=SPEED) as stage:
        trouble(stage, what, Kind.JOIN, times=1, group=named(stage, "Odd").jid, **more)
        ended = await stage.recover(brisk())
        assert ended.end is End.COMPLETE
        assert len(joins_of(stage, "Odd")) == 1
        assert entered(stage) == 2
        await judge(stage)


UNKNOWN_AND_NOT_DONE = [
    (Trouble.CUT, {}),
    (Trouble.HANG, {}),
    (Trouble.HTTP, {"status": 500}),
    (Trouble.HTML, {"status": 502}),
    (Trouble.ERROR_BODY, {}),
]


@pytest.mark.parametrize(("what", "more"), UNKNOWN_AND_NOT_DONE, ids=str)
async def test_a_join_without_effect_is_sent_again_only_after_looks_past_the_settling_time(
    sqlite_url: str, what: Trouble, more: dict[str, object]
) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd"), generate=1), speed=SPEED) as stage:
        trouble(stage, what, Kind.JOIN, times=1, group=named(stage, "Odd").jid, **more)
        ended = await stage.recover(brisk())
        assert ended.end is End.COMPLETE
        first, second = joins_of(stage, "Odd")
        assert second.at - first.at >= 90.0
        await judge(stage)


async def test_joins_that_never_show_an_effect_end_with_a_person(sqlite_url: str) -> None:
    """Each was looked up, and the account was seen outside: attempts that failed."""
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED * 1.5) as stage:
        trouble(stage, Trouble.CUT, Kind.JOIN)
        ended = await stage.recover(brisk(retry=retrying(attempts=3)))
        found = await row(stage, "Odd")
        assert (found.status, found.reason) == (Status.BLOCKED, Reason.ATTEMPTS_EXHAUSTED)
        assert "the account is not in the group" in found.detail
        joins = joins_of(stage, "Odd")
        assert len(joins) == found.attempts == 3
        assert all(later.at - sooner.at >= 120.0 for sooner, later in pairwise(joins))
        assert ended.end is End.NEEDS_YOU
        await judge(stage)


async def test_a_receipt_without_id_is_looked_up(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        trouble(stage, Trouble.NO_ID, Kind.JOIN)
        assert (await stage.recover(brisk())).end is End.COMPLETE
        assert stage.log.of(Kind.PARTICIPANTS, ACCOUNT)
        await judge(stage)


async def test_a_receipt_that_names_another_group_is_a_persons_and_stays_one(sqlite_url: str) -> None:
    """The code was given to another group between probe and join."""
    content = world(group("Ours", 'import.jid = ""'), group("Theirs", "import.skip = true"))
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        ours, theirs = named(stage, "Ours"), named(stage, "Theirs")

        def hand_over(request: object) -> None:
            if getattr(request, "kind", None) is Kind.PROBE:
                theirs.codes |= ours.codes
                stage.world.network._codes |= dict.fromkeys(ours.codes, theirs)

        stage.log.watchers.append(hand_over)
        for _ in range(2):
            ended = await stage.recover(brisk())
            found = await row(stage, "Ours")
            assert (found.status, found.reason) == (Status.BLOCKED, Reason.IDENTITY_MISMATCH)
            assert found.jid == theirs.jid
            assert ended.end is End.NEEDS_YOU
        assert len(stage.log.joins()) == 1


@pytest.mark.parametrize("engine", ["plain", "noweb", "gows", "webjs", "webjs_wrapped"])
async def test_members_are_recognised_in_every_shape(sqlite_url: str, engine: str) -> None:
    namings = ("phone", "lid", "lid_only")
    content = world(*(group(name, f'naming = "{name}"') for name in namings), gateway=f'engine = "{engine}"')
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        assert (await stage.recover(brisk())).end is End.COMPLETE
        for name in namings:
            assert (await row(stage, name)).evidence == "participant"
        await judge(stage)


async def test_lids_that_cannot_be_compared_leave_the_list_as_evidence(sqlite_url: str) -> None:
    content = world(group("Odd", 'naming = "lid_only"'), gateway="session_lid = false")
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        assert (await stage.recover(brisk())).end is End.COMPLETE
        assert (await row(stage, "Odd")).evidence == "listed"
        await judge(stage)


@pytest.mark.parametrize(
    "lie",
    [
        Trouble.LIST_EMPTY, Trouble.LIST_MISSING, Trouble.LIST_STALE, Trouble.LIST_BARE,
        Trouble.LIST_NO_NAMES, Trouble.LIST_OBJECT,
    ],
)  # fmt: skip
async def test_lists_that_lie_change_no_truth(sqlite_url: str, lie: Trouble) -> None:
    inside = 'inside = ["backup-1"]'
    content = world(group("Home", inside), group("Second home", inside), generate=5)
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        trouble(stage, lie, Kind.LIST)
        ended = await stage.recover(brisk())
        assert ended.end is End.COMPLETE
        assert ended.counts["active"] == 7
        unseen = {Trouble.LIST_EMPTY: 2, Trouble.LIST_MISSING: 1}
        await judge(stage, needless=unseen.get(lie, 0))


async def test_a_receipt_is_evidence_only_where_the_operator_says_so(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        await stage.recover(brisk(confirm=ConfirmMethod.RECEIPT))
        assert (await row(stage, "Odd")).evidence == "receipt"
        assert stage.log.of(Kind.PARTICIPANTS, ACCOUNT) == []
        await judge(stage)


async def test_probes_that_fail_on_the_way_are_repeated_and_then_given_up(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd"), generate=1), speed=SPEED * 1.5) as stage:
        trouble(stage, Trouble.HTML, Kind.PROBE, group=named(stage, "Odd").jid, status=502)
        ended = await stage.recover(brisk(retry=retrying(attempts=3)))
        found = await row(stage, "Odd")
        assert (found.status, found.reason) == (Status.BLOCKED, Reason.ATTEMPTS_EXHAUSTED)
        assert found.attempts == 3
        assert ended.end is End.NEEDS_YOU
        assert joins_of(stage, "Odd") == []
        await judge(stage)


@pytest.mark.parametrize(
    ("what", "more"),
    [
        (Trouble.HTML, {"status": 502}),
        (Trouble.ERROR_BODY, {}),
        (Trouble.GARBAGE, {}),
        (Trouble.CUT, {}),
        (Trouble.TRUNCATED, {}),
    ],
    ids=str,
)
async def test_one_bad_answer_to_a_probe_costs_nothing(
    sqlite_url: str, what: Trouble, more: dict[str, object]
) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        trouble(stage, what, Kind.PROBE, times=1, **more)
        assert (await stage.recover(brisk())).end is End.COMPLETE
        assert (await row(stage, "Odd")).attempts == 0
        await judge(stage)
