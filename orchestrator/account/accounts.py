"""One configured instance as the daemon's parts see it, and which one a command is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from orchestrator.domain.errors import NotFoundError, UsageError
from orchestrator.domain.group_fields import instance_called
from orchestrator.domain.outcomes import ReadEvent
from orchestrator.gateways.base import Gateway
from orchestrator.store import recoveries
from orchestrator.store.engine import Database


@dataclass(frozen=True, slots=True)
class Account:
    """A row of `instances`, the gateway that speaks for it, and what reads that gateway's webhooks.

    `role` is `primary` or `backup`.
    """

    id: int
    name: str
    role: str
    gateway: Gateway
    read_event: ReadEvent
    gateway_id: str = ""  # how the gateway names this account; empty: not known
    address: str = ""  # the gateway's: what is known of one account's holds for all accounts there


@dataclass(slots=True)
class Share:
    """The accounts that this process works for: all of them, unless daemons share the database.

    `fence`: this daemon's, None outside a daemon. `others`: ids of the accounts that are not this one's.
    `led`: ids of the accounts in the file of the daemon that leads (it does what one at a time does:
    failover, schedule, deliveries, retention), None if that is this one. All of that is known up to `until`
    (boot time) only: a process that slept asks the database before it goes on.
    """

    fence: int | None = None
    others: frozenset[int] = frozenset()
    led: frozenset[int] | None = None
    until: float = inf

    def is_known(self, boottime: float) -> bool:
        return boottime < self.until

    def has(self, instance_id: int, boottime: float) -> bool:
        return self.is_known(boottime) and instance_id not in self.others

    def leads(self, boottime: float) -> bool:
        return self.is_known(boottime) and self.led is None

    def decides(self, instance_id: int, boottime: float) -> bool:
        """Whether a loss of this account is decided here: by the one that leads, if it knows the account."""
        if self.led is None or instance_id in self.led:
            return self.leads(boottime)
        return self.has(instance_id, boottime)


async def choose_instance(
    database: Database, wanted: str | None, backups: Sequence[str], *, to_run: bool = False
) -> str:
    """The backup that is meant: the one named, else the latest recovery's, else the only one.

    `to_run`: for a run, which goes on with what is open: the latest open recovery's goes before a later one's
    that is over. Raises NotFoundError, and UsageError naming the choices where there are several.
    """
    choices = ", ".join(backups)
    if wanted is not None:
        if (found := instance_called(backups, wanted)) is None:
            raise NotFoundError(f"no backup instance is called {wanted}", hint=f"there are: {choices}")
        return found
    async with database.read() as connection:
        open_id = await recoveries.latest_running_id(connection) if to_run else None
        latest = await recoveries.get_or_latest(connection, open_id)
    if latest is not None and latest.to_name in backups:
        return latest.to_name
    if len(backups) == 1:
        return backups[0]
    if not backups:
        raise UsageError(
            "no backup instance is configured",
            hint='add [[instances]] with role = "backup" to the configuration',
        )
    raise UsageError("there are several backup instances", hint=f"say which with --to: {choices}")
