"""When a run may end, and what its end is called."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.memberships import UNFINISHED, Reason, Status
from orchestrator.domain.recoveries import EXIT_CODES, End, Outlook, may_still_move, stays_open, verdict

NOW, PATIENCE = 1_800_000_000.0, 900.0
NOTHING = Outlook(
    present=frozenset(),
    greetings=False,
    in_flight=False,
    paused_until=None,
    pause_reason=None,
    paused_since=None,
    next_slot_at=None,
    next_deferred_at=None,
)
counts = st.dictionaries(st.sampled_from([s.value for s in Status]), st.integers(0, 5))


@given(counts)
def test_complete_means_that_nothing_waits_and_nobody_is_needed(counted: dict[str, int]) -> None:
    left = {Status(name) for name, number in counted.items() if number}
    end = verdict(counted)
    if end is End.COMPLETE:
        assert left <= {Status.ACTIVE, Status.SKIPPED, Status.LEFT}
    elif end is End.NEEDS_YOU:
        assert left & {Status.BLOCKED, Status.AWAITING_APPROVAL}
    else:
        assert end is End.DEFERRED
        assert left & UNFINISHED


def test_a_person_is_named_before_a_wait() -> None:
    assert verdict({"blocked": 1, "deferred": 3, "active": 9}) is End.NEEDS_YOU
    assert verdict({"awaiting_approval": 1}) is End.NEEDS_YOU
    assert verdict({"deferred": 3, "active": 9}) is End.DEFERRED


def test_every_end_has_an_exit_code_and_only_an_interruption_stays_open() -> None:
    assert set(EXIT_CODES) == set(End)
    assert (EXIT_CODES[End.COMPLETE], EXIT_CODES[End.NEEDS_YOU], EXIT_CODES[End.DEFERRED]) == (0, 3, 8)
    assert EXIT_CODES[End.INSTANCE_LOST] == 7
    assert [end for end in End if stays_open(end)] == [End.INTERRUPTED]


def moves(**changes: object) -> bool:
    return may_still_move(replace(NOTHING, **changes), NOW, PATIENCE)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [Status.PENDING, Status.READY, Status.JOINING, Status.CONFIRMING], ids=str)
def test_what_is_in_line_or_under_way_keeps_the_run_alive(status: Status) -> None:
    assert moves(present=frozenset({status}))


@pytest.mark.parametrize(
    "status",
    [Status.ACTIVE, Status.BLOCKED, Status.SKIPPED, Status.LEFT, Status.AWAITING_APPROVAL],
    ids=str,
)
def test_what_only_others_can_move_does_not(status: Status) -> None:
    assert not moves(present=frozenset({status}))


def test_a_join_on_its_way_is_always_waited_for() -> None:
    assert moves(in_flight=True, paused_until=float("inf"), pause_reason=Reason.PLAN_LIMIT)


def test_a_greeting_that_is_still_to_be_sent_is_waited_for() -> None:
    assert moves(greetings=True, present=frozenset({Status.ACTIVE}))


def test_a_look_that_is_due_at_a_group_awaiting_approval_is_made_before_the_end() -> None:
    assert moves(look_due=True, present=frozenset({Status.AWAITING_APPROVAL}))


def test_patience_decides_about_what_comes_later() -> None:
    later = frozenset({Status.DEFERRED})
    assert moves(present=later, next_deferred_at=NOW + PATIENCE)
    assert not moves(present=later, next_deferred_at=NOW + PATIENCE + 1)
    waiting = frozenset({Status.PENDING})
    assert moves(present=waiting, next_slot_at=NOW + PATIENCE)
    assert not moves(present=waiting, next_slot_at=NOW + PATIENCE + 1)


def test_a_pause_that_ends_soon_is_waited_for_if_work_is_left() -> None:
    line = frozenset({Status.PENDING, Status.ACTIVE})
    paused = {"pause_reason": Reason.RATE_LIMITED, "paused_since": NOW}
    assert moves(present=line, paused_until=NOW + PATIENCE, **paused)
    assert not moves(present=line, paused_until=NOW + PATIENCE + 1, **paused)
    assert not moves(present=frozenset({Status.ACTIVE}), paused_until=NOW + 1, **paused)


def test_a_pause_without_an_end_is_waited_for_as_long_as_it_may_end_by_itself() -> None:
    paused = {"present": frozenset({Status.PENDING}), "paused_until": float("inf")}
    assert moves(**paused, pause_reason=Reason.INSTANCE_UNAVAILABLE, paused_since=NOW - PATIENCE)
    assert not moves(**paused, pause_reason=Reason.INSTANCE_UNAVAILABLE, paused_since=NOW - PATIENCE - 1)
    assert moves(**paused, pause_reason=Reason.OPERATOR, paused_since=0.0)
    assert not moves(**paused, pause_reason=Reason.CREDENTIALS_REFUSED, paused_since=NOW)
    assert not moves(**paused, pause_reason=Reason.PLAN_LIMIT, paused_since=NOW)


def test_with_nothing_left_the_run_is_over() -> None:
    assert not moves()
