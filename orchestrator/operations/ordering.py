"""Handing a recovery to the daemon."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.account import lease
from orchestrator.account.requests import to_go_on_with
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import LockHeldError, UsageError
from orchestrator.operations.acting import acting
from orchestrator.store import daemons, orders, recoveries, unit_of_work

if TYPE_CHECKING:
    from orchestrator.account.requests import Request
    from orchestrator.store.engine import Database
    from orchestrator.store.orders import Order
    from orchestrator.store.recoveries import Recovery
    from orchestrator.store.unit_of_work import UnitOfWork

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
    async with acting(database, instance_name, wanted.actor) as unit:
        row = await daemons.read(unit.connection)
        if not row.alive(unit.now) and (row.heartbeat_at or 0.0) < unit.now - RESTARTS_WITHIN:
            raise UsageError(
                "no daemon runs on this database", hint=f"{Operation.DAEMON}, or run without --detach"
            )
        lease.refuse_if_held(unit.instance, unit.now)
        found = await to_go_on_with(unit.connection, unit.instance.id, instance_name, request)
        deadline = None if duration is None else unit.now + duration
        if found is None:
            made = replace(wanted, instance_id=unit.instance.id, scope=request.scope, deadline=deadline)
            unit.recovery_id = await orders.place(unit.connection, made, unit.now)
        elif found.driver == "daemon":
            status, stop = (Command(one, recovery=found.id) for one in (Operation.STATUS, Operation.STOP))
            raise LockHeldError(
                f"the daemon has recovery {found.id} onto {instance_name} under way already",
                hint=f"{status}; {stop} ends it",
            )
        else:
            await _hand_over(unit, found, wanted, deadline)
        await unit_of_work.reopen_after_new_number(unit)
        unit.note("act.run", pace=wanted.pace, limit=wanted.joins_left)
        return Ordered(unit.recovery_id or 0, instance_name)


async def _hand_over(unit: UnitOfWork, found: Recovery, wanted: Order, deadline: float | None) -> None:
    limit = wanted.joins_left
    if limit is not None:  # it is counted from the recovery's first join on
        limit += await recoveries.joins_sent(unit.connection, found.id)
    await recoveries.give_to_daemon(
        unit.connection, found.id, pace=wanted.pace, joins_left=limit, deadline=deadline
    )
    unit.recovery_id = found.id
