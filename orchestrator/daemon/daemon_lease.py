"""The daemon's lease: one daemon drives one database. A second one stands by until the lease is free."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict

import orchestrator
from orchestrator.account.lease import REAL_LEASE, Holder, current_holder
from orchestrator.clock import Clock
from orchestrator.store import daemons
from orchestrator.store.daemons import DaemonRow, Trouble
from orchestrator.store.engine import Database

LEASE = 30.0  # seconds without a heartbeat before another may take over
ASK_AGAIN = 5.0

_log = logging.getLogger(__name__)


class DaemonLease:
    """This process's claim to be the daemon. `fence` grows with every taking."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._length = max(LEASE, 2 * REAL_LEASE / clock.real(1.0))
        self._said = ""
        self.fence = 0

    @property
    def every(self) -> float:
        """Seconds between two renewals."""
        return self._length / 3

    async def take(self) -> bool:
        """Take the lease if it is free, or if its holder is surely dead or silent for too long."""
        async with self._database.write() as connection:
            row = await daemons.lock(connection)
            now = await self._database.now(connection)
            if _held(row, now):
                self._say_who(row)
                return False
            self.fence = await daemons.take(
                connection,
                row,
                holder=json.dumps(asdict(current_holder())),
                now=now,
                until=now + self._length,
                version=orchestrator.__version__,
            )
        return True

    async def renew(self, troubles: Sequence[Trouble]) -> None:
        """Renew it with a heartbeat. Raises LeaseLostError when another daemon took over."""
        async with self._database.write() as connection:
            now = await self._database.now(connection)
            until = now + self._length
            await daemons.renew(connection, self.fence, now=now, until=until, troubles=troubles)

    async def record(self, **values: object) -> None:
        async with self._database.write() as connection:
            await daemons.record(connection, self.fence, **values)

    async def release(self) -> None:
        async with self._database.write() as connection:
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


def _held(row: DaemonRow, now: float) -> bool:
    """By a process that may be alive. What this process could not release in an outage is its own."""
    if not row.alive(now):
        return False
    holder = Holder(**json.loads(row.holder or "{}"))
    return holder != current_holder() and not holder.is_dead
