"""The status: one function, read by the command, the page, the API and the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import NotFoundError
from orchestrator.domain.eta import Eta, EtaReason
from orchestrator.domain.memberships import Bucket, Status
from orchestrator.domain.pacing import PacingPolicy
from orchestrator.status import derive
from orchestrator.status.facts import gather
from orchestrator.status.instance_views import instance_views, runner
from orchestrator.status.read_daemon import surroundings
from orchestrator.status.schedule_view import read_schedule
from orchestrator.status.views import StatusView
from orchestrator.store import recoveries
from orchestrator.store.slot_high_water_mark import in_doubt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.domain.instances import InstanceRecord
    from orchestrator.status.facts import Facts
    from orchestrator.status.read_daemon import Surroundings
    from orchestrator.status.schedule_view import Entry, ScheduleView
    from orchestrator.store.engine import AsyncConnection, Database
    from orchestrator.store.progress import ScopeProgress

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
        around = await surroundings(connection, facts.instances, moment)
        open_ones = await recoveries.open_ones(connection)
        doubt = await _in_doubt(database, connection, facts)
    view = _view(facts, planned, around)
    return view._replace(others=derive.others(facts, open_ones), history_in_doubt=doubt)


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


def _view(facts: Facts, planned: tuple[ScheduleView, ...], around: Surroundings) -> StatusView:
    return StatusView(
        now=facts.now,
        recovery=derive.recovery_view(facts),
        counts=derive.count_statuses(facts.counts),
        buckets=derive.count_buckets(facts.counts),
        eta=derive.eta(facts),
        pace=derive.pace(facts),
        instances=instance_views(facts.instances, facts.recovery, facts.now),
        needs_you=derive.needs_you(facts),
        waiting=derive.waiting(facts),
        runner=runner(facts.target, facts.now),
        last=facts.last,
        catalogue=facts.catalogue,
        schedule=planned,
        daemon=facts.daemon,
        losses=around.losses,
        events=around.events,
        outbox=around.outbox,
    )
