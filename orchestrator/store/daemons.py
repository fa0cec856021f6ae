"""The one row of the daemon: who runs, since when, and its last heartbeat."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from orchestrator.domain.errors import LeaseLostError
from orchestrator.store.tables import daemon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

_THE_ROW = daemon.c.id == 1


@dataclass(frozen=True, slots=True)
class DaemonRow:
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


_COLUMNS = [daemon.c[name] for name in DaemonRow.__slots__]


async def read(connection: AsyncConnection) -> DaemonRow:
    return DaemonRow(*(await connection.execute(select(*_COLUMNS).where(_THE_ROW))).one())


async def lock(connection: AsyncConnection) -> DaemonRow:
    """Read it and keep others from writing it until the transaction ends."""
    query = select(*_COLUMNS).where(_THE_ROW).with_for_update()
    return DaemonRow(*(await connection.execute(query)).one())


async def take(
    connection: AsyncConnection, row: DaemonRow, *, holder: str, now: float, until: float, version: str
) -> int:
    """Become the daemon; returns the new fence. The row must be locked."""
    fence = row.fence + 1
    await _set(
        connection,
        fence=fence,
        holder=holder,
        started_at=now,
        heartbeat_at=now,
        until=until,
        version=version,
        listen=None,
        stopping=False,
        troubles="[]",
    )
    return fence


async def renew(
    connection: AsyncConnection, fence: int, *, now: float, until: float, troubles: Sequence[Trouble]
) -> None:
    """Renew the lease with a heartbeat. Raises LeaseLostError when another daemon took over."""
    told = json.dumps([{"part": one.part, "since": one.since, "text": one.text} for one in troubles])
    changed = await connection.execute(
        update(daemon)
        .where(_THE_ROW, daemon.c.fence == fence)
        .values(heartbeat_at=now, until=until, troubles=told)
    )
    if not changed.rowcount:
        raise LeaseLostError("another daemon took over while this one was held up")


async def record(connection: AsyncConnection, fence: int, **values: Any) -> None:
    """Set `listen` or `stopping` of the daemon that is us; nothing if another took over."""
    await connection.execute(update(daemon).where(_THE_ROW, daemon.c.fence == fence).values(**values))


async def release(connection: AsyncConnection, fence: int) -> None:
    """No daemon runs any more; its last heartbeat stays to be seen."""
    gone = {"holder": None, "until": None, "stopping": False, "listen": None, "troubles": "[]"}
    await connection.execute(update(daemon).where(_THE_ROW, daemon.c.fence == fence).values(**gone))


def troubles_of(row: DaemonRow) -> list[Trouble]:
    return [Trouble(**one) for one in json.loads(row.troubles)]


async def _set(connection: AsyncConnection, **values: Any) -> None:
    await connection.execute(update(daemon).where(_THE_ROW).values(**values))
