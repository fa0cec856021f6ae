"""What each answer to a probe or a join leads to: two tables, and nothing decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.domain.memberships import Reason
from orchestrator.domain.outcomes import Outcome

HOUR = 3600.0


class Act(StrEnum):
    """What to do about the membership, or about the account."""

    LOOK = "look"  # find out whether we are in
    AWAIT_APPROVAL = "await_approval"
    RETRY = "retry"  # soon, with growing waits, and not for ever
    ONCE_MORE = "once_more"  # one more time after a while, then a person must act
    SLOWLY = "slowly"  # hours apart: somebody else may free the way
    BLOCK = "block"  # a person must act
    PAUSE = "pause"  # the account is in trouble: it stops, and the group loses nothing
    CALM = "calm"  # the gateway asks for fewer calls: a short pause, and the group loses nothing
    GIVE_BACK = "give_back"  # nothing was sent: the group goes back in line


@dataclass(frozen=True, slots=True)
class Ending:
    """An act and its reason."""

    act: Act
    reason: Reason | None = None


_BOTH = {
    Outcome.CODE_REVOKED: Ending(Act.BLOCK, Reason.CODE_REVOKED),
    Outcome.CODE_INVALID: Ending(Act.BLOCK, Reason.CODE_INVALID),
    Outcome.BAD_REQUEST: Ending(Act.ONCE_MORE, Reason.CODE_INVALID),
    Outcome.GROUP_GONE: Ending(Act.BLOCK, Reason.GROUP_GONE),
    Outcome.REMOVED: Ending(Act.BLOCK, Reason.REMOVED_BY_ADMIN),
    Outcome.FORBIDDEN: Ending(Act.BLOCK, Reason.FORBIDDEN),
    Outcome.GROUP_FULL: Ending(Act.SLOWLY, Reason.GROUP_FULL),
    Outcome.GROUP_LOCKED: Ending(Act.SLOWLY, Reason.GROUP_LOCKED),
    Outcome.GROWTH_LOCKED: Ending(Act.SLOWLY, Reason.GROUP_LOCKED),
    Outcome.NEEDS_UPGRADE: Ending(Act.BLOCK, Reason.NEEDS_UPGRADE),
    Outcome.RESTRICTED: Ending(Act.PAUSE, Reason.RESTRICTED),
    Outcome.SESSION_DOWN: Ending(Act.PAUSE, Reason.INSTANCE_UNAVAILABLE),
    Outcome.BAD_CREDENTIALS: Ending(Act.PAUSE, Reason.CREDENTIALS_REFUSED),
    Outcome.PLAN_LIMIT: Ending(Act.PAUSE, Reason.PLAN_LIMIT),
    Outcome.NOT_SUPPORTED: Ending(Act.PAUSE, Reason.NOT_SUPPORTED),
    Outcome.GATEWAY_LIMITED: Ending(Act.CALM, Reason.GATEWAY_LIMIT),
    Outcome.ALREADY_MEMBER: Ending(Act.LOOK),
}

JOIN_ENDINGS: dict[Outcome, Ending] = _BOTH | {
    Outcome.OK: Ending(Act.LOOK),
    Outcome.JOINED: Ending(Act.LOOK),
    Outcome.ACCEPTED: Ending(Act.LOOK),
    Outcome.UNKNOWN: Ending(Act.LOOK, Reason.OUTCOME_UNKNOWN),
    Outcome.SUBMITTED: Ending(Act.LOOK, Reason.OUTCOME_UNKNOWN),
    Outcome.APPROVAL_PENDING: Ending(Act.AWAIT_APPROVAL, Reason.APPROVAL_PENDING),
    Outcome.JOIN_LIMITED: Ending(Act.PAUSE, Reason.RATE_LIMITED),
    Outcome.THROTTLED: Ending(Act.PAUSE, Reason.RATE_LIMITED),
    Outcome.TRANSIENT: Ending(Act.RETRY, Reason.GATEWAY_ERROR),
}

PROBE_ENDINGS: dict[Outcome, Ending] = _BOTH | {
    Outcome.APPROVAL_PENDING: Ending(Act.LOOK),
    Outcome.THROTTLED: Ending(Act.CALM, Reason.RATE_LIMITED),
    Outcome.JOIN_LIMITED: Ending(Act.CALM, Reason.RATE_LIMITED),
    Outcome.TRANSIENT: Ending(Act.RETRY, Reason.PROBE_FAILED),
    Outcome.UNKNOWN: Ending(Act.RETRY, Reason.PROBE_FAILED),
    Outcome.SUBMITTED: Ending(Act.RETRY, Reason.PROBE_FAILED),
    Outcome.JOINED: Ending(Act.RETRY, Reason.PROBE_FAILED),
    Outcome.ACCEPTED: Ending(Act.RETRY, Reason.PROBE_FAILED),
}
"""Without OK: a good probe goes on to verification."""

BAD_REQUEST_WAIT = 600.0  # seconds before the one repetition of a 400
SLOW_WAITS = (6 * HOUR, 12 * HOUR, 24 * HOUR)  # full or locked groups
CALM_WAITS = (60.0, 120.0, 300.0, 900.0, 1800.0)  # WhatsApp asks for fewer reads, or nothing is in reach
LIMIT_WAITS = (
    10.0,
    30.0,
    60.0,
    120.0,
    300.0,
    900.0,
)  # the gateway's own limit, where it does not say how long
BELIEVED = 3  # so often in a row the gateway's limit ends when the gateway says so; then waits grow as well
RESTRICTED_PAUSE = 24 * HOUR  # where the gateway does not say until when


def limit_wait(in_a_row: int, asked: float | None) -> float:
    """Seconds to wait out the gateway's own limit, met `in_a_row` times before; `asked`: its Retry-After."""
    if asked is None:
        return step(LIMIT_WAITS, in_a_row)
    least = step(LIMIT_WAITS, in_a_row - BELIEVED) if in_a_row >= BELIEVED else 1.0
    return max(asked, least)


def step(waits: tuple[float, ...], attempt: int) -> float:
    """The wait before attempt number `attempt` + 1 (from 0); the last one repeats."""
    return waits[min(attempt, len(waits) - 1)]
