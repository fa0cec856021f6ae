"""Pauses: trouble with the account stops the account, not the groups."""

from __future__ import annotations

from orchestrator.account.context import Context, Writing
from orchestrator.domain.answer_reactions import (
    CURED_BY_A_WORKING_SESSION,
    RESTRICTED_PAUSE,
    SUSPECTED_FOR,
    back_off_wait,
    is_believed,
    limit_wait,
    step,
)
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import Reason
from orchestrator.domain.outcomes import GatewayAnswer
from orchestrator.domain.pacing import HALF_PACE_AFTER_OUTAGE, HALF_PACE_FOR
from orchestrator.store.unit_of_work import UnitOfWork

CAUSED_BY_WHATSAPP = frozenset({Reason.RATE_LIMITED, Reason.RESTRICTED, Reason.INSTANCE_UNAVAILABLE})
"""Half pace follows these pauses. A gateway's own limit, or a token that was mistyped, costs no pace."""
_SHORT = frozenset({Reason.GATEWAY_LIMIT, Reason.GATEWAY_ERROR})  # never in the place of a longer pause
STRIKES_FORGOTTEN_AFTER = 3 * 24 * 3600.0  # seconds without trouble


async def pause_account(writing: Writing, reason: Reason, answer: GatewayAnswer) -> None:
    """Stop the instance at once. No new slot exists after this commit; it resumes at half pace."""
    if reason in (Reason.RATE_LIMITED, Reason.RESTRICTED):
        await _pause_for_a_while(writing, reason, answer)
    else:
        await _set_pause(writing, reason, answer.text, until=None)


async def suspect(writing: Writing, membership_id: int, reason: Reason, answer: GatewayAnswer) -> None:
    """One group's answer says that the account is in trouble: it rests until the session has been asked.

    The session's word makes it a pause that lasts, or lifts it at no cost.
    """
    accused_by = writing.context.accused_by
    accused_by[membership_id] += 1
    until = None if is_believed(reason, accused_by) else writing.now + SUSPECTED_FOR
    await _set_pause(writing, reason, answer.text, until=until)
    writing.to_wake.add("monitor")


def is_suspicion(instance: InstanceRecord, now: float) -> bool:
    """Whether the pause is only until the session has been asked."""
    cured = {reason.value for reason in CURED_BY_A_WORKING_SESSION}
    return instance.paused(now) and instance.paused_until is not None and instance.pause_reason in cured


async def _pause_for_a_while(writing: Writing, reason: Reason, answer: GatewayAnswer) -> None:
    strikes = _strikes(writing.instance, writing.now)
    if writing.instance.paused(writing.now) and writing.instance.pause_reason == reason.value:
        strikes = max(0, strikes - 1)  # a join that was under way met the same limit
    planned = step(writing.context.settings.retry.pauses, strikes)
    if reason is Reason.RESTRICTED:
        planned = max(planned, RESTRICTED_PAUSE)
    if answer.retry_after is not None:
        planned = answer.retry_after if reason is Reason.RESTRICTED else max(planned, answer.retry_after)
    until = writing.now + planned
    await _set_pause(writing, reason, answer.text, until=until)
    await writing.set_instance(strikes=strikes + 1, slow_until=until + HALF_PACE_FOR)


def _strikes(instance: InstanceRecord, now: float) -> int:
    if instance.paused_at is None or now - instance.paused_at > STRIKES_FORGOTTEN_AFTER:
        return 0
    return instance.strikes


async def back_off(writing: Writing, reason: Reason, answer: GatewayAnswer) -> None:
    """A short pause because the gateway wants fewer calls, or does not answer at all. No strike."""
    context = writing.context
    wait = back_off_wait(context.back_offs, answer.retry_after)
    context.back_offs += 1
    await _set_pause(writing, reason, answer.text, until=writing.now + wait)


async def wait_out_limit(writing: Writing, answer: GatewayAnswer, *, kind: str) -> None:
    """The gateway's own limit: as long as it says. It speaks of the gateway alone: no strike, no half pace.

    `kind` of call: one that succeeds says nothing of the limit of another.
    """
    limits = writing.context.limits
    wait = limit_wait(limits[kind], answer.retry_after)
    limits[kind] += 1
    await _set_pause(writing, Reason.GATEWAY_LIMIT, answer.text, until=writing.now + wait)


async def restrict(writing: Writing, until: float) -> None:
    """The session tells until when the account is restricted: exactly so long, and no strike for it."""
    instance = writing.instance
    if instance.paused(writing.now) and instance.pause_reason == Reason.RESTRICTED.value:
        if instance.paused_until == until:
            return
        await _write_pause(writing, Reason.RESTRICTED, instance.pause_text or "", until=until)
    else:
        await _set_pause(writing, Reason.RESTRICTED, "", until=until)
    await writing.set_instance(slow_until=until + HALF_PACE_FOR)


async def _set_pause(writing: Writing, reason: Reason, text: str, *, until: float | None) -> None:
    if not _held_longer(writing.instance, reason, until, writing.now):
        await _write_pause(writing, reason, text, until=until)


async def _write_pause(writing: Writing, reason: Reason, text: str, *, until: float | None) -> None:
    await writing.pause(reason, text or None, until=until)
    writing.note("instance.paused", reason=reason.value, until=until, text=text or None)


def _held_longer(instance: InstanceRecord, reason: Reason, until: float | None, now: float) -> bool:
    """A pause never shortens one that is under way, least of all a person's."""
    if not instance.paused(now):
        return False
    if reason in _SHORT:
        return instance.paused_until is None or (until or 0.0) <= instance.paused_until
    cured = {trouble.value for trouble in CURED_BY_A_WORKING_SESSION}
    if (reason in CURED_BY_A_WORKING_SESSION) != (instance.pause_reason in cured):
        return reason in CURED_BY_A_WORKING_SESSION  # the session's return must not lift the other pause
    if instance.paused_until is None:
        return True
    return until is not None and until <= instance.paused_until


async def lift(unit: UnitOfWork, *, why: str, slow_for: float = 0.0) -> None:
    """Lift the pause. `slow_for` seconds follow at half pace."""
    await unit.lift_pause(slow_until=unit.now + slow_for if slow_for else None)
    unit.note("instance.resumed", why=why, half_pace_for_s=slow_for or None)


async def lift_if_cured(unit: UnitOfWork) -> bool:
    """The session works: lift the pause that its absence caused, if there is one.

    Half pace follows if the session itself was gone: not after a token that was wrong, or a mere suspicion.
    """
    instance = unit.instance
    cured = {reason.value for reason in CURED_BY_A_WORKING_SESSION}
    if not instance.paused(unit.now) or instance.pause_reason not in cured:
        return False
    suspected = is_suspicion(instance, unit.now)
    was_gone = instance.pause_reason == Reason.INSTANCE_UNAVAILABLE.value and not suspected
    why = "the session works" if suspected else "the session works again"
    await lift(unit, why=why, slow_for=HALF_PACE_AFTER_OUTAGE if was_gone else 0.0)
    return True


async def resume_if_over(context: Context) -> None:
    """Clear a pause whose time has passed; what it left behind (half pace) stays."""
    async with context.writing() as writing:
        if writing.instance.pause_reason is not None and not writing.instance.paused(writing.now):
            await lift(writing, why="the pause is over")
            writing.to_wake |= set(context.wake_events)
            return
    context.agenda.doubt()  # it seemed to be over: the database's clock went back, say
