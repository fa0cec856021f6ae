"""Single values about the database itself and about its instances: one row a key."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select, text

from orchestrator.store.engine import AsyncConnection
from orchestrator.store.tables import meta

CREATED_AT = "created_at"
IDENTITY = "identity"  # what the database was when it was made, see `engine.database_identity`
RESTORED = "restored"  # in a copy: when it was made; an original has no such row

_GET = select(meta.c.value).where(meta.c.key == bindparam("asked"))
_PUT = text(
    "INSERT INTO meta (key, value) VALUES (:key, :value)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_ADD = text("INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO NOTHING")


async def get(connection: AsyncConnection, key: str) -> str | None:
    found: str | None = await connection.scalar(_GET, {"asked": key})
    return found


async def lock(connection: AsyncConnection, key: str, *, shared: bool = False) -> str | None:
    """The value; nobody else changes it until the transaction ends. (SQLite has one writer anyway.)"""
    found: str | None = await connection.scalar(_GET.with_for_update(read=shared), {"asked": key})
    return found


async def beginning_with(connection: AsyncConnection, prefix: str) -> dict[str, str]:
    """The values of all such keys, by what follows the prefix."""
    rows = await connection.execute(select(meta).where(meta.c.key.startswith(prefix)))
    return {key.removeprefix(prefix): value for key, value in rows}


async def put(connection: AsyncConnection, key: str, value: str) -> None:
    await connection.execute(_PUT, {"key": key, "value": value})


async def add(connection: AsyncConnection, key: str, value: str) -> None:
    """Unless there is a value already."""
    await connection.execute(_ADD, {"key": key, "value": value})


async def forget(connection: AsyncConnection, key: str) -> None:
    await connection.execute(delete(meta).where(meta.c.key == key))
