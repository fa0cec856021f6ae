"""The outbox: what is to be told, written in the transaction of the fact itself, so that neither is without
the other. Carrying it to its receivers is in `deliveries`.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import func, insert, select, text, union_all

from orchestrator.store import meta
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
