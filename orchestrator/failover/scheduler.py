"""The daemon's part that keeps the schedule.

An instant that is due is carried out once: its claim and its effect are one transaction. The first time an
expression is seen nothing is made up. After a downtime the latest missed instant is, if it is less than a day
old, and those before it are not. A clock that is set back repeats nothing within a day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator.account.monitor import GONE_STATES
from orchestrator.account.requests import command
from orchestrator.domain.answer_reactions import CURED_BY_A_WORKING_SESSION
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.hints import account_hint
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import known_reason
from orchestrator.domain.outcomes import InstanceState
from orchestrator.status.schedule_view import Entry
from orchestrator.store import daemons, instances, journal, losses, orders, progress, recoveries
from orchestrator.store.daemons import ScheduleEntry
from orchestrator.store.engine import AsyncConnection, Database
from orchestrator.store.progress import ScopeProgress
from orchestrator.store.recoveries import Recovery, Scope
from orchestrator.store.unit_of_work import UnitOfWork

DAY = 86400.0
LONGEST_WAIT = 300.0
"""Seconds: so soon a change of the database's clock is noticed."""
NEVER = 3600.0


class Work(Protocol):
    """One kind of work, done inside the claim's transaction; returns what became of it, as one sentence."""

    async def __call__(self, connection: AsyncConnection, now: float) -> str:
        """`now` is the database's clock."""


