"""What an event means for a membership. Pure.

An event confirms only a join that we sent: open, no older than its sending, of the very group, and naming us.
Whatever else is said about us is followed up by one look among the members, and the look decides. An event
never moves a membership by itself in any other way, and one that is older than what is known moves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.domain.identity import OwnIds, Told, compare
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.outcomes import EventKind, GatewayEvent, MemberChange
from orchestrator.domain.sightings import SETTLE, Sighting, sight

SKEW = 120.0  # seconds by which a gateway's clock may differ from the database's
OPEN_JOIN = frozenset({Status.JOINING, Status.CONFIRMING, Status.AWAITING_APPROVAL})
"""A join of ours was sent, or is being sent, and it is not settled whether we are in."""


class About(StrEnum):
    """Whom an event speaks of."""

    ENTERED = "entered"  # we are in a group now
    GONE = "gone"  # we are out of it
    SESSION = "session"
    OTHERS = "others"  # other members
    NOBODY = "nobody"  # nothing that is used
    STRANGER = "stranger"  # it was meant for another account


class EventAction(StrEnum):
    """What is done about an event."""

    CONFIRM = "confirm"
    LOOK = "look"
    NOTHING = "nothing"


class EventResult(StrEnum):
    """What became of an event; stored with it."""

    CONFIRMED = "confirmed"  # it proved our join
    SEEN_IN = "seen_in"  # a look that it caused found us in
    LEFT = "left"  # a look that it caused found us gone
    ABSENT = "absent"  # a look found us outside of a group that was not active anyway
    LOOKING = "looking"  # waits for a look
    SESSION = "session"
    NOT_US = "not_us"
    UNKNOWN_GROUP = "unknown_group"
    STALE = "stale"  # older than what is known
    KNOWN = "known"
    IGNORED = "ignored"
    FAILED = "failed"  # no look could be made, or the event could not be used


DEPARTED = frozenset({EventResult.LEFT, EventResult.ABSENT})
"""Results of events after which an older join event proves nothing any more."""


@dataclass(frozen=True, slots=True)
class MembershipFacts:
    """What is known of the membership that an event is about. Instants are seconds since 1970."""

    status: Status
    status_since: float
    jid: str | None  # as verified or joined
    expected_jid: str | None
    requested_at: float | None = None
    confirmed_at: float | None = None
    gone_at: float | None = None  # the latest departure that was heard and looked up


@dataclass(frozen=True, slots=True)
class EventDecision:
    """An act, and its result; `CONFIRMED` and `LOOKING` are results to be brought about."""

    act: EventAction
    result: EventResult


_CONFIRM = EventDecision(EventAction.CONFIRM, EventResult.CONFIRMED)
_LOOK = EventDecision(EventAction.LOOK, EventResult.LOOKING)
_STALE = EventDecision(EventAction.NOTHING, EventResult.STALE)
_KNOWN = EventDecision(EventAction.NOTHING, EventResult.KNOWN)


def about(
    event: GatewayEvent, own: OwnIds, *, gateway_id: str = "", session_name: str | None = None
) -> About:
    """Whom the event speaks of. Ids are compared only within their kind.

    `gateway_id`: how the gateway names the account that the event came in for; empty: not known.
    `session_name`: its own name of that account's session, as it told it. An event by another name is
    ours if it says that it was sent for our own number.
    """
    me = OwnIds() if event.me is None else OwnIds(event.me.phone, event.me.lid)
    told = compare(own, me)
    if told is Told.ANOTHER:
        return About.STRANGER
    named_otherwise = (
        gateway_id
        and event.session not in (None, session_name)
        and not _names(str(event.session), gateway_id)
    )
    if named_otherwise and told is not Told.SAME:
        return About.STRANGER
    us = event.ours or sight(_ids(event, own), event.members) is Sighting.IN
    match event.kind:
        case EventKind.SESSION:
            return About.SESSION
        case EventKind.OTHER:
            return About.NOBODY
        case _:
            return _SAID.get(event.change or event.kind, About.OTHERS) if us else About.OTHERS


_SAID: dict[EventKind | MemberChange, About] = {
    EventKind.JOINED: About.ENTERED,
    EventKind.LEFT: About.GONE,
    EventKind.REMOVED: About.GONE,
    MemberChange.JOIN: About.ENTERED,
    MemberChange.LEAVE: About.GONE,
    MemberChange.REMOVE: About.GONE,
}


def _names(session: str, gateway_id: str) -> bool:
    """The same, or with the gateway's own word before it: `word-200`."""
    return session == gateway_id or session.endswith((f"-{gateway_id}", f"_{gateway_id}"))


