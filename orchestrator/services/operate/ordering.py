"""Handing a recovery to the daemon."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.domain.errors import LockHeldError, UsageError
from orchestrator.services.operate.acting import acting
from orchestrator.services.recover import lease
from orchestrator.services.recover.requests import to_go_on_with
from orchestrator.store import daemons, orders, recoveries, requeueing

if TYPE_CHECKING:
    from orchestrator.services.operate.acting import Act
    from orchestrator.services.recover.requests import Request
    from orchestrator.store.engine import Database
    from orchestrator.store.orders import Order
    from orchestrator.store.recoveries import Recovery

RESTARTS_WITHIN = 120.0  # seconds: a daemon that was there so lately is being restarted


@dataclass(frozen=True, slots=True)
class Ordered:
    """What the daemon was given."""

    recovery_id: int
    instance: str


async def order(
    database: Database, instance_name: str, request: Request, wanted: Order, *, duration: float | None
) -> Ordered:
    """Give the daemon the open recovery that is meant, as it was placed, or a new one.

    It begins within a second. `wanted` has pace and limit; `duration`: seconds it may take. Raises
    UsageError when no daemon runs or another scope is open, LockHeldError when the instance is being driven,
    NotFoundError.
    """
    async with acting(database, instance_name, wanted.actor) as act:
        row = await daemons.read(act.connection)
        if not row.alive(act.now) and (row.heartbeat_at or 0.0) < act.now - RESTARTS_WITHIN:
            raise UsageError("no daemon runs on this database", hint="rejoin daemon, or run without --detach")
        lease.refuse_if_held(act.instance, act.now)
        found = await to_go_on_with(act.connection, act.instance.id, instance_name, request)
        deadline = None if duration is None else act.now + duration
        if found is None:
            made = replace(wanted, instance_id=act.instance.id, scope=request.scope, deadline=deadline)
            act.recovery_id = await orders.place(act.connection, made, act.now)
        elif found.driver == "daemon":
            raise LockHeldError(
                f"the daemon has recovery {found.id} onto {instance_name} under way already",
                hint=f"rejoin status {found.id}; rejoin stop {found.id} ends it",
            )
        else:
            await _hand_over(act, found, wanted, deadline)
        await requeueing.after_new_number(act.connection, recovery_id=act.recovery_id or 0, now=act.now)
        act.note("act.run", pace=wanted.pace, limit=wanted.joins_left)
        return Ordered(act.recovery_id or 0, instance_name)


async def _hand_over(act: Act, found: Recovery, wanted: Order, deadline: float | None) -> None:
    limit = wanted.joins_left
    if limit is not None:  # it is counted from the recovery's first join on
        limit += await recoveries.joins_sent(act.connection, found.id)
    await recoveries.give_to_daemon(
        act.connection, found.id, pace=wanted.pace, joins_left=limit, deadline=deadline
    )
    act.recovery_id = found.id