class Scheduler:
    """A `Part`. `kinds` has the work for the name of each entry; `ran` is called after each that was done."""

    name = "schedule"

    def __init__(
        self,
        database: Database,
        entries: Sequence[Entry],
        kinds: Mapping[str, Work],
        *,
        ran: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._entries = tuple(entries)
        self._kinds = kinds
        self._ran = ran
        self._tidied = False

    async def step(self) -> float:
        """Seconds until the next instant, or until the clock is looked at again."""
        if not self._tidied:
            await self._tidy()
        if not self._entries:
            return NEVER
        async with self._database.read() as connection:
            rows, now = await daemons.schedule_entries(connection), await self._database.now(connection)
        waits = [await self._attend(entry, rows.get(entry.name), now) for entry in self._entries]
        return min(*waits, LONGEST_WAIT)

    async def _tidy(self) -> None:
        async with self._database.write() as connection:
            await daemons.forget_other_entries(connection, [entry.name for entry in self._entries])
        self._tidied = True

    async def _attend(self, entry: Entry, kept: ScheduleEntry | None, now: float) -> float:
        last = None if kept is None or kept.expression != str(entry.times) else kept.last_due_at
        if kept is None or last is None or last > now + DAY:  # so far ahead only after a clock's fault
            await self._begin(entry)
            last = now
        else:
            due = entry.times.latest(max(last, now - DAY), now)
            if due is not None:
                await self._carry_out(kept, due)
        coming = entry.times.next(max(now, last))
        return NEVER if coming is None else coming - now

    async def _begin(self, entry: Entry) -> None:
        async with self._database.write() as connection:
            now = await self._database.now(connection)
            await daemons.begin_entry(connection, entry.name, str(entry.times), now)

    async def _carry_out(self, kept: ScheduleEntry, due: float) -> None:
        async with self._database.write(many=True) as connection:
            now = await self._database.now(connection)
            if not await daemons.claim_entry(connection, kept, due=due, now=now):
                return
            await daemons.set_entry_result(
                connection, kept.name, await self._kinds[kept.name](connection, now)
            )
        self._ran()


@dataclass(frozen=True, slots=True)
class Recover:
    """`backups`: names in the configured order. `actor`: who the journal names."""

    backups: Sequence[str]
    actor: str

    async def __call__(self, connection: AsyncConnection, now: float) -> str:
        """In the caller's transaction; returns what became of it, as one sentence."""
        result = await self._run(connection, now)
        entry = journal.Entry("schedule.recover", self.actor, {"result": result})
        await journal.append(connection, now, [entry])
        return result

    async def _run(self, connection: AsyncConnection, now: float) -> str:
        latest = await recoveries.get_or_latest(connection)
        known = {record.name: record for record in await instances.all_records(connection)}
        wanted = self.backups
        if latest is not None and latest.to_name in self.backups:  # another one is a person's decision
            wanted = [latest.to_name]
        refusals: list[str] = []
        for name in wanted:
            if name not in known:
                refusals.append(f"{name} was never seen by this database")
                continue
            instance = await instances.lock(connection, known[name].id)
            refusal = await _unfit(connection, instance, now)
            if refusal is None:
                return await self._onto(connection, instance, now)
            refusals.append(refusal)
        return f"skipped: {'; '.join(refusals) or 'no backup is configured'}"

    async def _onto(self, connection: AsyncConnection, instance: InstanceRecord, now: float) -> str:
        before = await recoveries.open_one(connection, instance.id)
        if before is not None:
            return await _not_ended(connection, instance, before, now)
        part = await _part(connection, instance)
        missing = await progress.standing(connection, instance.id, part.scope, part.only)
        if not missing.open:
            return f"nothing to do on {instance.name}: {_said(missing)}{part.left_out}"
        order = orders.Order(instance.id, part.scope, self.actor, only=part.only, follows_id=part.follows_id)
        made = await orders.place(connection, order, now)
        unit = UnitOfWork(connection, instance, now, self.actor, made)
        unit.note("recovery.started", by="schedule")
        await unit.flush()
        number = f"{missing.open} of {missing.groups} groups"
        return f"began recovery {made} onto {instance.name} for {number}{part.left_out}"


async def _unfit(connection: AsyncConnection, instance: InstanceRecord, now: float) -> str | None:
    """Why nothing can be recovered onto it now. An account that merely reconnects is waited for later."""
    cured = instance.state == InstanceState.WORKING and instance.pause_reason in CURED_BY_A_WORKING_SESSION
    if instance.paused(now) and not cured:
        hint = account_hint(known_reason(instance.pause_reason), instance.paused_until, instance.name)
        return f"{instance.name} is paused ({hint.sentence})"
    if instance.state in GONE_STATES:
        return f"{instance.name} is logged out"
    if await losses.open_one(connection, instance.id) is not None:
        return f"{instance.name} seems to be lost"
    return None


async def _not_ended(
    connection: AsyncConnection, instance: InstanceRecord, before: Recovery, now: float
) -> str:
    """One that nobody drives is not taken over: whoever limited or interrupted it may have meant to."""
    said = f"skipped: recovery {before.id} onto {instance.name} has not ended"
    driven = instance.lease_until is not None and instance.lease_until > now
    if driven or any(one.id == before.id for one in await recoveries.waiting(connection)):
        return said
    return (
        f"{said}, and nobody drives it: `{command(before, instance.name)}` goes on with it, "
        f"`{Command(Operation.STOP, recovery=before.id)}` ends it"
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """What the schedule may bring back. `only`: no other groups; `held`: left to a person."""

    scope: Scope
    only: list[int] | None = None
    held: int = 0
    follows_id: int | None = None

    @property
    def left_out(self) -> str:
        return f"; {self.held} left to a person: a backup before it is or may be in them" if self.held else ""


async def _part(connection: AsyncConnection, instance: InstanceRecord) -> _Part:
    """What the latest recovery was about, less what others before it hold; all groups before the first."""
    found = await recoveries.get_or_latest(connection)
    if found is None:
        return _Part(Scope())
    links = await losses.chain(connection, found.id)
    if links.instances == {instance.id} and not links.begun_fixed:
        return _Part(links.scope)
    free, held = await losses.free_for(connection, instance.id, links)
    follows_id = None if found.to_instance_id == instance.id else found.id
    return _Part(links.scope, free, held, follows_id)


def _said(missing: ScopeProgress) -> str:
    if not missing.groups:
        return "no groups are stored"
    parts = [f"{missing.active} of {missing.groups} groups are active"]
    if missing.needs_person:
        parts.append(f"{missing.needs_person} wait for a person")
    return ", ".join(parts)
