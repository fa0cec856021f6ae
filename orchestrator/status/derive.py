"""From the facts to the words: phase, buckets, pace, ETA, and why each group waits. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestrator.domain.commands import Command, Operation, named
from orchestrator.domain.eta import Course, Eta, EtaReason, PutOff, Remaining, estimate
from orchestrator.domain.hints import Hint, explain_reason
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import Bucket, Reason, Status, bucket, known_reason
from orchestrator.domain.pacing import HALF_PACE, Wait, worst_window
from orchestrator.status.accounts_and_daemon import pause, runner
from orchestrator.status.next_step import There, command_of, group_move
from orchestrator.status.views import (
    DaemonView,
    NeedsYouView,
    OtherView,
    PaceView,
    Phase,
    RecoveryView,
    WaitingView,
)
from orchestrator.store.progress import CountRow, DueRow, NeedsYouRow
from orchestrator.store.recoveries import Recovery

if TYPE_CHECKING:
    from orchestrator.status.read import Facts
    from orchestrator.store.group_rows import GroupRow

MOST_WAITING_LINES = 20
LONG = 900.0
"""Seconds behind the last join in line from which on a group that is put off is told by itself."""
DRIVEN = frozenset({Phase.RUNNING, Phase.STOPPING})

TURN, LOOK, NOT_RUNNING, PUT_OFF = "turn", "look", "not_running", "unknown"
_SENTENCES = {
    TURN: "waits for its turn",
    LOOK: "being looked up whether the join worked",
    NOT_RUNNING: "no recovery is running",
    PUT_OFF: "put off",
}


def phase(row: Recovery, *, driven: bool) -> Phase:
    """A recovery that should run but whose instance nobody drives was interrupted."""
    if row.state != "running":
        return Phase(row.state)
    if not driven:
        return Phase.INTERRUPTED
    return Phase.STOPPING if row.stop_requested_at is not None else Phase.RUNNING


def recovery_view(facts: Facts) -> RecoveryView | None:
    row = facts.recovery
    if row is None:
        return None
    return RecoveryView(
        id=row.id,
        phase=phase(row, driven=_somebody_drives(facts)),
        outcome=row.outcome,
        to_name=row.to_name,
        from_name=row.from_name,
        labels=row.scope.labels,
        actor=row.actor,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        stop_requested_at=row.stop_requested_at,
        stop_requested_by=row.stop_requested_by,
        driver=row.driver,
        follows=row.follows_id,
        chosen=row.fixed,
        command=run_again(facts),
        never_tried=facts.untried.within,
        beyond=facts.untried.beyond,
        left_behind=facts.untried.left_behind,
    )


def others(facts: Facts, rows: Iterable[Recovery]) -> tuple[OtherView, ...]:
    """Recoveries that are open beside the one that is shown."""
    records = {one.id: one for one in facts.instances}
    shown = None if facts.recovery is None else facts.recovery.id
    return tuple(
        OtherView(
            row.id,
            phase(row, driven=is_driven(row, records[row.to_instance_id], facts.daemon, facts.now)),
            row.to_name,
            row.from_name,
            row.scope.labels,
        )
        for row in rows
        if row.id != shown
    )


def count_statuses(rows: Iterable[CountRow]) -> dict[Status, int]:
    found = dict.fromkeys(Status, 0)
    for row in rows:
        found[row.status] += row.count
    return found


def count_buckets(rows: Iterable[CountRow]) -> dict[Bucket, int]:
    found = dict.fromkeys(Bucket, 0)
    for row in rows:
        found[bucket(row.status, row.reason)] += row.count
    return found


def eta(facts: Facts) -> Eta:
    """A time only where somebody works and nothing waits for a person's word."""
    left = remaining(facts)
    if not left.joins and left.looks_until is None:
        return Eta(None, EtaReason.DONE)
    if not driven(facts):
        return Eta(None, EtaReason.NOT_RUNNING)
    hold = held(facts)
    if hold is not None and hold[1] is None:
        return Eta(None, EtaReason.PAUSED)
    return _by_parts(facts, left, estimate(course(facts), left))


