"""Handing a recovery to the daemon."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.domain.errors import LockHeldError, UsageError
from orchestrator.services.operate.acting import acting
from orchestrator.services.recover import lease
from orchestrator.store import daemons, orders, recoveries

if TYPE_CHECKING:
    from orchestrator.store.engine import Database
    from orchestrator.store.orders import Order

RESTARTS_WITHIN = 120.0  # seconds: a daemon that was there so lately is being restarted


@dataclass(frozen=True, slots=True)
class Ordered:
    """What the daemon was given."""

    recovery_id: int
    instance: str


async def order(database: Database, instance_name: str, wanted: Order, *, duration: float | None) -> Ordered:
    """Place a recovery for the daemon, which begins within a second. `duration`: seconds it may take.

    Raises UsageError when no daemon runs, LockHeldError when the instance is being driven, NotFoundError.
    """
    async with acting(database, instance_name, wanted.actor) as act:
        row = await daemons.read(act.connection)
        if not row.alive(act.now) and (row.heartbeat_at or 0.0) < act.now - RESTARTS_WITHIN:
            raise UsageError("no daemon runs on this database", hint="rejoin daemon, or run without --detach")
        lease.refuse_if_held(act.instance, act.now)
        before = await recoveries.open_one(act.connection, act.instance.id)
        if before is not None and any(one.id == before.id for one in await orders.waiting(act.connection)):
            raise LockHeldError(
                f"the daemon has recovery {before.id} onto {instance_name} under way already",
                hint=f"rejoin status {before.id}; rejoin stop {before.id} ends it",
            )
        deadline = None if duration is None else act.now + duration
        made = replace(wanted, instance_id=act.instance.id, deadline=deadline)
        act.recovery_id = await orders.place(act.connection, made, act.now)
        act.note("act.run", pace=wanted.pace, limit=wanted.joins_left)
        return Ordered(act.recovery_id, instance_name)
