"""Bringing readings to disk: the instance's state as the gateway has it, and the case it may belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.account import pauses
from orchestrator.account.session_state import Reader, overtaken, record_answer, works
from orchestrator.domain.loss_evidence import by_state
from orchestrator.domain.loss_judgement import NoSuspicion, notice_state
from orchestrator.domain.outcomes import GatewayAnswer, InstanceState, Outcome, SessionAnswer
from orchestrator.store import journal, losses
from orchestrator.store.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from orchestrator.domain.instances import InstanceRecord
    from orchestrator.domain.loss_judgement import Case
    from orchestrator.store.engine import AsyncConnection


@dataclass(frozen=True, slots=True)
class Heard:
    """A session's state as the gateway told it by itself. `at` is the event's own time."""

    at: float
    state: InstanceState
    word: str


@dataclass(frozen=True, slots=True)
class Desk:
    """The transaction in which something is written down, and for whom."""

    connection: AsyncConnection
    now: float
    actor: str

    async def note(self, kind: str, instance_id: int | None, **data: Any) -> None:
        """One journal line; values that are None are left out."""
        known = {key: value for key, value in data.items() if value is not None}
        recovery_id = known.pop("recovery_id", None)
        entry = journal.Entry(kind, self.actor, known, instance_id=instance_id, recovery_id=recovery_id)
        await journal.append(self.connection, self.now, [entry])


async def session_event(
    connection: AsyncConnection, instance: InstanceRecord, heard: Heard, *, now: float, actor: str
) -> bool:
    """Take in a `session.status` event, in the caller's transaction, behind the instance's row lock.

    False for one that is older than what is known of the session, or that says nothing: nothing changed.
    """
    at, desk = min(heard.at, now), Desk(connection, now, actor)
    if heard.state is InstanceState.UNKNOWN or overtaken(instance, at, now):
        return False
    said = SessionAnswer(GatewayAnswer(Outcome.OK), heard.state, heard.word)
    await record_answer(connection, instance, said, Reader(actor, now), None, at=at)
    reading = by_state(heard.state, heard.word, at)
    loss = await losses.open_one(connection, instance.id)
    if loss is not None:
        await losses.keep_evidence(connection, loss.id, loss.case.with_reading(reading).evidence)
        return True
    _no_suspicion, opened = notice_state(NoSuspicion(), reading)
    if opened is not None:
        await open_case(desk, instance.id, opened)
    return True


async def lift_pause_if_cured(desk: Desk, instance: InstanceRecord, answer: SessionAnswer) -> None:
    """A working session ends the pauses that its absence caused; where a loop drives, that is the loop's."""
    if works(answer) and not (instance.lease_until or 0.0) > desk.now:
        unit = UnitOfWork(desk.connection, instance, desk.now, desk.actor)
        if await pauses.lift_if_cured(unit):
            await unit.flush()


async def open_case(desk: Desk, instance_id: int, case: Case) -> int:
    """Write the suspicion down; returns its id. The instance's row must be locked."""
    last = case.evidence[-1]
    await desk.note("instance.suspected", instance_id, by=last.kind.value, says=last.says, text=last.text)
    return await losses.suspect(desk.connection, instance_id, case)
