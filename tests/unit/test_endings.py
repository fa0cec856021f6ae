"""Every outcome has its ending, and each ending is one that the state machine can carry out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.endings import (
    CALM_WAITS,
    JOIN_ENDINGS,
    PROBE_ENDINGS,
    SLOW_WAITS,
    Act,
    Ending,
    step,
)
from orchestrator.domain.memberships import TRANSITIONS, Reason, Status
from orchestrator.domain.outcomes import ACCOUNT_TROUBLE, Outcome

LEADS_TO = {
    Act.LOOK: Status.CONFIRMING,
    Act.AWAIT_APPROVAL: Status.AWAITING_APPROVAL,
    Act.RETRY: Status.DEFERRED,
    Act.ONCE_MORE: Status.DEFERRED,
    Act.SLOWLY: Status.DEFERRED,
    Act.BLOCK: Status.BLOCKED,
    Act.PAUSE: Status.PENDING,
    Act.CALM: Status.PENDING,
    Act.GIVE_BACK: Status.READY,
}


def test_the_tables_are_total_over_the_outcomes() -> None:
    assert set(JOIN_ENDINGS) == set(Outcome)
    assert set(PROBE_ENDINGS) == set(Outcome) - {Outcome.OK}


@pytest.mark.parametrize("outcome", Outcome)
def test_the_ending_of_a_join_is_a_move_from_joining(outcome: Outcome) -> None:
    assert LEADS_TO[JOIN_ENDINGS[outcome].act] in TRANSITIONS[Status.JOINING]


@pytest.mark.parametrize("outcome", PROBE_ENDINGS)
def test_the_ending_of_a_probe_is_a_move_from_pending(outcome: Outcome) -> None:
    target = LEADS_TO[PROBE_ENDINGS[outcome].act]
    assert target in TRANSITIONS[Status.PENDING] | {Status.PENDING}


@pytest.mark.parametrize(
    "ending", sorted({*JOIN_ENDINGS.values(), *PROBE_ENDINGS.values()}, key=str), ids=str
)
def test_whatever_waits_or_blocks_says_why(ending: Ending) -> None:
    assert ending.reason is not None or ending.act in (Act.LOOK, Act.GIVE_BACK)


def test_trouble_with_the_account_stops_the_account_in_both_tables() -> None:
    for outcome in ACCOUNT_TROUBLE:
        assert JOIN_ENDINGS[outcome].act is Act.PAUSE
        assert PROBE_ENDINGS[outcome].act in (Act.PAUSE, Act.CALM)


def test_whatever_may_have_taken_effect_is_looked_up() -> None:
    sure_of_nothing = {Outcome.UNKNOWN, Outcome.JOINED, Outcome.ACCEPTED, Outcome.ALREADY_MEMBER}
    assert {JOIN_ENDINGS[outcome].act for outcome in sure_of_nothing} == {Act.LOOK}
    assert JOIN_ENDINGS[Outcome.UNKNOWN].reason is Reason.OUTCOME_UNKNOWN


def test_no_probe_leads_to_a_join_unless_it_was_good() -> None:
    assert Outcome.OK not in PROBE_ENDINGS


def test_a_dead_code_is_never_tried_again_by_itself() -> None:
    for table in (JOIN_ENDINGS, PROBE_ENDINGS):
        assert table[Outcome.CODE_REVOKED] == Ending(Act.BLOCK, Reason.CODE_REVOKED)
        assert table[Outcome.CODE_INVALID] == Ending(Act.BLOCK, Reason.CODE_INVALID)
        assert table[Outcome.GROUP_GONE] == Ending(Act.BLOCK, Reason.GROUP_GONE)


@given(st.integers(0, 10_000), st.sampled_from([SLOW_WAITS, CALM_WAITS]))
def test_waits_never_shrink_and_the_last_one_repeats(attempt: int, waits: tuple[float, ...]) -> None:
    assert step(waits, attempt) <= step(waits, attempt + 1) <= waits[-1]
    assert step(waits, attempt + len(waits)) == waits[-1]
