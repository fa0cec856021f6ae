"""What each answer to a probe or a join leads to: two tables, and what an entry means for the group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.outcomes import GatewayAnswer, Outcome


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Caps and waits, in seconds."""

    attempts: int
    first_wait: float
    longest_wait: float
    pauses: tuple[float, ...]  # first, second, later pauses of an account
    read_tries: int = 3  # at once, for a read that failed on the way
    read_wait: float = 2.0

    def wait_after(self, attempts: int) -> float:
        """Seconds before attempt number `attempts` + 1 of one group: doubling, with a longest wait."""
        doublings = min(max(0, attempts - 1), 60)  # a float holds 1,023 of them
        return min(self.first_wait * 2.0**doublings, self.longest_wait)


HOUR = 3600.0


class Action(StrEnum):
    """What to do about the membership, or about the account."""

    LOOK = "look"  # find out whether we are in
    AWAIT_APPROVAL = "await_approval"
    RETRY = "retry"  # soon, with growing waits, and not for ever
    ONCE_MORE = "once_more"  # one more time after a while, then a person must act
    SLOWLY = "slowly"  # hours apart: somebody else may free the way
    BLOCK = "block"  # a person must act
    PAUSE = "pause"  # the account is in trouble: it stops, and the group loses nothing
    BACK_OFF = "back_off"  # the gateway asks for fewer calls: a short pause, and the group loses nothing
    GIVE_BACK = "give_back"  # nothing was sent: the group goes back in line


@dataclass(frozen=True, slots=True)
class Reaction:
    """An action and its reason."""

    action: Action
    reason: Reason | None = None


_BOTH = {
    Outcome.CODE_REVOKED: Reaction(Action.BLOCK, Reason.CODE_REVOKED),
    Outcome.CODE_INVALID: Reaction(Action.BLOCK, Reason.CODE_INVALID),
    Outcome.BAD_REQUEST: Reaction(Action.ONCE_MORE, Reason.CODE_INVALID),
    Outcome.GROUP_GONE: Reaction(Action.BLOCK, Reason.GROUP_GONE),
    Outcome.REMOVED: Reaction(Action.BLOCK, Reason.REMOVED_BY_ADMIN),
    Outcome.FORBIDDEN: Reaction(Action.BLOCK, Reason.FORBIDDEN),
    Outcome.GROUP_FULL: Reaction(Action.SLOWLY, Reason.GROUP_FULL),
    Outcome.GROUP_LOCKED: Reaction(Action.SLOWLY, Reason.GROUP_LOCKED),
    Outcome.GROWTH_LOCKED: Reaction(Action.SLOWLY, Reason.GROUP_LOCKED),
    Outcome.NEEDS_UPGRADE: Reaction(Action.BLOCK, Reason.NEEDS_UPGRADE),
    Outcome.RESTRICTED: Reaction(Action.PAUSE, Reason.RESTRICTED),
    Outcome.SESSION_DOWN: Reaction(Action.PAUSE, Reason.INSTANCE_UNAVAILABLE),
    Outcome.BAD_CREDENTIALS: Reaction(Action.PAUSE, Reason.CREDENTIALS_REFUSED),
    Outcome.PLAN_LIMIT: Reaction(Action.PAUSE, Reason.PLAN_LIMIT),
    Outcome.NOT_SUPPORTED: Reaction(Action.PAUSE, Reason.NOT_SUPPORTED),
    Outcome.GATEWAY_LIMITED: Reaction(Action.BACK_OFF, Reason.GATEWAY_LIMIT),
    Outcome.ALREADY_MEMBER: Reaction(Action.LOOK),
}

