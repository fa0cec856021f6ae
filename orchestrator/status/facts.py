"""Everything that the status is derived from, read in one consistent view."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.domain.pacing import NextSlot, PacingPolicy, Wait
from orchestrator.status.read_daemon import daemon_view
from orchestrator.store import daemons, progress
from orchestrator.store import instances as instances_store
from orchestrator.store import slots as slot_store
from orchestrator.store.recoveries import Scope

if TYPE_CHECKING:
    from orchestrator.domain.instances import InstanceRecord
    from orchestrator.status.views_daemon import DaemonView
    from orchestrator.store.engine import AsyncConnection
    from orchestrator.store.instances import StoredLimits
    from orchestrator.store.progress import CatalogueTotals, CountRow, DueRow, NeedsYouRow
    from orchestrator.store.recoveries import Recovery
    from orchestrator.store.slots import LastJoin


class Untried(NamedTuple):
    """Groups that are in no recovery yet: of this one's scope, and others; and those that others left."""

    within: int = 0
    beyond: int = 0
    left_behind: int = 0


class Facts(NamedTuple):
    """Rows as stored. `policy` is the full pace, `slowed` the pace of this moment."""

    now: float
    recovery: Recovery | None
    instances: tuple[InstanceRecord, ...]
    target: InstanceRecord | None
    policy: PacingPolicy
    slowed: PacingPolicy
    next_slot: NextSlot
    sent: tuple[float, ...]  # of the last day
    counts: tuple[CountRow, ...]
    due: tuple[DueRow, ...]
    needs_you: tuple[NeedsYouRow, ...]
    last: LastJoin | None
    catalogue: CatalogueTotals
    daemon: DaemonView
    untried: Untried
    limits: StoredLimits | None = None


class Work(NamedTuple):
    """The part of the facts that belongs to one recovery."""

    counts: tuple[CountRow, ...] = ()
    due: tuple[DueRow, ...] = ()
    needs_you: tuple[NeedsYouRow, ...] = ()


class Sends(NamedTuple):
    """The part of the facts that comes from the log of slots."""

    slowed: PacingPolicy
    next_slot: NextSlot
    sent: tuple[float, ...] = ()
    last: LastJoin | None = None


async def gather(
    connection: AsyncConnection,
    row: Recovery | None,
    policy: PacingPolicy,
    *,
    needs_you_limit: int,
    now: float,
) -> Facts:
    """A dozen small queries, all along indexes."""
    records = tuple(await instances_store.all_records(connection))
    target = next((one for one in records if row is not None and one.id == row.to_instance_id), None)
    full = policy if row is None or row.pace is None else replace(policy, joins_per_minute=row.pace)
    sends = await _sends(connection, target, full, now)
    work = Work() if row is None else await _work(connection, row, needs_you_limit)
    catalogue = await progress.catalogue(connection)
    return Facts(
        now=now,
        recovery=row,
        instances=records,
        target=target,
        policy=full,
        slowed=sends.slowed,
        next_slot=sends.next_slot,
        sent=sends.sent,
        counts=work.counts,
        due=work.due,
        needs_you=work.needs_you,
        last=sends.last,
        catalogue=catalogue,
        daemon=daemon_view(await daemons.read(connection), now),
        untried=Untried() if row is None else await _untried(connection, row, catalogue.groups),
        limits=None if target is None else await instances_store.limits_of(connection, target.id),
    )


async def _untried(connection: AsyncConnection, row: Recovery, stored: int) -> Untried:
    every = max(0, stored - await progress.tried(connection))
    within = await progress.never_tried(connection, row.scope) if every and row.scope != Scope() else every
    return Untried(within, every - within, await progress.left_behind(connection, row.to_instance_id, row.id))


async def _work(connection: AsyncConnection, row: Recovery, limit: int) -> Work:
    counts = tuple(await progress.membership_counts(connection, row.id))
    due = tuple(await progress.due_by_minute(connection, row.id))
    return Work(counts, due, tuple(await progress.needs_you(connection, row, limit)))


async def _sends(
    connection: AsyncConnection, target: InstanceRecord | None, full: PacingPolicy, now: float
) -> Sends:
    if target is None:
        return Sends(full, NextSlot(now, Wait.NOTHING))
    slowed = full.slowed(target.pace_factor(now))
    return Sends(
        slowed,
        await slot_store.peek(connection, target, slowed, now),
        tuple(await slot_store.sent_instants(connection, target.id, now - slot_store.DAY)),
        await slot_store.last_join(connection, target.id),
    )
