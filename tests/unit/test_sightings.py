"""What a look shows and what follows: only a look leads out of an unknown outcome, and never too soon."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.identity import OwnIds
from orchestrator.domain.memberships import TRANSITIONS, Reason, Status
from orchestrator.domain.outcomes import Participant
from orchestrator.domain.sightings import (
    AFTER_RECEIPT,
    AFTER_REQUEST,
    AFTER_UNKNOWN,
    SETTLE,
    LookCase,
    Sighting,
    after_look,
    approval_wait,
    sight,
)

digits = st.text("0123456789", min_size=5, max_size=15)
maybe = st.none() | digits
people = st.lists(st.builds(Participant, phone=maybe, lid=maybe), max_size=8)
owns = st.builds(OwnIds, phone=maybe, lid=maybe)
cases = st.builds(
    LookCase,
    since_request=st.none() | st.floats(-10, 10_000),
    looks=st.integers(0, 12),
    unknown=st.booleans(),
    unknowns=st.integers(0, 4),
    approval=st.none() | st.booleans(),
    receipt_jid=st.booleans(),
)


@given(owns, people)
def test_in_means_that_an_id_of_ours_stands_there_as_its_own_kind(
    own: OwnIds, members: list[Participant]
) -> None:
    there = any((own.phone and m.phone == own.phone) or (own.lid and m.lid == own.lid) for m in members)
    assert (sight(own, members) is Sighting.IN) == there


@given(digits, digits)
def test_a_phone_number_is_never_compared_with_a_lid(one: str, other: str) -> None:
    assert sight(OwnIds(phone=one), [Participant(lid=one), Participant(lid=other)]) is Sighting.INCONCLUSIVE
    assert sight(OwnIds(lid=one), [Participant(phone=one)]) is Sighting.INCONCLUSIVE


@given(owns)
def test_an_empty_list_proves_nothing(own: OwnIds) -> None:
    assert sight(own, []) is Sighting.INCONCLUSIVE


@given(people)
def test_without_an_id_of_our_own_nothing_is_proven(members: list[Participant]) -> None:
    assert sight(OwnIds(), members) is Sighting.INCONCLUSIVE


def test_a_list_of_our_kind_without_us_is_absence() -> None:
    assert sight(OwnIds(phone="15550001"), [Participant(phone="15550009")]) is Sighting.ABSENT


def test_somebody_who_shows_no_id_of_our_kind_may_be_us() -> None:
    own = OwnIds(phone="15550001")
    assert sight(own, [Participant(phone="15550009"), Participant(lid="9001")]) is Sighting.INCONCLUSIVE


@given(cases, st.sampled_from(Sighting))
def test_active_exactly_when_we_were_seen(case: LookCase, seen: Sighting) -> None:
    assert (after_look(case, seen).status is Status.ACTIVE) == (seen is Sighting.IN)


@given(cases, st.sampled_from(Sighting))
def test_every_step_is_in_the_table_with_what_it_needs(case: LookCase, seen: Sighting) -> None:
    then = after_look(case, seen)
    assert then.status in TRANSITIONS[Status.CONFIRMING] | {Status.CONFIRMING}
    if then.status in (Status.DEFERRED, Status.BLOCKED):
        assert then.reason is not None
    if then.status in (Status.DEFERRED, Status.CONFIRMING, Status.AWAITING_APPROVAL):
        assert then.wait is not None
        assert then.wait >= 0
    assert then.unknowns >= case.unknowns


@given(cases, st.sampled_from(Sighting))
def test_a_join_that_was_sent_is_not_sent_again_before_whatsapp_gave_up_on_it(
    case: LookCase, seen: Sighting
) -> None:
    if after_look(case, seen).status is not Status.DEFERRED or case.since_request is None:
        return
    assert seen is Sighting.ABSENT
    assert case.since_request >= SETTLE
    assert SETTLE >= 75.0 + 10.0  # whatsmeow's query, after the gateway's wait for the session


@given(cases)
def test_an_inconclusive_look_never_frees_a_group_for_another_join(case: LookCase) -> None:
    then = after_look(case, Sighting.INCONCLUSIVE)
    assert then.status in (Status.CONFIRMING, Status.BLOCKED, Status.AWAITING_APPROVAL)


@given(cases)
def test_an_absence_that_was_seen_is_a_failed_attempt_and_never_an_unknown_outcome(case: LookCase) -> None:
    """However many joins had an unknown outcome: whoever saw that we are outside knows it."""
    then = after_look(case, Sighting.ABSENT)
    assert then.status is not Status.BLOCKED
    settled = case.since_request is not None and case.since_request >= SETTLE
    assert then.failed == (settled and then.status is Status.DEFERRED)
    if settled and not case.approval and (case.approval is False or not case.receipt_jid or case.unknown):
        assert then.failed


@given(cases, st.booleans())
def test_an_admins_group_that_shows_nothing_is_waited_for_after_few_looks(
    case: LookCase, asked: bool
) -> None:
    case = replace(case, approval=None if asked else True, asked=asked, since_request=SETTLE + 1.0)
    then = after_look(case, Sighting.INCONCLUSIVE)
    assert (then.status, then.reason) == (Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING)


def test_absence_where_an_admin_must_approve_is_a_wait_for_the_admin() -> None:
    case = LookCase(200.0, 0, unknown=False, unknowns=0, approval=True, receipt_jid=False)
    then = after_look(case, Sighting.ABSENT)
    assert (then.status, then.reason) == (Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING)


def test_a_receipt_that_names_the_group_where_approval_is_not_known_may_be_a_request() -> None:
    case = LookCase(200.0, 0, unknown=False, unknowns=0, approval=None, receipt_jid=True)
    assert after_look(case, Sighting.ABSENT).status is Status.AWAITING_APPROVAL


@given(st.booleans())
def test_looks_end_with_a_person_and_outlast_the_settling_time(unknown: bool) -> None:
    waits = AFTER_UNKNOWN if unknown else AFTER_RECEIPT
    looks = 0
    while True:
        case = LookCase(10.0, looks, unknown=unknown, unknowns=0, approval=False, receipt_jid=True)
        then = after_look(case, Sighting.INCONCLUSIVE)
        if then.status is Status.BLOCKED:
            break
        assert then.wait == waits[looks]
        looks += 1
    assert looks == len(waits)
    assert sum(waits) > SETTLE


def test_waits_grow() -> None:
    for waits in (AFTER_RECEIPT, AFTER_UNKNOWN, AFTER_REQUEST):
        assert all(sooner < later for sooner, later in pairwise(waits))


@given(st.integers(0, 1000))
def test_a_group_whose_admin_has_not_decided_is_looked_at_for_ever_but_seldom(looks: int) -> None:
    assert 300.0 <= approval_wait(looks) <= 6 * 3600.0
