"""The JSON contract of the daemon, losses, inbox and outbox (docs/json.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.domain.times import instant, seconds

if TYPE_CHECKING:
    from orchestrator.status.views import RunnerView, StatusView
    from orchestrator.status.views_daemon import DaemonView, LossView
    from orchestrator.store.events import EventTotals
    from orchestrator.store.outbox import OutboxTotals


def daemon_json(view: StatusView) -> dict[str, Any]:
    """The daemon if one lives, else whoever drives the recovery, else who was last seen."""
    daemon, runner = view.daemon, view.runner
    who: DaemonView | RunnerView = runner if runner.running and not daemon.running else daemon
    beats = [one.heartbeat_at for one in (daemon, runner) if one.heartbeat_at is not None]
    heartbeat_at = who.heartbeat_at if who.running else max(beats, default=None)
    age = None if heartbeat_at is None else view.now - heartbeat_at
    return {
        "running": who.running,
        "kind": "daemon" if daemon.running else "run" if runner.running else None,
        "heartbeat_age_seconds": seconds(age),
        "heartbeat_at": instant(heartbeat_at),
        "host": who.host,
        "pid": who.pid,
        "version": daemon.version,
        "listen": daemon.listen,
        "started_at": instant(daemon.started_at),
        "stopping": daemon.stopping,
        "troubles": [
            {"part": one.part, "since": instant(one.since), "text": one.text} for one in daemon.troubles
        ],
    }


def loss_json(one: LossView) -> dict[str, Any]:
    """One account's latest loss or suspicion, with everything that speaks for and against it."""
    return {
        "instance": one.instance,
        "state": one.state.value,
        "since": instant(one.since),
        "decided_at": instant(one.decided_at),
        "ended_at": instant(one.ended_at),
        "decided_by": one.decided_by,
        "evidence": [
            {
                "at": instant(reading.at),
                "kind": reading.kind.value,
                "gone": reading.gone,
                "says": reading.says,
                "text": reading.text,
            }
            for reading in one.evidence
        ],
        "action": one.action,
        "recovery": one.recovery,
        "to": one.to,
        "detail": one.detail,
    }


def outbox_json(one: OutboxTotals) -> dict[str, Any]:
    """What is still to be told, and to whom."""
    return {
        "unsorted": one.unsorted,
        "pending": one.pending,
        "oldest_pending_at": instant(one.oldest_pending_at),
        "parked": one.parked,
        "receivers": [
            {"name": sink.name, "pending": sink.pending, "parked": sink.parked} for sink in one.sinks
        ],
    }


def events_json(one: EventTotals) -> dict[str, Any]:
    """What gateways told by webhook."""
    return {
        "received_last_day": one.received_last_day,
        "open": one.open,
        "last_at": instant(one.last_at),
    }
