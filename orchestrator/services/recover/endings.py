"""Carrying out an ending: from a gateway's answer to a move, a pause, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from orchestrator.domain.endings import BAD_REQUEST_WAIT, HOUR, SLOW_WAITS, Act, Ending, step
from orchestrator.domain.looking import AFTER_RECEIPT, AFTER_REQUEST, AFTER_UNKNOWN, AWAITING_EVENT
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.outcomes import Outcome
from orchestrator.services.recover import brakes
from orchestrator.services.recover.retrying import backoff

if TYPE_CHECKING:
    from orchestrator.domain.outcomes import GatewayAnswer
    from orchestrator.services.recover.context import Writing
    from orchestrator.store.memberships import Membership


_RECEIPTS = frozenset({Outcome.OK, Outcome.JOINED, Outcome.ACCEPTED})

MOST_ACCUSATIONS = 3
"""So often in one run may a group's answer stop the account for a session that works after all."""


async def carry_out(writing: Writing, old: Membership, ending: Ending, answer: GatewayAnswer) -> Membership:
    """Brake the account if the ending says so, and move the membership; returns it as it stands then."""
    if ending.act is Act.PAUSE and ending.reason in brakes.SUSPICIONS:
        await brakes.suspect(writing, old.id, ending.reason, answer)
    elif ending.act is Act.PAUSE:
        await brakes.pause_account(writing, ending.reason or Reason.GATEWAY_ERROR, answer)
    elif ending.reason is Reason.GATEWAY_LIMIT:
        await brakes.wait_out_limit(writing, answer, kind=old.status.value)
    elif ending.act is Act.CALM:
        await brakes.calm_down(writing, ending.reason or Reason.GATEWAY_ERROR, answer)
    return _move(writing, old, ending, answer)


def _move(writing: Writing, old: Membership, ending: Ending, answer: GatewayAnswer) -> Membership:
    detail, reason = answer.text or None, ending.reason
    match ending.act:
        case Act.LOOK:
            new = _look(writing, old, reason, answer)
        case Act.AWAIT_APPROVAL:
            at = writing.now + AFTER_REQUEST[0]
            new = writing.move(old, Status.AWAITING_APPROVAL, reason, detail=detail, next_attempt_at=at)
        case Act.RETRY:
            new = retry(writing, old, reason, answer.text or None, asked=answer.retry_after or 0.0)
        case Act.ONCE_MORE:
            new = _once_more(writing, old, reason, detail)
        case Act.SLOWLY:
            wait, rounds = answer.retry_after or step(SLOW_WAITS, old.slow_rounds), old.slow_rounds + 1
            new = _defer(writing, old, reason, wait, detail=detail, slow_rounds=rounds)
        case Act.BLOCK:
            new = writing.move(old, Status.BLOCKED, reason, detail=detail)
        case Act.PAUSE | Act.CALM if not answer.certain:
            new = _look_first(writing, old, reason, answer)
        case Act.PAUSE | Act.CALM:
            new = _step_aside(writing, old, reason, detail)
        case Act.GIVE_BACK:
            new = writing.move(old, Status.READY)
        case _:
            assert_never(ending.act)
    return new


def _look_first(
    writing: Writing, old: Membership, reason: Reason | None, answer: GatewayAnswer
) -> Membership:
    """The account is in trouble, says an answer that leaves open whether the join took effect: found out when
    the account is well again. It costs the group no attempt if it did not.
    """
    if reason in brakes.SUSPICIONS:
        writing.context.accusers[old.id] += 1
    return writing.move(
        old,
        Status.CONFIRMING,
        reason,
        detail=answer.text or None,
        next_attempt_at=writing.now + AFTER_UNKNOWN[0],
        unknowns=old.unknowns + 1,
    )


def given_back(writing: Writing, old: Membership, reason: Reason | None, **changes: Any) -> Membership:
    """A join that was refused for the account's sake, and did not bring us in: in line again, at no cost."""
    often = writing.context.accusers[old.id] >= MOST_ACCUSATIONS
    return _defer(writing, old, reason, HOUR if often else 0.0, **changes)


def _step_aside(writing: Writing, old: Membership, reason: Reason | None, detail: str | None) -> Membership:
    """Back in line. But where the session worked again each time, and this group's answer says once more that
    it does not, the others get their turn first: it waits, and loses no attempt either.
    """
    if reason in brakes.SUSPICIONS:
        writing.context.accusers[old.id] += 1
        often = writing.context.accusers[old.id] >= MOST_ACCUSATIONS
        if often or reason is Reason.NOT_SUPPORTED:
            at = writing.now + (HOUR if often else brakes.SUSPECTED_FOR)
            return writing.move(old, Status.DEFERRED, reason, detail=detail, next_attempt_at=at)
    return writing.move(old, Status.PENDING)


def _look(writing: Writing, old: Membership, reason: Reason | None, answer: GatewayAnswer) -> Membership:
    unknown = reason is Reason.OUTCOME_UNKNOWN
    said = None if answer.outcome in _RECEIPTS else answer.text
    waits = AFTER_UNKNOWN if unknown else AFTER_RECEIPT
    event_first = writing.context.settings.events_expected and not unknown
    return writing.move(
        old,
        Status.CONFIRMING,
        reason,
        detail=said or None,
        next_attempt_at=writing.now + (AWAITING_EVENT if event_first else waits[0]),
        unknowns=old.unknowns + (1 if unknown else 0),
    )


def retry(
    writing: Writing,
    old: Membership,
    reason: Reason | None,
    detail: str | None,
    *,
    asked: float = 0.0,
    **changes: Any,
) -> Membership:
    """An attempt that failed: again after a growing wait of at least `asked` seconds; at last a person's."""
    settings = writing.context.settings.retry
    attempts = old.attempts + 1
    changes |= {"detail": detail, "attempts": attempts}
    if attempts >= settings.attempts:
        return writing.move(old, Status.BLOCKED, Reason.ATTEMPTS_EXHAUSTED, **changes)
    return _defer(writing, old, reason, max(backoff(settings, attempts), asked), **changes)


def _once_more(writing: Writing, old: Membership, reason: Reason | None, detail: str | None) -> Membership:
    """Twice the same answer in a row is a person's; attempts that failed otherwise are no such answer."""
    last = old.attempts + 1 >= writing.context.settings.retry.attempts
    if old.attempts and (last or old.detail == detail):
        return writing.move(old, Status.BLOCKED, reason, detail=detail)
    return _defer(writing, old, reason, BAD_REQUEST_WAIT, detail=detail, attempts=old.attempts + 1)


def _defer(
    writing: Writing, old: Membership, reason: Reason | None, wait: float, **changes: Any
) -> Membership:
    return writing.move(old, Status.DEFERRED, reason, next_attempt_at=writing.now + wait, **changes)
