"""The daemons: who runs, since when, its last heartbeat, its accounts; and what the schedule remembers."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import delete, exists, func, insert, select, update

from orchestrator.domain.assignment import Claim
from orchestrator.domain.errors import LeaseLostError
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.tables import daemon, instances, recoveries, schedule


class DaemonRow(NamedTuple):
    """A place for a daemon, as stored. Instants are seconds since 1970; `holder` is JSON, None while none has
    it; `knows` is a JSON list of instance ids; `agreed` stands for the settings that all daemons must share.
    """

    id: int
    fence: int
    holder: str | None
    started_at: float | None
    heartbeat_at: float | None
    until: float | None
    version: str | None
    listen: str | None
    stopping: bool
    troubles: str
    knows: str
    agreed: str | None

    @property
    def known(self) -> frozenset[int]:
        """The ids of the instances in its configuration."""
        return frozenset(json.loads(self.knows))

    def alive(self, now: float) -> bool:
        """Whether its last heartbeat still holds."""
        return self.holder is not None and self.until is not None and self.until > now


@dataclass(frozen=True, slots=True)
class Trouble:
    """A part of the daemon that fails just now. `text` is scrubbed."""

    part: str
    since: float
    text: str


_DIVIDING = 0x52656A6F696E  # "Rejoin"; the migrations' lock is another one
_ROWS = select(*(daemon.c[name] for name in DaemonRow._fields)).order_by(daemon.c.id)


async def rows(connection: AsyncConnection) -> list[DaemonRow]:
    """All places, the lowest first: there is always at least one."""
    return [DaemonRow(*row) for row in await connection.execute(_ROWS)]


async def lock(connection: AsyncConnection) -> list[DaemonRow]:
    """Read them, and let no other process take, leave or divide until the transaction ends.

    Not by row locks: whoever waited for one does not see a row that was inserted meanwhile, and heartbeats
    must not wait. Take it before any lock of an instance's row.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_advisory_xact_lock(_DIVIDING)))
    return await rows(connection)


def first_of(found: Sequence[DaemonRow], now: float) -> DaemonRow:
    """The one that leads: of those that live the one that began first, else the one that was seen last."""
    living = [row for row in found if row.alive(now)]
    if living:
        return min(living, key=lambda row: row.fence)
    return max(found, key=lambda row: row.heartbeat_at or 0.0)


async def take(
    connection: AsyncConnection,
    found: Sequence[DaemonRow],
    place: int,
    *,
    now: float,
    names: Collection[str],
    **values: Any,
) -> int:
    """Become a daemon, in this place; returns the new fence. `found`: all rows, which must be locked.
    `names`: of the instances in its configuration. `values`: its holder, until when it is taken, its version.
    """
    fence = max(row.fence for row in found) + 1
    mine = instances.c.name.in_(sorted(names))
    knows = list(await connection.scalars(select(instances.c.id).where(mine).order_by(instances.c.id)))
    await _empty(connection, [row for row in found if row.holder == values["holder"]])
    values |= {"fence": fence, "started_at": now, "heartbeat_at": now, "knows": json.dumps(knows)}
    values |= {"listen": None, "stopping": False, "troubles": "[]", "agreed": None}
    if any(row.id == place for row in found):
        await connection.execute(update(daemon).where(daemon.c.id == place).values(**values))
    else:
        await connection.execute(insert(daemon).values(id=place, **values))
    return fence


async def _empty(connection: AsyncConnection, places: Collection[DaemonRow]) -> None:
    """What this process could not leave in an outage shall not look alive."""
    if places:
        theirs = update(daemon).where(daemon.c.id.in_([row.id for row in places]))
        await connection.execute(theirs.values(holder=None, until=None))


async def renew(
    connection: AsyncConnection, fence: int, *, now: float, until: float, troubles: Sequence[Trouble]
) -> None:
    """Renew the lease with a heartbeat. Raises LeaseLostError when another daemon took over."""
    told = json.dumps([{"part": one.part, "since": one.since, "text": one.text} for one in troubles])
    if not await record(connection, fence, heartbeat_at=now, until=until, troubles=told):
        raise LeaseLostError("another daemon took over while this one was held up")


