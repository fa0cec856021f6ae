"""The status: one function, read by the command, the page, the API and the metrics.

Everything that it is derived from is read in one consistent view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import NotFoundError
from orchestrator.domain.eta import Eta, EtaReason
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import Bucket, Status
from orchestrator.domain.pacing import NextSlot, PacingPolicy, Wait
from orchestrator.status import derive
from orchestrator.status.accounts_and_daemon import (
    daemon_view,
    daemon_views,
    instance_views,
    loss_views,
    runner,
)
from orchestrator.status.schedule_view import Entry, read_schedule
from orchestrator.status.views import DaemonView, StatusView
from orchestrator.store import daemons, events, gateway_limits, instances, outbox, progress, recoveries, slots
from orchestrator.store.engine import Database
from orchestrator.store.gateway_limits import StoredLimits
from orchestrator.store.progress import CatalogueTotals, CountRow, DueRow, NeedsYouRow, ScopeProgress
from orchestrator.store.recoveries import Recovery, Scope
from orchestrator.store.slot_high_water_mark import in_doubt
from orchestrator.store.slots import LastJoin

if TYPE_CHECKING:
    from orchestrator.store.engine import AsyncConnection


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
    catalogue: CatalogueTotals
    daemon: DaemonView
    sent: tuple[float, ...] = ()  # of the last day
    last: LastJoin | None = None
    limits: StoredLimits | None = None
    counts: tuple[CountRow, ...] = ()
    due: tuple[DueRow, ...] = ()
    needs_you: tuple[NeedsYouRow, ...] = ()
    untried: Untried = Untried()
    daemons: tuple[DaemonView, ...] = ()


async def gather(
    connection: AsyncConnection,
    row: Recovery | None,
    policy: PacingPolicy,
    *,
    needs_you_limit: int,
    now: float,
) -> Facts:
    """A dozen small queries, all along indexes."""
    records = tuple(await instances.all_records(connection))
    target = next((one for one in records if row is not None and one.id == row.to_instance_id), None)
    places = await daemons.rows(connection)
    full = policy if row is None or row.pace is None else replace(policy, joins_per_minute=row.pace)
    facts = Facts(
        now=now,
        recovery=row,
        instances=records,
        target=target,
        policy=full,
        slowed=full,
        next_slot=NextSlot(now, Wait.NOTHING),
        catalogue=await progress.catalogue(connection),
        daemon=daemon_view(places, now),
        daemons=daemon_views(places, records, now),
    )
    if target is not None:
        slowed = full.slowed(target.pace_factor(now))
        facts = facts._replace(
            slowed=slowed,
            next_slot=await slots.peek(connection, target, slowed, now),
            sent=tuple(await slots.sent_instants(connection, target.id, now - slots.DAY)),
            last=await slots.last_join(connection, target.id),
            limits=await gateway_limits.of_instance(connection, target.id),
        )
    if row is not None:
        facts = facts._replace(
            counts=tuple(await progress.membership_counts(connection, row.id)),
            due=tuple(await progress.due_by_minute(connection, row.id)),
            needs_you=tuple(await progress.needs_you(connection, row, needs_you_limit)),
            untried=await _untried(connection, row, facts.catalogue.groups),
        )
    return facts


async def _untried(connection: AsyncConnection, row: Recovery, stored: int) -> Untried:
    every = max(0, stored - await progress.tried(connection))
    within = await progress.never_tried(connection, row.scope) if every and row.scope != Scope() else every
    return Untried(within, every - within, await progress.left_behind(connection, row.to_instance_id, row.id))


NEEDS_YOU_LIMIT = 50


async def read_status(
    database: Database,
    policy: PacingPolicy,
    *,
    recovery_id: int | None = None,
    schedule: Sequence[Entry] = (),
    needs_you_limit: int = NEEDS_YOU_LIMIT,
    now: float | None = None,
) -> StatusView:
    """Where that recovery stands, or the latest. `policy` is the configured pace, `schedule` the configured
    entries; `now` the database's clock.

    Raises NotFoundError for a recovery that does not exist; without any recovery the view says so.
    """
    async with database.read() as connection:
        row = await recoveries.get_or_latest(connection, recovery_id)
        if row is None and recovery_id is not None:
            raise NotFoundError(f"there is no recovery {recovery_id}", hint=f"{Operation.HISTORY} lists them")
        moment = await database.now(connection) if now is None else now
        facts = await gather(connection, row, policy, needs_you_limit=needs_you_limit, now=moment)
        planned = await read_schedule(connection, schedule, moment)
        found = await loss_views(connection, facts.instances)
        letters, received = await outbox.totals(connection), await events.totals(connection, moment)
        open_ones = await recoveries.open_ones(connection)
        doubt = await _in_doubt(database, connection, facts)
    return StatusView(
        now=moment,
        recovery=derive.recovery_view(facts),
        counts=derive.count_statuses(facts.counts),
        buckets=derive.count_buckets(facts.counts),
        eta=derive.eta(facts),
        pace=derive.pace(facts),
        instances=instance_views(facts.instances, row, moment),
        needs_you=derive.needs_you(facts),
        waiting=derive.waiting(facts),
        runner=runner(facts.target, moment),
        last=facts.last,
        catalogue=facts.catalogue,
        schedule=planned,
        daemon=facts.daemons[0] if facts.daemons else facts.daemon,
        daemons=facts.daemons,
        losses=found,
        events=received,
        outbox=letters,
        others=derive.others(facts, open_ones),
        history_in_doubt=doubt,
    )


async def _in_doubt(database: Database, connection: AsyncConnection, facts: Facts) -> bool:
    """Of the instance that is being filled, or before the first recovery of the backups that may be."""
    backups = [one for one in facts.instances if one.configured and one.role == "backup"]
    asked: Sequence[InstanceRecord | None] = backups if facts.target is None else [facts.target]
    for one in asked or [None]:
        driven = one is not None and one.driven(facts.now)
        if await in_doubt(database, connection, one, driven=driven):
            return True
    return False


async def read_settled(database: Database, policy: PacingPolicy, standing: ScopeProgress) -> StatusView:
    """A status for a run that had nothing to do: without a recovery, but with the counts of its groups."""
    view = await read_status(database, policy)
    left_out = standing.groups - standing.active
    counts = dict.fromkeys(Status, 0) | {Status.ACTIVE: standing.active, Status.SKIPPED: left_out}
    buckets = dict.fromkeys(Bucket, 0) | {Bucket.DONE: standing.active, Bucket.SKIPPED: left_out}
    eta = Eta(None, EtaReason.DONE)
    return view._replace(recovery=None, counts=counts, buckets=buckets, eta=eta, needs_you=(), waiting=())
