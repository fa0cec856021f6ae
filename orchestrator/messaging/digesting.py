"""The part that tells people together what needs them: soon when it is new, else once a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.messaging import telling_people
from orchestrator.store import instances, outbox, outgoing_messages, progress, recoveries

if TYPE_CHECKING:
    from collections.abc import Collection

    from orchestrator.store.engine import AsyncConnection, Database

COLLECTED_FOR = 600.0
"""Seconds that the first new thing waits for others."""
AT_MOST_EVERY = 3600.0
REPEATED_EVERY = 86400.0
RUN_TELLS_WITHIN = 3600.0
"""A recovery under way tells at its own end; one that takes longer than this is not waited for."""
LOOK_EVERY = 120.0
OVERLAP = 5.0
"""Seconds: what a transaction that ended during the last telling wrote counts as new once more."""


@dataclass(frozen=True, slots=True)
class OpenNeeds:
    """What needs a person now. `new`: since people were told last, with the oldest of them."""

    count: int
    new: int
    oldest_new: float | None


def due_at(standing: OpenNeeds, *, told_at: float, running_since: float | None, now: float) -> float | None:
    """The instant of the next digest, which may be over; None while nobody is needed.

    `told_at` is 0 when nobody was told ever.
    """
    if not standing.count:
        return None
    if running_since is not None and now - running_since < RUN_TELLS_WITHIN:
        return running_since + RUN_TELLS_WITHIN
    if standing.new and standing.oldest_new is not None:
        return max(standing.oldest_new + COLLECTED_FOR, told_at + AT_MOST_EVERY)
    return told_at + REPEATED_EVERY


@dataclass(slots=True)
class Digester:
    """Puts a digest into the outbox when one is due. `backups`: the names of those that are configured."""

    database: Database
    backups: Collection[str]
    name: str = "digest"

    async def step(self) -> float:
        async with self.database.read() as connection:
            due, now = await self._due(connection)
        if due is None or due > now:
            return LOOK_EVERY
        async with self.database.write() as connection:
            await outbox.lock_telling(connection)
            due, now = await self._due(connection)
            if due is not None and due <= now:
                await outbox.append(connection, now, [outbox.Message(outgoing_messages.DIGEST, "people", {})])
                await outbox.set_told_at(connection, now)
        return LOOK_EVERY

    async def _due(self, connection: AsyncConnection) -> tuple[float | None, float]:
        now = await self.database.now(connection)
        told = await outbox.told_at(connection)
        standing = await self._standing(connection, told - OVERLAP, now)
        running = await recoveries.running_since(connection)
        return due_at(standing, told_at=told, running_since=running, now=now), now

    async def _standing(self, connection: AsyncConnection, since: float, now: float) -> OpenNeeds:
        records = await instances.of_names(connection, self.backups)
        paused = [one.paused_at or 0.0 for one in records if telling_people.needs_a_person(one, now)]
        causes = await progress.causes(connection, [one.id for one in records], since)
        fresh = [at for at in paused if at > since]
        oldest = [*fresh, *(row.oldest_new for row in causes if row.oldest_new is not None)]
        return OpenNeeds(
            count=len(paused) + sum(row.count for row in causes),
            new=len(fresh) + sum(row.new for row in causes),
            oldest_new=min(oldest, default=None),
        )
