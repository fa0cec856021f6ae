"""Rows put into a database by hand: the read model is tested without the loop that writes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from orchestrator.store.groups import keys_of
from orchestrator.store.tables import (
    group_labels,
    groups,
    instances,
    invite_codes,
    journal,
    memberships,
    recoveries,
    slots,
)

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from orchestrator.domain.memberships import Reason, Status
    from orchestrator.store.engine import Database

NOW = 1_800_000_000.0
HOLDER = json.dumps({"host": "box", "pid": 4711})


class Rows:
    """Puts one row at a time, with usual values."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers = dict.fromkeys(("group", "slot"), 0)

    async def instance(self, name: str = "backup-1", **values: Any) -> int:
        usual = {
            "name": name,
            "role": "backup",
            "gateway": "wawp",
            "account": f"https://api.example/{name}",
            "known_since": NOW - 86400,
            "lease_holder": HOLDER,
            "lease_until": NOW + 20,
            "seen_at": NOW - 2,
            "state": "working",
        }
        return await self._put(instances, usual | values)

    async def recovery(self, to: int, **values: Any) -> int:
        usual = {
            "to_instance_id": to,
            "from_name": "sales-main",
            "state": "running",
            "actor": "ana@box",
            "created_at": NOW - 600,
            "started_at": NOW - 600,
        }
        return await self._put(recoveries, usual | values)

    async def group(
        self, name: str = "", *, labels: tuple[str, ...] = (), code: str = "", **values: Any
    ) -> int:
        self._numbers["group"] += 1
        number = self._numbers["group"]
        name = name or f"Group {number}"
        usual = {
            "slug": name.lower().replace(" ", "-"),
            "name": name,
            "created_at": NOW - 9999,
            "updated_at": NOW - 9999,
        }
        group_id = await self._put(groups, usual | values | keys_of(usual | values))
        for label in labels:
            await self._put(group_labels, {"group_id": group_id, "label": label})
        if code:
            await self._code(group_id, code)
        return group_id

    async def _code(self, group_id: int, last4: str) -> None:
        values = {
            "group_id": group_id,
            "ciphertext": b"x",
            "key_id": "k",
            "fingerprint": f"f{group_id}",
            "last4": last4,
            "current": True,
            "source": "import",
            "created_at": NOW,
        }
        await self._put(invite_codes, values)

    async def membership(
        self,
        instance: int,
        status: Status,
        reason: Reason | None = None,
        *,
        recovery: int | None = None,
        group: int | None = None,
        **values: Any,
    ) -> int:
        usual = {
            "instance_id": instance,
            "group_id": group if group is not None else await self.group(),
            "recovery_id": recovery,
            "status": status.value,
            "reason": None if reason is None else reason.value,
            "status_since": NOW - 60,
        }
        return await self._put(memberships, usual | values)

    async def slot(self, instance: int, membership: int, at: float, **values: Any) -> int:
        self._numbers["slot"] += 1
        usual = {
            "instance_id": instance,
            "n": self._numbers["slot"],
            "membership_id": membership,
            "fence": 1,
            "reserved_at": at - 1,
            "send_at": at,
            "sent_at": at,
            "finished_at": at + 1,
            "dice": 0.5,
            "outcome": "joined",
        }
        return await self._put(slots, usual | values)

    async def line(self, kind: str = "move", **values: Any) -> int:
        usual = {"at": NOW - 5, "kind": kind, "actor": "recovery", "data": "{}"}
        return await self._put(journal, usual | values)

    async def _put(self, table: Table, values: dict[str, Any]) -> int:
        async with self._database.write() as connection:
            return await _insert(connection, table, values)


async def _insert(connection: AsyncConnection, table: Table, values: dict[str, Any]) -> int:
    statement = insert(table).values(**values).returning(next(iter(table.primary_key)))
    return int((await connection.execute(statement)).scalar_one())
