"""The one writer of what a gateway says of an account's session: its state, and which number it is.

Whoever asked (a recovery, the watcher, a comparison), and where the gateway told it by an event, the reading
is recorded by `record_answer`, in one transaction behind the instance's row lock. What it says of the number
is compared with what was known, at every reading.

Rule: who is one number with whom is decided only with every instance's row locked. So of two that learn it
at one moment, one sees what the other wrote, and no slot is given to both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from orchestrator.account import pauses
from orchestrator.account import same_number as numbers
from orchestrator.account.context import Context, Writing
from orchestrator.domain import identity
from orchestrator.domain.identity import OwnIds, Told
from orchestrator.domain.instances import InstanceRecord, session_change
from orchestrator.domain.loss_evidence import by_state
from orchestrator.domain.loss_judgement import Case, NoSuspicion, notice_state
from orchestrator.domain.outcomes import GatewayAnswer, InstanceState, Outcome, SessionAnswer
from orchestrator.store import instances, journal, losses
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Seen:
    """What a reading left behind. `record`: the row as it stands now."""

    record: InstanceRecord
    told: Told = Told.NOTHING
    namesakes: frozenset[int] = frozenset()  # ids of other instances that were last seen to be this number
    rival: str | None = None  # how it is like the earlier one, for which it stands still


@dataclass(frozen=True, slots=True)
class Reader:
    """Who read. `fence`: of the driver that reads for itself, else None. `own`: who it was until now.

    `begins`: a person's run that has just begun. It may go on as another number: that was asked for.
    """

    actor: str
    now: float
    fence: int | None = None
    own: OwnIds = identity.NOBODY
    begins: bool = False


def told_by(answer: SessionAnswer) -> OwnIds:
    return OwnIds(answer.phone, answer.lid)


def works(answer: SessionAnswer) -> bool:
    return answer.answer.outcome is Outcome.OK and answer.state is InstanceState.WORKING


def overtaken(record: InstanceRecord, at: float, now: float) -> bool:
    """Whether something newer than a reading of `at` was recorded while it was on its way."""
    return at < (record.state_checked_at or 0.0) <= now


def says_the_same(record: InstanceRecord, answer: SessionAnswer) -> bool:
    """Whether nothing but the time of the reading is to be recorded."""
    return (
        answer.answer.outcome is Outcome.OK
        and answer.state is not InstanceState.UNKNOWN
        and (answer.state.value, answer.word or None) == (record.state, record.state_word)
        and answer.name in (None, record.session_name)
        and not concerns_others(record, answer)
    )


def concerns_others(record: InstanceRecord, answer: SessionAnswer, fence: int | None = None) -> bool:
    """Whether the rows of all instances must be locked for this reading: it says something new of the number,
    a driver says for the first time who it is, or the instance stands still for being another's number.
    """
    told = told_by(answer)
    if identity.compare(record.own, told) is Told.NOTHING:
        return False
    unidentified = fence is not None and record.identified_fence != fence
    return identity.after(record.own, told) != record.own or unidentified or numbers.is_held(record)


@asynccontextmanager
async def recorded(context: Context, answer: SessionAnswer) -> AsyncIterator[tuple[Writing, Seen]]:
    """Record a reading in the name of a context; the caller's own writes go into the same transaction."""
    async with context.database.read() as connection:
        record, _now = await context.observe(connection)
    everyone = concerns_others(record, answer, context.fence)
    async with context.writing(everyone=everyone) as writing:
        reader = Reader(
            context.actor,
            writing.now,
            fence=context.fence,
            own=identity.NOBODY if context.fence is None else context.own,
            begins=context.begins,
        )
        seen = await record_answer(
            writing.connection, writing.instance, answer, reader, writing.everyone or None
        )
        writing.instance, writing.instance_changed = seen.record, True
        yield writing, seen


async def record_answer(
    connection: AsyncConnection,
    record: InstanceRecord,
    answer: SessionAnswer,
    reader: Reader,
    everyone: Mapping[int, InstanceRecord] | None,
    *,
    at: float | None = None,
) -> Seen:
    """In the caller's transaction; `record` is locked. Without `everyone` (all rows, locked too) what it says
    that is new of the number is left to the next reading. `at`: when it was so, where that was not just now.
    """
    if answer.answer.outcome is not Outcome.OK and answer.state is InstanceState.UNKNOWN:
        return Seen(record)
    await _record_state(connection, record, answer, reader, reader.now if at is None else at)
    told = told_by(answer)
    verdict = identity.compare(record.own, told)
    if everyone is None:
        silent = verdict is Told.NOTHING and works(answer)
        if silent and reader.fence is not None and record.identified_fence != reader.fence:
            unit = UnitOfWork(connection, record, reader.now, reader.actor, None)
            await numbers.hold_unknown(unit)
            await unit.flush()
        return Seen(await instances.lock(connection, record.id), verdict)
    if verdict is not Told.NOTHING:
        await _record_number(connection, record, told, reader, identified=works(answer))
    rows = await instances.lock_all(connection)
    namesakes, rival = await numbers.settle(connection, rows, record.id, reader.actor, reader.now)
    return Seen(await instances.lock(connection, record.id), verdict, namesakes, rival)


async def _record_state(
    connection: AsyncConnection, record: InstanceRecord, answer: SessionAnswer, reader: Reader, at: float
) -> None:
    """Journalled only when it is another one."""
    changed, line = session_change(record, answer.state.value, answer.word, reader.now)
    changed["state_checked_at"] = at
    if answer.name is not None:
        changed["session_name"] = answer.name
    if line is not None:
        known = {key: value for key, value in line.items() if value is not None}
        entry = journal.Entry("session", reader.actor, known, instance_id=record.id)
        await journal.append(connection, reader.now, [entry])
    await instances.set_values(connection, record.id, **changed)


async def _record_number(
    connection: AsyncConnection, record: InstanceRecord, told: OwnIds, reader: Reader, *, identified: bool
) -> None:
    own = identity.after(record.own, told)
    values: dict[str, Any] = {"own_phone": own.phone, "own_lid": own.lid}
    if identity.compare(record.own, told) is Told.ANOTHER:
        values |= {"identity_changed_at": reader.now, "known_since": reader.now, "identified_fence": None}
        await numbers.part_from_old(connection, record, own, reader.actor, reader.now, begins=reader.begins)
    still_the_same = identity.compare(reader.own, told) is not Told.ANOTHER
    if reader.fence is not None and identified and still_the_same:
        values["identified_fence"] = reader.fence
    await instances.set_values(connection, record.id, **values)


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
