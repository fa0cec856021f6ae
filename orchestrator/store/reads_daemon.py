"""What the read model asks about the daemon's letters: those that came in and those that go out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select, text, union_all

from orchestrator.store.tables import deliveries, events, messages, recoveries

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.ext.asyncio import AsyncConnection

DAY = 86400.0


class EventsRow(NamedTuple):
    """Webhooks that were taken. `open`: not processed yet."""

    received_last_day: int
    open: int
    last_at: float | None


class SinkRow(NamedTuple):
    """How many messages wait for one receiver, and how many were given up."""

    sink: str
    pending: int
    parked: int


class OutboxRow(NamedTuple):
    """`unsorted`: messages that no daemon has looked at yet."""

    unsorted: int
    oldest_pending_at: float | None
    sinks: tuple[SinkRow, ...]

    @property
    def pending(self) -> int:
        return sum(sink.pending for sink in self.sinks)

    @property
    def parked(self) -> int:
        return sum(sink.parked for sink in self.sinks)


async def letters(connection: AsyncConnection, now: float) -> tuple[EventsRow, OutboxRow]:
    """Two queries, three while something waits; the conditions are those of the partial indexes."""
    e, m = events.c, messages.c
    recent = select(func.count()).select_from(events).where(e.received_at >= now - DAY)
    open_ones = select(func.count()).select_from(events).where(text("state IN ('new', 'waiting')"))
    fresh = select(func.count()).select_from(messages).where(text("NOT fanned_out"))
    last = select(func.max(e.received_at))
    parts = (recent, open_ones, last, fresh)
    received, open_, last_at, unsorted = (
        await connection.execute(select(*(part.scalar_subquery() for part in parts)))
    ).one()
    sinks, oldest = await _sinks(connection)
    since = None if oldest is None else await connection.scalar(select(m.at).where(m.id == oldest))
    return EventsRow(received, open_, last_at), OutboxRow(unsorted, since, sinks)


async def _sinks(connection: AsyncConnection) -> tuple[tuple[SinkRow, ...], int | None]:
    """Open deliveries by receiver, and the oldest message that waits."""
    d = deliveries.c
    counted = (d.sink, func.count(), func.min(d.message_id))
    pending, parked = (
        select(text(f"'{state}'"), *counted).where(text(f"state = '{state}'")).group_by(d.sink)
        for state in ("pending", "parked")
    )
    found: dict[str, dict[str, int]] = {}
    oldest: list[int] = []
    for state, sink, count, first in (await connection.execute(union_all(pending, parked))).all():
        found.setdefault(sink, {})[state] = count
        if state == "pending":
            oldest.append(first)
    rows = (SinkRow(name, of.get("pending", 0), of.get("parked", 0)) for name, of in sorted(found.items()))
    return tuple(rows), min(oldest, default=None)


async def filled_by(connection: AsyncConnection, ids: Collection[int]) -> dict[int, int]:
    """The instance that each of these recoveries fills, by recovery."""
    if not ids:
        return {}
    query = select(recoveries.c.id, recoveries.c.to_instance_id).where(recoveries.c.id.in_(sorted(ids)))
    return {row.id: row.to_instance_id for row in (await connection.execute(query)).all()}
