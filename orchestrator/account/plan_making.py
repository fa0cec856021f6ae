"""Making a plan: what a run would do with each group, and when. Nothing is joined, nothing is moved."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from orchestrator.account import plan_lines
from orchestrator.account.plan_lines import Known
from orchestrator.account.plan_probes import Prober, Probing
from orchestrator.account.plan_result import Decision, Line, Plan, span
from orchestrator.account.recovery_settings import RecoverySettings
from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import TemporaryError
from orchestrator.domain.eta import Course
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import Reason
from orchestrator.domain.pacing import HALF_PACE, PacingPolicy
from orchestrator.domain.probe_judgement import ProbeRules
from orchestrator.redact import scrub
from orchestrator.store import group_rows, instances, memberships, slots
from orchestrator.store.engine import AsyncConnection, Database
from orchestrator.store.group_rows import PlanRow
from orchestrator.store.recoveries import Scope


async def make_plan(
    database: Database,
    instance_name: str,
    scope: Scope,
    *,
    settings: RecoverySettings,
    probing: Probing | None = None,
    only: Collection[int] | None = None,
) -> Plan:
    """What a run would do with each group in the scope; without `probing`, as far as the database knows.
    `only` narrows it to these group ids.

    Writes nothing but what the probes say of the codes, and the journal. Raises NotFoundError,
    CredentialsError, InstanceLostError and TemporaryError; what was probed until then stays on record.
    """
    async with database.read() as connection:
        instance = await instances.get(connection, instance_name)
        rows = await group_rows.in_join_order(connection, instance.id, scope)
        rows = rows if only is None else _among(rows, frozenset(only))
        holders = await memberships.holders(connection, instance.id)
        now = await database.now(connection)
    known = Known(
        now,
        ProbeRules(settings.allow, settings.retry, scrub),
        instance.own,
        identity_changed_at=instance.identity_changed_at,
        history_epoch=instance.history_epoch,
        holders=holders,
    )
    if probing is None:
        lines = [plan_lines.settled(row, known) or plan_lines.by_last_verdict(row, known) for row in rows]
        return await _with_times(database, instance_name, scope, settings.policy, lines=lines)
    _refuse_if_paused(instance, now)
    prober = Prober(database, instance, settings, probing)
    await prober.get_ready(known)
    lines = await prober.lines(rows, known)
    return await _with_times(database, instance_name, scope, settings.policy, lines=lines, probed=prober.done)


def _among(rows: list[PlanRow], only: frozenset[int]) -> list[PlanRow]:
    return [row for row in rows if row.group_id in only]


def _refuse_if_paused(instance: InstanceRecord, now: float) -> None:
    """Trouble with the account stops every call for it; a person's pause stops joins only."""
    if instance.paused(now) and instance.pause_reason != Reason.OPERATOR.value:
        raise TemporaryError(
            f"{instance.name} is paused: {instance.pause_reason}",
            hint=f"{Operation.PLAN_UNPROBED} answers from the database; {Operation.STATUS} shows until when",
        )


async def _with_times(
    database: Database,
    instance_name: str,
    scope: Scope,
    policy: PacingPolicy,
    *,
    lines: Sequence[Line],
    probed: int = 0,
) -> Plan:
    joins = sum(line.decision is Decision.JOIN for line in lines)
    async with database.read() as connection:
        instance = await instances.get(connection, instance_name)
        now = await database.now(connection)
        course = await _course(connection, instance, policy, now)
    paused = instance.paused(now)
    endless = paused and instance.paused_until is None
    times = None if endless else span(joins, course)
    return Plan(
        instance=instance_name,
        scope=scope,
        made_at=now,
        probed=probed,
        joins_per_minute=policy.slowed(instance.pace_factor(now)).joins_per_minute,
        first_at=times[0] if times else None,
        last_at=times[1] if times else None,
        paused_by=instance.pause_reason if paused else None,
        paused_until=instance.paused_until if paused else None,
        lines=tuple(lines),
    )


async def _course(
    connection: AsyncConnection, instance: InstanceRecord, policy: PacingPolicy, now: float
) -> Course:
    """How joins would go out if a run began now."""
    slowed = policy.slowed(instance.pace_factor(now))
    upcoming = await slots.peek(connection, instance, slowed, now)
    until = (instance.paused_until or 0.0) if instance.paused(now) else 0.0
    sent = await slots.sent_instants(connection, instance.id, now - slots.DAY)
    return Course(
        start=max(now, upcoming.at, until),
        spacing=policy.spacing,
        slow_spacing=policy.slowed(HALF_PACE).spacing,
        slow_until=instance.slow_until or 0.0,
        daily_limit=policy.daily_limit,
        left_today=max(0, policy.daily_limit - len(sent)),
    )
