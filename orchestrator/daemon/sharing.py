"""Which accounts this daemon works for, where several daemons share one database.

Each daemon compares, with every heartbeat, what the database says of all of them. It takes what is free of
its share, and gives up what is more than that when nothing of it is under way any more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from orchestrator.account.accounts import Share
from orchestrator.account.lease import is_taken
from orchestrator.clock import Clock
from orchestrator.daemon.daemon_lease import DaemonLease
from orchestrator.domain.assignment import share_out
from orchestrator.domain.errors import LeaseLostError
from orchestrator.store import daemons
from orchestrator.store.engine import AsyncConnection
from orchestrator.tasks import Part

ENDS_WITHIN = 60.0  # seconds after which no look or greeting that had begun is under way any more
REAL_ENDS_WITHIN = 3.0
LOOK_AGAIN = 60.0  # seconds: a change of the share wakes everybody
DIFFER = (
    "another daemon on this database has other receivers, another schedule, other backups or another [watch]:"
    " which of them hold depends on which daemon leads"
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Division:
    """What the rows say, and what is to be changed in them."""

    mine: frozenset[int]  # of this daemon's share, what it works for already
    takes: frozenset[int]
    surplus: frozenset[int]  # what it works for beyond its share
    gives_up: frozenset[int]  # of that, what nothing is under way for any more
    living: frozenset[int]  # the fences of all daemons that live
    known: frozenset[int]  # all accounts that are configured, or that a daemon knows
    led: frozenset[int] | None  # as in Share
    differs: bool


class Sharing:
    """Keeps the `share` of one daemon. `works_for`: whether a recovery of this account is driven here."""

    def __init__(
        self, lease: DaemonLease, share: Share, *, names: Mapping[int, str], works_for: Callable[[int], bool]
    ) -> None:
        self._database, self._clock, self._lease, self._share = lease.database, lease.clock, lease, share
        self._names, self._works_for = names, works_for
        self._giving_up: dict[int, float] = {}  # since when (boot time) nothing new is begun for these
        self._said: tuple[frozenset[int], bool] | None = None
        self._agreed: str | None = None
        self.differs_since: float | None = None
        self._living: frozenset[int] = frozenset()
        self.others_left = False  # since the last division: what only they knew may be nobody's now

    async def begin(self, agreed: str | None = None) -> None:
        """Take the first accounts. `agreed` stands for the settings that all daemons must share."""
        self._share.fence, self._agreed = self._lease.fence, agreed
        await self._lease.renew(())  # it may have taken long to come to this
        await self._lease.record(agreed=agreed)
        await self.divide()

    async def divide(self) -> bool:
        """Compare with the others, after a heartbeat. True if the share is another one now.

        Raises LeaseLostError where the rows do not show this daemon alive.
        """
        async with self._database.read() as connection:
            found = await self._read(connection, await daemons.rows(connection))
        if found.takes or found.gives_up:
            async with self._database.write() as connection:
                found = await self._read(connection, await daemons.lock(connection))
                taken = await daemons.assign(connection, found.takes, self._lease.fence)
                await daemons.assign(connection, found.gives_up, None)
            return self._adopt(found, found.mine | taken)
        return self._adopt(found, found.mine)

    async def _read(self, connection: AsyncConnection, rows: Collection[daemons.DaemonRow]) -> _Division:
        now, fence = await self._database.now(connection), self._lease.fence
        living = {
            row.fence: row for row in rows if (row.alive(now) if row.fence == fence else is_taken(row, now))
        }
        if fence not in living:
            raise LeaseLostError("this daemon was held up for longer than its lease lasts")
        knows = {one: row.known for one, row in living.items()}
        claims = await daemons.claims(connection)
        wanted = {one for one, owner in share_out(claims, knows).items() if owner == fence}
        mine = {claim.id for claim in claims if claim.owner == fence}
        free = {claim.id for claim in claims if claim.owner not in living}
        return _Division(
            mine=frozenset(mine & wanted),
            takes=frozenset(free & wanted),
            surplus=frozenset(mine - wanted),
            gives_up=frozenset(filter(self._is_over, mine - wanted)),
            living=frozenset(living),
            known=frozenset(claim.id for claim in claims).union(*knows.values()),
            led=None if fence == min(living) else knows[min(living)],
            differs=any(row.agreed not in (None, self._agreed) for row in living.values()),
        )

    def _is_over(self, instance_id: int) -> bool:
        boottime = self._clock.boottime()
        ends_within = max(ENDS_WITHIN, REAL_ENDS_WITHIN / self._clock.real(1.0))
        since = boottime - self._giving_up.get(instance_id, boottime)
        return since > ends_within and not self._works_for(instance_id)

    def _adopt(self, found: _Division, mine: frozenset[int]) -> bool:
        share, boottime, leads = self._share, self._clock.boottime(), found.led is None
        slept = not share.is_known(boottime)
        self.others_left, self._living = bool(self._living - found.living), found.living
        self._giving_up = {one: self._giving_up.get(one, boottime) for one in found.surplus}
        share.others, share.led = found.known - mine, found.led
        share.until = self._lease.renewed_at + self._lease.length
        self.differs_since = (self.differs_since or self._clock.now()) if found.differs else None
        if self._said == (mine, leads):
            return slept
        if found.known - mine or self._said is not None:
            self._log(mine, len(found.known), leads=leads)
        self._said = (mine, leads)
        return True

    def _log(self, mine: frozenset[int], known: int, *, leads: bool) -> None:
        named = ", ".join(sorted(self._names[one] for one in mine if one in self._names)) or "none yet"
        led = "; failover, schedule and messages are with it" if leads else ""
        _log.info("this daemon works for %s of %s accounts: %s%s", len(mine), known, named, led)


class OneAtATime:
    """A part whose work one daemon at a time does; it waits while another one does it."""

    def __init__(self, part: Part, share: Share, clock: Clock) -> None:
        self._part, self._share, self._clock = part, share, clock
        self.name = part.name

    async def step(self) -> float:
        """The part's own, while this daemon is the first."""
        return await self._part.step() if self._share.leads(self._clock.boottime()) else LOOK_AGAIN
