"""Slots: the permission to send one join, reserved under the instance's row and never given back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, bindparam, func, insert, select, update

from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import Status
from orchestrator.domain.pacing import NextSlot, PacingPolicy, SlotRecord, Wait, next_slot
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.tables import groups, memberships, slots

if TYPE_CHECKING:
    from orchestrator.store import memberships as memberships_store
    from orchestrator.store.unit_of_work import UnitOfWork


RECENT = 40
"""Slots read to place the next one. An older one ended more than a window ago: forty slots are at least
40 x 12 s apart, and no slot lives longer than life + time-out."""

DAY = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Slot:
    """A reserved slot and the work that it is for. `dice` chose the gap that follows."""

    id: int
    n: int
    send_at: float
    work: memberships_store.Work


class LogEnd(NamedTuple):
    """The end of an instance's log of slots: the latest first."""

    last_n: int
    recent: tuple[SlotRecord, ...]
    day_full_until: float


_LOG_END = (  # made once: it is asked for at every step of every loop
    select(slots.c.n, slots.c.send_at, slots.c.finished_at, slots.c.dice)
    .where(slots.c.instance_id == bindparam("instance"))
    .order_by(slots.c.n.desc())
    .limit(RECENT)
)


async def log_end(connection: AsyncConnection, instance_id: int, policy: PacingPolicy) -> LogEnd:
    """Read what pacing needs. Index uq_slots_instance_id_n."""
    rows = (await connection.execute(_LOG_END, {"instance": instance_id})).all()
    last_n = int(rows[0].n) if rows else 0
    recent = tuple(SlotRecord(row.send_at, row.finished_at, row.dice) for row in rows)
    return LogEnd(last_n, recent, await _day_full_until(connection, instance_id, policy, last_n))


async def last_n(connection: AsyncConnection, instance_id: int) -> int:
    """The number of the latest slot; 0 before the first."""
    latest = await latest_slots(connection, instance_id, 1)
    return latest[0].n if latest else 0


async def _day_full_until(
    connection: AsyncConnection, instance_id: int, policy: PacingPolicy, last_n: int
) -> float:
    """With a daily limit of d, the next slot waits until a day after the d-th last one."""
    if policy.daily_limit == 0 or last_n < policy.daily_limit:
        return 0.0
    query = select(slots.c.send_at).where(
        slots.c.instance_id == instance_id, slots.c.n == last_n - policy.daily_limit + 1
    )
    return float((await connection.execute(query)).scalar_one()) + DAY


def hold_until(instance: InstanceRecord, policy: PacingPolicy) -> float:
    """Before this, joins may have been sent that this database does not know."""
    return instance.known_since + policy.window


async def peek(
    connection: AsyncConnection, instance: InstanceRecord, policy: PacingPolicy, now: float
) -> NextSlot:
    """When the next slot would be, without taking it."""
    return after(await log_end(connection, instance.id, policy), instance, policy, now)


def after(end: LogEnd, instance: InstanceRecord, policy: PacingPolicy, now: float) -> NextSlot:
    """When the slot after that end would be."""
    return next_slot(
        policy,
        now,
        end.recent,
        hold_until=hold_until(instance, policy),
        day_full_until=end.day_full_until,
    )


class Reserved(NamedTuple):
    """What one reservation gave, and when to come again if it gave nothing."""

    slots: tuple[Slot, ...]
    next: NextSlot


async def reserve(
    unit: UnitOfWork,
    policy: PacingPolicy,
    *,
    works: Sequence[memberships_store.Work],
    draw: Callable[[], float],
) -> Reserved:
    """Reserve slots for ready memberships, as many as the pace gives now (with a real pace: at most one).

    The fence must be checked and the pauses looked at. The memberships move to `joining` in the same
    transaction; nothing may be sent before it is committed.
    """
    instance, now = unit.instance, unit.now
    end = await log_end(unit.connection, instance.id, policy)
    recent, taken = list(end.recent), list[Slot]()
    upcoming = NextSlot(now, Wait.NOTHING)
    rows: list[dict[str, Any]] = []
    for work in works:
        upcoming = next_slot(
            policy,
            now,
            recent[:RECENT],
            hold_until=hold_until(instance, policy),
            day_full_until=end.day_full_until,
        )
        if upcoming.at > now + policy.lead:
            break
        record = SlotRecord(upcoming.at, None, draw())
        recent.insert(0, record)
        rows.append(_slot_row(instance, work, end.last_n + len(rows) + 1, record, now))
        taken.append(Slot(0, end.last_n + len(rows), record.send_at, work))
        if policy.daily_limit:
            break  # the day's limit was read for one slot
    joining = [_start_joining(unit, slot) for slot in taken]
    moved = await unit.flush() if taken else set()
    return Reserved(await _insert(unit.connection, rows, joining, moved), upcoming)


