"""Storing deliveries: many at once go into one transaction, and each is told when it is committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from orchestrator.account.event_quota import EventQuota
from orchestrator.domain.errors import TemporaryError
from orchestrator.store import events
from orchestrator.store.engine import Database, DatabaseGoneError
from orchestrator.store.events import Received

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
