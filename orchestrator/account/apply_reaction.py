"""From a gateway's answer to a move, a pause, or both; and what is written down of an arrival."""

from __future__ import annotations

from typing import Any

from orchestrator.account import pauses
from orchestrator.account.context import Writing
from orchestrator.domain.answer_reactions import (
    HOUR,
    MOST_ACCUSATIONS,
    SUSPICIONS,
    Action,
    NextAttempt,
    Reaction,
    Tries,
    after_failure,
    after_refusal,
)
from orchestrator.domain.memberships import Greeting, MembershipEvidence, Reason, Status
from orchestrator.domain.outcomes import GatewayAnswer, Outcome
from orchestrator.domain.sightings import AFTER_RECEIPT, AFTER_REQUEST, AFTER_UNKNOWN, AWAITING_EVENT
from orchestrator.store.memberships import Membership

_RECEIPTS = frozenset({Outcome.OK, Outcome.JOINED, Outcome.ACCEPTED})


async def apply_reaction(
    writing: Writing, old: Membership, reaction: Reaction, answer: GatewayAnswer
) -> Membership:
    """Move a membership as its join was answered, and pause the account; returns it as it is then."""
    new = _move(writing, old, reaction, answer)
    if reaction.action in (Action.PAUSE, Action.BACK_OFF):
        await stop_account(writing, old, reaction, answer)
    return new


async def stop_account(writing: Writing, old: Membership, reaction: Reaction, answer: GatewayAnswer) -> None:
    """Pause the account. `old`: whose answer demands it, as it stood when it was asked."""
    reason = reaction.reason or Reason.GATEWAY_ERROR
    if reaction.action is Action.PAUSE and reason in SUSPICIONS:
        writing.context.accusers[old.id] += 1
        await pauses.suspect(writing, old.id, reason, answer)
    elif reaction.action is Action.PAUSE:
        await pauses.pause_account(writing, reason, answer)
    elif reason is Reason.GATEWAY_LIMIT:
        await pauses.wait_out_limit(writing, answer, kind=old.status.value)
    else:
        await pauses.back_off(writing, reason, answer)


def tries_of(writing: Writing, old: Membership) -> Tries:
    return Tries(old.attempts, old.slow_rounds, old.detail, writing.context.accusers[old.id])


def _move(writing: Writing, old: Membership, reaction: Reaction, answer: GatewayAnswer) -> Membership:
    if reaction.action is Action.LOOK:
        return _look(writing, old, reaction.reason, answer)
    if reaction.action is Action.AWAIT_APPROVAL:
        at, detail = writing.now + AFTER_REQUEST[0], answer.text or None
        return writing.move(old, Status.AWAITING_APPROVAL, reaction.reason, detail=detail, next_attempt_at=at)
    if reaction.action in (Action.PAUSE, Action.BACK_OFF) and not answer.certain:
        return _look_first(writing, old, reaction.reason, answer)
    tries = tries_of(writing, old)
    then = after_refusal(reaction, answer, tries, writing.context.settings.retry)
    return _follow(writing, old, then, tries)


def _follow(writing: Writing, old: Membership, then: NextAttempt, tries: Tries, **changes: Any) -> Membership:
    at = None if then.wait is None else writing.now + then.wait
    changes = {"detail": then.detail, "next_attempt_at": at, **then.counts(tries)} | changes
    return writing.move(old, then.status, then.reason, **changes)


def _look_first(
    writing: Writing, old: Membership, reason: Reason | None, answer: GatewayAnswer
) -> Membership:
    """The account is in trouble, says an answer that leaves open whether the join took effect: found out when
    the account is well again. It costs the group no attempt if it did not.
    """
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
    wait = HOUR if often else 0.0
    return writing.move(old, Status.DEFERRED, reason, next_attempt_at=writing.now + wait, **changes)


def retry(
    writing: Writing, old: Membership, reason: Reason | None, detail: str | None, **changes: Any
) -> Membership:
    """An attempt that failed: again after a growing wait; at last a person's."""
    tries = tries_of(writing, old)
    then = after_failure(reason, detail, tries, writing.context.settings.retry)
    return _follow(writing, old, then, tries, **changes)


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
