"""The sessions' states of many instances at once, as the watcher keeps them."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from orchestrator.domain.instances import InstanceRecord
from orchestrator.store.tables import instances

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS = [instances.c[field.name] for field in fields(InstanceRecord)]


async def lock_many(connection: AsyncConnection, ids: Iterable[int]) -> dict[int, InstanceRecord]:
    """Take the rows' locks until the transaction ends, the lowest id first: nobody waits in a circle."""
    query = select(*_COLUMNS).where(instances.c.id.in_(sorted(ids))).order_by(instances.c.id)
    rows = (await connection.execute(query.with_for_update())).all()
    return {row[0]: InstanceRecord(*row) for row in rows}


async def unchanged(connection: AsyncConnection, ids: Iterable[int], now: float) -> None:
    """They were asked, and said what they said before. The rows must be locked."""
    statement = update(instances).where(instances.c.id.in_(sorted(ids)))
    await connection.execute(statement.values(state_checked_at=now))
