"""The memberships: reading work in order, and moving only along the table of transitions."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, func, or_, select, text, update

from orchestrator.domain.memberships import (
    Greeting,
    MembershipEvidence,
    Reason,
    Status,
    check_move,
)
from orchestrator.store.bulk import chunks
from orchestrator.store.tables import groups, invite_codes, memberships

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.engine import Row
    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql import Select
    from sqlalchemy.sql.elements import ColumnElement


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
_KEPT = {"id", "instance_id", "group_id", "recovery_id"}
_WRITTEN = [name for name in _FIELDS if name not in _KEPT]
_ENUMS = {"status": Status, "reason": Reason, "evidence": MembershipEvidence, "greeting": Greeting}

_OF_THE_NUMBER = (Status.ACTIVE, Status.JOINING, Status.CONFIRMING, Status.AWAITING_APPROVAL)
_BLOCKED_AS_ITSELF = (Reason.OUTCOME_UNKNOWN, Reason.REMOVED_BY_ADMIN, Reason.FORBIDDEN)

_SAVE = (
    update(memberships)
    .where(memberships.c.id == bindparam("row_id"))
    .values({name: bindparam(f"new_{name}") for name in _WRITTEN})
)


# Statements that loops send all the time are made once: making one costs more than carrying it out.
_OF_INSTANCE = memberships.c.instance_id == bindparam("instance")
_OF_RECOVERY = memberships.c.recovery_id == bindparam("recovery")
_IN_STATUS = memberships.c.status == bindparam("status")
_NEXT_DUE = select(func.min(memberships.c.next_attempt_at)).where(_IN_STATUS)
_NEXT_DUE_OF_INSTANCE = _NEXT_DUE.where(_OF_INSTANCE)
_NEXT_DUE_OF_RECOVERY = _NEXT_DUE.where(_OF_RECOVERY)
_STATUSES = select(memberships.c.id, memberships.c.status).where(
    memberships.c.id.in_(bindparam("ids", expanding=True))
)


def _membership(values: Sequence[Any]) -> Membership:
    read = dict(zip(_FIELDS, values, strict=True))
    for name, kind in _ENUMS.items():
        if read[name] is not None:
            read[name] = kind(read[name])
    return Membership(**read)


def _work_query() -> Select[Any]:
    current = and_(invite_codes.c.group_id == groups.c.id, invite_codes.c.current)
    return (
        select(
            *_COLUMNS,
            groups.c.slug,
            groups.c.name,
            groups.c.jid.label("expected_jid"),
            groups.c.subject.label("expected_subject"),
            groups.c.owner.label("expected_owner"),
            invite_codes.c.id.label("current_code_id"),
            invite_codes.c.ciphertext,
            invite_codes.c.key_id,
            invite_codes.c.last4,
            invite_codes.c.verdict,
        )
        .join(groups, groups.c.id == memberships.c.group_id)
        .outerjoin(invite_codes, current)
    )


def _work(row: Row[Any]) -> Work:
    width = len(_FIELDS)
    slug, name, jid, subject, owner, code_id, ciphertext, key_id, last4, verdict = row[width:]
    code = None if code_id is None else StoredCode(code_id, ciphertext, key_id, last4, verdict)
    return Work(_membership(row[:width]), slug, name, jid, subject or name, owner, code)


async def in_line(
    connection: AsyncConnection,
    instance_id: int,
    status: Status,
    *,
    limit: int,
    recovery_id: int | None = None,
) -> list[Work]:
    """The next ones in a status, the most valuable first. Index ix_memberships_claim.

    With `recovery_id` only those of that recovery: what an earlier one with a wider scope left behind waits.
    """
    asked = {"instance": instance_id, "status": status.value, "recovery": recovery_id, "most": limit}
    query = _in_line(of_one_recovery=recovery_id is not None)
    return [_work(row) for row in (await connection.execute(query, asked)).all()]


@cache
def _in_line(*, of_one_recovery: bool) -> Select[Any]:
    query = _work_query().where(_OF_INSTANCE, _IN_STATUS)
    if of_one_recovery:
        query = query.where(_OF_RECOVERY)
    return query.order_by(memberships.c.priority.desc(), memberships.c.id).limit(bindparam("most"))


async def due(
    connection: AsyncConnection, instance_id: int, status: Status, now: float, *, limit: int
) -> list[Work]:
    """Those in a status whose time has come, the longest waiting first. Index ix_memberships_due."""
    asked = {"instance": instance_id, "status": status.value, "now": now, "most": limit}
    return [_work(row) for row in (await connection.execute(_due(), asked)).all()]


@cache
def _due() -> Select[Any]:
    query = _work_query().where(_OF_INSTANCE, _IN_STATUS, memberships.c.next_attempt_at <= bindparam("now"))
    return query.order_by(memberships.c.next_attempt_at).limit(bindparam("most"))


async def next_due(
    connection: AsyncConnection,
    instance_id: int,
    statuses: Collection[Status],
    *,
    recovery_id: int | None = None,
) -> float | None:
    """The earliest time that anything in these statuses waits for. Index ix_memberships_due.

    With `recovery_id` only what that recovery waits for, read from ix_memberships_recovery_id alone.
    """
    query = _NEXT_DUE_OF_INSTANCE if recovery_id is None else _NEXT_DUE_OF_RECOVERY
    earliest: float | None = None
    for status in statuses:
        asked = {"instance": instance_id, "recovery": recovery_id, "status": status.value}
        found = await connection.scalar(query, asked)
        if found is not None and (earliest is None or found < earliest):
            earliest = float(found)
    return earliest


async def greetings(
    connection: AsyncConnection,
    instance_id: int,
    greeting: Greeting,
    *,
    limit: int,
    recovery_id: int | None = None,
) -> list[Work]:
    """Memberships whose greeting stands so, oldest first. Index ix_memberships_greeting.

    With `recovery_id` only those of that recovery.
    """
    asked = {"instance": instance_id, "greeting": greeting.value, "recovery": recovery_id, "most": limit}
    query = _greetings(of_one_recovery=recovery_id is not None)
    return [_work(row) for row in (await connection.execute(query, asked)).all()]


@cache
def _greetings(*, of_one_recovery: bool) -> Select[Any]:
    query = _work_query().where(
        _OF_INSTANCE,
        memberships.c.greeting == bindparam("greeting"),
        # The partial index holds only these; said in its own words, the planner can use it.
        text("memberships.greeting IN ('pending', 'sending')"),
    )
    if of_one_recovery:
        query = query.where(_OF_RECOVERY)
    return query.order_by(memberships.c.confirmed_at).limit(bindparam("most"))


async def of_the_number(connection: AsyncConnection, instance_id: int) -> list[Membership]:
    """What speaks of the number behind the instance rather than of the group: it is in, asked to be let in, a
    join of it is under way or led elsewhere, or WhatsApp refused this very number.
    """
    m = memberships.c
    own = m.status.in_([status.value for status in _OF_THE_NUMBER])
    refused = m.reason.in_([reason.value for reason in _BLOCKED_AS_ITSELF])
    astray = and_(m.reason == Reason.IDENTITY_MISMATCH.value, m.joined_at.is_not(None))
    blocked = and_(m.status == Status.BLOCKED.value, or_(refused, astray))
    return await matching(connection, m.instance_id == instance_id, or_(own, blocked))


async def by_ids(connection: AsyncConnection, ids: Collection[int]) -> list[Work]:
    return [_work(row) for row in (await connection.execute(_by_ids(), {"ids": list(ids)})).all()]


@cache
def _by_ids() -> Select[Any]:
    return _work_query().where(memberships.c.id.in_(bindparam("ids", expanding=True)))


async def by_group(connection: AsyncConnection, instance_id: int, group_id: int) -> Work | None:
    query = _work_query().where(memberships.c.instance_id == instance_id, memberships.c.group_id == group_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _work(row)


async def holders_of(connection: AsyncConnection, instance_id: int, jids: Collection[str]) -> dict[str, int]:
    """Which membership of the instance already has each JID. Index uq_memberships_jid."""
    query = select(memberships.c.jid, memberships.c.id).where(
        memberships.c.instance_id == instance_id, memberships.c.jid.in_(list(jids))
    )
    return {str(jid): int(found) for jid, found in (await connection.execute(query)).all()}


async def expecting(
    connection: AsyncConnection, instance_id: int, status: Status, jids: Collection[str]
) -> list[Work]:
    """Memberships in a status whose group is known, or expected, to be one of these JIDs."""
    wanted = list(jids)
    found = [
        _work_query().where(
            memberships.c.instance_id == instance_id, memberships.c.status == status.value, condition
        )
        for condition in (
            groups.c.jid.in_(wanted),
            and_(memberships.c.jid.in_(wanted), groups.c.jid.is_(None)),
        )
    ]
    works = [_work(row) for query in found for row in (await connection.execute(query)).all()]
    return list({work.membership.id: work for work in works}.values())


async def save(connection: AsyncConnection, moves: Sequence[Move]) -> set[int]:
    """Carry out moves; the instance's row must be locked. Returns the ids that were moved.

    A membership whose status is no longer the one that was read was moved by somebody else (a person's skip,
    say) and is left as it is: the caller's decision was about a state that is gone.
    """
    if not moves:
        return set()
    for move in moves:
        check_move(move.old.status, move.new.status, move.new.reason, move.new.next_attempt_at)
    asked = {"ids": [move.old.id for move in moves]}
    stored = {int(found): status for found, status in (await connection.execute(_STATUSES, asked)).all()}
    valid = [move for move in moves if stored.get(move.old.id) == move.old.status.value]
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
        m.recovery_id == recovery_id, m.status == Status.DEFERRED.value, m.next_attempt_at <= now
    )
    rows = (await connection.execute(query.order_by(m.next_attempt_at).limit(limit))).all()
    return [_membership(row) for row in rows]


async def matching(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> list[Membership]:
    """The memberships for which all of these hold, in the order of their ids."""
    query = select(*_COLUMNS).where(*conditions).order_by(memberships.c.id)
    return [_membership(row) for row in (await connection.execute(query)).all()]
