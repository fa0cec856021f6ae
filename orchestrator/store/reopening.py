"""Groups go back in line when what kept them out is cured: a new code, a new expectation, a new number."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import and_, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import CURED_BY_CODE, CURED_BY_IDENTITY, Reason, Status
from orchestrator.store import sessions
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


async def lock_instances_of(
    connection: AsyncConnection, group_ids: Collection[int]
) -> dict[int, InstanceRecord]:
    """The instances with a membership of one of these groups, in any status: a worker may be blocking it
    this moment, for what it knew before. After the last write to groups and codes, as they wait for workers.
    """
    c, concerned = memberships.c, set[int]()
    for part in chunks(sorted(group_ids)):
        query = select(c.instance_id).where(c.group_id.in_(part)).distinct()
        concerned.update((await connection.scalars(query)).all())
    return await sessions.lock_many(connection, concerned) if concerned else {}


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
    c, parts, reopened = memberships.c, list(chunks(sorted(group_ids))), 0
    for instance_id, instance in (await lock_instances_of(connection, group_ids)).items():
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
