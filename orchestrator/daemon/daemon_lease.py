"""The daemon's lease: a place among the daemons of one database.

SQLite has one place: a second daemon stands by until it is free. PostgreSQL has as many as there are daemons.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict

import orchestrator
from orchestrator.account.lease import REAL_LEASE, Holder, current_holder, is_taken
from orchestrator.clock import Clock
from orchestrator.store import daemons
from orchestrator.store.daemons import DaemonRow, Trouble
from orchestrator.store.engine import Database

LEASE = 30.0  # seconds without a heartbeat before another may take over
ASK_AGAIN = 5.0

_log = logging.getLogger(__name__)


class DaemonLease:
    """This process's claim to be a daemon. `fence` grows with every taking."""

    def __init__(self, database: Database, clock: Clock, names: Collection[str] = ()) -> None:
        """`names`: of the instances in this daemon's configuration."""
        self.database, self._names = database, names
        self.clock = clock
        self.length = max(LEASE, 2 * REAL_LEASE / clock.real(1.0))
        self._said = ""
        self.fence = 0
        self.renewed_at = float("-inf")  # boot time

    @property
    def every(self) -> float:
        """Seconds between two renewals."""
        return self.length / 3

    async def take(self) -> bool:
        """Take a place that is free, or whose holder is surely dead or silent for too long."""
        boottime = self.clock.boottime()
        async with self.database.write() as connection:
            rows = await daemons.lock(connection)
            now = await self.database.now(connection)
            place = self._free_place(rows, now)
            if place is None:
                self._say_who(rows[0])
                return False
            self.fence = await daemons.take(
                connection,
                rows,
                place,
                holder=json.dumps(asdict(current_holder())),
                now=now,
                names=self._names,
                until=now + self.length,
                version=orchestrator.__version__,
            )
        self.renewed_at = boottime
        return True

    def _free_place(self, rows: Sequence[DaemonRow], now: float) -> int | None:
        free = [row.id for row in rows if not is_taken(row, now)]
        if free:
            return free[0]
        return None if self.database.dialect == "sqlite" else rows[-1].id + 1

    async def renew(self, troubles: Sequence[Trouble]) -> None:
        """Renew it with a heartbeat. Raises LeaseLostError when another daemon took over."""
        boottime = self.clock.boottime()
        async with self.database.write() as connection:
            now = await self.database.now(connection)
            until = now + self.length
            await daemons.renew(connection, self.fence, now=now, until=until, troubles=troubles)
        self.renewed_at = boottime

    async def record(self, **values: object) -> None:
        async with self.database.write() as connection:
            await daemons.record(connection, self.fence, **values)

    async def release(self) -> None:
        async with self.database.write() as connection:
            await daemons.release(connection, self.fence)

    def _say_who(self, row: DaemonRow) -> None:
        if row.holder != self._said:
            self._said = row.holder or ""
            holder = Holder(**json.loads(row.holder or "{}"))
            _log.warning(
                "another daemon works on this database: process %s on %s; standing by",
                holder.pid,
                holder.host,
            )
