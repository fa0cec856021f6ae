"""Storing deliveries: many at once go into one transaction, and each is told when it is committed.

All together are bounded, so that a flood of webhooks fills no disk. What was processed goes first, oldest
first. When only events that still wait are left, new ones are refused: the gateway sends them again. Both are
told, in the log, the journal and the status.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from orchestrator.domain.errors import TemporaryError
from orchestrator.store import events
from orchestrator.store.engine import AsyncConnection, Database, DatabaseGoneError
from orchestrator.store.events import Received
from orchestrator.store.journal import Entry, append

GATHER = 0.004  # real seconds that the first of a batch waits for others
LARGEST = 200  # deliveries in one transaction

_log = structlog.get_logger(__name__)


class FullError(TemporaryError):
    """More deliveries wait than are held in memory, or more are stored than the quota allows."""

    code = "inbox_full"


@dataclass(slots=True)
class Inbox:
    """Run `run()` as a task; `keep` returns when the delivery is on disk."""

    database: Database
    on_event: Callable[[], None]
    quota: EventQuota
    room: int = 256  # deliveries that may wait at once
    _waiting: list[tuple[Received, asyncio.Future[None]]] = field(default_factory=list)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _held: int = 0

    async def keep(self, received: Received) -> None:
        """Raises DatabaseGoneError, and FullError at once when too many wait or too much is stored."""
        size = len(received.stored) + events.ROW_BYTES
        if self._held >= self.room or not self.quota.has_room(size):
            raise FullError
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held += 1
        try:
            self._waiting.append((received, kept))
            self._arrived.set()
            await kept
            self.quota.add(size)
        finally:
            self._held -= 1

    async def run(self) -> None:
        """For as long as deliveries are taken; cancelled at the end."""
        try:
            while True:
                await self._arrived.wait()
                await asyncio.sleep(GATHER)
                batch, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
                if not self._waiting:
                    self._arrived.clear()
                await self._store(batch)
        finally:
            for _, kept in self._waiting:
                _tell(kept, DatabaseGoneError("the receiver of webhooks is being closed"))

    async def _store(self, batch: list[tuple[Received, asyncio.Future[None]]]) -> None:
        trouble: DatabaseGoneError | None = DatabaseGoneError("the delivery was not stored")
        new = 0
        try:
            async with self.database.write() as connection:
                now = await self.database.now(connection)
                new = await events.receive(connection, now, [received for received, _ in batch])
            trouble = None
        except DatabaseGoneError as error:
            trouble = error
        except Exception as error:  # noqa: BLE001 - the edge of this loop; the sender is told to come again
            _log.error("deliveries could not be stored", error=type(error).__name__, count=len(batch))
        finally:
            for _, kept in batch:
                _tell(kept, trouble)
        if new:
            self.on_event()


def _tell(kept: asyncio.Future[None], trouble: DatabaseGoneError | None) -> None:
    if kept.done():  # its sender went away
        return
    if trouble is None:
        kept.set_result(None)
    else:
        kept.set_exception(trouble)


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
        async with self._database.read(many=self.is_high) as connection:  # then it goes through all events
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
