"""The daemon's part that forgets what is over, gently: one small transaction a step."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from orchestrator.store import instances, pruning
from orchestrator.store.engine import AsyncConnection, Database
from orchestrator.store.pruning import Pruned

EVERY = 6 * 3600.0
"""Seconds between two rounds."""
BREATH = 2.0
"""Seconds between two batches of one round."""
BATCH = 2000
MESSAGES_AT_A_TIME = 500
"""Their deliveries go with them."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Keep:
    """How long what is over is kept, in seconds."""

    journal: float
    slots: float
    events: float
    messages: float


class _Walk:
    """One table, or one instance's part of it, batch after batch."""

    def __init__(
        self, prune: Callable[[AsyncConnection, float, int], Awaitable[Pruned]], keep: float
    ) -> None:
        self._prune = prune
        self._keep = keep
        self._after = 0

    async def batch(self, database: Database) -> tuple[int, bool]:
        """One transaction: how many rows went, and whether that was all."""
        async with database.write() as connection:
            before = await database.now(connection) - self._keep
            done = await self._prune(connection, before, self._after)
        self._after = done.seen_to or 0
        return done.rows, done.seen_to is None


class Retention:
    """A `Part`."""

    name = "retention"

    def __init__(self, database: Database, keep: Keep) -> None:
        self._database = database
        self._keep = keep
        self._walks: deque[_Walk] | None = None  # None: between two rounds
        self._rows = 0

    async def step(self) -> float:
        """One batch that finds something. Seconds until the next one, or until the next round."""
        if self._walks is None:
            self._walks, self._rows = deque(await self._round()), 0
        while self._walks:
            rows, over = await self._walks[0].batch(self._database)
            self._rows += rows
            if over:
                self._walks.popleft()
            if rows:
                return BREATH
        self._walks = None
        if self._rows:
            _log.info("pruned %d rows that are over", self._rows)
        return EVERY

    async def _round(self) -> list[_Walk]:
        async with self._database.read() as connection:
            ids = [record.id for record in await instances.all_records(connection)]
        keep = self._keep
        return [
            _Walk(partial(pruning.prune_journal, limit=BATCH), keep.journal),
            *(_Walk(partial(pruning.prune_slots, instance_id=one, limit=BATCH), keep.slots) for one in ids),
            _Walk(partial(pruning.prune_events, limit=BATCH), keep.events),
            _Walk(partial(pruning.prune_losses, limit=BATCH), keep.journal),
            _Walk(partial(pruning.prune_messages, limit=MESSAGES_AT_A_TIME), keep.messages),
        ]
