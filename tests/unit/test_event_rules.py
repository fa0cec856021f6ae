"""What an event means: only our own open join is confirmed by one; a look follows up all else about us."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.event_rules import (
    OPEN_JOIN,
    SKEW,
    About,
    EventAction,
    EventResult,
    FollowUpLook,
    MembershipFacts,
    about,
    after_follow_up,
    by_somebody_else,
    decide,
    is_the_group,
)
from orchestrator.domain.identity import OwnIds
from orchestrator.domain.memberships import TRANSITIONS, Reason, Status
from orchestrator.domain.outcomes import EventKind, GatewayEvent, MemberChange, Participant
from orchestrator.domain.sightings import Sighting

JID, OTHER_JID = "120363000000000001@g.us", "120363000000000002@g.us"
US = OwnIds("15550100002", "900000000000002")
SENT = 1_000_000.0  # when our join was sent

OPEN = MembershipFacts(Status.CONFIRMING, SENT, JID, JID, requested_at=SENT)
JOINED = GatewayEvent(EventKind.JOINED, "group.v2.join", sent_at=SENT + 3, jid=JID, ours=True)
LEFT = replace(JOINED, kind=EventKind.LEFT, name="group.v2.leave")


def told(
    event: GatewayEvent, facts: MembershipFacts, *, received: float = SENT + 5, lookup: bool = False
) -> EventResult:
    then = decide(event, about(event, US), facts, received_at=received, by_lookup=lookup)
    return then.result


kinds = st.sampled_from(EventKind)
instants = st.none() | st.floats(SENT - 10_000, SENT + 10_000)
people = st.builds(
    Participant,
    phone=st.sampled_from([None, US.phone, "15550109999"]),
    lid=st.sampled_from([None, US.lid, "15550100002"]),
)
gateway_events = st.builds(
    GatewayEvent,
    kind=kinds,
    name=st.just("any"),
    sent_at=instants,
    me=st.none() | people,
    jid=st.sampled_from([None, JID, OTHER_JID]),
    ours=st.booleans(),
    members=st.lists(people, max_size=3).map(tuple),
    change=st.none() | st.sampled_from(MemberChange),
)
known_facts = st.builds(
    MembershipFacts,
    status=st.sampled_from(Status),
    status_since=st.floats(SENT - 1000, SENT + 1000),
    jid=st.sampled_from([None, JID, OTHER_JID]),
    expected_jid=st.sampled_from([None, JID, OTHER_JID]),
    requested_at=instants,
    confirmed_at=instants,
    gone_at=instants,
)


@given(event=gateway_events, facts=known_facts, received=st.floats(SENT - 10_000, SENT + 10_000))
def test_only_an_open_join_of_ours_is_confirmed_and_only_with_its_jid_and_in_its_time(
    event: GatewayEvent, facts: MembershipFacts, received: float
) -> None:
    whom = about(event, US)
    if decide(event, whom, facts, received_at=received).act is not EventAction.CONFIRM:
        return
    assert whom is About.ENTERED
    assert event.kind is EventKind.JOINED
    assert event.jid is not None
    assert event.jid in (facts.jid, facts.expected_jid)
    assert facts.expected_jid in (None, event.jid)
    assert facts.status in OPEN_JOIN
    assert facts.requested_at is not None
    assert event.sent_at is not None
    assert facts.requested_at - SKEW <= event.sent_at <= received + SKEW


@given(event=gateway_events, facts=known_facts, received=st.floats(SENT - 10_000, SENT + 10_000))
def test_where_only_looks_count_no_event_confirms(
    event: GatewayEvent, facts: MembershipFacts, received: float
) -> None:
    then = decide(event, about(event, US), facts, received_at=received, by_lookup=True)
    assert then.act is not EventAction.CONFIRM


@given(event=gateway_events, facts=known_facts)
def test_what_is_older_than_what_is_known_changes_nothing(
    event: GatewayEvent, facts: MembershipFacts
) -> None:
    known = facts.confirmed_at if facts.status is Status.ACTIVE else facts.requested_at
    if event.sent_at is None or known is None or event.sent_at >= known - SKEW:
        return
    if facts.status in OPEN_JOIN | {Status.ACTIVE}:
        assert decide(event, about(event, US), facts, received_at=SENT).act is EventAction.NOTHING


def test_a_join_event_from_before_our_join_is_stale() -> None:
    assert told(replace(JOINED, sent_at=SENT - SKEW - 1), OPEN) is EventResult.STALE
    assert told(replace(JOINED, sent_at=SENT - SKEW + 1), OPEN) is EventResult.CONFIRMED


@pytest.mark.parametrize("status", sorted(OPEN_JOIN))
def test_an_open_join_is_confirmed_also_before_its_own_answer(status: Status) -> None:
    assert told(JOINED, replace(OPEN, status=status)) is EventResult.CONFIRMED


def test_an_approval_hours_later_is_confirmed() -> None:
    late = replace(JOINED, sent_at=SENT + 9 * 3600)
    waits = replace(OPEN, status=Status.AWAITING_APPROVAL)
    assert told(late, waits, received=SENT + 9 * 3600) is EventResult.CONFIRMED


@pytest.mark.parametrize(
    "event",
    [
        replace(JOINED, sent_at=None),
        replace(JOINED, sent_at=SENT + 10_000),
        replace(JOINED, kind=EventKind.MEMBERS, change=MemberChange.JOIN),
    ],
    ids=["without a time", "from the future", "as a change of members"],
)
def test_a_join_that_is_told_badly_is_only_a_tip(event: GatewayEvent) -> None:
    assert told(event, OPEN) is EventResult.LOOKING


def test_a_join_that_is_told_after_a_later_departure_was_looked_up_is_only_a_tip() -> None:
    assert told(JOINED, replace(OPEN, gone_at=SENT + 30)) is EventResult.LOOKING
    assert told(JOINED, replace(OPEN, gone_at=SENT - 30)) is EventResult.CONFIRMED


@pytest.mark.parametrize("expected", [None, OTHER_JID])
def test_a_join_of_another_group_than_the_verified_one_confirms_nothing(expected: str | None) -> None:
    assert told(replace(JOINED, jid=OTHER_JID), replace(OPEN, expected_jid=expected)) is EventResult.LOOKING


@pytest.mark.parametrize("status", sorted(set(Status) - OPEN_JOIN - {Status.ACTIVE}))
def test_where_no_join_of_ours_is_open_an_entry_is_a_tip(status: Status) -> None:
    assert told(JOINED, replace(OPEN, status=status)) is EventResult.LOOKING


def test_an_old_entry_does_not_bring_back_what_was_left() -> None:
    assert told(JOINED, replace(OPEN, status=Status.LEFT, status_since=SENT + 1000)) is EventResult.STALE


def test_a_departure_is_a_tip_where_we_may_be_in() -> None:
    active = replace(OPEN, status=Status.ACTIVE, confirmed_at=SENT + 1)
    assert told(LEFT, active) is EventResult.LOOKING
    assert told(replace(LEFT, sent_at=SENT - 500), active) is EventResult.STALE
    assert told(LEFT, replace(OPEN, status=Status.LEFT)) is EventResult.KNOWN


@pytest.mark.parametrize(
    ("member", "whom"),
    [
        (Participant(phone=US.phone), About.ENTERED),
        (Participant(lid=US.lid), About.ENTERED),
        (Participant(lid=US.phone), About.OTHERS),
        (Participant(phone=US.lid), About.OTHERS),
        (Participant(phone="15550109999"), About.OTHERS),
    ],
)
def test_ids_are_compared_only_within_their_kind(member: Participant, whom: About) -> None:
    event = replace(JOINED, ours=False, members=(member,))
    assert about(event, US) is whom


def test_an_id_of_the_other_kind_is_learnt_from_an_event_that_knows_us() -> None:
    by_lid = replace(JOINED, ours=False, members=(Participant(lid="77"),))
    knows_us = Participant(phone=US.phone, lid="77")
    assert about(replace(by_lid, me=knows_us), OwnIds(US.phone)) is About.ENTERED
    assert about(replace(by_lid, me=knows_us), OwnIds()) is About.OTHERS


@pytest.mark.parametrize("me", [Participant(phone="15550109999"), Participant(lid="1")])
def test_an_event_for_another_account_is_not_about_us(me: Participant) -> None:
    assert about(replace(JOINED, me=me), US) is About.STRANGER
    assert told(replace(JOINED, me=me), OPEN) is EventResult.IGNORED


@pytest.mark.parametrize("kind", [EventKind.JOINED, EventKind.SESSION])
@pytest.mark.parametrize(
    ("session", "ours"), [(None, True), ("200", True), ("wawp-200", True), ("100", False), ("1200", False)]
)
def test_an_event_of_another_session_is_not_about_us(
    kind: EventKind, session: str | None, *, ours: bool
) -> None:
    event = replace(JOINED, kind=kind, session=session)
    assert (about(event, US, gateway_id="200") is not About.STRANGER) is ours
    assert about(event, US) is not About.STRANGER


@pytest.mark.parametrize(
    ("me", "session_name", "ours"),
    [
        (None, "wawp-84729105", True),
        (None, None, False),
        (None, "wawp-1", False),
        (Participant(phone=US.phone), None, True),
        (Participant(lid=US.lid), None, True),
        (Participant(phone="15550109999"), "wawp-84729105", False),
        (Participant(phone="15550109999"), None, False),
    ],
)
def test_an_event_by_the_gateways_own_name_or_for_our_own_number_is_ours(
    me: Participant | None, session_name: str | None, *, ours: bool
) -> None:
    event = replace(JOINED, session="wawp-84729105", me=me)
    whom = about(event, US, gateway_id="200", session_name=session_name)
    assert (whom is not About.STRANGER) is ours


def test_a_removal_is_told_from_a_departure() -> None:
    assert by_somebody_else(replace(LEFT, kind=EventKind.REMOVED))
    assert by_somebody_else(replace(LEFT, kind=EventKind.MEMBERS, change=MemberChange.REMOVE))
    assert not by_somebody_else(LEFT)


looks = st.builds(
    FollowUpLook,
    whom=st.sampled_from([About.ENTERED, About.GONE]),
    seen=st.sampled_from(Sighting),
    age=st.floats(0, 100_000),
)


@given(status=st.sampled_from(Status), look=looks)
def test_a_look_moves_only_along_the_table_and_only_as_far_as_it_saw(
    status: Status, look: FollowUpLook
) -> None:
    target, result = after_follow_up(status, look)
    if target is None:
        return
    assert target in TRANSITIONS[status]
    assert look.seen is {Status.ACTIVE: Sighting.IN, Status.LEFT: Sighting.ABSENT}[target]
    assert result is not EventResult.LOOKING


@given(status=st.sampled_from(sorted(set(Status) - {Status.JOINING})), whom=st.sampled_from(About))
def test_a_look_that_shows_something_ends_the_matter_once_it_had_time_to_settle(
    status: Status, whom: About
) -> None:
    for seen in (Sighting.IN, Sighting.ABSENT):
        assert after_follow_up(status, FollowUpLook(whom, seen, age=500.0))[1] is not EventResult.LOOKING


def test_what_the_gateway_shows_may_lag_behind_what_it_tells() -> None:
    early = FollowUpLook(About.GONE, Sighting.IN, age=1.0)
    assert after_follow_up(Status.ACTIVE, early) == (None, EventResult.LOOKING)
    assert after_follow_up(Status.ACTIVE, replace(early, age=200.0)) == (None, EventResult.KNOWN)


@pytest.mark.parametrize(
    ("expected", "known", "reason", "ours"),
    [
        (JID, None, None, True),
        (JID, OTHER_JID, Reason.IDENTITY_MISMATCH, True),
        (OTHER_JID, JID, None, False),
        (None, JID, None, True),
        (None, JID, Reason.IDENTITY_MISMATCH, False),
        (None, JID, Reason.NOT_ON_ALLOW_LIST, False),
        (None, None, None, False),
    ],
)
def test_only_an_expected_or_verified_group_may_become_active(
    expected: str | None, known: str | None, reason: Reason | None, ours: bool
) -> None:
    assert is_the_group(JID, expected=expected, known=known, reason=reason) is ours
