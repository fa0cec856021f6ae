"""The gateway's own limits that slow an instance's recovery, as they were last told."""

from __future__ import annotations

import json
from typing import NamedTuple

from orchestrator.store import meta
from orchestrator.store.engine import AsyncConnection

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
    if found is None:
        await meta.forget(connection, key)
    else:
        await meta.put(connection, key, json.dumps(found._asdict()))


async def of_instance(connection: AsyncConnection, instance_id: int) -> StoredLimits | None:
    stored = await meta.get(connection, f"{_LIMITS}{instance_id}")
    return None if stored is None else StoredLimits(**json.loads(stored))