JOIN_REACTIONS: dict[Outcome, Reaction] = _BOTH | {
    Outcome.OK: Reaction(Action.LOOK),
    Outcome.JOINED: Reaction(Action.LOOK),
    Outcome.ACCEPTED: Reaction(Action.LOOK),
    Outcome.UNKNOWN: Reaction(Action.LOOK, Reason.OUTCOME_UNKNOWN),
    Outcome.SUBMITTED: Reaction(Action.LOOK, Reason.OUTCOME_UNKNOWN),
    Outcome.APPROVAL_PENDING: Reaction(Action.AWAIT_APPROVAL, Reason.APPROVAL_PENDING),
    Outcome.JOIN_LIMITED: Reaction(Action.PAUSE, Reason.RATE_LIMITED),
    Outcome.THROTTLED: Reaction(Action.PAUSE, Reason.RATE_LIMITED),
    Outcome.TRANSIENT: Reaction(Action.RETRY, Reason.GATEWAY_ERROR),
}

PROBE_REACTIONS: dict[Outcome, Reaction] = _BOTH | {
    Outcome.APPROVAL_PENDING: Reaction(Action.LOOK),
    Outcome.THROTTLED: Reaction(Action.BACK_OFF, Reason.RATE_LIMITED),
    Outcome.JOIN_LIMITED: Reaction(Action.BACK_OFF, Reason.RATE_LIMITED),
    Outcome.TRANSIENT: Reaction(Action.RETRY, Reason.PROBE_FAILED),
    Outcome.UNKNOWN: Reaction(Action.RETRY, Reason.PROBE_FAILED),
    Outcome.SUBMITTED: Reaction(Action.RETRY, Reason.PROBE_FAILED),
    Outcome.JOINED: Reaction(Action.RETRY, Reason.PROBE_FAILED),
    Outcome.ACCEPTED: Reaction(Action.RETRY, Reason.PROBE_FAILED),
}
"""Without OK: a good probe goes on to verification."""

BAD_REQUEST_WAIT = 600.0  # seconds before the one repetition of a 400
SLOW_WAITS = (6 * HOUR, 12 * HOUR, 24 * HOUR)  # full or locked groups
BACK_OFF_WAITS = (60.0, 120.0, 300.0, 900.0, 1800.0)  # WhatsApp asks for fewer reads, or nothing is in reach
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

CURED_BY_A_WORKING_SESSION = frozenset({Reason.INSTANCE_UNAVAILABLE, Reason.CREDENTIALS_REFUSED})
SUSPICIONS = CURED_BY_A_WORKING_SESSION | {Reason.NOT_SUPPORTED}
"""What one group's answer may say of the account, or of its configuration, without being right."""
SUSPECTED_FOR = 60.0  # seconds that the session has to speak
SEVERAL = 3  # groups whose answers are believed without it
MOST_ACCUSATIONS = 3
"""So often in one run may a group's answer stop the account for a session that works after all."""


ALONE = 2
"""So often may one group say, with no good answer between, what no session can tell of."""


def is_believed(reason: Reason, accused_by: Mapping[int, int]) -> bool:
    """Whether what groups say of the account is taken as true without asking its session.

    `accused_by`: how often each of them said so since the last good answer. Several groups are believed. What
    no session can tell of (a call that the gateway does not know) is believed of two groups, and of one group
    the third time: it may be asked again before any other is.
    """
    if reason in CURED_BY_A_WORKING_SESSION:
        return len(accused_by) >= SEVERAL
    return len(accused_by) > 1 or sum(accused_by.values()) > ALONE


@dataclass(frozen=True, slots=True)
class Tries:
    """How a group fared so far."""

    attempts: int = 0  # that failed
    slow_rounds: int = 0  # that found it full or locked
    detail: str | None = None  # what the last attempt was answered
    accusations: int = 0  # answers in this run that spoke of trouble with an account that works


@dataclass(frozen=True, slots=True)
class NextAttempt:
    """Where an answer that brought nothing leaves a group. `wait`: seconds until it is tried again.

    `failed`, `slow`: whether it counts as an attempt that failed, or as one that found no room.
    """

    status: Status
    reason: Reason | None = None
    detail: str | None = None
    wait: float | None = None
    failed: bool = False
    slow: bool = False

    def counts(self, tries: Tries) -> dict[str, int]:
        """The columns that count, as they are after it."""
        return {"attempts": tries.attempts + self.failed, "slow_rounds": tries.slow_rounds + self.slow}


