"""What each instance's gateway last said of its limits, and how far apart that sets calls about groups."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, insert, select

from orchestrator.store.tables import meta

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_LIMITS = "limits:"  # and the instance's id


class StoredLimits(NamedTuple):
    """Limits that slow a recovery. `gap` in seconds; `policy` is foreign text."""

    per_minute: float
    per_day: int | None
    policy: str
    gap: float


async def save(connection: AsyncConnection, instance_id: int, found: StoredLimits | None) -> None:
    """None: nothing slows it. The instance's row must be locked."""
    key = f"{_LIMITS}{instance_id}"
    await connection.execute(delete(meta).where(meta.c.key == key))
    if found is not None:
        await connection.execute(insert(meta).values(key=key, value=json.dumps(found._asdict())))


async def of(connection: AsyncConnection, instance_id: int) -> StoredLimits | None:
    query = select(meta.c.value).where(meta.c.key == f"{_LIMITS}{instance_id}")
    stored = await connection.scalar(query)
    return None if stored is None else StoredLimits(**json.loads(stored))
