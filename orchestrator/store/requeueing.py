"""Groups go back in line when what kept them out is cured: a new code, a new expectation, a new number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, not_, or_, select, true, update

from orchestrator.domain.memberships import CURED_BY_CODE, CURED_BY_IDENTITY, Reason, Status
from orchestrator.store.tables import groups, memberships

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql.elements import ColumnElement


async def after_new_code(connection: AsyncConnection, *, group_ids: Collection[int], now: float) -> int:
    """A group blocked for its code, or for what it opened, goes back in line once it has a new one.

    Not one whose join led elsewhere: the account is in there still.
    """
    return await _requeue_blocked(
        connection, group_ids, (*CURED_BY_CODE, *CURED_BY_IDENTITY), now, not_(_entered())
    )


async def after_new_identity(connection: AsyncConnection, *, group_ids: Collection[int], now: float) -> int:
    """A group blocked because it was not the expected one goes back in line once the expectation changed.

    Not one whose join led elsewhere, unless that is what is expected now: the account is in there still.
    """
    c = memberships.c
    expected = select(groups.c.jid).where(groups.c.id == c.group_id).scalar_subquery()
    return await _requeue_blocked(
        connection, group_ids, CURED_BY_IDENTITY, now, or_(not_(_entered()), c.jid == expected)
    )


async def after_new_number(connection: AsyncConnection, *, recovery_id: int, now: float) -> int:
    """A person's run puts back in line what counts as left because another number stands behind the instance.

    The instance's row must be locked. Index ix_memberships_recovery_id.
    """
    c = memberships.c
    of_the_old = and_(
        c.recovery_id == recovery_id,
        c.status == Status.LEFT.value,
        c.reason == Reason.IDENTITY_CHANGED.value,
    )
    return await _requeue(connection, of_the_old, now)


def _entered() -> ColumnElement[bool]:
    """A join led into another group than expected."""
    c = memberships.c
    return and_(c.reason == Reason.IDENTITY_MISMATCH.value, c.joined_at.is_not(None), c.jid.is_not(None))


async def _requeue_blocked(
    connection: AsyncConnection,
    group_ids: Collection[int],
    reasons: Collection[Reason],
    now: float,
    condition: ColumnElement[bool] | None = None,
) -> int:
    ids, moved = list(group_ids), 0
    for start in range(0, len(ids), 500):
        moved += await _requeue(
            connection,
            and_(
                memberships.c.group_id.in_(ids[start : start + 500]),
                memberships.c.status == Status.BLOCKED.value,
                memberships.c.reason.in_([reason.value for reason in reasons]),
                true() if condition is None else condition,
            ),
            now,
        )
    return moved


async def _requeue(connection: AsyncConnection, condition: ColumnElement[bool], now: float) -> int:
    result = await connection.execute(
        update(memberships)
        .where(condition)
        .values(
            status=Status.PENDING.value,
            status_since=now,
            reason=None,
            detail=None,
            next_attempt_at=None,
            attempts=0,
            slow_rounds=0,
            unknowns=0,
            looks=0,
        )
    )
    return int(result.rowcount)
