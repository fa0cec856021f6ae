"""The JSON contract of docs/json.md: plain dicts; RFC 3339 UTC times, seconds named so, fields only added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.domain.strict_json import SCHEMA
from orchestrator.domain.times import instant, seconds
from orchestrator.status.as_json_daemon import daemon_json, events_json, loss_json, outbox_json

if TYPE_CHECKING:
    from orchestrator.status.schedule_view import ScheduleView
    from orchestrator.status.views import (
        InstanceView,
        NeedsYouView,
        OtherView,
        PauseView,
        RunnerView,
        StatusView,
        WaitingView,
    )
    from orchestrator.store.instances import StoredLimits
    from orchestrator.store.slots import LastJoin


def to_json(view: StatusView) -> dict[str, Any]:
    """The object that `rejoin status --json` prints."""
    return {
        "schema": SCHEMA,
        "at": instant(view.now),
        **progress(view),
        "pace": _pace(view),
        "instances": [_instance(one, view.now) for one in view.instances],
        "needs_you": [_needs_you(one) for one in view.needs_you],
        "waiting": [_waiting(one) for one in view.waiting],
        "last_join": _last_join(view.last),
        "catalogue": {"groups": view.catalogue.groups, "with_code": view.catalogue.with_code},
        "history_in_doubt": view.history_in_doubt,
        "daemon": daemon_json(view),
        "schedule": [_scheduled(one) for one in view.schedule],
        "others": [_other(one) for one in view.others],
        "losses": [loss_json(one) for one in view.losses],
        "events": events_json(view.events),
        "outbox": outbox_json(view.outbox),
    }


def progress(view: StatusView) -> dict[str, Any]:
    """The part that changes all the time; also a `progress` line's body."""
    return {
        "recovery": _recovery(view),
        "counts": {status.value: count for status, count in view.counts.items()},
        "buckets": {bucket.value: count for bucket, count in view.buckets.items()},
        "eta": instant(view.eta.at),
        "eta_seconds": None if view.eta.at is None else seconds(view.eta.at - view.now),
        "eta_reason": view.eta.reason.value,
        "eta_most": instant(view.eta.most_at),
        "eta_most_groups": None if view.eta.most_at is None else view.eta.most,
    }


def progress_line(view: StatusView) -> dict[str, Any]:
    """One JSON line of type `progress`."""
    return {"type": "progress", "at": instant(view.now), **progress(view), "pace": _pace(view)}


def summary_line(view: StatusView, exit_code: int) -> dict[str, Any]:
    """The last JSON line: the whole status and the exit code."""
    return {"type": "summary", "exit_code": exit_code, **to_json(view)}


def _recovery(view: StatusView) -> dict[str, Any] | None:
    one = view.recovery
    if one is None:
        return None
    return {
        "id": one.id,
        "state": one.phase.value,
        "outcome": one.outcome,
        "to": one.to_name,
        "from": one.from_name,
        "labels": list(one.labels),
        "actor": one.actor,
        "created_at": instant(one.created_at),
        "started_at": instant(one.started_at),
        "finished_at": instant(one.finished_at),
        "stop_requested_at": instant(one.stop_requested_at),
        "stop_requested_by": one.stop_requested_by,
        "driver": one.driver,
        "follows": one.follows,
        "chosen": one.chosen,
        "command": str(one.command),
        "never_tried": one.never_tried,
        "never_tried_elsewhere": one.beyond,
        "left_behind": one.left_behind,
        "total": view.total,
        "active": view.active,
        "unfinished": view.unfinished,
    }


def _other(one: OtherView) -> dict[str, Any]:
    to = {"to": one.to_name, "from": one.from_name, "labels": list(one.labels)}
    return {"id": one.id, "state": one.phase.value, **to}


def _pace(view: StatusView) -> dict[str, Any]:
    pace = view.pace
    wait = None if pace.next_join_at is None else pace.next_join_at - view.now
    return {
        "joins_per_minute": pace.joins_per_minute,
        "configured_joins_per_minute": pace.configured,
        "half_pace_until": instant(pace.slow_until),
        "next_join_at": instant(pace.next_join_at),
        "next_join_in_seconds": seconds(wait),
        "next_join_reason": pace.next_join_reason,
        "worst_window": pace.worst_window,
        "window_limit": pace.window_limit,
        "window_seconds": pace.window,
        "sent_last_day": pace.sent_last_day,
        "daily_limit": pace.daily_limit,
        "gateway_limit": None if pace.gateway_limit is None else _limit(pace.gateway_limit),
    }


def _limit(limit: StoredLimits) -> dict[str, Any]:
    return {
        "group_calls_per_minute": limit.per_minute,
        "group_calls_per_day": limit.per_day,
        "policy": limit.policy,
        "gap_seconds": seconds(limit.gap),
    }


def _instance(one: InstanceView, now: float) -> dict[str, Any]:
    age = None if one.checked_at is None else now - one.checked_at
    return {
        "name": one.name,
        "role": one.role,
        "gateway": one.gateway,
        "part": one.part,
        "state": one.state,
        "state_word": one.state_word,
        "since": instant(one.since),
        "checked_at": instant(one.checked_at),
        "checked_age_seconds": seconds(age),
        "pause": None if one.pause is None else pause_fields(one.pause),
        "half_pace_until": instant(one.slow_until),
        "strikes": one.strikes,
        "clock_steps": one.clock_steps,
        "runner": _runner(one.runner, now),
        "identity_changed_at": instant(one.identity_changed_at),
    }


def pause_fields(pause: PauseView) -> dict[str, Any]:
    """Why no joins are sent, and whose move it is."""
    return {
        "reason": pause.reason,
        "text": pause.text,
        "by": pause.by,
        "since": instant(pause.since),
        "until": instant(pause.until),
        **pause.hint.as_json(),
    }


def _needs_you(one: NeedsYouView) -> dict[str, Any]:
    row = one.row
    return {
        "group": row.group,
        "slug": row.slug,
        "status": row.status.value,
        "reason": None if row.reason is None else row.reason.value,
        "since": instant(row.since),
        **one.hint.as_json(),
        "detail": row.detail,
        "next_attempt_at": instant(row.next_attempt_at),
        "priority": row.priority,
        "expected_jid": row.expected_jid,
        "jid": row.jid,
        "seen_subject": row.seen_subject,
    }


def _waiting(one: WaitingView) -> dict[str, Any]:
    return {
        "status": one.status.value,
        "reason": None if one.reason is None else one.reason.value,
        "cause": one.cause,
        "sentence": one.sentence,
        "count": one.count,
        "until": instant(one.until),
        "until_last": instant(one.until_last),
    }


def _last_join(last: LastJoin | None) -> dict[str, Any] | None:
    if last is None:
        return None
    return {
        "at": instant(last.at),
        "group": last.group,
        "slug": last.slug,
        "status": last.status.value,
        "jid": last.jid,
        "members": last.members,
    }


def _runner(one: RunnerView, now: float) -> dict[str, Any]:
    age = None if one.heartbeat_at is None else now - one.heartbeat_at
    return {
        "running": one.running,
        "heartbeat_age_seconds": seconds(age),
        "host": one.host,
        "pid": one.pid,
    }


def _scheduled(one: ScheduleView) -> dict[str, Any]:
    return {
        "name": one.name,
        "expression": one.expression,
        "timezone": one.timezone,
        "next_at": instant(one.next_at),
        "next_local": one.next_local,
        "last_ran_at": instant(one.last_ran_at),
        "last_result": one.last_result,
    }
