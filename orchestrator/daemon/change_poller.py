"""Polls for what others wrote: one small query a second, so that nothing else has to ask often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.store import journal

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.clock import Clock
    from orchestrator.store.engine import AsyncConnection, Database

EVERY = 0.75  # seconds: what a person orders is seen within a second
REAL_EVERY = 0.1  # in accelerated time no more often than ten times in a real second
ACTS = ("act.%", "recovery.started", "instance.lost", "instance.suspected")
"""Journal lines of what somebody else did or decided, which everybody must look at."""
EVENT_PROCESSED = "heard"
"""A line of what an event did: news for the loop of its instance."""


class ChangePoller:
    """Wakes the parts that have work. An act of a person concerns all of them, an event one instance."""

    name = "tidings"

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        on_act: Callable[[], None],
        on_instance_change: Callable[[int], None],
        on_event: Callable[[], None],
        on_message: Callable[[], None],
    ) -> None:
        self._database = database
        self._on_act, self._on_instance_change = on_act, on_instance_change
        self._on_event, self._on_message = on_event, on_message
        self._every = max(EVERY, REAL_EVERY / clock.real(1.0))
        self._line: int | None = None
        self._version: int | None = None  # of the database when it was looked at

    async def step(self) -> float:
        """Look once, if anybody has written at all since the last look."""
        version = await self._database.version()
        if version is None or version != self._version:
            await self._look()
            self._version = version
        return self._every

    async def _look(self) -> None:
        async with self._database.read() as connection:
            last, new_events, new_messages = await journal.changes(connection)
            lines = await self._lines_up_to(connection, last)
        if any(kind != EVENT_PROCESSED for kind, _instance in lines):
            self._on_act()
        for _kind, instance_id in lines:
            if instance_id is not None:
                self._on_instance_change(instance_id)
        if new_events:
            self._on_event()
        if new_messages:
            self._on_message()

    async def _lines_up_to(self, connection: AsyncConnection, last: int) -> list[tuple[str, int | None]]:
        """Kinds and instances of the lines that matter, each once."""
        before, self._line = self._line, last
        if before is None or last <= before:
            return []
        return await journal.kinds_since(connection, before, (EVENT_PROCESSED, *ACTS))
