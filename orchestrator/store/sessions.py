"""The sessions' states of many instances at once, as the watcher keeps them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from orchestrator.domain.identity import OwnIds
from orchestrator.domain.instances import InstanceRecord
from orchestrator.store.bulk import chunks
from orchestrator.store.tables import instances, memberships, slots

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy.ext.asyncio import AsyncConnection

RECENT = 10  # slots: more joins are never under way at once

_COLUMNS = [instances.c[field.name] for field in fields(InstanceRecord)]


async def lock_many(connection: AsyncConnection, ids: Iterable[int]) -> dict[int, InstanceRecord]:
    """Take the rows' locks until the transaction ends, the lowest id first: nobody waits in a circle."""
    query = select(*_COLUMNS).where(instances.c.id.in_(sorted(ids))).order_by(instances.c.id)
    rows = (await connection.execute(query.with_for_update())).all()
    return {row[0]: InstanceRecord(*row) for row in rows}


async def lock_all(connection: AsyncConnection) -> dict[int, InstanceRecord]:
    """The same for every instance: who is one number with whom is decided with all of them in hand."""
    query = select(*_COLUMNS).order_by(instances.c.id).with_for_update()
    return {row[0]: InstanceRecord(*row) for row in (await connection.execute(query)).all()}


async def read_many(connection: AsyncConnection, ids: Iterable[int]) -> dict[int, InstanceRecord]:
    """Without locks."""
    query = select(*_COLUMNS).where(instances.c.id.in_(sorted(ids)))
    return {row[0]: InstanceRecord(*row) for row in (await connection.execute(query)).all()}


@dataclass(frozen=True, slots=True)
class LastSlot:
    """An instance's latest slot. `open`: its join may still be under way."""

    reserved_at: float
    open: bool


async def last_slot(connection: AsyncConnection, instance_id: int) -> LastSlot | None:
    """Index uq_slots_instance_id_n."""
    query = select(slots.c.reserved_at, slots.c.finished_at).where(slots.c.instance_id == instance_id)
    rows = (await connection.execute(query.order_by(slots.c.n.desc()).limit(RECENT))).all()
    if not rows:
        return None
    return LastSlot(float(rows[0].reserved_at), any(row.finished_at is None for row in rows))


async def entered_by(
    connection: AsyncConnection, instance_ids: Collection[int], group_ids: Collection[int]
) -> dict[int, float]:
    """By group: when one of these instances, as its number of now, last asked to join or was seen in it."""
    m, i = memberships.c, instances.c
    at = func.coalesce(m.requested_at, m.confirmed_at)
    query = (
        select(m.group_id, func.max(at))
        .join(instances, i.id == m.instance_id)
        .where(m.instance_id.in_(sorted(instance_ids)), at > func.coalesce(i.identity_changed_at, 0.0))
        .group_by(m.group_id)
    )
    found: dict[int, float] = {}
    for part in chunks(sorted(group_ids)):
        rows = (await connection.execute(query.where(m.group_id.in_(part)))).all()
        found |= {int(group_id): float(instant) for group_id, instant in rows}
    return found


async def others(connection: AsyncConnection, instance_id: int) -> dict[int, OwnIds]:
    """Which number every other instance was last seen to be."""
    i = instances.c
    query = select(i.id, i.own_phone, i.own_lid).where(i.id != instance_id)
    return {row.id: OwnIds(row.own_phone, row.own_lid) for row in await connection.execute(query)}


async def unchanged(connection: AsyncConnection, ids: Iterable[int], now: float) -> None:
    """They were asked, and said what they said before. The rows must be locked."""
    statement = update(instances).where(instances.c.id.in_(sorted(ids)))
    await connection.execute(statement.values(state_checked_at=now))
