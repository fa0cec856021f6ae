"""When a run may end, and what its end is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.domain.memberships import Reason, Status


class End(StrEnum):
    """How a run ended. The exit codes belong to these words."""

    COMPLETE = "complete"
    NEEDS_YOU = "needs_you"
    DEFERRED = "deferred"
    INSTANCE_LOST = "instance_lost"
    CREDENTIALS = "credentials"
    STOPPED = "stopped"  # by `rejoin stop`
    INTERRUPTED = "interrupted"  # by a signal, --max-duration or --limit: the next run goes on
    UNAVAILABLE = "unavailable"  # the gateway or the instance did not come back in time


EXIT_CODES = {
    End.COMPLETE: 0,
    End.NEEDS_YOU: 3,
    End.CREDENTIALS: 4,
    End.UNAVAILABLE: 5,
    End.INSTANCE_LOST: 7,
    End.DEFERRED: 8,
    End.STOPPED: 8,
    End.INTERRUPTED: 8,
}

IN_LINE = frozenset({Status.PENDING, Status.READY})

_LEAVES_OPEN = frozenset({End.INTERRUPTED})


def stays_open(end: End) -> bool:
    """Whether the next run goes on with the same recovery."""
    return end in _LEAVES_OPEN


@dataclass(frozen=True, slots=True)
class Outlook:
    """What can still move, and when. Instants are seconds since 1970; None: nothing of the kind."""

    present: frozenset[Status]  # statuses that at least one membership has
    greetings: bool  # some are still to be sent
    in_flight: bool  # a join is on its way
    paused_until: float | None  # inf: until a person or the session's return lifts it
    pause_reason: Reason | None
    paused_since: float | None
    next_slot_at: float | None  # when the pace gives the next slot
    next_deferred_at: float | None
    look_due: bool = False  # at a group whose admin may have decided by now


def verdict(counts: Mapping[str, int]) -> End:
    """The word for a recovery in which nothing moves any more by itself."""
    if any(counts.get(s.value, 0) for s in (Status.PENDING, Status.READY, Status.JOINING, Status.CONFIRMING)):
        return End.DEFERRED
    if any(counts.get(s.value, 0) for s in (Status.BLOCKED, Status.AWAITING_APPROVAL)):
        return End.NEEDS_YOU
    if counts.get(Status.DEFERRED.value, 0):
        return End.DEFERRED
    return End.COMPLETE


def may_still_move(outlook: Outlook, now: float, patience: float) -> bool:
    """Whether anything can move by itself within the run's patience."""
    horizon = now + patience
    if outlook.in_flight:
        return True
    if outlook.paused_until is not None:
        return _pause_ends_soon(outlook, now, patience) and _work_left(outlook)
    if outlook.present & {Status.CONFIRMING, Status.JOINING} or outlook.greetings or outlook.look_due:
        return True
    if outlook.present & IN_LINE and (outlook.next_slot_at is None or outlook.next_slot_at <= horizon):
        return True
    return outlook.next_deferred_at is not None and outlook.next_deferred_at <= horizon


def _pause_ends_soon(outlook: Outlook, now: float, patience: float) -> bool:
    until = outlook.paused_until or 0.0
    if patience == float("inf"):  # a daemon's: whatever stops the account, a person or time ends it
        return True
    if until == float("inf"):
        if outlook.pause_reason is Reason.INSTANCE_UNAVAILABLE:  # may come back by itself
            return now - (outlook.paused_since or now) <= patience
        return outlook.pause_reason is Reason.OPERATOR  # a person paused it, and will resume it
    return until <= now + patience


def _work_left(outlook: Outlook) -> bool:
    return bool(outlook.present & (IN_LINE | {Status.CONFIRMING, Status.JOINING, Status.DEFERRED}))


def scope_text(from_name: str | None, labels: Sequence[str], *, chosen: bool = False) -> str:
    """What follows "groups" in a sentence: ` of sales-main labelled vip or north`; nothing for all groups.

    The names are foreign text. `chosen`: only those of them that were chosen once.
    """
    source = "" if from_name is None else f" of {from_name}"
    labelled = f" labelled {' or '.join(labels)}" if labels else ""
    return f"{source}{labelled}{' (chosen ones)' if chosen else ''}"


def which_groups(scope: str) -> str:
    """`all groups`, or `the groups of sales-main`."""
    return f"the groups{scope}" if scope else "all groups"
