"""The way out when the key file is lost: the stored invite codes go, and everything else stays.

Killed at any point, a further call ends it: the key file is replaced first, which alone changes nothing that
can still be read, then one transaction forgets the codes and takes the new key into use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, func, or_, select, update

from orchestrator.domain.errors import ConfigurationError
from orchestrator.domain.memberships import Reason, Status
from orchestrator.store import codes, groups, instances
from orchestrator.store.journal import Entry, append
from orchestrator.store.memberships import matching
from orchestrator.store.secrets import CodeCipher, KeyRing, use_key
from orchestrator.store.tables import invite_codes, memberships, slots
from orchestrator.store.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

    from orchestrator.store.engine import Database

_NEEDS_ITS_CODE = (Status.PENDING, Status.READY, Status.DEFERRED)
_BLOCKED_FOR_IT = (Reason.CODE_INVALID, Reason.CODE_REVOKED)


@dataclass(frozen=True, slots=True)
class StoredCodes:
    """How many codes are stored, and how many of them the key file still opens."""

    count: int
    readable: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many codes are gone, how many memberships miss one, and the damaged key file's new name."""

    codes: int
    memberships: int
    key_id: str
    aside: Path | None


async def stored_codes(database: Database, key_file: Path) -> StoredCodes:
    async with database.read(long=True) as connection:
        count = (await connection.execute(select(func.count()).select_from(invite_codes))).scalar_one()
        try:
            ring = KeyRing.load(key_file)
        except ConfigurationError:
            return StoredCodes(count, 0)
        return StoredCodes(count, await _readable(connection, ring))


async def _readable(connection: AsyncConnection, ring: KeyRing) -> int:
    cipher, readable = CodeCipher(ring, ring.newest), 0
    async for batch in codes.batches(connection):
        for code in batch:
            try:
                cipher.decrypt(code.ciphertext, code.key_id)
            except ConfigurationError:
                continue
            readable += 1
    return readable


async def forget_codes(database: Database, key_file: Path, *, actor: str) -> Forgotten:
    """Groups, memberships and history stay. Whatever still needs its code is blocked as `code_missing`.

    Raise ConfigurationError if the key file cannot be replaced, or may be sound and only cannot be read.
    """
    ring, aside = KeyRing.replace_lost(key_file)
    async with database.write(long=True) as connection:
        await groups.lock(connection)
        await use_key(connection, ring.newest)
        now = await database.now(connection)
        waiting = await _block(connection, actor, now)
        for table in (memberships, slots):
            await connection.execute(update(table).where(table.c.code_id.is_not(None)).values(code_id=None))
        gone = (await connection.execute(delete(invite_codes))).rowcount
        data = {"codes": gone, "memberships": waiting, "key": ring.newest}
        await append(connection, now, [Entry("act.forget_codes", actor, data)])
    return Forgotten(gone, waiting, ring.newest, aside)


async def _block(connection: AsyncConnection, actor: str, now: float) -> int:
    c, blocked = memberships.c, 0
    needs_it = c.status.in_([status.value for status in _NEEDS_ITS_CODE])
    for_it = and_(
        c.status == Status.BLOCKED.value, c.reason.in_([reason.value for reason in _BLOCKED_FOR_IT])
    )
    for instance in (await instances.lock_all(connection)).values():
        unit = UnitOfWork(connection, instance, now, actor)
        for old in await matching(connection, c.instance_id == instance.id, or_(needs_it, for_it)):
            unit.move(old, Status.BLOCKED, Reason.CODE_MISSING)
        blocked += len(await unit.flush(tell=False))
    return blocked
