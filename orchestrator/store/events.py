"""What gateways told by webhook: kept as it came (scrubbed), once for each key, until it is processed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Row, delete, func, literal_column, select, update

from orchestrator.store.bulk import chunks, upsert
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.tables import events

DAY = 86400.0
ROW_BYTES = 512  # what an event takes beside its body, in the table and its indexes
LONGEST_ID = 200  # characters; a longer id would not fit into an index of PostgreSQL
_DELETED_AT_ONCE = 1000
_ROWS = 200  # in one statement: SQLite takes some thousand values

# Written out, not bound, and with the index's own condition in it word for word: else the planners cannot
# tell that the partial index will do.
_OPEN = events.c.state.in_([literal_column("'new'"), literal_column("'waiting'")])
_NEW = _OPEN & (events.c.state == literal_column("'new'"))
_WAITING = _OPEN & (events.c.state == literal_column("'waiting'"))
_DONE = events.c.state == literal_column("'done'")


@dataclass(frozen=True, slots=True)
class Received:
    """One delivery. `body` must be scrubbed; `kind` is the gateway's word; instants in seconds since 1970."""

    instance_id: int
    key: str
    kind: str
    body: Mapping[str, Any]
    sent_at: float | None = None
    stored: str = field(init=False, repr=False)  # the body as JSON in ASCII: a character is a byte

    def __post_init__(self) -> None:
        object.__setattr__(self, "stored", json.dumps(self.body, separators=(",", ":")))


class StoredEvent(NamedTuple):
    """One event that waits to be processed."""

    id: int
    instance_id: int
    received_at: float
    key: str
    kind: str
    sent_at: float | None
    body: dict[str, Any]
    tries: int


class ListedEvent(NamedTuple):
    """One event as a person sees it."""

    id: int
    instance_id: int
    received_at: float
    kind: str
    sent_at: float | None
    state: str
    result: str | None
    times: int
    tries: int
    next_try_at: float | None
    processed_at: float | None
    group_id: int | None


class Backlog(NamedTuple):
    """How many events are open, and since when the oldest new one waits."""

    new: int
    waiting: int
    oldest_new_at: float | None


def key_of(event_id: str | None, body: Mapping[str, Any]) -> str:
    """What tells duplicates: the event's own id, else the digest of its body.

    An id that no database stores as it is, because of its length or a control character, is not used.
    """
    if event_id and len(event_id) <= LONGEST_ID and event_id.isprintable():
        return event_id
    import hashlib  # noqa: PLC0415 - not for the status, which counts events

    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


async def receive(connection: AsyncConnection, now: float, deliveries: Sequence[Received]) -> int:
    """Keep them; one that is known counts once more and stays as it is. Returns how many are new."""
    times = Counter((one.instance_id, one.key) for one in deliveries)
    # In one order for everybody: two writers at once cannot hold each other up.
    found = sorted({(one.instance_id, one.key): one for one in reversed(deliveries)}.items())
    rows = [
        {
            "instance_id": one.instance_id,
            "received_at": now,
            "key": one.key,
            "kind": one.kind,
            "sent_at": one.sent_at,
            "body": one.stored,
            "times": times[place],
        }
        for place, one in found
    ]
    return sum([await _insert(connection, some) for some in chunks(rows, _ROWS)])


