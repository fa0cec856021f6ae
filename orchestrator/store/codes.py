"""The invite codes of the groups: encrypted, several over time, at most one current."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, func, select, update

from orchestrator.store.bulk import CHUNK, chunks, insert_rows, rows_of
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.tables import invite_codes, memberships, slots


@dataclass(frozen=True, slots=True)
class SealedCode:
    """One stored code; readable with the cipher only."""

    id: int
    group_id: int
    ciphertext: bytes = field(repr=False)
    key_id: str
    fingerprint: str
    last4: str
    current: bool
    source: str
    created_at: float
    retired_at: float | None
    verdict: str | None
    checked_at: float | None


class KnownCode(NamedTuple):
    """Where a code is already stored."""

    id: int
    group_id: int


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code to store as its group's current one."""

    group_id: int
    ciphertext: bytes = field(repr=False)
    key_id: str
    fingerprint: str
    last4: str


_CODE = select(*(invite_codes.c[name] for name in SealedCode.__slots__))
_SETTABLE = (
    "group_id", "ciphertext", "key_id", "fingerprint", "last4", "current", "source", "created_at",
)  # fmt: skip


async def known(
    connection: AsyncConnection, fingerprints: Collection[str]
) -> tuple[dict[str, int], dict[str, KnownCode]]:
    """The group of each of these codes that is stored, and those that are not current any more."""
    c = invite_codes.c
    query = select(c.fingerprint, c.id, c.group_id, c.current)
    rows = await rows_of(connection, query, c.fingerprint, fingerprints)
    owners = {row.fingerprint: row.group_id for row in rows}
    return owners, {row.fingerprint: KnownCode(row.id, row.group_id) for row in rows if not row.current}


async def groups_with_current(connection: AsyncConnection, group_ids: Collection[int]) -> set[int]:
    """Those of the groups that have a current code."""
    query = select(invite_codes.c.group_id).where(invite_codes.c.current)
    return {row.group_id for row in await rows_of(connection, query, invite_codes.c.group_id, group_ids)}


async def find(connection: AsyncConnection, fingerprint: str) -> SealedCode | None:
    row = (await connection.execute(_CODE.where(invite_codes.c.fingerprint == fingerprint))).one_or_none()
    return None if row is None else SealedCode(*row)


async def which(connection: AsyncConnection, fingerprints: Collection[str]) -> set[str]:
    """Those of the fingerprints that are stored."""
    return set((await known(connection, fingerprints))[0])


async def current(connection: AsyncConnection, group_ids: Collection[int]) -> dict[int, SealedCode]:
    """The current code by group; a group without is missing."""
    query = _CODE.where(invite_codes.c.current)
    rows = await rows_of(connection, query, invite_codes.c.group_id, group_ids)
    return {row.group_id: SealedCode(*row) for row in rows}


async def of_group(connection: AsyncConnection, group_id: int) -> list[SealedCode]:
    """The current one first, then the newest."""
    c = invite_codes.c
    query = _CODE.where(c.group_id == group_id).order_by(c.current.desc(), c.id.desc())
    return [SealedCode(*row) for row in await connection.execute(query)]


async def batches(connection: AsyncConnection, size: int = CHUNK) -> AsyncIterator[list[SealedCode]]:
    """Every code, in the order of the ids; rows of earlier batches may be changed meanwhile."""
    last = 0
    while True:
        query = _CODE.where(invite_codes.c.id > last).order_by(invite_codes.c.id).limit(size)
        batch = [SealedCode(*row) for row in await connection.execute(query)]
        if not batch:
            return
        yield batch
        last = batch[-1].id


async def add_current(
    connection: AsyncConnection, new: Sequence[NewCode], *, source: str, now: float, fresh: bool = False
) -> None:
    """Store codes as their groups' current ones; earlier ones are kept, retired. `fresh`: there are none."""
    if not fresh:
        await _retire(connection, [code.group_id for code in new], now)
    rows = [
        (code.group_id, code.ciphertext, code.key_id, code.fingerprint, code.last4, True, source, now)
        for code in new
    ]
    await insert_rows(connection, invite_codes, _SETTABLE, rows)


async def make_current(connection: AsyncConnection, chosen: Sequence[KnownCode], *, now: float) -> None:
    """Use earlier codes again; what was known of their use is forgotten."""
    await _retire(connection, [code.group_id for code in chosen], now)
    for part in chunks([code.id for code in chosen]):
        again = update(invite_codes).where(invite_codes.c.id.in_(part))
        await connection.execute(again.values(current=True, retired_at=None, verdict=None, checked_at=None))


_FREE = (
    select(invite_codes.c.id)
    .where(invite_codes.c.id == bindparam("row_id"))
    .with_for_update(key_share=True, skip_locked=True)
    .scalar_subquery()
)
_RECORD_VERDICT = (
    update(invite_codes)
    .where(invite_codes.c.id == _FREE)
    .values(verdict=bindparam("said"), checked_at=bindparam("at"))
)


async def record_verdicts(connection: AsyncConnection, verdicts: Mapping[int, str], *, now: float) -> None:
    """What the last use of these codes said: `good`, or a reason.

    A row that somebody else holds is left as it is: whoever replaces the code may be waiting for the instance
    that is locked here, and what was learned of it is of no use then.
    """
    if verdicts:
        rows = [{"row_id": number, "said": said, "at": now} for number, said in sorted(verdicts.items())]
        await connection.execute(_RECORD_VERDICT, rows)


async def reseal(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Replace ciphertext, key id and fingerprint. Each row: row_id, sealed, key, print."""
    if not rows:
        return
    changed = update(invite_codes).where(invite_codes.c.id == bindparam("row_id"))
    values: dict[str, Any] = {
        "ciphertext": bindparam("sealed"),
        "key_id": bindparam("key"),
        "fingerprint": bindparam("print"),
    }
    await connection.execute(changed.values(values), rows)


async def count(connection: AsyncConnection) -> int:
    return int(await connection.scalar(select(func.count()).select_from(invite_codes)) or 0)


async def forget_all(connection: AsyncConnection) -> int:
    """Delete every code; returns how many. Memberships and slots stay."""
    for table in (memberships, slots):
        await connection.execute(update(table).where(table.c.code_id.is_not(None)).values(code_id=None))
    return (await connection.execute(delete(invite_codes))).rowcount


async def key_ids(connection: AsyncConnection) -> set[str]:
    """The keys that stored codes need."""
    return set(await connection.scalars(select(invite_codes.c.key_id).distinct()))


async def _retire(connection: AsyncConnection, group_ids: Sequence[int], now: float) -> None:
    for part in chunks(group_ids):
        wanted = update(invite_codes).where(invite_codes.c.group_id.in_(part), invite_codes.c.current)
        await connection.execute(wanted.values(current=False, retired_at=now))