async def record(connection: AsyncConnection, held: int, /, **values: Any) -> bool:
    """Set columns of the daemon whose fence we hold; False, and nothing, if another took over."""
    mine = update(daemon).where(daemon.c.fence == held)
    return bool((await connection.execute(mine.values(**values))).rowcount)


async def release(connection: AsyncConnection, fence: int) -> None:
    """It runs no more, and its accounts are free; its last heartbeat stays to be seen."""
    await lock(connection)
    await record(connection, fence, holder=None, until=None, stopping=False, listen=None, troubles="[]")
    await assign(connection, [one.id for one in await claims(connection) if one.owner == fence], None)


def troubles_of(row: DaemonRow) -> list[Trouble]:
    return [Trouble(**one) for one in json.loads(row.troubles)]


async def claims(connection: AsyncConnection) -> list[Claim]:
    """Every instance that is configured or that a daemon works for, with that daemon."""
    r = recoveries.c
    is_open = exists().where(r.to_instance_id == instances.c.id, r.state == "running").correlate(instances)
    there = instances.c.configured | instances.c.daemon_fence.is_not(None)
    query = select(instances.c.id, instances.c.daemon_fence, is_open).where(there).order_by(instances.c.id)
    return [Claim(*row) for row in await connection.execute(query)]


async def assign(connection: AsyncConnection, ids: Collection[int], fence: int | None) -> frozenset[int]:
    """The daemon with this fence works for these instances from now on; the daemons must be locked.

    Returns those that it was done for: an instance whose row somebody holds just now is left for later.
    """
    if not ids:
        return frozenset()
    these = select(instances.c.id).where(instances.c.id.in_(sorted(ids))).order_by(instances.c.id)
    free = frozenset(await connection.scalars(these.with_for_update(skip_locked=True)))
    await connection.execute(
        update(instances).where(instances.c.id.in_(sorted(free))).values(daemon_fence=fence)
    )
    return free


class ScheduleEntry(NamedTuple):
    """One row. `expression` has its time zone at its end. `last_due_at`: nothing before that is due."""

    name: str
    expression: str
    last_due_at: float | None
    last_ran_at: float | None
    last_result: str | None


async def schedule_entries(connection: AsyncConnection) -> dict[str, ScheduleEntry]:
    """All rows by name: a handful."""
    rows = (await connection.execute(select(schedule))).all()
    return {row.name: ScheduleEntry(*row) for row in rows}


async def forget_other_entries(connection: AsyncConnection, names: Collection[str]) -> None:
    """Forget entries that are no longer configured: they begin anew when they come back."""
    await connection.execute(delete(schedule).where(schedule.c.name.not_in(list(names))))


async def begin_entry(connection: AsyncConnection, name: str, expression: str, now: float) -> None:
    """An expression seen for the first time, or another one than before: only what comes after now is due."""
    row = {"expression": expression, "last_due_at": now}
    changed = await connection.execute(update(schedule).where(schedule.c.name == name).values(**row))
    if not changed.rowcount:
        await connection.execute(insert(schedule).values(name=name, **row))


async def claim_entry(connection: AsyncConnection, kept: ScheduleEntry, *, due: float, now: float) -> bool:
    """Take the instant `due` for this transaction; False if the row is no longer as it was read."""
    this = schedule.c.name == kept.name, schedule.c.expression == kept.expression
    statement = update(schedule).where(*this, schedule.c.last_due_at == kept.last_due_at)
    claimed = await connection.execute(statement.values(last_due_at=due, last_ran_at=now))
    return bool(claimed.rowcount)


async def set_entry_result(connection: AsyncConnection, name: str, result: str) -> None:
    """What became of the run, in one sentence."""
    await connection.execute(update(schedule).where(schedule.c.name == name).values(last_result=result))


async def lives(connection: AsyncConnection, now: float) -> bool:
    """Whether a daemon gave a sign of life lately: without one nothing of the schedule is carried out."""
    return bool(
        await connection.scalar(select(exists().where(daemon.c.holder.is_not(None), daemon.c.until > now)))
    )
