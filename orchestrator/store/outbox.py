"""The outbox: what is to be told, written in the transaction of the fact itself, so that neither is without
the other; and its way to the receivers, one row of `deliveries` for each message and sink.

A message is given to a sink when no earlier one of its subject waits there; a parked one holds up nobody.
Every write asks for the state it found, so that a second deliverer can do no harm but a second sending.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import and_, func, insert, select, text, union_all, update
from sqlalchemy.sql import Select

from orchestrator.store import meta
from orchestrator.store.bulk import chunks, upsert
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.tables import deliveries, messages, recoveries


@dataclass(frozen=True, slots=True)
class Message:
    """One fact to tell. `data` is small, scrubbed of secrets, and becomes JSON.

    Messages of one subject (`group:12`, `recovery:3`, `instance:2`) reach each receiver in order.
    """

    kind: str
    subject: str
    data: Mapping[str, Any]
    instance_id: int | None = None
    group_id: int | None = None
    recovery_id: int | None = None


def new_uid(now: float) -> str:
    """`msg_` and 32 hex digits: milliseconds first, so that they sort by time; then 80 random bits."""
    return f"msg_{int(now * 1000):012x}{os.urandom(10).hex()}"


async def append(connection: AsyncConnection, now: float, planned: Sequence[Message]) -> None:
    """Write the messages in the caller's transaction. `now` is the database's clock."""
    if not planned:
        return
    rows = [
        {
            "uid": new_uid(now),
            "kind": message.kind,
            "at": now,
            "subject": message.subject,
            "instance_id": message.instance_id,
            "group_id": message.group_id,
            "recovery_id": message.recovery_id,
            "data": json.dumps(message.data, ensure_ascii=False, separators=(",", ":")),
        }
        for message in planned
    ]
    await connection.execute(insert(messages), rows)


async def was_told(connection: AsyncConnection, kind: str, recovery_id: int, *, since: float) -> bool:
    """Whether a message of that kind about that recovery was written since then. Index ix_messages_at."""
    m = messages.c
    query = select(m.id).where(m.at >= since, m.kind == kind, m.recovery_id == recovery_id).limit(1)
    return await connection.scalar(query) is not None


_TOLD_AT = "people_told_at"


async def told_at(connection: AsyncConnection) -> float:
    """When people last heard what needs them: by a digest, or by the end of a recovery; else 0."""
    stored = await meta.get(connection, _TOLD_AT)
    ended = await connection.scalar(
        select(func.max(recoveries.c.finished_at)).where(recoveries.c.outcome != "replaced")
    )
    return max(float(stored or 0.0), float(ended or 0.0))


async def lock_telling(connection: AsyncConnection) -> None:
    """Of two that would tell at once, the second waits and sees that it is done."""
    await meta.lock(connection, _TOLD_AT)


async def set_told_at(connection: AsyncConnection, at: float) -> None:
    await meta.put(connection, _TOLD_AT, repr(at))


class SinkTotals(NamedTuple):
    """One receiver of messages, such as `hook:crm`: how many wait for it, and how many were given up."""

    name: str
    pending: int
    parked: int


class OutboxTotals(NamedTuple):
    """What is to be told. `unsorted`: no daemon has looked at it yet; `parked`: given up."""

    unsorted: int = 0
    pending: int = 0
    oldest_pending_at: float | None = None
    parked: int = 0
    sinks: tuple[SinkTotals, ...] = ()


async def totals(connection: AsyncConnection) -> OutboxTotals:
    """Two queries, three while something waits; the conditions are those of the partial indexes."""
    d, m = deliveries.c, messages.c
    unsorted = await connection.scalar(
        select(func.count()).select_from(messages).where(text("NOT fanned_out"))
    )
    counted = (d.sink, func.count(), func.min(d.message_id))
    pending, parked = (
        select(text(f"'{state}'"), *counted).where(text(f"state = '{state}'")).group_by(d.sink)
        for state in ("pending", "parked")
    )
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    oldest: list[int] = []
    for state, sink, count, first in await connection.execute(union_all(pending, parked)):
        found[sink][state] = count
        if state == "pending":
            oldest.append(first)
    sinks = tuple(SinkTotals(name, of["pending"], of["parked"]) for name, of in sorted(found.items()))
    since = await connection.scalar(select(m.at).where(m.id == min(oldest))) if oldest else None
    waiting, given_up = sum(sink.pending for sink in sinks), sum(sink.parked for sink in sinks)
    return OutboxTotals(int(unsorted or 0), waiting, since, given_up, sinks)


_AT_A_TIME = 500
_d, _m = deliveries.c, messages.c
# The indexes are partial: said in their own words, the planner can use them.
_PENDING = text("deliveries.state = 'pending'")
_PARKED = text("deliveries.state = 'parked'")
_NEW = text("NOT messages.fanned_out")


class DeliveryState(StrEnum):
    """Where one message stands with one sink."""

    PENDING = "pending"
    DELIVERED = "delivered"
    PARKED = "parked"  # given up; waits for a person's `rejoin outbox retry`


class Stored(NamedTuple):
    """A message as it was written."""

    id: int
    uid: str
    kind: str
    at: float
    subject: str
    recovery_id: int | None
    data: Mapping[str, Any]


class Due(NamedTuple):
    """A delivery that may be tried, with its message. `attempts` failed so far; due at once: no time."""

    id: int
    attempts: int
    next_attempt_at: float | None
    message: Stored


class Failed(NamedTuple):
    """An attempt that did not succeed. Without `again_at` it is parked. `error` is scrubbed."""

    id: int
    error: str
    again_at: float | None


class Listed(NamedTuple):
    """One open delivery, for people."""

    id: int
    uid: str
    kind: str
    sink: str
    subject: str
    at: float
    state: DeliveryState
    attempts: int
    next_attempt_at: float | None
    error: str | None


_STORED = (_m.id, _m.uid, _m.kind, _m.at, _m.subject, _m.recovery_id, _m.data)


def _stored(row: Sequence[Any]) -> Stored:
    number, uid, kind, at, subject, recovery_id, data = row
    return Stored(number, uid, kind, at, subject, recovery_id, json.loads(data))


async def new_messages(connection: AsyncConnection, *, limit: int = _AT_A_TIME) -> list[Stored]:
    """Messages without deliveries yet, oldest first. Index ix_messages_new."""
    query = select(*_STORED).where(_NEW).order_by(_m.id).limit(limit)
    return [_stored(row) for row in await connection.execute(query)]


async def fan_out(
    connection: AsyncConnection,
    routed: Sequence[tuple[Stored, Collection[str]]],
    *,
    in_one_line: Collection[str] = (),
) -> None:
    """Make the deliveries of these messages, to the sinks named with each. Twice is as good as once.

    A sink `in_one_line` gets everything in order, as if it were about one subject.
    """
    if not routed:
        return
    rows = [
        {"message_id": message.id, "sink": sink, "subject": sink if sink in in_one_line else message.subject}
        for message, sinks in routed
        for sink in sinks
    ]
    if rows:
        await connection.execute(upsert(connection, deliveries).on_conflict_do_nothing(), rows)
    ids = [message.id for message, _ in routed]
    await connection.execute(update(messages).where(_m.id.in_(ids)).values(fanned_out=True))


async def first_in_line(connection: AsyncConnection, sink: str, *, limit: int) -> list[Due]:
    """The next one of each subject, due or not, those first that are due first. Index ix_deliveries_open."""
    rows = (await connection.execute(_first_in_line(sink, limit))).all()
    return [_due(row) for row in rows]


def _first_in_line(sink: str, limit: int) -> Select[Any]:
    earlier = deliveries.alias("earlier")
    e = earlier.c
    before = (
        select(e.id)
        .where(
            e.sink == sink,
            e.subject == _d.subject,
            e.message_id < _d.message_id,
            text("earlier.state = 'pending'"),
        )
        .exists()
    )
    return (
        select(_d.id, _d.attempts, _d.next_attempt_at, *_STORED)
        .join(messages, _m.id == _d.message_id)
        .where(_PENDING, _d.sink == sink, ~before)
        .order_by(func.coalesce(_d.next_attempt_at, 0.0), _d.message_id)
        .limit(limit)
    )


def _due(row: Sequence[Any]) -> Due:
    return Due(row[0], row[1], row[2], _stored(row[3:]))


async def mark_delivered(connection: AsyncConnection, ids: Collection[int], now: float) -> None:
    if ids:
        await connection.execute(
            update(deliveries)
            .where(_d.id.in_(list(ids)), _PENDING)
            .values(
                state=DeliveryState.DELIVERED,
                delivered_at=now,
                attempts=_d.attempts + 1,
                next_attempt_at=None,
                error=None,
            )
        )


async def mark_failed(connection: AsyncConnection, failed: Failed) -> None:
    state = DeliveryState.PENDING if failed.again_at is not None else DeliveryState.PARKED
    await connection.execute(
        update(deliveries)
        .where(_d.id == failed.id, _PENDING)
        .values(
            state=state,
            attempts=_d.attempts + 1,
            next_attempt_at=failed.again_at,
            error=failed.error,
        )
    )


async def park_others(connection: AsyncConnection, sinks: Collection[str], error: str) -> int:
    """Park what waits for sinks that are no longer configured."""
    result = await connection.execute(
        update(deliveries)
        .where(_PENDING, _d.sink.not_in(list(sinks)))
        .values(state=DeliveryState.PARKED, next_attempt_at=None, error=error)
    )
    return int(result.rowcount)


async def retry_parked(connection: AsyncConnection, ids: Collection[int] | None = None) -> int:
    """Put parked deliveries back in line, and those that wait for their next try, as if never tried.

    Without ids, all of them. Returns how many it were.
    """
    chosen = [None] if ids is None else chunks(sorted(ids))
    moved = 0
    for part in chosen:
        for stands in (_PARKED, and_(_PENDING, _d.next_attempt_at.is_not(None))):  # each has its own index
            query = update(deliveries).where(stands)
            query = query if part is None else query.where(_d.id.in_(part))
            values = query.values(state=DeliveryState.PENDING, attempts=0, next_attempt_at=None)
            moved += int((await connection.execute(values)).rowcount)
    return moved


async def listed(connection: AsyncConnection, *, parked_only: bool = False, limit: int = 100) -> list[Listed]:
    """Open deliveries, parked ones first, each kind oldest first."""
    found: list[Listed] = []
    for state in (_PARKED,) if parked_only else (_PARKED, _PENDING):
        query = (
            select(
                _d.id,
                _m.uid,
                _m.kind,
                _d.sink,
                _d.subject,
                _m.at,
                _d.state,
                _d.attempts,
                _d.next_attempt_at,
                _d.error,
            )
            .join(messages, _m.id == _d.message_id)
            .where(state)
            .order_by(_d.id)
            .limit(limit - len(found))
        )
        rows = (await connection.execute(query)).mappings()
        found += [Listed(**{**row, "state": DeliveryState(row["state"])}) for row in rows]
    return found
