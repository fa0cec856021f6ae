"""What happened, append-only: every gateway call, decision and operator's act."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from orchestrator.store.tables import journal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `data` is small, scrubbed of secrets, and becomes JSON."""

    kind: str
    actor: str
    data: Mapping[str, Any] = field(default_factory=dict)
    instance_id: int | None = None
    group_id: int | None = None
    recovery_id: int | None = None


_APPEND = insert(journal)


async def append(connection: AsyncConnection, now: float, entries: Sequence[Entry]) -> None:
    """Write the lines in the caller's transaction, so that a fact and its line are one."""
    if not entries:
        return
    rows = [
        {
            "at": now,
            "kind": entry.kind,
            "actor": entry.actor,
            "instance_id": entry.instance_id,
            "group_id": entry.group_id,
            "recovery_id": entry.recovery_id,
            "data": json.dumps(entry.data, ensure_ascii=False, separators=(",", ":")),
        }
        for entry in entries
    ]
    await connection.execute(_APPEND, rows)
