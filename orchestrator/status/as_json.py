"""The JSON contract of docs/json.md: plain dicts; RFC 3339 UTC times, seconds named so, fields only added."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from orchestrator.domain.commands import Command
from orchestrator.domain.strict_json import SCHEMA
from orchestrator.domain.times import instant, seconds

if TYPE_CHECKING:
    from orchestrator.status.group_status import Explanation
    from orchestrator.status.past import PastRecovery
    from orchestrator.status.views import (
        DaemonView,
        InstanceView,
        LossView,
        NeedsYouView,
        PaceView,
        PauseView,
        RunnerView,
        StatusView,
    )
    from orchestrator.store.gateway_limits import StoredLimits
    from orchestrator.store.group_rows import GroupRow
    from orchestrator.store.journal import JournalLine

_PAST = 1e9  # numbers in the journal's data from here on are instants, smaller ones are not
_SCOPE = "to=to_name from=from_name labels"
_TIMES_OF_RECOVERY = "actor created_at started_at finished_at"


def _fields(row: object, names: str) -> dict[str, Any]:
    """Fields of a view or a row under the contract's names: `to=to_name` where the row calls it otherwise."""
    found = {}
    for name in names.split():
        key, _, attribute = name.partition("=")
        found[key] = _plain(key, getattr(row, attribute or key))
    return found


def _plain(key: str, value: Any) -> Any:
    """What the contract calls a moment is an instant: the views compute in seconds since 1970."""
    if key in ("at", "since", "until_last") or key.endswith(("_at", "until")):
        return instant(value)
    if isinstance(value, Command):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    return value.value if isinstance(value, Enum) else value


def to_json(view: StatusView) -> dict[str, Any]:
    """The object that `rejoin status --json` prints."""
    waiting = "status reason cause sentence count until until_last"
    scheduled = "name expression timezone next_at next_local last_ran_at last_result"
    last = view.last
    return {
        "schema": SCHEMA,
        "at": instant(view.now),
        **progress(view),
        "pace": _pace(view.pace, view.now),
        "instances": [_instance(one, view) for one in view.instances],
        "needs_you": [_needs_you(one) for one in view.needs_you],
        "waiting": [_fields(one, waiting) for one in view.waiting],
        "last_join": None if last is None else _fields(last, "at group slug status jid members"),
        "catalogue": _fields(view.catalogue, "groups with_code"),
        "history_in_doubt": view.history_in_doubt,
        "daemon": daemon_json(view),
        "daemons": [_daemon(one, view.now) for one in view.daemons],
        "schedule": [_fields(one, scheduled) for one in view.schedule],
        "others": [_fields(one, f"id state=phase {_SCOPE}") for one in view.others],
        "losses": [_loss(one) for one in view.losses],
        "events": _fields(view.events, "received_last_day open last_at"),
        "outbox": {
            **_fields(view.outbox, "unsorted pending oldest_pending_at parked"),
            "receivers": [_fields(one, "name pending parked") for one in view.outbox.sinks],
        },
    }


def progress(view: StatusView) -> dict[str, Any]:
    """The part that changes all the time; also a `progress` line's body."""
    eta = view.eta
    return {
        "recovery": _recovery(view),
        "counts": {status.value: count for status, count in view.counts.items()},
        "buckets": {bucket.value: count for bucket, count in view.buckets.items()},
        "eta": instant(eta.at),
        "eta_seconds": None if eta.at is None else seconds(eta.at - view.now),
        "eta_reason": eta.reason.value,
        "eta_most": instant(eta.most_at),
        "eta_most_groups": None if eta.most_at is None else eta.most,
    }


def progress_line(view: StatusView) -> dict[str, Any]:
    """One JSON line of type `progress`."""
    pace = _pace(view.pace, view.now)
    return {"type": "progress", "at": instant(view.now), **progress(view), "pace": pace}


def summary_line(view: StatusView, exit_code: int) -> dict[str, Any]:
    """The last JSON line: the whole status and the exit code."""
    return {"type": "summary", "exit_code": exit_code, **to_json(view)}


def _recovery(view: StatusView) -> dict[str, Any] | None:
    if view.recovery is None:
        return None
    names = f"id state=phase outcome {_SCOPE} {_TIMES_OF_RECOVERY} stop_requested_at stop_requested_by driver"
    names += " follows chosen command never_tried never_tried_elsewhere=beyond left_behind"
    return {**_fields(view.recovery, names), **_fields(view, "total active unfinished")}


def _pace(pace: PaceView, now: float) -> dict[str, Any]:
    rate = "joins_per_minute configured_joins_per_minute=configured half_pace_until=slow_until next_join_at"
    window = "worst_window window_limit window_seconds=window sent_last_day daily_limit"
    limit = pace.gateway_limit
    return {
        **_fields(pace, rate),
        "next_join_in_seconds": seconds(None if pace.next_join_at is None else pace.next_join_at - now),
        "next_join_reason": pace.next_join_reason,
        **_fields(pace, window),
        "gateway_limit": None if limit is None else _limit(limit),
    }


def _limit(limit: StoredLimits) -> dict[str, Any]:
    names = "group_calls_per_minute=per_minute group_calls_per_day=per_day policy"
    return {**_fields(limit, names), "gap_seconds": seconds(limit.gap)}


