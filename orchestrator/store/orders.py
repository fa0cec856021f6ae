"""Recoveries that the daemon drives: placing one, and finding those that wait for a driver."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, func, insert, or_, select

from orchestrator.store.recoveries import Scope, counts, finish, open_one, take_up
from orchestrator.store.tables import journal, memberships, recoveries, slots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection


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


@dataclass(frozen=True, slots=True)
class Adopted:
    """An open recovery as its driver needs it. `joins_left`: what is left of its limit."""

    scope: Scope
    fixed: bool
    pace: float | None
    joins_left: int | None
    deadline: float | None
    begun_before: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open recovery that is the daemon's."""

    id: int
    instance_id: int
    pace: float | None


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
            labels=json.dumps(list(order.scope.labels)),
            state="running",
            actor=order.actor,
            pace=order.pace,
            created_at=now,
            started_at=now,
            driver="daemon",
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


async def waiting(connection: AsyncConnection) -> list[Waiting]:
    """Open recoveries that are the daemon's, oldest first."""
    query = select(recoveries.c.id, recoveries.c.to_instance_id, recoveries.c.pace).where(
        recoveries.c.state == "running", recoveries.c.driver == "daemon"
    )
    return [Waiting(*row) for row in (await connection.execute(query.order_by(recoveries.c.id))).all()]


async def adopt(connection: AsyncConnection, recovery_id: int) -> Adopted | None:
    """The recovery if it is still open, for a driver that holds the instance's lease."""
    row = (await connection.execute(select(recoveries).where(recoveries.c.id == recovery_id))).one_or_none()
    if row is None or row.state != "running":
        return None
    left = row.joins_left
    if left is not None:
        left = max(0, left - await _sent(connection, recovery_id))
    begun = exists().where(journal.c.recovery_id == recovery_id, journal.c.kind == "recovery.started")
    return Adopted(
        scope=Scope(row.from_name, tuple(json.loads(row.labels))),
        fixed=row.fixed,
        pace=row.pace,
        joins_left=left,
        deadline=row.deadline,
        begun_before=bool(await connection.scalar(select(begun))),
    )


async def _sent(connection: AsyncConnection, recovery_id: int) -> int:
    """Joins of this recovery that left, or may have."""
    may_have_left = or_(slots.c.sent_at.is_not(None), slots.c.finished_at.is_(None))
    query = select(func.count()).where(slots.c.recovery_id == recovery_id, may_have_left)
    return int(await connection.scalar(query) or 0)


_OVER = ("complete", "needs_you", "deferred")
"""Ends after which a daemon's recovery goes on when a person puts one of its groups back in line."""


async def put_back_in_line(connection: AsyncConnection) -> list[Order]:
    """Where an instance's last recovery was the daemon's and is over: what a person put back in line since.

    A retry, a new code and an import all end in `pending`; the daemon goes on with exactly those groups.
    """
    latest = (
        select(func.max(recoveries.c.id).label("id")).group_by(recoveries.c.to_instance_id).subquery("latest")
    )
    query = (
        select(recoveries)
        .join(latest, latest.c.id == recoveries.c.id)
        .where(
            recoveries.c.driver == "daemon",
            recoveries.c.state == "finished",
            recoveries.c.outcome.in_(_OVER),
            exists().where(memberships.c.recovery_id == recoveries.c.id, memberships.c.status == "pending"),
        )
    )
    return [await _again(connection, row) for row in (await connection.execute(query)).all()]


async def _again(connection: AsyncConnection, row: Any) -> Order:
    waiting_ones = select(memberships.c.group_id).where(
        memberships.c.recovery_id == row.id, memberships.c.status == "pending"
    )
    return Order(
        instance_id=row.to_instance_id,
        scope=Scope(row.from_name, tuple(json.loads(row.labels))),
        actor=row.actor,
        pace=row.pace,
        only=list((await connection.scalars(waiting_ones)).all()),
    )
