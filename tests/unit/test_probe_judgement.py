"""What a probe's answer means: every judgement is a legal move that says why, and costs what it should."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.answer_reactions import (
    MOST_ACCUSATIONS,
    PROBE_REACTIONS,
    SUSPICIONS,
    Action,
    Reaction,
    Tries,
)
from orchestrator.domain.memberships import Reason, Status, check_move
from orchestrator.domain.outcomes import ACCOUNT_TROUBLE, GatewayAnswer, GroupPreview, Outcome, ProbeAnswer
from orchestrator.domain.probe_judgement import (
    FAILURES_IN_A_ROW,
    ProbedAccount,
    ProbedGroup,
    ProbeJudgement,
    ProbeRules,
    judge_probe,
)
from orchestrator.domain.verification import Expected
from orchestrator.redact import scrub
from tests.support.defaults import allowing, retrying

NOW = 1_800_000_000.0
ONE, TWO = "120363000000000001@g.us", "120363000000000002@g.us"
WORDLIKE_CODE = "SalesteamnorthgateHmbg"
RULES = ProbeRules(allowing(), retrying(), scrub)

jids = st.sampled_from([None, ONE, TWO])
instants = st.one_of(st.none(), st.floats(NOW - 1e6, NOW))
subjects = st.sampled_from([None, "One", "Two", f"One {WORDLIKE_CODE}", "One token=q1w2e3r4t5"])
refusals = st.builds(
    ProbeAnswer,
    st.builds(
        GatewayAnswer,
        outcome=st.sampled_from(sorted(PROBE_REACTIONS)),
        text=st.sampled_from(["", "no"]),
        retry_after=st.one_of(st.none(), st.floats(0.0, 1e6)),
    ),
)
previews = st.builds(GroupPreview, jid=jids, subject=subjects, approval=st.sampled_from([None, False, True]))
answers = st.one_of(st.none(), refusals, st.builds(ProbeAnswer, st.just(GatewayAnswer(Outcome.OK)), previews))
tries = st.builds(
    Tries,
    attempts=st.integers(0, 200),
    slow_rounds=st.integers(0, 200),
    detail=st.sampled_from([None, "no"]),
    accusations=st.integers(0, 5),
)
groups = st.builds(
    ProbedGroup,
    id=st.just(1),
    expected=st.builds(Expected, jid=jids, subject=subjects),
    tries=tries,
    code_id=st.just(7),
    jid=jids,
    requested_at=instants,
    confirmed_at=instants,
    entered_at=instants,
    history_epoch=st.integers(0, 1),
)
accounts = st.builds(
    ProbedAccount,
    now=st.just(NOW),
    holders=st.dictionaries(st.sampled_from([ONE, TWO]), st.integers(1, 2)),
    listed=st.lists(st.sampled_from([ONE, TWO])),
    identity_changed_at=instants,
    history_epoch=st.integers(0, 1),
    lost=st.integers(0, FAILURES_IN_A_ROW - 1),
)


def judged(outcome: Outcome, group: ProbedGroup | None = None, **account: Any) -> ProbeJudgement:
    one = group or ProbedGroup(1, Expected(ONE, "One"))
    return judge_probe(ProbeAnswer(GatewayAnswer(outcome)), one, ProbedAccount(NOW, **account), RULES)


def after(**tried: Any) -> ProbedGroup:
    return ProbedGroup(1, Expected(ONE, "One"), Tries(**tried))


@given(answers, groups, accounts)
def test_every_judgement_is_a_move_that_a_group_in_line_can_make_and_says_why(
    probed: ProbeAnswer | None, group: ProbedGroup, account: ProbedAccount
) -> None:
    found = judge_probe(probed, group, account, RULES)

    next_attempt_at = None if found.wait is None else account.now + found.wait
    check_move(Status.PENDING, found.status, found.reason, next_attempt_at)
    assert found.wait is None or found.wait >= 0.0
    assert (found.look is not None) == (found.status is Status.CONFIRMING)
    assert found.status is not Status.PENDING or found.account is not None, "it would be asked again at once"
    assert WORDLIKE_CODE not in (found.detail or "")
    assert "q1w2e3r4t5" not in (found.detail or "")


@given(answers, groups, accounts)
def test_nothing_is_joined_that_was_not_shown_and_no_two_groups_take_one_jid(
    probed: ProbeAnswer | None, group: ProbedGroup, account: ProbedAccount
) -> None:
    found = judge_probe(probed, group, account, RULES)

    if found.status is Status.READY:
        assert found.seen is not None
        assert found.jid == found.seen.jid
        assert found.jid not in account.listed
    if found.jid is not None:
        assert account.holders.get(found.jid, group.id) == group.id
    if found.status in (Status.READY, Status.CONFIRMING):
        assert found.jid is not None


@given(groups, accounts, st.sampled_from(sorted(ACCOUNT_TROUBLE)))
def test_trouble_with_the_account_costs_the_group_nothing(
    group: ProbedGroup, account: ProbedAccount, outcome: Outcome
) -> None:
    found = judge_probe(ProbeAnswer(GatewayAnswer(outcome)), group, account, RULES)

    assert found.account is not None
    assert found.changes["attempts"] == group.tries.attempts
    assert found.status is Status.PENDING or found.account.reason in SUSPICIONS
    assert found.code_verdict is None


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (Outcome.CODE_REVOKED, "code_revoked"),
        (Outcome.CODE_INVALID, "code_invalid"),
        (Outcome.GROUP_GONE, "group_gone"),
        (Outcome.ALREADY_MEMBER, "good"),
        (Outcome.APPROVAL_PENDING, "good"),
        (Outcome.REMOVED, None),  # it says so of the account
        (Outcome.FORBIDDEN, None),
        (Outcome.NEEDS_UPGRADE, None),
        (Outcome.GROUP_FULL, None),
        (Outcome.TRANSIENT, None),
        (Outcome.BAD_REQUEST, None),  # not yet
    ],
)
def test_of_the_code_only_that_is_remembered_which_the_answer_tells_of_it(
    outcome: Outcome, verdict: str | None
) -> None:
    assert judged(outcome).code_verdict == verdict


def test_a_group_whose_answers_failed_too_often_is_a_persons() -> None:
    last = judged(Outcome.TRANSIENT, after(attempts=4))
    assert (last.status, last.reason) == (Status.BLOCKED, Reason.ATTEMPTS_EXHAUSTED)
    assert judged(Outcome.TRANSIENT, after(attempts=3)).wait == 480.0


def test_a_bad_request_is_tried_once_more_unless_it_was_the_last_attempt() -> None:
    assert judged(Outcome.BAD_REQUEST, after()).status is Status.DEFERRED
    assert judged(Outcome.BAD_REQUEST, after(attempts=1, detail="another")).status is Status.DEFERRED
    assert judged(Outcome.BAD_REQUEST, after(attempts=1, detail=None)).status is Status.BLOCKED
    assert judged(Outcome.BAD_REQUEST, after(attempts=4, detail="another")).status is Status.BLOCKED


def test_probes_lost_in_a_row_are_the_gateways_trouble_and_any_other_answer_begins_anew() -> None:
    lost = 0
    for _ in range(FAILURES_IN_A_ROW - 1):
        found = judged(Outcome.TRANSIENT, lost=lost)
        assert (found.status, found.account) == (Status.DEFERRED, None)
        lost = found.lost
    third = judged(Outcome.TRANSIENT, lost=lost)
    assert (third.status, third.account) == (Status.PENDING, Reaction(Action.BACK_OFF, Reason.GATEWAY_ERROR))
    assert judged(Outcome.CODE_REVOKED, lost=lost).lost == 0


def test_a_group_that_accuses_the_account_again_and_again_lets_the_others_go_first() -> None:
    first = judged(Outcome.SESSION_DOWN, after(accusations=0))
    again = judged(Outcome.SESSION_DOWN, after(accusations=MOST_ACCUSATIONS - 1))
    assert first.status is Status.PENDING
    assert (again.status, again.wait) == (Status.DEFERRED, 3600.0)


def test_the_expected_jid_is_looked_at_before_one_that_was_seen_earlier() -> None:
    found = judged(Outcome.ALREADY_MEMBER, ProbedGroup(1, Expected(ONE, "One"), jid=TWO))
    assert found.jid == ONE


def test_a_group_that_the_gateway_says_we_are_in_is_not_taken_for_another_entrys() -> None:
    found = judged(Outcome.ALREADY_MEMBER, holders={ONE: 2})
    assert (found.status, found.reason) == (Status.BLOCKED, Reason.DUPLICATE_GROUP)