async def _insert(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> int:
    statement = upsert(connection, events).values(list(rows))
    known_once_more = statement.on_conflict_do_update(
        index_elements=["instance_id", "key"],
        set_={"times": events.c.times + statement.excluded.times},
    ).returning(events.c.instance_id, events.c.key, events.c.times)
    sent = {(row["instance_id"], row["key"]): row["times"] for row in rows}
    kept = (await connection.execute(known_once_more)).all()
    return sum(times == sent[instance_id, key] for instance_id, key, times in kept)


async def open_events(
    connection: AsyncConnection, now: float, *, limit: int, but_of: Collection[int] = ()
) -> list[StoredEvent]:
    """What is to be processed now, oldest first: what is new, and what waited until `now`. `but_of`: ids of
    instances whose events are left to others.
    """
    columns = [events.c[name] for name in StoredEvent._fields]
    due = _WAITING & (events.c.next_try_at <= now)
    found: list[Row[Any]] = []
    for which in (_NEW, due):
        query = select(*columns).where(which).order_by(events.c.id).limit(limit)
        if but_of:
            query = query.where(events.c.instance_id.not_in(sorted(but_of)))
        found += (await connection.execute(query)).all()
    return [_stored(row) for row in sorted(found, key=lambda row: row.id)[:limit]]


async def next_try(connection: AsyncConnection, *, but_of: Collection[int] = ()) -> float | None:
    """When the next of those that wait is due; None when none waits. `but_of` as in `open_events`."""
    query = select(func.min(events.c.next_try_at)).where(_WAITING)
    if but_of:
        query = query.where(events.c.instance_id.not_in(sorted(but_of)))
    value = await connection.scalar(query)
    return None if value is None else float(value)


async def still_open(connection: AsyncConnection, ids: Collection[int]) -> frozenset[int]:
    """Those of these events that are not processed yet."""
    return frozenset(await connection.scalars(select(events.c.id).where(events.c.id.in_(sorted(ids)), _OPEN)))


async def finish(
    connection: AsyncConnection, event_id: int, *, result: str, now: float, group_id: int | None = None
) -> None:
    """Processed; one that is done already stays as it is."""
    values = {"state": "done", "result": result, "processed_at": now, "next_try_at": None}
    if group_id is not None:
        values["group_id"] = group_id
    await connection.execute(update(events).where(events.c.id == event_id, _OPEN).values(**values))


async def wait(connection: AsyncConnection, event_id: int, *, until: float, result: str) -> None:
    """Again at that instant, such as after a look; one that is done already stays as it is."""
    values = {"state": "waiting", "next_try_at": until, "result": result, "tries": events.c.tries + 1}
    await connection.execute(update(events).where(events.c.id == event_id, _OPEN).values(**values))


class EventTotals(NamedTuple):
    """What gateways told by webhook. `open`: not processed yet."""

    received_last_day: int = 0
    open: int = 0
    last_at: float | None = None


async def totals(connection: AsyncConnection, now: float) -> EventTotals:
    """For the status: one query along indexes."""
    recent = select(func.count()).where(events.c.received_at >= now - DAY)
    waiting = select(func.count()).select_from(events).where(_OPEN)
    last = select(func.max(events.c.received_at))
    parts = [part.scalar_subquery() for part in (recent, waiting, last)]
    return EventTotals(*(await connection.execute(select(*parts))).one())


async def backlog(connection: AsyncConnection) -> Backlog:
    """What is not processed yet, for the status. Read from the partial index."""
    query = select(events.c.state, func.count(), func.min(events.c.id)).where(_OPEN).group_by(events.c.state)
    found = {state: (number, first) for state, number, first in await connection.execute(query)}
    new, first = found.get("new", (0, None))
    since = None
    if first is not None:
        since = await connection.scalar(select(events.c.received_at).where(events.c.id == first))
    return Backlog(new=new, waiting=found.get("waiting", (0, None))[0], oldest_new_at=since)


async def latest(
    connection: AsyncConnection, *, limit: int, instance_id: int | None = None
) -> list[ListedEvent]:
    """The newest, newest first."""
    columns = [events.c[name] for name in ListedEvent._fields]
    query = select(*columns).order_by(events.c.id.desc()).limit(limit)
    if instance_id is not None:
        query = query.where(events.c.instance_id == instance_id)
    return [ListedEvent(*row) for row in await connection.execute(query)]


class Deleted(NamedTuple):
    """How many rows, and the bytes that they took."""

    rows: int
    size: int


_SIZE = func.length(events.c.body) + ROW_BYTES  # the JSON is ASCII: a character is a byte


async def stored_bytes(connection: AsyncConnection) -> int:
    """What all events take, about. Reads the whole table."""
    return int(await connection.scalar(select(func.coalesce(func.sum(_SIZE), 0)).select_from(events)) or 0)


async def delete_oldest_done(connection: AsyncConnection, size: int) -> Deleted:
    """At least so many bytes of what was processed, but no more than some rows at once."""
    query = select(events.c.id, _SIZE).where(_DONE).order_by(events.c.received_at).limit(_DELETED_AT_ONCE)
    ids, found = [], 0
    for event_id, bytes_of_it in await connection.execute(query):
        ids.append(event_id)
        found += bytes_of_it
        if found >= size:
            break
    if ids:
        await connection.execute(delete(events).where(events.c.id.in_(ids)))
    return Deleted(len(ids), found)


async def replay(
    connection: AsyncConnection, *, ids: Sequence[int] | None = None, since: float | None = None
) -> list[int]:
    """Make these, or those received since then, new again; what is open anyway stays. Returns their ids."""
    which = events.c.id.in_(ids) if ids is not None else events.c.received_at >= (since or 0.0)
    values = {"state": "new", "tries": 0, "next_try_at": None, "result": None, "processed_at": None}
    statement = update(events).where(_DONE, which).values(**values).returning(events.c.id)
    return sorted((await connection.execute(statement)).scalars().all())


async def unknown(connection: AsyncConnection, ids: Sequence[int]) -> list[int]:
    """Those of the ids that there is no event of."""
    found = set((await connection.execute(select(events.c.id).where(events.c.id.in_(ids)))).scalars().all())
    return [one for one in ids if one not in found]


def _stored(row: Any) -> StoredEvent:
    values = row._asdict()
    return StoredEvent(**{**values, "body": json.loads(values["body"])})


async def departures(
    connection: AsyncConnection, instance_id: int, group_ids: Collection[int], results: Collection[str]
) -> dict[int, float]:
    """The latest event with one of these results for each group, by the gateway's own time."""
    if not group_ids:
        return {}
    e = events.c
    query = (
        select(e.group_id, func.max(e.sent_at))
        .where(e.instance_id == instance_id, e.group_id.in_(list(group_ids)), e.result.in_(list(results)))
        .group_by(e.group_id)
    )
    rows = (await connection.execute(query)).all()
    return {int(group_id): float(at) for group_id, at in rows if at is not None}
