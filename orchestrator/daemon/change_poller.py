"""Polls for what others wrote: one small query a second, so that nothing else has to ask often."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.clock import Clock
from orchestrator.store import instances, journal
from orchestrator.store.engine import AsyncConnection, Database

EVERY = 0.75  # seconds: what a person orders is seen within a second
REAL_EVERY = 0.1  # in accelerated time no more often than ten times in a real second
ACTS = ("act.%", "recovery.started", "instance.lost", "instance.suspected")
"""Journal lines of what somebody else did or decided, which everybody must look at."""


class ChangePoller:
    """Wakes the parts that have work. An act concerns all of them, a raised revision one account's worker."""

    name = "looking for changes"

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        on_act: Callable[[], None],
        on_revision: Callable[[int, int], None],
        on_event: Callable[[], None],
        on_message: Callable[[], None],
    ) -> None:
        self._database = database
        self._on_act, self._on_revision = on_act, on_revision
        self._on_event, self._on_message = on_event, on_message
        self._every = max(EVERY, REAL_EVERY / clock.real(1.0))
        self._line: int | None = None
        self._version: int | None = None  # of the database when it was looked at

    async def step(self) -> float:
        """Look once, if anybody has written at all since the last look."""
        version = self._database.version()
        if version is None or version != self._version:
            await self._look()
            self._version = version
        return self._every

    async def _look(self) -> None:
        async with self._database.read() as connection:
            last, new_events, new_messages = await journal.changes(connection)
            acted = await self._somebody_acted(connection, last)
            revisions = await instances.revisions(connection)
        self._line = last  # after the last read: one that fails loses no act
        if acted:
            self._on_act()
        for instance_id, revision in revisions.items():
            self._on_revision(instance_id, revision)
        if new_events:
            self._on_event()
        if new_messages:
            self._on_message()

    async def _somebody_acted(self, connection: AsyncConnection, last: int) -> bool:
        """Whether a line that matters was written since the last look."""
        if self._line is None or last <= self._line:
            return False
        return await journal.has_kinds_since(connection, self._line, ACTS)
