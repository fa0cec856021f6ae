"""A new invite code for one group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.catalogue.lookup import resolve
from orchestrator.catalogue.words import quoted
from orchestrator.domain.errors import InputRejectedError
from orchestrator.store import codes, groups, unit_of_work
from orchestrator.store.codes import KnownCode, NewCode
from orchestrator.store.journal import Entry, append
from orchestrator.store.secrets import cipher_for_writing

if TYPE_CHECKING:
    from orchestrator.domain.invites import InviteCode
    from orchestrator.store.engine import AsyncConnection, Database
    from orchestrator.store.groups import StoredGroup
    from orchestrator.store.secrets import CodeCipher, KeyRing


@dataclass(frozen=True, slots=True)
class CodeSet:
    """What setting a code did. `requeued`: memberships that had waited for one and are in line again."""

    group: StoredGroup
    last4: str
    fingerprint: str
    changed: bool
    requeued: int = 0
    warning: str = ""


async def set_code(
    database: Database, ring: KeyRing, reference: str, code: InviteCode, *, actor: str
) -> CodeSet:
    """Make it the group's current code; the earlier one is kept, retired. An earlier one may come back so.

    Raise NotFoundError, or InputRejectedError if another group has the code.
    """
    async with database.write() as connection:
        await groups.lock(connection)
        group = await resolve(connection, reference)
        cipher = await cipher_for_writing(connection, ring)
        now = await database.now(connection)
        fingerprint = cipher.fingerprint(code.reveal())
        changed = await _store(connection, cipher, group, code, now=now)
        requeued = 0
        if changed:
            requeued = await unit_of_work.reopen_after_new_code(
                connection, group_ids=[group.id], actor=actor, now=now
            )
            data = {"code_last4": code.last4, "code_fingerprint": fingerprint}
            await append(connection, now, [Entry("act.set_code", actor, data, group_id=group.id)])
    warning = "" if code.usual else "the code has an unusual form; used as it is"
    return CodeSet(group, code.last4, fingerprint, changed, requeued, warning)


async def _store(
    connection: AsyncConnection, cipher: CodeCipher, group: StoredGroup, code: InviteCode, *, now: float
) -> bool:
    plain = code.reveal()
    fingerprint = cipher.fingerprint(plain)
    known = await codes.find(connection, fingerprint)
    if known is None:
        new = NewCode(group.id, cipher.encrypt(plain), cipher.key_id, fingerprint, code.last4)
        await codes.add_current(connection, [new], source="set-code", now=now)
        return True
    if known.group_id != group.id:
        other = (await groups.by_ids(connection, [known.group_id]))[known.group_id]
        raise InputRejectedError(
            f"this code is already stored for {quoted(other.name)}",
            hint=f"check which group the link opens; the other group is {other.slug}",
        )
    if known.current:
        return False
    await codes.make_current(connection, [KnownCode(known.id, group.id)], now=now)
    return True
