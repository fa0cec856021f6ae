"""The accounts and the daemon as shown: session state, pause, losses, who drives them, what fails in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.domain.hints import account_hint
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.loss_judgement import Case, LossState, accusing, how_decided
from orchestrator.domain.memberships import known_reason
from orchestrator.status.views import DaemonView, InstanceView, LossView, PauseView, RunnerView
from orchestrator.store import daemons, losses, recoveries
from orchestrator.store.daemons import DaemonRow
from orchestrator.store.losses import Loss
from orchestrator.store.recoveries import Recovery

if TYPE_CHECKING:
    from orchestrator.store.engine import AsyncConnection


NOBODY = RunnerView()


def instance_views(
    records: Sequence[InstanceRecord], row: Recovery | None, now: float
) -> tuple[InstanceView, ...]:
    """All instances that the database knows, and the lost one even if it knows it by name only."""
    views = [_view(record, row, now) for record in records]
    lost = row.from_name if row is not None else None
    if lost is not None and lost not in {view.name for view in views}:
        views.append(InstanceView(lost, part="from"))
    return tuple(views)


def runner(record: InstanceRecord | None, now: float) -> RunnerView:
    """Who holds the instance's lease. A lease that is over is nobody's."""
    if record is None:
        return NOBODY
    if record.lease_until is None or record.lease_until <= now:
        return RunnerView(heartbeat_at=record.seen_at)
    holder = _holder(record.lease_holder)
    host, pid = holder.get("host"), holder.get("pid")
    host = None if host is None else str(host)
    return RunnerView(True, record.seen_at, host, pid if isinstance(pid, int) else None)


def pause(record: InstanceRecord, now: float) -> PauseView | None:
    """The pause in force, and whose move it is."""
    if not record.paused(now) or record.pause_reason is None:
        return None
    return PauseView(
        reason=record.pause_reason,
        text=record.pause_text,
        by=record.pause_by,
        since=record.paused_at,
        until=record.paused_until,
        hint=account_hint(known_reason(record.pause_reason), record.paused_until, record.name),
    )


def _view(record: InstanceRecord, row: Recovery | None, now: float) -> InstanceView:
    slow = record.slow_until if record.pace_factor(now) < 1 else None
    return InstanceView(
        name=record.name,
        role=record.role,
        gateway=record.gateway,
        part=_part(record, row),
        state=record.state,
        state_word=record.state_word,
        since=record.state_since,
        checked_at=record.state_checked_at,
        pause=pause(record, now),
        slow_until=slow,
        strikes=record.strikes,
        runner=runner(record, now),
        identity_changed_at=record.identity_changed_at,
        clock_steps=record.clock_steps,
    )


def _part(record: InstanceRecord, row: Recovery | None) -> str | None:
    if row is None:
        return None
    if record.id == row.to_instance_id:
        return "to"
    return "from" if record.name == row.from_name else None


def _holder(text: str | None) -> dict[str, object]:
    """The lease's own description; a form that we do not know tells us nothing, and is no reason to fail."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


async def loss_views(connection: AsyncConnection, records: Sequence[InstanceRecord]) -> tuple[LossView, ...]:
    """Each account's latest loss or suspicion, unless that was dismissed."""
    names = {record.id: record.name for record in records}
    found = [
        one
        for one in (await losses.latest(connection)).values()
        if one.case.standing is not LossState.DISMISSED and one.instance_id in names
    ]
    ids = {one.recovery_id for one in found if one.recovery_id is not None}
    filled = await recoveries.filled_by(connection, ids)
    views = [_loss(one, names, filled) for one in found]
    return tuple(sorted(views, key=lambda one: one.since))


def daemon_view(rows: Sequence[DaemonRow], now: float) -> DaemonView:
    """The one that leads. Without a sign of life in time it is not running, whatever it last said."""
    return next(iter(daemon_views(rows, (), now)), None) or DaemonView(
        running=False, heartbeat_at=daemons.first_of(rows, now).heartbeat_at
    )


def daemon_views(
    rows: Sequence[DaemonRow], records: Sequence[InstanceRecord], now: float
) -> tuple[DaemonView, ...]:
    """Those that live, with the accounts each works for; the one that leads comes first."""
    living = sorted((row for row in rows if row.alive(now)), key=lambda row: row.fence)
    return tuple(_daemon(row, records, leads=row is living[0]) for row in living)


def _daemon(row: DaemonRow, records: Sequence[InstanceRecord], *, leads: bool) -> DaemonView:
    holder = json.loads(row.holder or "{}")
    return DaemonView(
        running=True,
        heartbeat_at=row.heartbeat_at,
        host=holder.get("host"),
        pid=holder.get("pid"),
        version=row.version,
        listen=row.listen,
        started_at=row.started_at,
        stopping=row.stopping,
        troubles=tuple(daemons.troubles_of(row)),
        leads=leads,
        accounts=tuple(one.name for one in records if one.daemon_fence == row.fence),
    )


def _loss(loss: Loss, names: Mapping[int, str], filled: Mapping[int, int]) -> LossView:
    to = None if loss.recovery_id is None else names.get(filled.get(loss.recovery_id, 0))
    return LossView(
        instance=names[loss.instance_id],
        state=loss.case.standing,
        since=loss.case.since,
        decided_at=loss.decided_at,
        ended_at=loss.ended_at,
        decided_by=None if loss.decided_at is None else _decided_by(loss.case, loss.decided_at),
        evidence=loss.case.evidence,
        action=loss.action,
        recovery=loss.recovery_id,
        to=to,
        detail=loss.detail,
    )


def _decided_by(case: Case, decided_at: float) -> str:
    """From what was known then: readings since may say otherwise."""
    known = replace(case, evidence=tuple(one for one in case.evidence if one.at <= decided_at))
    return how_decided(known if accusing(known) else case, decided_at - case.since)
