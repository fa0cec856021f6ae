"""Every outcome has its reaction, and each reaction is one that the state machine can carry out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.answer_reactions import (
    BACK_OFF_WAITS,
    CURED_BY_A_WORKING_SESSION,
    JOIN_REACTIONS,
    PROBE_REACTIONS,
    SLOW_WAITS,
    Action,
    Reaction,
    is_believed,
    step,
)
from orchestrator.domain.memberships import TRANSITIONS, Reason, Status
from orchestrator.domain.outcomes import ACCOUNT_TROUBLE, Outcome

LEADS_TO = {
    Action.LOOK: Status.CONFIRMING,
    Action.AWAIT_APPROVAL: Status.AWAITING_APPROVAL,
    Action.RETRY: Status.DEFERRED,
    Action.ONCE_MORE: Status.DEFERRED,
    Action.SLOWLY: Status.DEFERRED,
    Action.BLOCK: Status.BLOCKED,
    Action.PAUSE: Status.PENDING,
    Action.BACK_OFF: Status.PENDING,
    Action.GIVE_BACK: Status.READY,
}


def test_the_tables_are_total_over_the_outcomes() -> None:
    assert set(JOIN_REACTIONS) == set(Outcome)
    assert set(PROBE_REACTIONS) == set(Outcome) - {Outcome.OK}


@pytest.mark.parametrize("outcome", Outcome)
def test_the_reaction_to_a_join_is_a_move_from_joining(outcome: Outcome) -> None:
    assert LEADS_TO[JOIN_REACTIONS[outcome].action] in TRANSITIONS[Status.JOINING]


@pytest.mark.parametrize("outcome", PROBE_REACTIONS)
def test_the_reaction_to_a_probe_is_a_move_from_pending(outcome: Outcome) -> None:
    target = LEADS_TO[PROBE_REACTIONS[outcome].action]
    assert target in TRANSITIONS[Status.PENDING] | {Status.PENDING}


@pytest.mark.parametrize(
    "reaction", sorted({*JOIN_REACTIONS.values(), *PROBE_REACTIONS.values()}, key=str), ids=str
)
def test_whatever_waits_or_blocks_says_why(reaction: Reaction) -> None:
    assert reaction.reason is not None or reaction.action in (Action.LOOK, Action.GIVE_BACK)


def test_trouble_with_the_account_stops_the_account_in_both_tables() -> None:
    for outcome in ACCOUNT_TROUBLE:
        assert JOIN_REACTIONS[outcome].action is Action.PAUSE
        assert PROBE_REACTIONS[outcome].action in (Action.PAUSE, Action.BACK_OFF)


def test_whatever_may_have_taken_effect_is_looked_up() -> None:
    sure_of_nothing = {Outcome.UNKNOWN, Outcome.JOINED, Outcome.ACCEPTED, Outcome.ALREADY_MEMBER}
    assert {JOIN_REACTIONS[outcome].action for outcome in sure_of_nothing} == {Action.LOOK}
    assert JOIN_REACTIONS[Outcome.UNKNOWN].reason is Reason.OUTCOME_UNKNOWN


def test_no_probe_leads_to_a_join_unless_it_was_good() -> None:
    assert Outcome.OK not in PROBE_REACTIONS


def test_a_dead_code_is_never_tried_again_by_itself() -> None:
    for table in (JOIN_REACTIONS, PROBE_REACTIONS):
        assert table[Outcome.CODE_REVOKED] == Reaction(Action.BLOCK, Reason.CODE_REVOKED)
        assert table[Outcome.CODE_INVALID] == Reaction(Action.BLOCK, Reason.CODE_INVALID)
        assert table[Outcome.GROUP_GONE] == Reaction(Action.BLOCK, Reason.GROUP_GONE)


@given(st.integers(0, 10_000), st.sampled_from([SLOW_WAITS, BACK_OFF_WAITS]))
def test_waits_never_shrink_and_the_last_one_repeats(attempt: int, waits: tuple[float, ...]) -> None:
    assert step(waits, attempt) <= step(waits, attempt + 1) <= waits[-1]
    assert step(waits, attempt + len(waits)) == waits[-1]


@pytest.mark.parametrize(
    ("accused_by", "believed"),
    [({1: 1}, False), ({1: 2}, False), ({1: 3}, True), ({1: 1, 2: 1}, True)],
)
def test_a_call_that_the_gateway_does_not_know_is_believed_of_two_groups_or_of_one_the_third_time(
    accused_by: dict[int, int], believed: bool
) -> None:
    assert is_believed(Reason.NOT_SUPPORTED, accused_by) is believed


@pytest.mark.parametrize("reason", sorted(CURED_BY_A_WORKING_SESSION))
def test_what_the_session_can_tell_of_is_believed_of_several_groups_only(reason: Reason) -> None:
    assert not is_believed(reason, {1: 100, 2: 100})
    assert is_believed(reason, {1: 1, 2: 1, 3: 1})
