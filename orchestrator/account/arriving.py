"""Arriving: what is written down of a group that we are in now, and whether a join of ours did it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.domain.memberships import Greeting, Reason, Status

if TYPE_CHECKING:
    from orchestrator.account.context import Writing
    from orchestrator.domain.memberships import MembershipEvidence
    from orchestrator.store.memberships import Membership


def arrival(writing: Writing, old: Membership, evidence: MembershipEvidence) -> dict[str, Any]:
    """What is written down of a group that we are in now: greeted only if a join of ours brought us there."""
    changes: dict[str, Any] = {"confirmed_at": writing.now, "evidence": evidence}
    if entered_by_us(old):
        return changes | {"joined_at": old.joined_at or writing.now, "greeting": first_greeting(writing)}
    return changes | {"joined_at": None}


_UNSETTLED = frozenset({Status.CONFIRMING, Status.AWAITING_APPROVAL})
_OURS = frozenset({Reason.OUTCOME_UNKNOWN, Reason.APPROVAL_PENDING})


def entered_by_us(old: Membership) -> bool:
    """Whether a join of ours is what brings a membership that stands so into its group.

    Not one that WhatsApp answered with "you are in already", and none that was settled long ago.
    """
    if old.requested_at is None or old.status is Status.LEFT:
        return False
    if old.status is Status.JOINING or old.unknowns > 0 or old.reason in _OURS:
        return True
    return old.status in _UNSETTLED and old.joined_at is not None


def first_greeting(writing: Writing) -> Greeting:
    """Whether a group that has just been entered is to be greeted."""
    return Greeting.PENDING if writing.context.settings.greeting.enabled else Greeting.NONE
