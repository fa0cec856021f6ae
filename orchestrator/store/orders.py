"""Placing recoveries with their memberships, adopting them, and what a daemon goes on with by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import and_, exists, func, insert, literal, or_, select, update

from orchestrator.domain.memberships import Status
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.instances import raise_revision
from orchestrator.store.progress import counts
from orchestrator.store.recoveries import Recovery, Scope, finish, get, groups_in, joins_sent, open_one
from orchestrator.store.tables import groups, instances, journal, losses, memberships, recoveries, slots


@dataclass(frozen=True, slots=True)
class Order:
    """What one recovery is to do. `only`: these group ids and no others, chosen once and for all."""

    instance_id: int
    scope: Scope
    actor: str
    pace: float | None = None  # joins a minute; None: as configured
    only: Sequence[int] | None = None
    joins_left: int | None = None
    deadline: float | None = None  # instant
    follows_id: int | None = None
    driver: str = "daemon"  # person: the run that places it drives it, too


async def place(connection: AsyncConnection, order: Order, now: float) -> int:
    """Make the recovery and its memberships; returns its id. The instance's row must be locked.

    An open recovery of the instance is ended as `replaced`: one instance, one recovery.
    """
    before = await open_one(connection, order.instance_id)
    if before is not None:
        counted = await counts(connection, before.id)
        await finish(connection, before.id, state="stopped", outcome="replaced", counted=counted, now=now)
    statement = (
        insert(recoveries)
        .values(
            to_instance_id=order.instance_id,
            from_name=order.scope.from_name,
            labels=order.scope.labels,
            state="running",
            actor=order.actor,
            pace=order.pace,
            created_at=now,
            started_at=now,
            driver=order.driver,
            fixed=order.only is not None,
            joins_left=order.joins_left,
            deadline=order.deadline,
            follows_id=order.follows_id,
        )
        .returning(recoveries.c.id)
    )
    made = int((await connection.execute(statement)).scalar_one())
    await take_up(connection, order.instance_id, made, order.scope, now=now, only=order.only)
    return made


class Adopted(NamedTuple):
    """An open recovery, `joins_left` being what is left of its limit."""

    recovery: Recovery
    begun_before: bool


async def adopt(connection: AsyncConnection, recovery_id: int) -> Adopted | None:
    """The recovery if it is still open, for a driver that holds the instance's lease."""
    found = await get(connection, recovery_id)
    if found is None or not found.running:
        return None
    if found.joins_left is not None:
        left = max(0, found.joins_left - await joins_sent(connection, recovery_id))
        found = found._replace(joins_left=left)
    told = exists().where(journal.c.recovery_id == recovery_id, journal.c.kind == "recovery.started")
    sent = exists().where(slots.c.instance_id == found.to_instance_id, slots.c.recovery_id == recovery_id)
    begun_before = await connection.scalar(select(or_(told, sent)))  # lines are thrown away in time
    return Adopted(found, bool(begun_before))


_OVER = ("complete", "needs_you", "deferred", "unavailable", "credentials", "instance_lost")
"""Ends after which a daemon's recovery goes on when a person puts one of its groups back in line. What a
person stopped, a newer order replaced or a limit cut short stays as it is."""


async def put_back_in_line(connection: AsyncConnection) -> list[Order]:
    """What waits in line at instances without an open recovery, though the daemon's that had it is over.

    A retry, a new code and an import all end in `pending`; the daemon goes on with exactly those groups, one
    order for each instance. Indexes ix_memberships_claim and ix_recoveries_to_instance_id.
    """
    under_way, next_one = recoveries.alias("under_way"), recoveries.alias("next_one")
    open_one = exists().where(under_way.c.to_instance_id == instances.c.id, under_way.c.state == "running")
    open_loss = exists().where(
        losses.c.instance_id == instances.c.id, losses.c.state.in_(("suspected", "lost"))
    )
    followed = exists().where(next_one.c.follows_id == recoveries.c.id)
    since = memberships.c.status_since >= recoveries.c.finished_at
    query = (
        select(memberships.c.group_id, memberships.c.recovery_id, instances.c.id.label("instance_id"))
        .select_from(instances)
        .join(
            memberships,
            and_(memberships.c.instance_id == instances.c.id, memberships.c.status == "pending"),
        )
        .join(recoveries, recoveries.c.id == memberships.c.recovery_id)
        .where(
            ~open_one,
            recoveries.c.driver == "daemon",
            recoveries.c.state == "finished",
            recoveries.c.outcome.in_(_OVER),
            or_(recoveries.c.outcome != "instance_lost", and_(~open_loss, or_(since, ~followed))),
        )
        .order_by(instances.c.id, memberships.c.group_id)
    )
    found = (await connection.execute(query)).all()
    by_instance = groupby(found, key=lambda row: int(row.instance_id))
    return [await _again(connection, instance_id, list(rows)) for instance_id, rows in by_instance]


async def _again(connection: AsyncConnection, instance_id: int, rows: Sequence[Any]) -> Order:
    """One order for all of them, as the latest of their recoveries was ordered."""
    latest = await get(connection, max(row.recovery_id for row in rows))
    if latest is None:
        raise LookupError("a recovery of these memberships has no row")
    only = [one.group_id for one in rows]
    scope = latest.scope
    found = groups_in(scope).subquery()
    inside = await connection.scalar(select(func.count()).where(found.c.id.in_(only)))
    if inside != len(only):  # of another recovery's scope, or labelled anew: else they would wait for ever
        scope = Scope()
    return Order(instance_id=instance_id, scope=scope, actor=latest.actor, pace=latest.pace, only=only)


async def take_up(
    connection: AsyncConnection,
    instance_id: int,
    recovery_id: int,
    scope: Scope,
    *,
    now: float,
    only: Sequence[int] | None = None,
) -> None:
    """Give every group in the scope a membership, and put those that are not at their end into this recovery.

    Two statements however many groups there are. `only` narrows it to these group ids (a saved plan).
    """
    found = groups_in(scope, only).subquery()
    known = exists().where(
        and_(memberships.c.group_id == found.c.id, memberships.c.instance_id == instance_id)
    )
    fresh = select(
        literal(instance_id),
        found.c.id,
        literal(recovery_id),
        found.c.priority,
        literal(Status.PENDING.value),
        literal(now),
    ).where(~known)
    columns = ["instance_id", "group_id", "recovery_id", "priority", "status", "status_since"]
    await connection.execute(insert(memberships).from_select(columns, fresh))
    priority = select(groups.c.priority).where(groups.c.id == memberships.c.group_id).scalar_subquery()
    await connection.execute(
        update(memberships)
        .where(
            memberships.c.instance_id == instance_id,
            memberships.c.group_id.in_(select(found.c.id)),
        )
        .values(recovery_id=recovery_id, priority=priority)
    )
    await raise_revision(connection, instance_id)