def _instance(one: InstanceView, view: StatusView) -> dict[str, Any]:
    now, daemon = view.now, next((it for it in view.daemons if one.name in it.accounts), None)
    return {
        **_fields(one, "name role gateway part state state_word since checked_at"),
        "checked_age_seconds": _age(one.checked_at, now),
        "pause": None if one.pause is None else _pause(one.pause),
        **_fields(one, "half_pace_until=slow_until strikes clock_steps"),
        "runner": _runner(one.runner, now),
        "identity_changed_at": instant(one.identity_changed_at),
        "daemon": None if daemon is None else _fields(daemon, "host pid"),
    }


def _pause(pause: PauseView) -> dict[str, Any]:
    """Why no joins are sent, and whose move it is."""
    return {**_fields(pause, "reason text by since until"), **pause.hint.as_json()}


def _runner(one: RunnerView, now: float) -> dict[str, Any]:
    age = _age(one.heartbeat_at, now)
    return {"running": one.running, "heartbeat_age_seconds": age, **_fields(one, "host pid")}


def _age(at: float | None, now: float) -> float | None:
    return None if at is None else seconds(now - at)


def _needs_you(one: NeedsYouView) -> dict[str, Any]:
    return {
        **_fields(one.row, "group slug status reason since"),
        **one.hint.as_json(),
        **_fields(one.row, "detail next_attempt_at priority expected_jid jid seen_subject"),
    }


def daemon_json(view: StatusView) -> dict[str, Any]:
    """The daemon if one lives, else whoever drives the recovery, else who was last seen."""
    daemon, runner = view.daemon, view.runner
    who: DaemonView | RunnerView = runner if runner.running and not daemon.running else daemon
    beats = [one.heartbeat_at for one in (daemon, runner) if one.heartbeat_at is not None]
    heartbeat_at = who.heartbeat_at if who.running else max(beats, default=None)
    return {
        "running": who.running,
        "kind": "daemon" if daemon.running else "run" if runner.running else None,
        "heartbeat_age_seconds": _age(heartbeat_at, view.now),
        "heartbeat_at": instant(heartbeat_at),
        **_fields(who, "host pid"),
        **_fields(daemon, "version listen started_at stopping"),
        "troubles": [_fields(one, "part since text") for one in daemon.troubles],
    }


def _daemon(one: DaemonView, now: float) -> dict[str, Any]:
    """One of those that share the database, with the names of the accounts that it works for."""
    return {
        **_fields(one, "host pid version listen started_at heartbeat_at"),
        "heartbeat_age_seconds": _age(one.heartbeat_at, now),
        **_fields(one, "stopping leads accounts"),
        "troubles": [_fields(it, "part since text") for it in one.troubles],
    }


def _loss(one: LossView) -> dict[str, Any]:
    """One account's latest loss or suspicion, with everything that speaks for and against it."""
    return {
        **_fields(one, "instance state since decided_at ended_at decided_by"),
        "evidence": [_fields(reading, "at kind gone says text") for reading in one.evidence],
        **_fields(one, "action recovery to detail"),
    }


def group_json(row: GroupRow) -> dict[str, Any]:
    """One element of `rejoin groups list --json`."""
    names = "group slug jid instance status reason bucket detail since attempts next_attempt_at joined_at"
    names += " confirmed_at evidence greeting code_last4 labels priority members recovery=recovery_id"
    return _fields(row, names)


def group_line(row: GroupRow, at: float) -> dict[str, Any]:
    """One JSON line of type `group`: it stands elsewhere than before."""
    return {"type": "group", "at": instant(at), **group_json(row)}


def explanation_json(one: Explanation) -> dict[str, Any]:
    """The object that `rejoin explain --json` prints."""
    expected = "jid=expected_jid subject=expected_subject owner=expected_owner"
    seen = "jid=seen_jid subject=seen_subject owner=seen_owner members verified_at"
    slot = "number=n reserved_at planned_at=send_at sent_at finished_at outcome"
    return {
        "schema": SCHEMA,
        "at": instant(one.now),
        **group_json(one.row),
        **one.hint.as_json(),
        **_fields(one, "until place expected_at"),
        "pause": None if one.pause is None else _pause(one.pause),
        "identity": {"expected": _fields(one.row, expected), "seen": _fields(one.row, seen)},
        "others": [group_json(row) for row in one.others],
        "joins": [_fields(line, slot) for line in one.joins],
        "journal": [journal_json(line) for line in one.lines],
    }


def journal_json(line: JournalLine) -> dict[str, Any]:
    """One line of `rejoin log --json`."""
    data = {key: _datum(key, value) for key, value in line.data.items()}
    return {**_fields(line, "id at kind actor instance group slug recovery=recovery_id"), "data": data}


def _datum(key: str, value: Any) -> Any:
    """The journal keeps instants as it computes with them: seconds since 1970."""
    is_instant = isinstance(value, float) and value > _PAST and key.endswith(("_at", "until"))
    return instant(value) if is_instant else value


def history_json(one: PastRecovery) -> dict[str, Any]:
    """One element of `rejoin history --json`."""
    row = one.row
    return {
        "id": row.id,
        "state": one.phase.value,
        "outcome": row.outcome,
        **_fields(row, "to=to_name from=from_name"),
        "labels": list(one.labels),
        **_fields(row, _TIMES_OF_RECOVERY),
        "duration_seconds": seconds(one.seconds),
        **_fields(row, "driver follows=follows_id chosen=fixed"),
        "counts": {status.value: count for status, count in one.counts.items()},
    }
