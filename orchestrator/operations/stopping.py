"""Stopping a recovery by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.account import lease
from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import LockHeldError, NotFoundError
from orchestrator.domain.recoveries import End
from orchestrator.operations.acting import acting
from orchestrator.store import progress, recoveries
from orchestrator.store.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from orchestrator.store.engine import Database
    from orchestrator.store.recoveries import Recovery

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
    if not _driven(unit):
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


def _driven(unit: UnitOfWork) -> bool:
    """Whether a runner holds the lease, as far as anybody can tell."""
    try:
        lease.refuse_if_held(unit.instance, unit.now)
    except LockHeldError:
        return True
    return False