def _ids(event: GatewayEvent, own: OwnIds) -> OwnIds:
    """Our ids; the kind that we do not know, as the event says, where it agrees about the other one."""
    if event.me is None or own == OwnIds():
        return own
    return OwnIds(own.phone or event.me.phone, own.lid or event.me.lid)


def by_somebody_else(event: GatewayEvent) -> bool:
    """Whether the event says that we were taken out."""
    return event.kind is EventKind.REMOVED or event.change is MemberChange.REMOVE


def decide(
    event: GatewayEvent, whom: About, facts: MembershipFacts, *, received_at: float, by_lookup: bool = False
) -> EventDecision:
    """What an event about us means for one membership. `by_lookup`: only looks count as evidence."""
    if whom is About.GONE:
        return _on_departure(event, facts)
    if whom is not About.ENTERED:
        return EventDecision(EventAction.NOTHING, EventResult.IGNORED)
    if facts.status is Status.ACTIVE:
        return _KNOWN
    if facts.status in OPEN_JOIN and facts.requested_at is not None:
        return _on_open_join(event, facts, facts.requested_at, received_at, by_lookup=by_lookup)
    if facts.status is Status.LEFT and _before(event, facts.status_since):
        return _STALE
    return _LOOK


def _on_open_join(
    event: GatewayEvent, facts: MembershipFacts, requested_at: float, received_at: float, *, by_lookup: bool
) -> EventDecision:
    if _before(event, requested_at):
        return _STALE
    told_well = (
        event.kind is EventKind.JOINED
        and event.sent_at is not None
        and event.sent_at <= received_at + SKEW
        and (facts.gone_at is None or facts.gone_at < event.sent_at)
    )
    expected = facts.expected_jid in (None, event.jid)
    same = event.jid is not None and event.jid == (facts.jid or facts.expected_jid)
    return _CONFIRM if told_well and expected and same and not by_lookup else _LOOK


def _on_departure(event: GatewayEvent, facts: MembershipFacts) -> EventDecision:
    match facts.status:
        case Status.ACTIVE:
            since = facts.confirmed_at
        case Status.JOINING | Status.CONFIRMING | Status.AWAITING_APPROVAL:
            since = facts.requested_at
        case _:
            return _KNOWN  # we are out of it already
    return _STALE if since is not None and _before(event, since) else _LOOK


def _before(event: GatewayEvent, instant: float) -> bool:
    return event.sent_at is not None and event.sent_at < instant - SKEW


@dataclass(frozen=True, slots=True)
class FollowUpLook:
    """A look that an event asked for, and what it showed."""

    whom: About
    seen: Sighting
    age: float  # seconds since the event was received


def after_follow_up(status: Status, look: FollowUpLook) -> tuple[Status | None, EventResult]:
    """Where the look moves the membership (None: nowhere); `LOOKING` asks for another look later."""
    fresh = look.age < SETTLE  # what the gateway shows may be older than what it tells
    if look.seen is Sighting.INCONCLUSIVE or status is Status.JOINING:
        return None, EventResult.LOOKING
    if look.seen is Sighting.IN:
        if status is not Status.ACTIVE:
            return Status.ACTIVE, EventResult.SEEN_IN
        return None, EventResult.LOOKING if fresh and look.whom is About.GONE else EventResult.KNOWN
    if fresh and look.whom is About.ENTERED:
        return None, EventResult.LOOKING
    if status is Status.ACTIVE:
        return Status.LEFT, EventResult.LEFT
    return None, EventResult.ABSENT


def is_the_group(jid: str, *, expected: str | None, known: str | None, reason: Reason | None) -> bool:
    """Whether being in the group `jid` may count for a membership: expected so, or verified before."""
    if expected is not None:
        return expected == jid
    return known == jid and reason not in _NEVER_VERIFIED


_NEVER_VERIFIED = frozenset({Reason.IDENTITY_MISMATCH, Reason.NOT_ON_ALLOW_LIST, Reason.DUPLICATE_GROUP})
