"""The memberships: how they are read and looked up, and moving only along the table of transitions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import and_, bindparam, func, insert, or_, select, update
from sqlalchemy.engine import Row
from sqlalchemy.sql import Select
from sqlalchemy.sql.elements import ColumnElement

from orchestrator.domain.memberships import Greeting, MembershipEvidence, Reason, Status, check_move
from orchestrator.store.bulk import chunks, rows_of
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.tables import group_instances, groups, instances, invite_codes, memberships


@dataclass(frozen=True, slots=True)
class Membership:
    """One row. Instants are seconds since 1970."""

    id: int
    instance_id: int
    group_id: int
    recovery_id: int | None
    status: Status
    reason: Reason | None
    detail: str | None
    status_since: float
    next_attempt_at: float | None
    attempts: int
    slow_rounds: int
    unknowns: int
    looks: int
    code_id: int | None
    jid: str | None
    seen_subject: str | None
    seen_owner: str | None
    seen_members: int | None
    announce: bool | None
    approval: bool | None
    verified_at: float | None
    requested_at: float | None
    joined_at: float | None
    confirmed_at: float | None
    evidence: MembershipEvidence | None
    greeting: Greeting
    greeted_at: float | None
    history_epoch: int = 0


@dataclass(frozen=True, slots=True)
class StoredCode:
    """The current code of a group, encrypted."""

    id: int
    ciphertext: bytes
    key_id: str
    last4: str
    verdict: str | None = None  # what its last use said: good, or a reason


@dataclass(frozen=True, slots=True)
class Work:
    """A membership with what is known of its group, and the group's current code."""

    membership: Membership
    slug: str
    name: str
    expected_jid: str | None
    expected_subject: str
    expected_owner: str | None
    code: StoredCode | None

    @property
    def group_id(self) -> int:
        return self.membership.group_id


@dataclass(frozen=True, slots=True)
class Move:
    """From the row as it was read to the row as it shall be."""

    old: Membership
    new: Membership


_FIELDS = [field.name for field in fields(Membership)]
_COLUMNS = [memberships.c[name] for name in _FIELDS]
CODE_COLUMNS = [invite_codes.c[field.name] for field in fields(StoredCode)]
_KEPT = {"id", "instance_id", "group_id", "recovery_id"}
_WRITTEN = [name for name in _FIELDS if name not in _KEPT]

_OF_THE_NUMBER = (Status.ACTIVE, Status.JOINING, Status.CONFIRMING, Status.AWAITING_APPROVAL)
_BLOCKED_AS_ITSELF = (Reason.OUTCOME_UNKNOWN, Reason.REMOVED_BY_ADMIN, Reason.FORBIDDEN)

_SAVE = (
    update(memberships)
    .where(memberships.c.id == bindparam("row_id"))
    .values({name: bindparam(f"new_{name}") for name in _WRITTEN})
)
_SAVE_ONE = _SAVE.where(memberships.c.status == bindparam("was"))
_STATUSES = select(memberships.c.id, memberships.c.status).where(
    memberships.c.id.in_(bindparam("ids", expanding=True))
)


WORKS: Select[Any] = (
    select(
        *_COLUMNS, groups.c.slug, groups.c.name, groups.c.jid, groups.c.subject, groups.c.owner, *CODE_COLUMNS
    )
    .join(groups, groups.c.id == memberships.c.group_id)
    .outerjoin(invite_codes, and_(invite_codes.c.group_id == groups.c.id, invite_codes.c.current))
)
"""Memberships with their groups and current codes, for `as_work`."""
_BY_IDS = WORKS.where(memberships.c.id.in_(bindparam("ids", expanding=True)))


def as_work(row: Row[Any]) -> Work:
    width = len(_FIELDS)
    slug, name, jid, subject, owner, *code = row[width:]
    return Work(Membership(*row[:width]), slug, name, jid, subject or name, owner, as_code(code))


def as_code(columns: Sequence[Any]) -> StoredCode | None:
    """From `CODE_COLUMNS`; None where the group has no current code."""
    return None if columns[0] is None else StoredCode(*columns)


async def of_the_number(connection: AsyncConnection, instance_id: int) -> list[Membership]:
    """What speaks of the number behind the instance rather than of the group: it is in, asked to be let in, a
    join of it is under way or led elsewhere, or WhatsApp refused this very number.
    """
    m = memberships.c
    own = m.status.in_(_OF_THE_NUMBER)
    refused = m.reason.in_(_BLOCKED_AS_ITSELF)
    astray = and_(m.reason == Reason.IDENTITY_MISMATCH, m.joined_at.is_not(None))
    blocked = and_(m.status == Status.BLOCKED, or_(refused, astray))
    return await matching(connection, m.instance_id == instance_id, or_(own, blocked))