def _slot_row(
    instance: InstanceRecord, work: memberships_store.Work, n: int, record: SlotRecord, now: float
) -> dict[str, Any]:
    return {
        "instance_id": instance.id,
        "n": n,
        "membership_id": work.membership.id,
        "recovery_id": work.membership.recovery_id,
        "fence": instance.fence,
        "code_id": work.membership.code_id,
        "reserved_at": now,
        "send_at": record.send_at,
        "dice": record.dice,
    }


def _start_joining(unit: UnitOfWork, slot: Slot) -> Slot:
    """The slot with its work as it stands after the reservation: what later moves start from."""
    membership = unit.move(slot.work.membership, Status.JOINING, requested_at=slot.send_at)
    return replace(slot, work=replace(slot.work, membership=membership))


async def _insert(
    connection: AsyncConnection, rows: Sequence[dict[str, Any]], taken: Sequence[Slot], moved: set[int]
) -> tuple[Slot, ...]:
    """Only what really moved gets a slot; numbers may not have holes, so they are dealt out again."""
    kept = [(row, slot) for row, slot in zip(rows, taken, strict=True) if slot.work.membership.id in moved]
    if not kept:
        return ()
    first = rows[0]["n"]
    numbered = [row | {"n": first + index} for index, (row, _slot) in enumerate(kept)]
    statement = insert(slots).returning(slots.c.id, sort_by_parameter_order=True)
    ids = (await connection.execute(statement, numbered)).scalars().all()
    return tuple(
        replace(slot, id=int(found), n=first + index)
        for index, (found, (_row, slot)) in enumerate(zip(ids, kept, strict=True))
    )


class Finish(NamedTuple):
    """How a slot ended. `sent_at` is None where the request never left."""

    slot_id: int
    sent_at: float | None
    outcome: str
    ended_at: float | None = None  # when the answer came; None: now


_FINISH = (
    update(slots)
    .where(slots.c.id == bindparam("slot_id"), slots.c.finished_at.is_(None))
    .values(sent_at=bindparam("was_sent_at"), finished_at=bindparam("ended_at"), outcome=bindparam("how"))
)


async def finish(connection: AsyncConnection, finishes: Sequence[Finish], now: float) -> None:
    """Record that the joins of these slots were answered or given up."""
    if not finishes:
        return
    await connection.execute(
        _FINISH,
        [
            {
                "slot_id": item.slot_id,
                "was_sent_at": item.sent_at,
                "ended_at": now if item.ended_at is None else min(now, item.ended_at),
                "how": item.outcome,
            }
            for item in finishes
        ],
    )


MOST_UNDER_WAY = 10  # slots: more joins are never under way at once


class LastSlot(NamedTuple):
    """An instance's latest slot. `open`: its join may still be under way."""

    reserved_at: float
    open: bool


async def last_slot(connection: AsyncConnection, instance_id: int) -> LastSlot | None:
    latest = await latest_slots(connection, instance_id, MOST_UNDER_WAY)
    if not latest:
        return None
    return LastSlot(latest[0].reserved_at, any(one.finished_at is None for one in latest))


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


_LINES = select(*(slots.c[name] for name in SlotLine._fields))


async def latest_slots(connection: AsyncConnection, instance_id: int, limit: int) -> list[SlotLine]:
    """Newest first. Index uq_slots_instance_id_n."""
    query = _LINES.where(slots.c.instance_id == instance_id).order_by(slots.c.n.desc()).limit(limit)
    return [SlotLine(*row) for row in await connection.execute(query)]


async def of_membership(connection: AsyncConnection, membership_id: int, limit: int) -> list[SlotLine]:
    """The latest joins of one membership, newest first."""
    query = _LINES.where(slots.c.membership_id == membership_id).order_by(slots.c.id.desc()).limit(limit)
    return [SlotLine(*row) for row in await connection.execute(query)]


async def sent_instants(connection: AsyncConnection, instance_id: int, since: float) -> list[float]:
    """When joins left, newest first, no further back than `since` or a day's worth of slots."""
    s = slots.c
    query = select(s.sent_at).where(s.instance_id == instance_id).order_by(s.n.desc()).limit(MOST_SLOTS_A_DAY)
    return [at for at in await connection.scalars(query) if at is not None and at >= since]


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
    return None if row is None else LastJoin(*row)


@dataclass(frozen=True, slots=True)
class OpenSlots:
    """Slots of one instance that nobody finished: all of them, and those that no run can be waiting for."""

    count: int
    overdue: int
    joining: int  # memberships whose join is under way, as far as the database knows


async def open_slots(connection: AsyncConnection, instance_id: int, *, over_before: float) -> OpenSlots:
    """`over_before`: a slot planned before that instant cannot be in use any more."""
    s, m = slots.c, memberships.c
    unfinished = and_(s.instance_id == instance_id, s.finished_at.is_(None))
    overdue = func.count().filter(s.send_at < over_before)
    under_way = and_(m.instance_id == instance_id, m.status == Status.JOINING)
    joining = select(func.count()).select_from(memberships).where(under_way).scalar_subquery()
    query = select(func.count(), overdue, joining).select_from(slots).where(unfinished)
    return OpenSlots(*(await connection.execute(query)).one())
