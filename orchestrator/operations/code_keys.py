"""The key of the stored invite codes: a new one, and the way out when the key file is lost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.domain.errors import ConfigurationError
from orchestrator.domain.memberships import Reason, Status
from orchestrator.store import codes, groups, instances, memberships, meta
from orchestrator.store.codes import SealedCode
from orchestrator.store.engine import AsyncConnection, Database
from orchestrator.store.journal import Entry, append
from orchestrator.store.keyring import KeyRing
from orchestrator.store.secrets import ACTIVE_KEY, CodeCipher, cipher_for_writing
from orchestrator.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """The key in use now, how many codes were encrypted anew, and the keys dropped from the file."""

    key_id: str
    codes: int
    dropped: tuple[str, ...]


async def rekey(database: Database, ring: KeyRing, *, actor: str, keep_old: bool = False) -> Rekeyed:
    """Encrypt every code with a new key. With `keep_old` the key file still opens earlier backups.

    Killed at any point, nothing is lost and the next call finishes the work:
    1. the new key is added to the key file and is on disk; the database still uses the old one;
    2. one transaction encrypts every code anew and switches the active key; before its commit the old key is
       the active one, after it the new one, and the file holds both;
    3. the old key is dropped from the file, once no stored code needs it.
    """
    async with database.write(long=True) as connection:
        old = await cipher_for_writing(connection, ring, exclusive=True)
        new = CodeCipher(ring, _unused_key(ring, old.key_id, await codes.key_ids(connection)))
        count = await _reseal_all(connection, old, new)
        await meta.put(connection, ACTIVE_KEY, new.key_id)
        now = await database.now(connection)
        await append(connection, now, [Entry("act.rekey", actor, {"key": new.key_id, "codes": count})])
    dropped = () if keep_old else await drop_unused_keys(database, ring)
    return Rekeyed(new.key_id, count, dropped)


async def drop_unused_keys(database: Database, ring: KeyRing) -> tuple[str, ...]:
    """Forget the keys that neither the active cipher nor any stored code needs."""
    async with database.write(long=True) as connection:
        active = await cipher_for_writing(connection, ring, exclusive=True)
        needed = await codes.key_ids(connection) | {active.key_id}
        ring.reload()
        dropped = tuple(key_id for key_id in ring.ids if key_id not in needed)
        for key_id in dropped:
            ring.drop(key_id)
    return dropped


def _unused_key(ring: KeyRing, old: str, needed: set[str]) -> str:
    """The key that an interrupted call left behind, else a new one."""
    ring.reload()
    left = [key_id for key_id in ring.ids[ring.ids.index(old) + 1 :] if key_id not in needed]
    return left[-1] if left else ring.add()


async def _reseal_all(connection: AsyncConnection, old: CodeCipher, new: CodeCipher) -> int:
    count = 0
    async for batch in codes.batches(connection):
        await codes.reseal(connection, [_resealed(code, old, new) for code in batch])
        count += len(batch)
    return count


def _resealed(code: SealedCode, old: CodeCipher, new: CodeCipher) -> dict[str, object]:
    plain = old.decrypt(code.ciphertext, code.key_id)
    return {
        "row_id": code.id,
        "sealed": new.encrypt(plain),
        "key": new.key_id,
        "print": new.fingerprint(plain),
    }


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
        unreadable = await count_unreadable(connection, CodeCipher(ring, ring.newest))
        return StoredCodes(count, count - unreadable)


async def count_unreadable(connection: AsyncConnection, cipher: CodeCipher) -> int:
    unreadable = 0
    async for batch in codes.batches(connection):
        for code in batch:
            try:
                cipher.decrypt(code.ciphertext, code.key_id)
            except ConfigurationError:
                unreadable += 1
    return unreadable


async def forget_codes(database: Database, key_file: Path, *, actor: str) -> Forgotten:
    """Groups, memberships and history stay. Whatever still needs its code is blocked as `code_missing`.

    Killed at any point, a further call ends it: the key file is replaced first, which alone changes nothing
    that can still be read, then one transaction forgets the codes and takes the new key into use.

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