def after_failure(
    reason: Reason | None, detail: str | None, tries: Tries, policy: RetryPolicy, *, asked: float = 0.0
) -> NextAttempt:
    """An attempt that failed: again after a growing wait of at least `asked` seconds; at last a person's."""
    attempts = tries.attempts + 1
    if attempts >= policy.attempts:
        return NextAttempt(Status.BLOCKED, Reason.ATTEMPTS_EXHAUSTED, detail, failed=True)
    return NextAttempt(Status.DEFERRED, reason, detail, max(policy.wait_after(attempts), asked), failed=True)


def after_refusal(
    reaction: Reaction, answer: GatewayAnswer, tries: Tries, policy: RetryPolicy
) -> NextAttempt:
    """What an answer means that surely brought nothing. What may have taken effect is looked up instead."""
    detail = answer.text or None
    match reaction.action:
        case Action.RETRY:
            return after_failure(reaction.reason, detail, tries, policy, asked=answer.retry_after or 0.0)
        case Action.ONCE_MORE:
            return _once_more(reaction.reason, detail, tries, policy)
        case Action.SLOWLY:
            wait = answer.retry_after or step(SLOW_WAITS, tries.slow_rounds)
            return NextAttempt(Status.DEFERRED, reaction.reason, detail, wait, slow=True)
        case Action.BLOCK:
            return NextAttempt(Status.BLOCKED, reaction.reason, detail)
        case Action.PAUSE | Action.BACK_OFF:
            return _step_aside(reaction.reason, detail, tries)
        case Action.GIVE_BACK:
            return NextAttempt(Status.READY)
        case Action.LOOK | Action.AWAIT_APPROVAL:
            raise ValueError(f"{reaction.action}: it may have brought us in")
        case _:
            assert_never(reaction.action)


def _once_more(reason: Reason | None, detail: str | None, tries: Tries, policy: RetryPolicy) -> NextAttempt:
    """Twice the same answer in a row is a person's; attempts that failed otherwise are no such answer."""
    last = tries.attempts + 1 >= policy.attempts
    if tries.attempts and (last or tries.detail == detail):
        return NextAttempt(Status.BLOCKED, reason, detail)
    return NextAttempt(Status.DEFERRED, reason, detail, BAD_REQUEST_WAIT, failed=True)


def _step_aside(reason: Reason | None, detail: str | None, tries: Tries) -> NextAttempt:
    """Back in line. But where the session worked again each time, and this group's answer says once more that
    it does not, the others get their turn first: it waits, and loses no attempt either.
    """
    often = reason in SUSPICIONS and tries.accusations + 1 >= MOST_ACCUSATIONS
    if often or reason is Reason.NOT_SUPPORTED:
        return NextAttempt(Status.DEFERRED, reason, detail, HOUR if often else SUSPECTED_FOR)
    return NextAttempt(Status.PENDING)


def back_off_wait(in_a_row: int, asked: float | None) -> float:
    """Seconds to rest where fewer reads are wanted, met `in_a_row` times before; `asked`: its Retry-After."""
    return max(step(BACK_OFF_WAITS, in_a_row), asked or 0.0)


def limit_wait(in_a_row: int, asked: float | None) -> float:
    """Seconds to wait out the gateway's own limit, met `in_a_row` times before; `asked`: its Retry-After."""
    if asked is None:
        return step(LIMIT_WAITS, in_a_row)
    least = step(LIMIT_WAITS, in_a_row - BELIEVED) if in_a_row >= BELIEVED else 1.0
    return max(asked, least)


def step(waits: tuple[float, ...], attempt: int) -> float:
    """The wait before attempt number `attempt` + 1 (from 0); the last one repeats."""
    return waits[min(attempt, len(waits) - 1)]
