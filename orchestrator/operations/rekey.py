"""A new key for the stored invite codes.

Killed at any point, nothing is lost and the next call finishes the work:
1. the new key is added to the key file and is on disk; the database still uses the old one;
2. one transaction encrypts every code anew and switches the active key; before its commit the old key is
   the active one, after it the new one, and the file holds both;
3. the old key is dropped from the file, once no stored code needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.store import codes, meta
from orchestrator.store.journal import Entry, append
from orchestrator.store.secrets import ACTIVE_KEY, CodeCipher, cipher_for_writing

if TYPE_CHECKING:
    from orchestrator.store.codes import SealedCode
    from orchestrator.store.engine import AsyncConnection, Database
    from orchestrator.store.secrets import KeyRing


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """The key in use now, how many codes were encrypted anew, and the keys dropped from the file."""

    key_id: str
    codes: int
    dropped: tuple[str, ...]


async def rekey(database: Database, ring: KeyRing, *, actor: str, keep_old: bool = False) -> Rekeyed:
    """Encrypt every code with a new key. With `keep_old` the key file still opens earlier backups."""
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