async def needing_a_code(connection: AsyncConnection, instance_id: int) -> list[Membership]:
    """What still needs its group's code, or is blocked for it."""
    m = memberships.c
    needs_it = m.status.in_((Status.PENDING, Status.READY, Status.DEFERRED))
    for_it = m.reason.in_((Reason.CODE_INVALID, Reason.CODE_REVOKED))
    blocked = and_(m.status == Status.BLOCKED, for_it)
    return await matching(connection, m.instance_id == instance_id, or_(needs_it, blocked))


async def by_ids(connection: AsyncConnection, ids: Collection[int]) -> list[Work]:
    """In the order of the ids; one that is gone is missing."""
    found: dict[int, Work] = {}
    for part in chunks(list(ids)):
        rows = await connection.execute(_BY_IDS, {"ids": part})
        found |= {row[0]: as_work(row) for row in rows}
    return [found[one] for one in ids if one in found]


async def by_group(connection: AsyncConnection, instance_id: int, group_id: int) -> Work | None:
    query = WORKS.where(memberships.c.instance_id == instance_id, memberships.c.group_id == group_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else as_work(row)


async def holders_of(connection: AsyncConnection, instance_id: int, jids: Collection[str]) -> dict[str, int]:
    """Which membership of the instance already has each JID. Index uq_memberships_jid."""
    query = select(memberships.c.jid, memberships.c.id).where(
        memberships.c.instance_id == instance_id, memberships.c.jid.in_(list(jids))
    )
    return {str(jid): int(found) for jid, found in await connection.execute(query)}


async def expecting(
    connection: AsyncConnection, instance_id: int, status: Status, jids: Collection[str]
) -> list[Work]:
    """Memberships in a status whose group is known, or expected, to be one of these JIDs."""
    m, wanted = memberships.c, list(jids)
    known = and_(m.jid.in_(wanted), groups.c.jid.is_(None))
    found: dict[int, Work] = {}
    for condition in (groups.c.jid.in_(wanted), known):  # each along its own index
        query = WORKS.where(m.instance_id == instance_id, m.status == status, condition)
        found |= {row[0]: as_work(row) for row in await connection.execute(query)}
    return list(found.values())


async def save(connection: AsyncConnection, moves: Sequence[Move]) -> set[int]:
    """Carry out moves; the instance's row must be locked. Returns the ids that were moved.

    A membership whose status is no longer the one that was read was moved by somebody else (a person's skip,
    say) and is left as it is: the caller's decision was about a state that is gone.
    """
    if not moves:
        return set()
    for move in moves:
        check_move(move.old.status, move.new.status, move.new.reason, move.new.next_attempt_at)
    if len(moves) == 1:  # as most are: no need to ask first
        (move,) = moves
        saved = await connection.execute(_SAVE_ONE, _row(move.new) | {"was": move.old.status.value})
        return {move.old.id} if saved.rowcount else set()
    asked = {"ids": [move.old.id for move in moves]}
    stored = {int(found): status for found, status in await connection.execute(_STATUSES, asked)}
    valid = [move for move in moves if stored.get(move.old.id) == move.old.status]
    if valid:
        await connection.execute(_SAVE, [_row(move.new) for move in valid])
    return {move.old.id for move in valid}


def _row(new: Membership) -> dict[str, Any]:
    return {"row_id": new.id} | {f"new_{name}": getattr(new, name) for name in _WRITTEN}


async def put_into_recovery(connection: AsyncConnection, ids: Collection[int], recovery_id: int) -> None:
    """So that the run under way counts them, and waits for them."""
    for some in chunks(sorted(ids)):
        wanted = update(memberships).where(memberships.c.id.in_(some))
        await connection.execute(wanted.values(recovery_id=recovery_id))


async def deferred_until(
    connection: AsyncConnection, recovery_id: int, now: float, *, limit: int
) -> list[Membership]:
    """A recovery's deferred groups whose time has come. Index ix_memberships_recovery_id."""
    m = memberships.c
    query = select(*_COLUMNS).where(
        m.recovery_id == recovery_id, m.status == Status.DEFERRED, m.next_attempt_at <= now
    )
    rows = (await connection.execute(query.order_by(m.next_attempt_at).limit(limit))).all()
    return [Membership(*row) for row in rows]


async def matching(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> list[Membership]:
    """The memberships for which all of these hold, in the order of their ids."""
    query = select(*_COLUMNS).where(*conditions).order_by(memberships.c.id)
    return [Membership(*row) for row in await connection.execute(query)]


async def entered_by(
    connection: AsyncConnection, instance_ids: Collection[int], group_ids: Collection[int]
) -> dict[int, float]:
    """By group: when one of these instances, as its number of now, last asked to join or was seen in it."""
    m, i = memberships.c, instances.c
    at = func.coalesce(m.requested_at, m.confirmed_at)
    query = (
        select(m.group_id, func.max(at))
        .join(instances, i.id == m.instance_id)
        .where(m.instance_id.in_(sorted(instance_ids)), at > func.coalesce(i.identity_changed_at, 0.0))
        .group_by(m.group_id)
    )
    rows = await rows_of(connection, query, m.group_id, group_ids)
    return {int(group_id): float(instant) for group_id, instant in rows}


async def find_or_make(
    connection: AsyncConnection, instance_id: int, group_id: int, *, now: float
) -> tuple[Work, bool]:
    """The membership, made (`pending`) if there is none yet; and whether it was made. The lock is held."""
    known = await by_group(connection, instance_id, group_id)
    if known is not None:
        return known, False
    priority = select(groups.c.priority).where(groups.c.id == group_id).scalar_subquery()
    fresh = {"status": Status.PENDING, "status_since": now, "priority": priority}
    statement = insert(memberships).values(instance_id=instance_id, group_id=group_id, **fresh)
    await connection.execute(statement)
    made = await by_group(connection, instance_id, group_id)
    if made is None:
        raise LookupError(f"group {group_id} has no row")
    return made, True


async def by_jids(connection: AsyncConnection, instance_id: int, jids: Collection[str]) -> dict[str, Work]:
    """The membership of each group: who has its JID (and was not expected elsewhere), else who expects it."""
    found: dict[str, Work] = {}
    m, g = memberships.c, groups.c
    for some in chunks(sorted(set(jids))):
        page = frozenset(some)
        has = select(m.id).where(m.instance_id == instance_id, m.jid.in_(some))
        expects = select(m.id).join(groups, g.id == m.group_id)
        expects = expects.where(m.instance_id == instance_id, g.jid.in_(some))
        ids = (await connection.scalars(has.union(expects))).all()
        for work in await by_ids(connection, ids):
            known, expected = work.membership.jid, work.expected_jid
            if expected in page and expected is not None:
                found.setdefault(expected, work)
            if known in page and known is not None and expected in (None, known):
                found[known] = work
    return found


async def active_jids(connection: AsyncConnection, instance_id: int) -> list[tuple[int, str]]:
    """(membership's id, JID) of what is active. Index ix_memberships_claim."""
    m = memberships.c
    query = select(m.id, m.jid).where(m.instance_id == instance_id, m.status == Status.ACTIVE)
    rows = (await connection.execute(query)).all()
    return [(int(number), str(jid)) for number, jid in rows if jid is not None]


async def known_jids(connection: AsyncConnection, instance_id: int, name: str, *, limit: int) -> list[str]:
    """Groups that the account should be in: where it is active, then those recorded for it."""
    m = memberships.c
    active = select(m.jid).where(m.instance_id == instance_id, m.status == Status.ACTIVE, m.jid.is_not(None))
    found = list(await connection.scalars(active.order_by(m.priority.desc(), m.id).limit(limit)))
    if found:
        return found
    recorded = (
        select(groups.c.jid)
        .join(group_instances, group_instances.c.group_id == groups.c.id)
        .where(group_instances.c.instance_name == name, groups.c.jid.is_not(None))
    )
    return list(await connection.scalars(recorded.order_by(groups.c.id).limit(limit)))


async def holders(connection: AsyncConnection, instance_id: int) -> dict[str, int]:
    """Which group of the instance already has each JID, in the scope or not."""
    m = memberships.c
    query = select(m.jid, m.group_id).where(m.instance_id == instance_id, m.jid.is_not(None))
    return {str(jid): int(group_id) for jid, group_id in await connection.execute(query)}


async def left_by_number(connection: AsyncConnection, instance_id: int) -> int:
    """Groups that count as left since another number stands behind it. Index ix_memberships_reason."""
    c = memberships.c
    by_number = and_(c.status == Status.LEFT, c.reason == Reason.IDENTITY_CHANGED)
    query = select(func.count()).where(c.instance_id == instance_id, by_number)
    return int(await connection.scalar(query) or 0)
