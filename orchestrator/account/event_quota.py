"""A bound on what stored webhooks take of the disk, so that a flood of them fills none.

What was processed goes first, oldest first. When only events that still wait are left, new ones are refused:
the gateway sends them again. Both are told, in the log, the journal and the status.
"""

from __future__ import annotations

import logging

from orchestrator.store import events
from orchestrator.store.engine import AsyncConnection, Database
from orchestrator.store.journal import Entry, append

MOST_BYTES = 256 * 1024 * 1024
EVERY = 60.0  # seconds
TOLD_FOR = 24 * 3600.0  # seconds that the status tells of events that went early
_HIGH, _LOW = 0.9, 0.75  # of the most: where making room begins, and where it ends

_log = logging.getLogger(__name__)


class EventQuota:
    """A `Part`. The inbox asks `has_room` and adds what it stored; `step` counts and makes room."""

    name = "storing webhooks"

    def __init__(self, database: Database, most: int = MOST_BYTES) -> None:
        self._database = database
        self._most = most
        self._used: int | None = None  # never less than what is stored, once it is known
        self._full_since: float | None = None
        self._dropped = 0
        self._dropped_at = 0.0

    def has_room(self, size: int) -> bool:
        return self._used is None or self._used + size <= self._most

    def add(self, size: int) -> None:
        if self._used is not None:
            self._used += size

    @property
    def is_high(self) -> bool:
        return self._used is None or self._used > self._most * _HIGH

    def notice(self) -> tuple[float, str] | None:
        """Since when, and a sentence, while there is something that people should know."""
        most = f"{self._most / 2**20:.0f} MiB"
        if self._full_since is not None:
            return self._full_since, f"events that wait fill {most}: new ones are refused until there is room"
        if self._dropped:
            early = f"{self._dropped:,} processed ones were deleted before retention.events"
            return self._dropped_at, f"stored events reached {most}: {early}"
        return None

    async def step(self) -> float:
        async with self._database.read() as connection:
            now = await self._database.now(connection)
            if self.is_high:
                await self._count(connection)
        if now - self._dropped_at > TOLD_FOR:
            self._dropped = 0
        if self.is_high:
            await self._make_room()
        if not self.is_high:
            self._full_since = None
        elif self._full_since is None:
            self._full_since = now
            _log.error("webhooks that wait take all the room there is for them: new ones are refused")
        return EVERY

    async def _count(self, connection: AsyncConnection) -> None:
        before = self._used or 0
        stored = await events.stored_bytes(connection)
        self._used = stored + max(0, (self._used or 0) - before)  # with what came meanwhile

    async def _make_room(self) -> None:
        rows, low = 0, int(self._most * _LOW)
        while self._used is not None and self._used > low:
            async with self._database.write() as connection:
                gone = await events.delete_oldest_done(connection, self._used - low)
                if not gone.rows:
                    break
                now = await self._database.now(connection)
                data = {"events": gone.rows, "bytes": gone.size}
                await append(connection, now, [Entry("events.dropped", "daemon", data)])
            self._used -= gone.size
            self._dropped_at = now
            rows += gone.rows
        if rows:
            self._dropped += rows
            _log.warning("stored webhooks took too much room: %d processed ones were deleted early", rows)
