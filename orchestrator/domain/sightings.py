"""Looking whether we are in: what a look shows, and what follows from it.

A member list with our own id is proof. A list without it is proof of absence only when everybody in it shows
an id of our kind (a phone number is never compared with a LID) and only some time after the join was sent:
WhatsApp may still be at it (a query is given up after 60 s by Baileys, 75 s by whatsmeow). Empty and short
lists of groups prove nothing: gateways are known to answer with them wrongly.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.domain.identity import OwnIds
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.outcomes import Participant

SETTLE = 120.0  # seconds after a join's plan before "not there" counts: its life, its time-out, and more
AFTER_RECEIPT = (3.0, 12.0, 30.0, 80.0, 120.0, 300.0, 600.0)  # seconds to the next look
AWAITING_EVENT = 30.0  # seconds that a webhook gets before the first look after a receipt
AFTER_UNKNOWN = (6.0, 20.0, 100.0, 120.0, 300.0, 600.0, 900.0)
AFTER_REQUEST = (300.0, 900.0, 1800.0, 3600.0, 3 * 3600.0, 6 * 3600.0)  # an admin must approve


class Sighting(StrEnum):
    """What one look showed."""

    IN = "in"
    ABSENT = "absent"
    INCONCLUSIVE = "inconclusive"


def sight(own: OwnIds, participants: Collection[Participant]) -> Sighting:
    """Look for ourselves among the members. One whose ids cannot be compared with ours may be us."""
    strangers = bool(participants)
    for member in participants:
        by_phone, by_lid = own.phone and member.phone, own.lid and member.lid
        if (by_phone and member.phone == own.phone) or (by_lid and member.lid == own.lid):
            return Sighting.IN
        strangers = strangers and bool(by_phone or by_lid)
    return Sighting.ABSENT if strangers else Sighting.INCONCLUSIVE


@dataclass(frozen=True, slots=True)
class LookCase:
    """What is known of the join that is being looked up."""

    since_request: float | None  # seconds since the join was sent; None: none was sent
    looks: int  # looks before this one
    unknown: bool  # the join's outcome was unknown
    unknowns: int  # joins of unknown outcome so far
    approval: bool | None  # whether the probe said that an admin must approve
    receipt_jid: bool  # the receipt named the group
    refused: Reason | None = None  # the gateway's trouble with the account that the join was answered with
    asked: bool = False  # WhatsApp says that a request of ours is with the admins


@dataclass(frozen=True, slots=True)
class NextStep:
    """Where the membership goes. `wait`: seconds to the next look or attempt, where there is one."""

    status: Status
    reason: Reason | None = None
    wait: float | None = None
    unknowns: int = 0
    given_back: bool = False  # it was refused for the account's sake: in line again, and no attempt
    failed: bool = False  # the join did not bring us in: an attempt that failed, with the usual wait


def after_look(case: LookCase, seen: Sighting) -> NextStep:
    """Decide what a look means."""
    if seen is Sighting.IN:
        return NextStep(Status.ACTIVE, unknowns=case.unknowns)
    if seen is Sighting.ABSENT and case.asked:
        return NextStep(Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING, AFTER_REQUEST[0], case.unknowns)
    if case.since_request is None:  # the list said that we are in, and we are not: join it in its turn
        if seen is Sighting.ABSENT:
            return NextStep(Status.DEFERRED, Reason.GATEWAY_ERROR, 0.0, case.unknowns)
        return _look_again(case)
    if case.since_request < SETTLE:
        return _look_again(case, at_least=SETTLE - case.since_request if seen is Sighting.ABSENT else None)
    return _not_in(case) if seen is Sighting.ABSENT else _cannot_tell(case)


def _not_in(case: LookCase) -> NextStep:
    if case.refused is not None:
        return NextStep(Status.DEFERRED, case.refused, 0.0, case.unknowns, given_back=True)
    if case.approval or (case.approval is None and case.receipt_jid and not case.unknown):
        # whatsmeow's receipt names the group for a join and for a request alike
        return NextStep(Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING, AFTER_REQUEST[0], case.unknowns)
    unknowns = case.unknowns if case.unknown else case.unknowns + 1
    return NextStep(Status.DEFERRED, Reason.GATEWAY_ERROR, 0.0, unknowns, failed=True)


def _cannot_tell(case: LookCase) -> NextStep:
    """A group whose admins approve shows its members to nobody who waits: more looks would show no more."""
    if case.approval or case.asked:
        return NextStep(Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING, AFTER_REQUEST[0], case.unknowns)
    return _look_again(case)


def _look_again(case: LookCase, at_least: float | None = None) -> NextStep:
    """`at_least`: seconds after which an absence counts, so that looks which saw one do not run out."""
    waits = AFTER_UNKNOWN if case.unknown or case.refused else AFTER_RECEIPT
    waiting = Reason.APPROVAL_PENDING if case.asked else case.refused
    reason = Reason.OUTCOME_UNKNOWN if case.unknown else waiting
    if case.looks < len(waits):
        return NextStep(Status.CONFIRMING, reason, waits[case.looks], case.unknowns)
    if at_least is not None:
        return NextStep(Status.CONFIRMING, reason, at_least, case.unknowns)
    return NextStep(Status.BLOCKED, Reason.OUTCOME_UNKNOWN, unknowns=case.unknowns)


def approval_wait(looks: int) -> float:
    """Seconds to the next look at a group whose admin has not decided."""
    return AFTER_REQUEST[min(looks, len(AFTER_REQUEST) - 1)]