def _by_parts(facts: Facts, left: Remaining, whole: Eta) -> Eta:
    """A few groups that are put off for long must not make it seem that all of them take as long."""
    line_end = max(course(facts).after(left.line, course(facts).start), left.looks_until or 0.0)
    far = [row for row in facts.due if row.first_due > line_end + LONG]
    if not far or whole.reason is not EtaReason.LATER:
        return whole
    near = tuple((row.first_due, row.count) for row in facts.due if row not in far)
    soon = left._replace(later=near)
    counts = count_statuses(facts.counts)
    looked_up = counts[Status.JOINING] + counts[Status.CONFIRMING]
    return whole._replace(
        most=counts[Status.ACTIVE] + looked_up + soon.joins,
        most_at=estimate(course(facts), soon).at if soon.joins or looked_up else None,
        put_off=tuple(PutOff(r.reason, r.count, r.first_due, r.last_due) for r in _by_reason(far)),
    )


def pace(facts: Facts) -> PaceView:
    at, reason = _next_join(facts)
    slow = facts.target.slow_until if facts.target is not None else None
    return PaceView(
        joins_per_minute=facts.slowed.joins_per_minute,
        configured=facts.policy.joins_per_minute,
        slow_until=slow if facts.slowed != facts.policy else None,
        next_join_at=at,
        next_join_reason=reason,
        worst_window=worst_window(facts.sent, facts.policy.window),
        window_limit=facts.policy.limit,
        window=facts.policy.window,
        sent_last_day=len(facts.sent),
        daily_limit=facts.policy.daily_limit,
        gateway_limit=facts.limits,
    )


def needs_you(facts: Facts) -> tuple[NeedsYouView, ...]:
    return tuple(NeedsYouView(row, move(facts, row)) for row in facts.needs_you)


def move(facts: Facts, row: NeedsYouRow | GroupRow) -> Hint:
    """Whose move it is for a group that was taken up."""
    assert row.status is not None  # noqa: S101 - the caller looked
    there = There(driven(facts), facts.daemon.works, run_again(facts), _to(facts))
    return group_move(row.status, row.reason, row.slug, there, jid=row.expected_jid)


def _to(facts: Facts) -> str | None:
    """The recovery's instance, where a command must name it."""
    backups = [one.name for one in facts.instances if one.role == "backup"]
    return None if facts.target is None else named(facts.target.name, backups)


def run_again(facts: Facts) -> Command:
    """The command that goes on with this recovery. Without one nobody knows for which groups: a plan says."""
    return Command(Operation.PLAN) if facts.recovery is None else command_of(facts.recovery, _to(facts))


def waiting(facts: Facts) -> tuple[WaitingView, ...]:
    """Every group that waits stands in one of these lines, with why and, where it can be said, until when."""
    lines = [_in_line(facts, row) for row in facts.counts if _waits_in_line(facts, row)]
    lines += [_look(row) for row in facts.counts if row.status is Status.CONFIRMING]
    lines += [_put_off(row) for row in _merged(facts.due)]
    return tuple(lines)


def _waits_in_line(facts: Facts, row: CountRow) -> bool:
    """A ready group is being worked on, unless nobody works."""
    if row.status is Status.READY:
        return held(facts) is not None or not driven(facts)
    return row.status is Status.PENDING


def _in_line(facts: Facts, row: CountRow) -> WaitingView:
    hold = held(facts)
    if not driven(facts):
        return _waiting(row, row.status, None, NOT_RUNNING, None)
    if hold is not None:
        word, until = hold
        return _waiting(row, row.status, known_reason(word), word, until)
    done = eta(facts)
    cause = row.reason.value if row.reason else TURN
    return _waiting(row, row.status, row.reason, cause, done.most_at or done.at)


