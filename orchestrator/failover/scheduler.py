"""The daemon's part that keeps the schedule.

An instant that is due is carried out once: its claim and its effect are one transaction. The first time an
expression is seen nothing is made up. After a downtime the latest missed instant is, if it is less than a day
old, and those before it are not. A clock that is set back repeats nothing within a day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from orchestrator.store import daemons

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.status.schedule_view import Entry
    from orchestrator.store.daemons import ScheduleEntry
    from orchestrator.store.engine import AsyncConnection, Database

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
        async with self._database.write() as connection:
            now = await self._database.now(connection)
            if not await daemons.claim_entry(connection, kept, due=due, now=now):
                return
            await daemons.set_entry_result(
                connection, kept.name, await self._kinds[kept.name](connection, now)
            )
        self._ran()
