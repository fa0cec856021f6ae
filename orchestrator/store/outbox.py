"""The outbox: what is to be told, written in the transaction of the fact itself, so that neither is without
the other. Carrying it to its receivers is in `deliveries`.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from orchestrator.store.tables import messages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Message:
    """One fact to tell. `data` is small, scrubbed of secrets, and becomes JSON.

    Messages of one subject (`group:12`, `recovery:3`, `instance:2`) reach each receiver in order.
    """

    kind: str
    subject: str
    data: Mapping[str, Any]
    instance_id: int | None = None
    group_id: int | None = None
    recovery_id: int | None = None


def new_uid(now: float) -> str:
    """`msg_` and 32 hex digits: milliseconds first, so that they sort by time; then 80 random bits."""
    return f"msg_{int(now * 1000):012x}{secrets.token_hex(10)}"


async def append(connection: AsyncConnection, now: float, planned: Sequence[Message]) -> None:
    """Write the messages in the caller's transaction. `now` is the database's clock."""
    if not planned:
        return
    rows = [
        {
            "uid": new_uid(now),
            "kind": message.kind,
            "at": now,
            "subject": message.subject,
            "instance_id": message.instance_id,
            "group_id": message.group_id,
            "recovery_id": message.recovery_id,
            "data": json.dumps(message.data, ensure_ascii=False, separators=(",", ":")),
        }
        for message in planned
    ]
    await connection.execute(insert(messages), rows)


async def was_told(connection: AsyncConnection, kind: str, recovery_id: int, *, since: float) -> bool:
    """Whether a message of that kind about that recovery was written since then. Index ix_messages_at."""
    m = messages.c
    query = select(m.id).where(m.at >= since, m.kind == kind, m.recovery_id == recovery_id).limit(1)
    return await connection.scalar(query) is not None
