"""The way out when the key file is lost: the stored invite codes go, and everything else stays.

Killed at any point, a further call ends it: the key file is replaced first, which alone changes nothing that
can still be read, then one transaction forgets the codes and takes the new key into use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.domain.errors import ConfigurationError
from orchestrator.domain.memberships import Reason, Status
from orchestrator.store import codes, groups, instances, memberships, meta
from orchestrator.store.journal import Entry, append
from orchestrator.store.secrets import ACTIVE_KEY, CodeCipher, KeyRing
from orchestrator.store.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.store.engine import AsyncConnection, Database


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
        count = await codes.count(connection)
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
        await meta.put(connection, ACTIVE_KEY, ring.newest)
        now = await database.now(connection)
        waiting = await _block(connection, actor, now)
        gone = await codes.forget_all(connection)
        data = {"codes": gone, "memberships": waiting, "key": ring.newest}
        await append(connection, now, [Entry("act.forget_codes", actor, data)])
    return Forgotten(gone, waiting, ring.newest, aside)


async def _block(connection: AsyncConnection, actor: str, now: float) -> int:
    blocked = 0
    for instance in (await instances.lock_all(connection)).values():
        unit = UnitOfWork(connection, instance, now, actor)
        for old in await memberships.needing_a_code(connection, instance.id):
            unit.move(old, Status.BLOCKED, Reason.CODE_MISSING)
        blocked += len(await unit.flush(tell=False))
    return blocked
