"""The instances as shown: role in the recovery, session state, pause, and who drives them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orchestrator.domain.hints import account_hint
from orchestrator.domain.memberships import known_reason
from orchestrator.status.views import InstanceView, PauseView, RunnerView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.domain.instances import InstanceRecord
    from orchestrator.store.recoveries import Recovery

NOBODY = RunnerView(running=False, heartbeat_at=None, host=None, pid=None)


def instance_views(
    records: Sequence[InstanceRecord], row: Recovery | None, now: float
) -> tuple[InstanceView, ...]:
    """All instances that the database knows, and the lost one even if it knows it by name only."""
    views = [_view(record, row, now) for record in records]
    lost = row.from_name if row is not None else None
    if lost is not None and lost not in {view.name for view in views}:
        views.append(_named_only(lost))
    return tuple(views)


def runner(record: InstanceRecord | None, now: float) -> RunnerView:
    """Who holds the instance's lease. A lease that is over is nobody's."""
    if record is None:
        return NOBODY
    if record.lease_until is None or record.lease_until <= now:
        return RunnerView(running=False, heartbeat_at=record.seen_at, host=None, pid=None)
    holder = _holder(record.lease_holder)
    host, pid = holder.get("host"), holder.get("pid")
    return RunnerView(
        running=True,
        heartbeat_at=record.seen_at,
        host=str(host) if host is not None else None,
        pid=pid if isinstance(pid, int) else None,
    )


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


def _named_only(name: str) -> InstanceView:
    return InstanceView(
        name=name,
        role=None,
        gateway=None,
        part="from",
        state=None,
        state_word=None,
        since=None,
        checked_at=None,
        pause=None,
        slow_until=None,
        strikes=0,
        runner=NOBODY,
    )


def _holder(text: str | None) -> dict[str, object]:
    """The lease's own description; a form that we do not know tells us nothing, and is no reason to fail."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
