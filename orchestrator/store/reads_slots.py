"""The log of slots, read: for the pace shown, and to judge the pacer independently of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select

from orchestrator.domain.memberships import Status
from orchestrator.store.tables import groups, memberships, slots

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql import Select

DAY = 86400.0
MOST_SLOTS_A_DAY = 7200
"""12 s between two sends; the index goes by number, so this bounds the read, not the time."""


class SlotLine(NamedTuple):
    """One slot. Instants are seconds since 1970; `sent_at` is None when it was not sent, or nobody knows."""

    n: int
    reserved_at: float
    send_at: float
    sent_at: float | None
    finished_at: float | None
    dice: float
    outcome: str | None


class LastJoin(NamedTuple):
    """The latest join that was sent, and where its group stands now. `group` and `jid` as stored."""

    at: float
    group: str
    slug: str
    status: Status
    jid: str | None
    members: int | None


async def latest_slots(connection: AsyncConnection, instance_id: int, limit: int) -> list[SlotLine]:
    """Newest first."""
    rows = await connection.execute(latest_slots_query(instance_id, limit))
    return [SlotLine(*row) for row in rows]


async def sent_instants(connection: AsyncConnection, instance_id: int, since: float) -> list[float]:
    """When joins left, newest first, no further back than `since` or a day's worth of slots."""
    rows = await connection.execute(sent_instants_query(instance_id))
    return [at for (at,) in rows if at is not None and at >= since]


def sent_instants_query(instance_id: int) -> Select[Any]:
    s = slots.c
    return select(s.sent_at).where(s.instance_id == instance_id).order_by(s.n.desc()).limit(MOST_SLOTS_A_DAY)


def latest_slots_query(instance_id: int, limit: int) -> Select[Any]:
    s = slots.c
    return (
        select(s.n, s.reserved_at, s.send_at, s.sent_at, s.finished_at, s.dice, s.outcome)
        .where(s.instance_id == instance_id)
        .order_by(s.n.desc())
        .limit(limit)
    )


async def slots_of(connection: AsyncConnection, membership_id: int, limit: int) -> list[SlotLine]:
    """The latest joins of one membership, newest first."""
    s = slots.c
    query = (
        select(s.n, s.reserved_at, s.send_at, s.sent_at, s.finished_at, s.dice, s.outcome)
        .where(s.membership_id == membership_id)
        .order_by(s.id.desc())
        .limit(limit)
    )
    return [SlotLine(*row) for row in await connection.execute(query)]


async def last_join(connection: AsyncConnection, instance_id: int) -> LastJoin | None:
    """The latest join that surely left."""
    s, m, g = slots.c, memberships.c, groups.c
    query = (
        select(s.sent_at, g.name, g.slug, m.status, m.jid, m.seen_members)
        .join(memberships, m.id == s.membership_id)
        .join(groups, g.id == m.group_id)
        .where(s.instance_id == instance_id, s.sent_at.is_not(None))
        .order_by(s.n.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else LastJoin(row[0], row[1], row[2], Status(row[3]), row[4], row[5])
