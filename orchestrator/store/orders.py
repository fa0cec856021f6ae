"""Recoveries that the daemon drives: placing one, and finding those that wait for a driver."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from orchestrator.store.recoveries import Scope, counts, finish, open_one, take_up
from orchestrator.store.tables import recoveries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Order:
    """What one recovery is to do. `only`: these group ids and no others, chosen once and for all."""

    instance_id: int
    scope: Scope
    actor: str
    pace: float  # joins a minute
    only: Sequence[int] | None = None
    joins_left: int | None = None
    deadline: float | None = None  # instant
    follows_id: int | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open recovery that is the daemon's."""

    id: int
    instance_id: int


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
    query = select(recoveries.c.id, recoveries.c.to_instance_id).where(
        recoveries.c.state == "running", recoveries.c.driver == "daemon"
    )
    return [Waiting(*row) for row in (await connection.execute(query.order_by(recoveries.c.id))).all()]
