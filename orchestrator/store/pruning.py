"""Pruning what is over, some rows at a time.

Journal and slots are looked through from their oldest row on, along the key; events and messages along the
index of their time. No look reads more than one batch, however large the table is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Table, and_, delete, exists, literal_column, select
from sqlalchemy.sql.elements import ColumnElement

from orchestrator.store.engine import AsyncConnection, DatabaseTime
from orchestrator.store.tables import deliveries, events, journal, losses, messages, slots

JOURNAL_STAYS_FOR = 30 * 86400.0
"""Seconds for which the database itself refuses to delete a journal line, by its own unaccelerated clock."""

LATEST_SLOTS_KEPT = 20


class Pruned(NamedTuple):
    """What one batch did. `seen_to`: where the next one goes on; None when nothing is left to prune."""

    rows: int
    seen_to: int | None


async def prune_journal(connection: AsyncConnection, before: float, after: int, *, limit: int) -> Pruned:
    """Delete lines from before that instant among the next `limit` behind the id `after`."""
    clock: ColumnElement[float] = literal_column(DatabaseTime().sql(connection.dialect.name))
    real_now = (await connection.execute(select(clock))).scalar_one()
    before = min(before, real_now - JOURNAL_STAYS_FOR)
    query = select(journal.c.id, journal.c.at).where(journal.c.id > after).order_by(journal.c.id).limit(limit)
    looked_at = (await connection.execute(query)).all()
    if not any(row.at < before for row in looked_at):
        return Pruned(0, None)  # ids grow with time: what follows is younger still
    this = and_(journal.c.id > after, journal.c.id <= looked_at[-1].id, journal.c.at < before)
    gone = await connection.execute(delete(journal).where(this))
    return Pruned(gone.rowcount, looked_at[-1].id if len(looked_at) == limit else None)


async def prune_slots(
    connection: AsyncConnection, before: float, after: int, *, instance_id: int, limit: int
) -> Pruned:
    """The same for one instance's slots by their number `n`: not the latest ones, and none without an end."""
    mine, n = slots.c.instance_id == instance_id, slots.c.n
    latest = select(n).where(mine).order_by(n.desc()).offset(LATEST_SLOTS_KEPT).limit(1)
    end = await connection.scalar(latest)
    if end is None:
        return Pruned(0, None)
    over = and_(slots.c.send_at < before, slots.c.finished_at.is_not(None))
    query = select(n, over.label("over")).where(mine, n > after, n <= end).order_by(n).limit(limit)
    looked_at = (await connection.execute(query)).all()
    if not any(row.over for row in looked_at):
        return Pruned(0, None)
    last = looked_at[-1].n
    gone = await connection.execute(delete(slots).where(mine, n > after, n <= last, over))
    return Pruned(gone.rowcount, last if len(looked_at) == limit else None)


async def prune_events(connection: AsyncConnection, before: float, _after: int, *, limit: int) -> Pruned:
    """Delete the oldest ones that are done. Index ix_events_received_at."""
    over = and_(events.c.received_at < before, events.c.state == "done")
    query = select(events.c.id).where(over).order_by(events.c.received_at).limit(limit)
    return await _delete(connection, events, (await connection.scalars(query)).all(), limit=limit)


async def prune_messages(connection: AsyncConnection, before: float, _after: int, *, limit: int) -> Pruned:
    """Delete the oldest ones that no receiver waits for, with their deliveries. Index ix_messages_at."""
    m, d = messages.c, deliveries.c
    waits = exists().where(d.message_id == m.id, d.state == "pending")
    query = select(m.id).where(m.at < before, m.fanned_out, ~waits).order_by(m.at).limit(limit)
    return await _delete(connection, messages, (await connection.scalars(query)).all(), limit=limit)


async def prune_losses(connection: AsyncConnection, before: float, _after: int, *, limit: int) -> Pruned:
    """Delete suspicions that came to nothing. A loss that was decided stays: there are few."""
    over = and_(losses.c.state == "dismissed", losses.c.ended_at < before)
    query = select(losses.c.id).where(over).order_by(losses.c.id).limit(limit)
    return await _delete(connection, losses, (await connection.scalars(query)).all(), limit=limit)


async def _delete(connection: AsyncConnection, table: Table, ids: Sequence[Any], *, limit: int) -> Pruned:
    if not ids:
        return Pruned(0, None)
    gone = await connection.execute(delete(table).where(table.c.id.in_(list(ids))))
    return Pruned(gone.rowcount, 0 if len(ids) == limit else None)
