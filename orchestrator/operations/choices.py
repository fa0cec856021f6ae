"""What a person's retry or skip means for a membership as it stands. Pure.

A join that may have taken effect is looked up before the group may be joined again: a retry then leads to a
look, never straight into the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.domain.memberships import Reason, Status

if TYPE_CHECKING:
    from orchestrator.store.memberships import Membership


class Way(StrEnum):
    """Where the membership goes."""

    IN_LINE = "in_line"
    LOOK = "look"
    LOOK_ONLY = "look_only"  # it stays as it is, but is looked at now
    SKIP = "skip"
    STAY = "stay"  # it is so already
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Choice:
    """A way, and the rest of a sentence that begins with the group's name."""

    way: Way
    sentence: str


IN_LINE = Choice(Way.IN_LINE, "goes back in line")
LOOK = Choice(Way.LOOK, "is looked up first: it is joined again only if the account is surely not in it")
ON_ITS_WAY = Choice(Way.REFUSE, "cannot be changed now: a join is on its way")
LOOKED_UP = Choice(Way.REFUSE, "cannot be changed now: it is being looked up whether the join worked")
IS_IN = Choice(Way.REFUSE, "is active: the account is in it")
LOOK_ONLY = Choice(Way.LOOK_ONLY, "is looked up now; its request to join is not sent again")
JOINED_BY_MISTAKE = Choice(Way.REFUSE, "led the account into another group; leave that one first")


def entered_by_mistake(old: Membership) -> bool:
    """The join led into a group that was not the expected one, and the account is in there still."""
    blocked = old.status is Status.BLOCKED and old.reason is Reason.IDENTITY_MISMATCH
    return blocked and old.joined_at is not None and old.jid is not None


_ON_RETRY = {
    Status.PENDING: Choice(Way.STAY, "is in line already"),
    Status.READY: Choice(Way.STAY, "is in line already"),
    Status.JOINING: ON_ITS_WAY,
    Status.CONFIRMING: LOOKED_UP,
    Status.ACTIVE: IS_IN,
    Status.AWAITING_APPROVAL: LOOK,  # an admin may have let us in since the last look
    Status.DEFERRED: IN_LINE,
    Status.LEFT: IN_LINE,
}


def on_retry(old: Membership) -> Choice:
    """What `retry` does."""
    match old.status:
        case Status.SKIPPED:
            # Without a JID the join is settled: it led elsewhere, and that group was left.
            return IN_LINE if old.requested_at is None or old.jid is None else LOOK
        case Status.BLOCKED:
            return _on_retry_of_blocked(old)
        case _:
            return _ON_RETRY[old.status]


def on_retry_of_all(old: Membership) -> Choice:
    """The same for whatever needs a person: nobody means to send every pending request once more."""
    return LOOK_ONLY if old.status is Status.AWAITING_APPROVAL else on_retry(old)


def _on_retry_of_blocked(old: Membership) -> Choice:
    if old.reason is Reason.OUTCOME_UNKNOWN:
        return LOOK
    return JOINED_BY_MISTAKE if entered_by_mistake(old) else IN_LINE


def on_skip(old: Membership, because: str | None) -> Choice:
    """What `skip` does. A new reason replaces the old one."""
    match old.status:
        case Status.JOINING:
            return ON_ITS_WAY
        case Status.CONFIRMING:
            return LOOKED_UP
        case Status.ACTIVE:
            return Choice(Way.REFUSE, "is active: the account is in it; to get it out, leave it")
        case Status.SKIPPED if because in (None, old.detail):
            return Choice(Way.STAY, "is skipped already")
        case _:
            return JOINED_BY_MISTAKE if entered_by_mistake(old) else Choice(Way.SKIP, "is skipped")
