"""The table of transitions: what it allows, what it demands, and that nothing in it is dead."""

from __future__ import annotations

import ast
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orchestrator
from orchestrator.domain.errors import IllegalMoveError
from orchestrator.domain.memberships import (
    IN_FLIGHT,
    REASON_REQUIRED,
    TRANSITIONS,
    UNFINISHED,
    Bucket,
    Reason,
    Status,
    bucket,
    check_move,
    diagram,
    sources_of,
)

statuses = st.sampled_from(Status)
reasons = st.none() | st.sampled_from(Reason)
times = st.none() | st.floats(0, 2e9)


@given(statuses, statuses, reasons, times)
def test_a_move_raises_exactly_when_the_table_or_its_demands_forbid_it(
    source: Status, target: Status, reason: Reason | None, at: float | None
) -> None:
    known = source is target or target in TRANSITIONS[source]
    reasoned = reason is not None or target not in {Status.DEFERRED, Status.BLOCKED}
    timed = at is not None or target is not Status.DEFERRED
    if known and reasoned and timed:
        check_move(source, target, reason, at)
    else:
        with pytest.raises(IllegalMoveError):
            check_move(source, target, reason, at)


def test_every_status_has_its_row_and_can_be_reached_from_pending() -> None:
    assert set(TRANSITIONS) == set(Status)
    reached, frontier = {Status.PENDING}, [Status.PENDING]
    while frontier:
        fresh = TRANSITIONS[frontier.pop()] - reached
        reached |= fresh
        frontier += fresh
    assert reached == set(Status)


def test_no_status_is_a_dead_end() -> None:
    assert all(TRANSITIONS[status] for status in Status)
    assert all(Status.ACTIVE in TRANSITIONS[s] or s is Status.ACTIVE for s in Status)


def test_only_ready_leads_to_joining_and_only_a_probe_leads_to_ready() -> None:
    assert sources_of(Status.JOINING) == {Status.READY}
    assert sources_of(Status.READY) == {Status.PENDING, Status.JOINING}  # back in line when nothing was sent


def test_what_may_have_been_sent_is_never_put_back_in_line_without_a_look() -> None:
    assert not TRANSITIONS[Status.CONFIRMING] & {Status.PENDING, Status.READY, Status.JOINING}
    assert {Status.JOINING, Status.CONFIRMING} == IN_FLIGHT


def test_a_group_that_we_are_in_can_only_be_left() -> None:
    assert TRANSITIONS[Status.ACTIVE] == {Status.LEFT}


def test_whatever_waits_for_later_or_for_a_person_needs_a_reason() -> None:
    assert {Status.DEFERRED, Status.BLOCKED} == REASON_REQUIRED


def test_every_status_has_a_bucket_and_every_bucket_a_status() -> None:
    found = {bucket(status, reason) for status, reason in product(Status, [None, *Reason])}
    assert found == set(Bucket)
    assert bucket(Status.LEFT, Reason.OPERATOR) is Bucket.SKIPPED
    assert bucket(Status.LEFT, Reason.REMOVED_BY_ADMIN) is Bucket.NEEDS_YOU
    assert {s for s in Status if bucket(s) is Bucket.NEEDS_YOU} == {
        Status.BLOCKED, Status.AWAITING_APPROVAL, Status.LEFT,
    }  # fmt: skip


def test_what_can_move_by_itself_is_neither_done_nor_a_persons() -> None:
    assert {bucket(status) for status in UNFINISHED} == {Bucket.WAITING, Bucket.WORKING}


def test_the_diagram_shows_every_move_and_no_other() -> None:
    arrows = [line.strip() for line in diagram().splitlines() if "-->" in line]
    wanted = {f"{source} --> {target}" for source, targets in TRANSITIONS.items() for target in targets}
    assert set(arrows) == wanted | {"[*] --> pending"}
    assert len(arrows) == len(wanted) + 1


def test_each_reason_is_given_by_some_code_of_ours() -> None:
    used: set[str] = set()
    home = Path(orchestrator.__file__).parent
    explained = {"memberships.py", "hints.py"}  # where reasons are listed, not given
    for file in home.rglob("*.py"):
        if file.name in explained and file.parent.name == "domain":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "Reason"
            ):
                used.add(node.attr)
    assert used >= set(Reason.__members__)
