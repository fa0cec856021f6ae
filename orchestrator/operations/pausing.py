"""Pausing and resuming an instance by hand."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.account.pauses import CAUSED_BY_WHATSAPP
from orchestrator.domain.answer_reactions import CURED_BY_A_WORKING_SESSION
from orchestrator.domain.errors import UsageError
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import Reason
from orchestrator.domain.pacing import HALF_PACE_AFTER_OUTAGE, HALF_PACE_FOR
from orchestrator.operations.acting import acting, said
from orchestrator.store.engine import Database
from orchestrator.store.unit_of_work import UnitOfWork

_COMES_BACK = frozenset(reason.value for reason in CURED_BY_A_WORKING_SESSION)


@dataclass(frozen=True, slots=True)
class Pause:
    """One pause: why, who, from when until when (None: until a person resumes)."""

    reason: str
    text: str | None
    by: str | None
    since: float | None
    until: float | None

    @property
    def slows(self) -> bool:
        """Whether half pace follows it. A session that one group only suspects was not gone."""
        suspected = self.reason == Reason.INSTANCE_UNAVAILABLE.value and self.until is not None
        return self.reason in CAUSED_BY_WHATSAPP and not suspected


@dataclass(frozen=True, slots=True)
class Paused:
    """What `pause` did. `pause` is the one in force now, `before` the one it found."""

    instance: str
    changed: bool
    pause: Pause
    before: Pause | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """What `resume` did. `before` is the pause that it lifted; half pace lasts until `slow_until`."""

    instance: str
    changed: bool
    before: Pause | None
    slow_until: float | None
    sentence: str


async def pause(
    database: Database,
    instance_name: str,
    *,
    actor: str,
    because: str | None = None,
    until: float | None = None,
) -> Paused:
    """Send no more joins from now on, until then or until a person resumes. A join on its way ends first.

    A person's pause outranks an automatic one, but never ends before it: a longer automatic pause stays, and
    what it found is not forgotten. Raises NotFoundError and UsageError.
    """
    text = said(because)
    async with acting(database, instance_name, actor) as unit:
        if until is not None and until <= unit.now:
            raise UsageError("the pause would be over already", hint="give a time that is still to come")
        before = _in_force(unit.instance, unit.now)
        wanted = Pause(Reason.OPERATOR.value, text, actor, unit.now, until)
        if before is not None and _is_the_same(before, wanted):
            return Paused(instance_name, False, before, before, f"{instance_name} is paused already")
        if before is not None and _outlasts(before, until):
            unit.note("act.pause", because=text, until=until, kept=before.reason)
            sentence = f"{instance_name} stays paused for longer than that: {before.reason}"
            return Paused(instance_name, False, before, before, sentence)
        await _set(unit, wanted, before)
        unit.note("act.pause", because=text, until=until, instead_of=before.reason if before else None)
        return Paused(instance_name, True, wanted, before, f"{instance_name} is paused")


async def resume(database: Database, instance_name: str, *, actor: str) -> Resumed:
    """Lift whatever pause there is. After one that WhatsApp caused, half pace follows.

    Raises NotFoundError.
    """
    async with acting(database, instance_name, actor) as unit:
        before = _in_force(unit.instance, unit.now)
        if unit.instance.pause_reason is None:
            return Resumed(instance_name, False, None, _slow(unit), f"{instance_name} is not paused")
        slow_until = _slow(unit)
        if before is not None and before.slows:
            slow_until = max(slow_until or 0.0, unit.now + HALF_PACE_AFTER_OUTAGE)
        await unit.lift_pause(slow_until=slow_until)
        unit.note("act.resume", lifted=unit.instance.pause_reason, slow_until=slow_until)
        sentence = f"{instance_name} goes on" if before else f"the pause of {instance_name} was over"
        return Resumed(instance_name, before is not None, before, slow_until, sentence)


def _in_force(instance: InstanceRecord, now: float) -> Pause | None:
    if instance.pause_reason is None or not instance.paused(now):
        return None
    return Pause(
        instance.pause_reason,
        instance.pause_text,
        instance.pause_by,
        instance.paused_at,
        instance.paused_until,
    )


def _is_the_same(before: Pause, wanted: Pause) -> bool:
    by_person = before.reason == wanted.reason
    return by_person and before.until == wanted.until and wanted.text in (None, before.text)


def _outlasts(before: Pause, until: float | None) -> bool:
    """Whether the pause in force must stay. A person's own is changed as the person likes; one that a working
    session lifts by itself may end sooner than the person's, and comes back if its cause is still there.
    """
    if before.reason == Reason.OPERATOR.value or until is None:
        return False
    if before.until is None:
        return before.reason not in _COMES_BACK
    return before.until >= until


async def _set(unit: UnitOfWork, wanted: Pause, before: Pause | None) -> None:
    slow_until = None
    if before is not None and before.slows:  # its half pace outlives it
        slow_until = (
            unit.now + HALF_PACE_FOR if wanted.until is None else wanted.until + HALF_PACE_AFTER_OUTAGE
        )
    await unit.pause(Reason.OPERATOR, wanted.text, until=wanted.until, slow_until=slow_until)


def _slow(unit: UnitOfWork) -> float | None:
    slow_until = unit.instance.slow_until
    return slow_until if slow_until is not None and slow_until > unit.now else None
