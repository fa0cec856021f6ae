"""Groups go back in line when what kept them out is cured: a new code, a new expectation, a new number."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import and_, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from orchestrator.domain.memberships import CURED_BY_CODE, CURED_BY_IDENTITY, Reason, Status
from orchestrator.store import instances
from orchestrator.store.bulk import chunks
from orchestrator.store.memberships import Membership, matching
from orchestrator.store.tables import groups, memberships
from orchestrator.store.unit_of_work import UnitOfWork


async def after_new_code(
    connection: AsyncConnection, *, group_ids: Collection[int], actor: str, now: float
) -> int:
    """A group blocked for its code, or for what it opened, goes back in line once it has a new one.

    Not one whose join led elsewhere: the account is in there still.
    """
    condition = and_(_blocked_for(*CURED_BY_CODE, *CURED_BY_IDENTITY), not_(_entered()))
    return await _reopen_all(connection, group_ids, condition, "new code", actor, now)


async def after_new_identity(
    connection: AsyncConnection, *, group_ids: Collection[int], actor: str, now: float
) -> int:
    """A group blocked because it was not the expected one goes back in line once the expectation changed.

    Not one whose join led elsewhere, unless that is what is expected now: the account is in there still.
    """
    c = memberships.c
    expected = select(groups.c.jid).where(groups.c.id == c.group_id).scalar_subquery()
    condition = and_(_blocked_for(*CURED_BY_IDENTITY), or_(not_(_entered()), c.jid == expected))
    return await _reopen_all(connection, group_ids, condition, "new expectation", actor, now)


async def after_new_number(unit: UnitOfWork) -> None:
    """A person's run puts back in line what counts as left because another number stands behind the instance.

    Index ix_memberships_recovery_id.
    """
    c = memberships.c
    of_the_old = await matching(
        unit.connection,
        c.recovery_id == unit.recovery_id,
        c.status == Status.LEFT.value,
        c.reason == Reason.IDENTITY_CHANGED.value,
    )
    for old in of_the_old:
        _reopen(unit, old, "new number")


def _entered() -> ColumnElement[bool]:
    """A join led into another group than expected."""
    c = memberships.c
    return and_(c.reason == Reason.IDENTITY_MISMATCH.value, c.joined_at.is_not(None), c.jid.is_not(None))


def _blocked_for(*reasons: Reason) -> ColumnElement[bool]:
    c = memberships.c
    return and_(c.status == Status.BLOCKED.value, c.reason.in_([reason.value for reason in reasons]))


async def _reopen_all(
    connection: AsyncConnection,
    group_ids: Collection[int],
    condition: ColumnElement[bool],
    cure: str,
    actor: str,
    now: float,
) -> int:
    """Instance by instance, the lowest id first: whoever locks several rows does it in this order.

    What is to move is read again behind each lock.
    """
    c, parts = memberships.c, list(chunks(sorted(group_ids)))
    concerned: set[int] = set()
    for part in parts:
        query = select(c.instance_id).where(c.group_id.in_(part), condition).distinct()
        concerned.update((await connection.scalars(query)).all())
    reopened = 0
    for instance_id in sorted(concerned):
        instance = await instances.lock(connection, instance_id)
        unit = UnitOfWork(connection, instance, now, actor)
        for part in parts:
            for old in await matching(
                connection, c.instance_id == instance_id, c.group_id.in_(part), condition
            ):
                _reopen(unit, old, cure)
        reopened += len(await unit.flush())
    return reopened


def _reopen(unit: UnitOfWork, old: Membership, cure: str) -> None:
    was = old.status.value if old.reason is None else f"{old.status.value}: {old.reason.value}"
    unit.note("group.reopened", old, was=was, cure=cure)
    unit.move(old, Status.PENDING, attempts=0, slow_rounds=0, unknowns=0)
