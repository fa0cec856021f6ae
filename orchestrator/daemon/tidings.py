"""Tidings: one small question a second, so that nothing else has to ask often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, func, or_, select, text

from orchestrator.store.tables import events, journal, messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.ext.asyncio import AsyncConnection

    from orchestrator.clock import Clock
    from orchestrator.store.engine import Database

EVERY = 0.75  # seconds: what a person orders is seen within a second
REAL_EVERY = 0.1  # in accelerated time no more often than ten times in a real second
ACTS = ("act.%", "recovery.started", "instance.lost", "instance.suspected")
"""Journal lines of what somebody else did or decided, which the loops must look at."""


class Tidings:
    """Wakes the parts that have news. Acts of people concern everybody."""

    name = "tidings"

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        acted: Callable[[], None],
        heard: Callable[[], None],
        to_tell: Callable[[], None],
    ) -> None:
        self._database = database
        self._acted, self._heard, self._to_tell = acted, heard, to_tell
        self._every = max(EVERY, REAL_EVERY / clock.real(1.0))
        self._line: int | None = None

    async def step(self) -> float:
        """Look once."""
        async with self._database.read() as connection:
            last, new_events, new_messages = (await connection.execute(_QUESTION)).one()
            acted = await self._acts_up_to(connection, int(last or 0))
        if acted:
            self._acted()
        if new_events:
            self._heard()
        if new_messages:
            self._to_tell()
        return self._every

    async def _acts_up_to(self, connection: AsyncConnection, last: int) -> bool:
        before, self._line = self._line, last
        if before is None or last <= before:
            return False
        lines = select(journal.c.id).where(
            journal.c.id > before, or_(*(journal.c.kind.like(kind) for kind in ACTS))
        )
        return bool(await connection.scalar(select(exists(lines))))


# The partial indexes' own words, so that the planner can use them.
_QUESTION = select(
    select(func.max(journal.c.id)).scalar_subquery(),
    exists(select(events.c.id).where(text("events.state IN ('new', 'waiting')"), events.c.state == "new")),
    exists(select(messages.c.id).where(text("NOT messages.fanned_out"))),
)