def _look(row: CountRow) -> WaitingView:
    cause = row.reason.value if row.reason else LOOK
    return _waiting(row, row.status, row.reason, cause, row.first_due, row.last_due)


def _put_off(row: DueRow) -> WaitingView:
    cause = row.reason.value if row.reason else PUT_OFF
    return _waiting(row, Status.DEFERRED, row.reason, cause, row.first_due, row.last_due)


def _waiting(
    row: CountRow | DueRow,
    status: Status,
    reason: Reason | None,
    cause: str,
    until: float | None,
    last: float | None = None,
) -> WaitingView:
    sentence = explain_reason(reason) if reason else _SENTENCES.get(cause, "the account is paused")
    return WaitingView(status, reason, cause, sentence, row.count, until, until if last is None else last)


def _merged(rows: tuple[DueRow, ...]) -> list[DueRow]:
    """Minute by minute while that is readable, else one line for each reason."""
    if len(rows) <= MOST_WAITING_LINES:
        return list(rows)
    return _by_reason(rows)


def _by_reason(rows: Iterable[DueRow]) -> list[DueRow]:
    found: dict[Reason | None, DueRow] = {}
    for row in rows:
        known = found.get(row.reason)
        found[row.reason] = row if known is None else known.merged(row)
    return sorted(found.values(), key=lambda row: row.first_due)


def driven(facts: Facts) -> bool:
    row = facts.recovery
    return row is not None and phase(row, driven=_somebody_drives(facts)) in DRIVEN


def _somebody_drives(facts: Facts) -> bool:
    return is_driven(facts.recovery, facts.target, facts.daemon, facts.now)


def is_driven(row: Recovery | None, target: InstanceRecord | None, daemon: DaemonView, now: float) -> bool:
    """By the instance's lease; a recovery of the daemon's is about to be, as long as the daemon works."""
    if runner(target, now).running:
        return True
    return row is not None and row.driver == "daemon" and daemon.works


def held(facts: Facts) -> tuple[str, float | None] | None:
    """The pause in force: its reason and its end."""
    found = pause(facts.target, facts.now) if facts.target is not None else None
    return None if found is None else (found.reason, found.until)


def remaining(facts: Facts) -> Remaining:
    counts = count_statuses(facts.counts)
    looks = [row.last_due or facts.now for row in facts.counts if row.status is Status.CONFIRMING]
    looks += [facts.now for row in facts.counts if row.status is Status.JOINING]
    return Remaining(
        line=counts[Status.PENDING] + counts[Status.READY],
        later=tuple((row.first_due, row.count) for row in facts.due),
        looks_until=max(looks, default=None),
    )


def course(facts: Facts) -> Course:
    hold = held(facts)
    start = max(facts.now, facts.next_slot.at, (hold[1] or 0.0) if hold is not None else 0.0)
    limit = facts.policy.daily_limit
    slow_until = (facts.target.slow_until or 0.0) if facts.target is not None else 0.0
    return Course(
        start=start,
        spacing=facts.policy.spacing,
        slow_spacing=facts.policy.slowed(HALF_PACE).spacing,
        slow_until=slow_until,
        daily_limit=limit,
        left_today=max(0, limit - len(facts.sent)),
    )


def _next_join(facts: Facts) -> tuple[float | None, str]:
    """When the next join may leave, and what keeps it from being sooner."""
    left = remaining(facts)
    if not left.joins:
        return None, "nothing_to_join"
    if not driven(facts):
        return None, NOT_RUNNING
    slot, hold = facts.next_slot, held(facts)
    if hold is not None and (hold[1] is None or hold[1] > slot.at):
        return hold[1], hold[0]
    if not left.line:
        first = min(at for at, _ in left.later)
        if first > slot.at:
            return first, "later"
    return max(slot.at, facts.now), slot.wait.value if slot.at > facts.now else Wait.NOTHING.value
