"""The one row of the daemon: who runs, since when, its last heartbeat; and what its schedule remembers."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import delete, exists, insert, select, update

from orchestrator.domain.errors import LeaseLostError
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.tables import daemon, schedule

_THE_ROW = daemon.c.id == 1


class DaemonRow(NamedTuple):
    """As stored. Instants are seconds since 1970; `holder` is JSON, None while none runs."""

    fence: int
    holder: str | None
    started_at: float | None
    heartbeat_at: float | None
    until: float | None
    version: str | None
    listen: str | None
    stopping: bool
    troubles: str

    def alive(self, now: float) -> bool:
        """Whether its last heartbeat still holds."""
        return self.holder is not None and self.until is not None and self.until > now


@dataclass(frozen=True, slots=True)
class Trouble:
    """A part of the daemon that fails just now. `text` is scrubbed."""

    part: str
    since: float
    text: str


_ROW = select(*(daemon.c[name] for name in DaemonRow._fields)).where(_THE_ROW)


async def read(connection: AsyncConnection) -> DaemonRow:
    return DaemonRow(*(await connection.execute(_ROW)).one())


async def lock(connection: AsyncConnection) -> DaemonRow:
    """Read it and keep others from writing it until the transaction ends."""
    return DaemonRow(*(await connection.execute(_ROW.with_for_update())).one())


async def take(
    connection: AsyncConnection, row: DaemonRow, *, holder: str, now: float, until: float, version: str
) -> int:
    """Become the daemon; returns the new fence. The row must be locked."""
    fence = row.fence + 1
    run = {"holder": holder, "started_at": now, "heartbeat_at": now, "until": until, "version": version}
    await record(connection, row.fence, fence=fence, listen=None, stopping=False, troubles="[]", **run)
    return fence


async def renew(
    connection: AsyncConnection, fence: int, *, now: float, until: float, troubles: Sequence[Trouble]
) -> None:
    """Renew the lease with a heartbeat. Raises LeaseLostError when another daemon took over."""
    told = json.dumps([{"part": one.part, "since": one.since, "text": one.text} for one in troubles])
    if not await record(connection, fence, heartbeat_at=now, until=until, troubles=told):
        raise LeaseLostError("another daemon took over while this one was held up")


async def record(connection: AsyncConnection, held: int, /, **values: Any) -> bool:
    """Set columns of the daemon whose fence we hold; False, and nothing, if another took over."""
    mine = update(daemon).where(_THE_ROW, daemon.c.fence == held)
    return bool((await connection.execute(mine.values(**values))).rowcount)


async def release(connection: AsyncConnection, fence: int) -> None:
    """No daemon runs any more; its last heartbeat stays to be seen."""
    await record(connection, fence, holder=None, until=None, stopping=False, listen=None, troubles="[]")


def troubles_of(row: DaemonRow) -> list[Trouble]:
    return [Trouble(**one) for one in json.loads(row.troubles)]


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
