"""From a row and an answer to a line of the plan."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.account import plan_lines
from orchestrator.account.plan_lines import Known
from orchestrator.account.plan_result import Decision, Line, probing_time, span
from orchestrator.domain.eta import Course
from orchestrator.domain.identity import OwnIds
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.outcomes import (
    GatewayAnswer,
    GroupPreview,
    Outcome,
    Participant,
    ProbeAnswer,
    SeenGroup,
)
from orchestrator.domain.probe_judgement import ProbeRules
from orchestrator.domain.verification import Mode
from orchestrator.redact import scrub
from orchestrator.store.group_rows import PlanRow
from orchestrator.store.memberships import StoredCode
from tests.support.defaults import allowing, retrying

NOW = 1_800_000_000.0
JID = "120363000000000001@g.us"
ME = OwnIds(phone="15550100002")


def row(**more: Any) -> PlanRow:
    usual: dict[str, Any] = {
        "group_id": 1,
        "slug": "one",
        "name": "One",
        "priority": 0,
        "expected_jid": JID,
        "expected_subject": "One",
        "expected_owner": None,
        "code": StoredCode(1, b"sealed", "k", "abcd"),
        "fingerprint": "f1",
        "status": None,
        "reason": None,
        "detail": None,
        "next_attempt_at": None,
        "attempts": 0,
        "slow_rounds": 0,
        "jid": None,
        "requested_at": None,
        "confirmed_at": None,
        "history_epoch": 0,
    }
    return PlanRow(**usual | more)


def known(**more: Any) -> Known:
    rules = ProbeRules(more.pop("allow", allowing()), retrying(), scrub)
    return Known(NOW, rules, ME, **more)


def told(one: PlanRow, beside: Known, answer: ProbeAnswer) -> Line:
    return plan_lines.by_probe(one, beside, plan_lines.judge(one, beside, answer), answer.answer)


def row_with(verdict: str) -> PlanRow:
    return row(code=StoredCode(1, b"sealed", "k", "abcd", verdict))


def probed(outcome: Outcome = Outcome.OK, **preview: Any) -> ProbeAnswer:
    if outcome is not Outcome.OK:
        return ProbeAnswer(GatewayAnswer(outcome))
    return ProbeAnswer(GatewayAnswer(outcome), GroupPreview(**{"jid": JID, "subject": "One"} | preview))


@pytest.mark.parametrize(
    ("status", "reason", "decision"),
    [
        (Status.ACTIVE, None, Decision.ACTIVE),
        (Status.JOINING, None, Decision.LOOK),
        (Status.CONFIRMING, Reason.OUTCOME_UNKNOWN, Decision.LOOK),
        (Status.SKIPPED, Reason.OPERATOR, Decision.SKIP),
        (Status.LEFT, Reason.OPERATOR, Decision.SKIP),
        (Status.LEFT, Reason.REMOVED_BY_ADMIN, Decision.BLOCKED),
        (Status.BLOCKED, Reason.CODE_REVOKED, Decision.BLOCKED),
        (Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING, Decision.AWAITING_APPROVAL),
        (Status.DEFERRED, Reason.GROUP_FULL, Decision.DEFERRED),
    ],
)
def test_what_is_stored_decides_without_a_probe(
    status: Status, reason: Reason | None, decision: Decision
) -> None:
    line = plan_lines.settled(row(status=status, reason=reason, next_attempt_at=NOW + 60), known())
    assert line is not None
    assert (line.decision, line.reason) == (
        decision,
        reason if decision is not Decision.SKIP else line.reason,
    )
    assert line.sentence


@pytest.mark.parametrize(
    "one",
    [
        row(),
        row(status=Status.PENDING),
        row(status=Status.READY),
        row(status=Status.DEFERRED, reason=Reason.PROBE_FAILED, next_attempt_at=NOW - 1),
    ],
)
def test_what_a_run_would_probe_the_plan_probes(one: PlanRow) -> None:
    assert plan_lines.settled(one, known()) is None


def test_a_group_without_a_code_is_blocked_unless_the_account_is_in_it() -> None:
    bare = row(code=None, fingerprint=None)
    blocked = plan_lines.settled(bare, known())
    inside = SeenGroup(JID, participants=(Participant(phone=ME.phone),))
    already = plan_lines.settled(bare, known(listed={JID: inside}))
    assert blocked is not None
    assert (blocked.decision, blocked.reason) == (Decision.BLOCKED, Reason.CODE_MISSING)
    assert already is not None
    assert already.decision is Decision.ALREADY_IN


def test_a_listed_group_without_ourselves_among_its_members_is_probed() -> None:
    other = SeenGroup(JID, participants=(Participant(phone="1999"),))
    assert plan_lines.settled(row(), known(listed={JID: other})) is None


def test_a_group_that_a_person_left_out_stays_out_although_the_list_has_it() -> None:
    inside = SeenGroup(JID, participants=(Participant(phone=ME.phone),))
    line = plan_lines.settled(row(status=Status.SKIPPED), known(listed={JID: inside}))
    assert line is not None
    assert line.decision is Decision.SKIP


def test_a_group_joined_by_mistake_is_not_taken_for_the_expected_one() -> None:
    foreign = "120363000000000009@g.us"
    inside = SeenGroup(foreign, participants=(Participant(phone=ME.phone),))
    mistaken = row(expected_jid=None, jid=foreign, status=Status.BLOCKED, reason=Reason.IDENTITY_MISMATCH)
    line = plan_lines.settled(mistaken, known(listed={foreign: inside}))
    assert line is not None
    assert line.decision is Decision.BLOCKED


def test_listed_jids_only_blocks_a_group_without_one_before_any_probe() -> None:
    strict = known(allow=allowing(mode=Mode.LISTED_JIDS))
    line = plan_lines.settled(row(expected_jid=None), strict)
    assert line is not None
    assert line.reason is Reason.NOT_ON_ALLOW_LIST


@pytest.mark.parametrize(
    ("answer", "decision", "reason"),
    [
        (probed(), Decision.JOIN, None),
        (probed(approval=True), Decision.JOIN, None),
        (probed(jid="120363000000000002@g.us"), Decision.BLOCKED, Reason.IDENTITY_MISMATCH),
        (probed(Outcome.CODE_REVOKED), Decision.BLOCKED, Reason.CODE_REVOKED),
        (probed(Outcome.CODE_INVALID), Decision.BLOCKED, Reason.CODE_INVALID),
        (probed(Outcome.GROUP_FULL), Decision.DEFERRED, Reason.GROUP_FULL),
        (probed(Outcome.BAD_REQUEST), Decision.DEFERRED, Reason.CODE_INVALID),
        (probed(Outcome.TRANSIENT), Decision.DEFERRED, Reason.PROBE_FAILED),
        (probed(Outcome.ALREADY_MEMBER), Decision.ALREADY_IN, None),
        (probed(Outcome.APPROVAL_PENDING), Decision.AWAITING_APPROVAL, Reason.APPROVAL_PENDING),
        (probed(Outcome.BAD_CREDENTIALS), Decision.DEFERRED, Reason.CREDENTIALS_REFUSED),
    ],
)
def test_the_probe_decides(answer: ProbeAnswer, decision: Decision, reason: Reason | None) -> None:
    line = told(row(), known(), answer)
    assert (line.decision, line.reason) == (decision, reason)
    assert (line.until is not None) == (decision is Decision.DEFERRED)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.TRANSIENT, Reason.ATTEMPTS_EXHAUSTED),
        (Outcome.BAD_REQUEST, Reason.CODE_INVALID),
        (Outcome.ALREADY_MEMBER, None),
    ],
)
def test_at_the_last_attempt_the_plan_says_that_a_run_leaves_it_to_a_person(
    outcome: Outcome, reason: Reason | None
) -> None:
    line = told(row(attempts=4), known(), probed(outcome))
    assert line.reason is reason
    assert line.decision is (Decision.BLOCKED if reason else Decision.ALREADY_IN)


def test_a_plan_waits_as_long_as_a_run_does() -> None:
    line = told(row(attempts=2), known(), probed(Outcome.TRANSIENT))
    assert line.until == NOW + 240.0


def test_a_group_that_a_run_looks_up_first_is_still_one_to_join() -> None:
    forgotten = told(row(), known(history_epoch=1), probed())
    namesake = told(row(), known(entered={1: NOW - 100.0}), probed())
    old = told(row(requested_at=NOW - 100.0), known(identity_changed_at=NOW - 50.0), probed())

    assert {one.decision for one in (forgotten, namesake, old)} == {Decision.JOIN}
    assert all("looked up first" in one.sentence for one in (forgotten, namesake, old))
    assert len({one.sentence for one in (forgotten, namesake, old)}) == 3


def test_two_entries_that_lead_to_one_group_are_joined_once() -> None:
    shared = known()
    first = told(row(expected_jid=None), shared, probed())
    second = told(row(group_id=2, slug="two", expected_jid=None), shared, probed())
    assert [first.decision, second.decision] == [Decision.JOIN, Decision.BLOCKED]
    assert second.reason is Reason.DUPLICATE_GROUP


def test_without_a_probe_the_codes_last_verdict_counts() -> None:
    assert plan_lines.by_last_verdict(row(), known()).decision is Decision.JOIN
    assert plan_lines.by_last_verdict(row_with("good"), known()).decision is Decision.JOIN
    dead = plan_lines.by_last_verdict(row_with("code_revoked"), known())
    assert (dead.decision, dead.reason) == (Decision.BLOCKED, Reason.CODE_REVOKED)


@pytest.mark.parametrize(
    "changed",
    [
        {"expected_jid": None},
        {"expected_subject": "Two"},
        {"expected_owner": "1555"},
    ],
)
def test_the_expectation_changes_with_everything_that_verification_compares(changed: dict[str, Any]) -> None:
    before = plan_lines.expectation(row(), allowing())
    assert plan_lines.expectation(row(**changed), allowing()) != before
    assert plan_lines.expectation(row(), allowing(mode=Mode.LISTED_JIDS)) != before
    assert plan_lines.expectation(row(), allowing(owners=frozenset({"1555"}))) != before
    assert plan_lines.expectation(row(priority=5), allowing()) == before


def test_joins_are_spread_from_the_first_to_the_last() -> None:
    course = Course(start=NOW, spacing=15.0, slow_spacing=30.0)
    assert span(0, course) is None
    assert span(1, course) == (NOW, NOW)
    assert span(104, course) == (NOW, NOW + 103 * 15.0)


def test_a_daily_limit_stretches_the_plan_over_days() -> None:
    course = Course(start=NOW, spacing=15.0, slow_spacing=30.0, daily_limit=10, left_today=10)
    times = span(25, course)
    assert times is not None
    assert times[1] >= NOW + 2 * 86400


def test_probing_takes_the_gap_and_a_sixth_more_on_average() -> None:
    assert probing_time(0, 3.0) == probing_time(1, 3.0) == 0.0
    assert probing_time(101, 3.0) == pytest.approx(350.0)
