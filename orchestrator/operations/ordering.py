"""Handing a recovery to the daemon, and stopping one by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.account import lease
from orchestrator.account.requests import Request, to_go_on_with
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import LockHeldError, NotFoundError, UsageError
from orchestrator.domain.recoveries import End
from orchestrator.operations.acting import acting
from orchestrator.store import daemons, orders, progress, recoveries, unit_of_work
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
        row = daemons.first_of(await daemons.rows(unit.connection), unit.now)
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


_NONE_YET = f"{Operation.HISTORY} lists the recoveries; {Operation.RUN} starts one"


@dataclass(frozen=True, slots=True)
class Stopped:
    """What `stop` did. Unless it `ended`, its runner was told: it lets the join on its way end, and stops."""

    recovery_id: int
    instance: str
    changed: bool
    ended: bool
    sentence: str


async def stop(database: Database, recovery_id: int | None = None, *, actor: str) -> Stopped:
    """End a recovery: that one, or the latest that did not end. What it has done stays.

    Nothing more is sent but for joins on their way. Raises NotFoundError.
    """
    async with database.read() as connection:
        chosen = recovery_id if recovery_id is not None else await recoveries.latest_running_id(connection)
        row = await recoveries.get_or_latest(connection, chosen)
    if row is None:
        missing = (
            "there was no recovery yet" if recovery_id is None else f"there is no recovery {recovery_id}"
        )
        raise NotFoundError(missing, hint=_NONE_YET)
    async with acting(database, row.to_name, actor) as unit:
        recovery = await recoveries.get(unit.connection, row.id)
        if recovery is None or recovery.state != "running":
            return _over_already(row.id, row.to_name)
        return await _stop(unit, recovery)


async def _stop(unit: UnitOfWork, recovery: Recovery) -> Stopped:
    unit.recovery_id, name = recovery.id, unit.instance.name
    if lease.living_holder(unit.instance, unit.now) is None:
        # A runner that only lost its lease for being late sees the wish, too.
        await recoveries.request_stop(unit.connection, recovery.id, actor=unit.actor, now=unit.now)
        counted = await progress.counts(unit.connection, recovery.id)
        if not await recoveries.finish(
            unit.connection,
            recovery.id,
            state="stopped",
            outcome=End.STOPPED.value,
            counted=counted,
            now=unit.now,
        ):
            return _over_already(recovery.id, name)
        unit.note("act.stop", ended=True)
        return Stopped(recovery.id, name, True, True, f"recovery {recovery.id} is stopped")
    if recovery.stop_requested_at is not None:
        return Stopped(recovery.id, name, False, False, f"recovery {recovery.id} is stopping already")
    await recoveries.request_stop(unit.connection, recovery.id, actor=unit.actor, now=unit.now)
    unit.note("act.stop", ended=False)
    sentence = f"recovery {recovery.id} stops as soon as the join on its way has ended"
    return Stopped(recovery.id, name, True, False, sentence)


def _over_already(recovery_id: int, name: str) -> Stopped:
    return Stopped(recovery_id, name, False, True, f"recovery {recovery_id} is over already")
