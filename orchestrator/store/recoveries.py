"""Recoveries: one job each, bringing a backup instance into the groups of a lost one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, exists, func, insert, literal, not_, or_, select, update

from orchestrator.domain.memberships import Greeting, Reason, Status
from orchestrator.store.tables import group_instances, group_labels, groups, memberships, recoveries, slots

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql import Select
    from sqlalchemy.sql.elements import BindParameter


@dataclass(frozen=True, slots=True)
class Scope:
    """Which groups a recovery is about: those recorded for the lost instance, and those with a label."""

    from_name: str | None = None
    labels: tuple[str, ...] = ()

    def same_as(self, other: Scope) -> bool:
        """Whether people mean the same by both: the order and the case of the words do not count."""
        return self._key == other._key

    @property
    def _key(self) -> tuple[str | None, frozenset[str]]:
        from orchestrator.domain.group_fields import name_key  # noqa: PLC0415 - brings the tables of folding

        name = None if self.from_name is None else name_key(self.from_name)
        return name, frozenset(map(name_key, self.labels))


@dataclass(frozen=True, slots=True)
class Recovery:
    """One row, as far as the loop needs it."""

    id: int
    to_instance_id: int
    scope: Scope
    state: str
    stop_requested_at: float | None
    stop_requested_by: str | None
    deadline: float | None  # instant
    fixed: bool  # its groups were chosen once: no others come in
    driver: str
    pace: float | None
    joins_left: int | None


def groups_in(scope: Scope) -> Select[Any]:
    """Select the ids and priorities of the groups in a scope."""
    query = select(groups.c.id, groups.c.priority)
    if scope.from_name is not None:
        query = query.where(
            exists().where(
                and_(
                    group_instances.c.group_id == groups.c.id,
                    group_instances.c.instance_name == scope.from_name,
                )
            )
        )
    if scope.labels:
        query = query.where(
            exists().where(
                and_(group_labels.c.group_id == groups.c.id, group_labels.c.label.in_(scope.labels))
            )
        )
    return query


async def open_one(connection: AsyncConnection, instance_id: int) -> Recovery | None:
    """The instance's latest recovery if it did not end: interrupted, or under way."""
    query = (
        select(recoveries)
        .where(recoveries.c.to_instance_id == instance_id)
        .order_by(recoveries.c.id.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None or row.state != "running":
        return None
    return _recovery(row)


_GET = select(recoveries).where(recoveries.c.id == bindparam("recovery"))


async def get(connection: AsyncConnection, recovery_id: int) -> Recovery | None:
    row = (await connection.execute(_GET, {"recovery": recovery_id})).one_or_none()
    return None if row is None else _recovery(row)


def _recovery(row: Any) -> Recovery:
    scope = Scope(row.from_name, tuple(json.loads(row.labels)))
    return Recovery(
        row.id,
        row.to_instance_id,
        scope,
        row.state,
        row.stop_requested_at,
        row.stop_requested_by,
        row.deadline,
        row.fixed,
        row.driver,
        row.pace,
        row.joins_left,
    )


async def begin_again(
    connection: AsyncConnection, recovery_id: int, *, pace: float | None, joins_left: int | None, since: float
) -> None:
    """A recovery that was cut off goes on; a wish to stop it from before `since` is over."""
    this = recoveries.c.id == recovery_id
    await connection.execute(update(recoveries).where(this).values(pace=pace, joins_left=joins_left))
    await connection.execute(
        update(recoveries)
        .where(this, recoveries.c.stop_requested_at < since)
        .values(stop_requested_at=None, stop_requested_by=None)
    )


async def give_to_daemon(
    connection: AsyncConnection,
    recovery_id: int,
    *,
    pace: float | None,
    joins_left: int | None,
    deadline: float | None,
) -> None:
    """An open recovery that a person began is the daemon's from now on; its groups stay as they are."""
    values = {"driver": "daemon", "pace": pace, "joins_left": joins_left, "deadline": deadline}
    values |= {"stop_requested_at": None, "stop_requested_by": None}
    await connection.execute(update(recoveries).where(recoveries.c.id == recovery_id).values(**values))


async def group_ids(connection: AsyncConnection, recovery_id: int) -> frozenset[int]:
    """The groups that were taken up. Index ix_memberships_recovery_id."""
    query = select(memberships.c.group_id).where(memberships.c.recovery_id == recovery_id)
    return frozenset((await connection.scalars(query)).all())


async def joins_sent(connection: AsyncConnection, recovery_id: int) -> int:
    """Joins of this recovery that left, or may have."""
    may_have_left = or_(slots.c.sent_at.is_not(None), slots.c.finished_at.is_(None))
    query = select(func.count()).where(slots.c.recovery_id == recovery_id, may_have_left)
    return int(await connection.scalar(query) or 0)


@dataclass(frozen=True, slots=True)
class ScopeProgress:
    """The groups of a scope on one instance. `unsettled`: neither in place nor left out by a person."""

    groups: int
    active: int
    unsettled: int


async def standing(
    connection: AsyncConnection, instance_id: int, scope: Scope, only: Collection[int] | None = None
) -> ScopeProgress:
    """Count the scope's groups. `only`: these group ids alone. One whose greeting waits is unsettled."""
    wanted, m = groups_in(scope), memberships.c
    if only is not None:
        wanted = wanted.where(groups.c.id.in_(list(only)))
    found = wanted.subquery()
    theirs = and_(m.group_id == found.c.id, m.instance_id == instance_id)
    waits = m.greeting.in_((Greeting.PENDING.value, Greeting.SENDING.value))
    settled = or_(
        and_(m.status == Status.ACTIVE.value, not_(waits)),
        m.status == Status.SKIPPED.value,
        and_(m.status == Status.LEFT.value, m.reason == Reason.OPERATOR.value),
    )
    query = select(
        func.count(),
        func.coalesce(func.sum(case((m.status == Status.ACTIVE.value, 1), else_=0)), 0),
        func.coalesce(func.sum(case((settled, 0), else_=1)), 0),
    ).select_from(found.outerjoin(memberships, theirs))
    return ScopeProgress(*(int(number) for number in (await connection.execute(query)).one()))


async def take_up(
    connection: AsyncConnection,
    instance_id: int,
    recovery_id: int,
    scope: Scope,
    *,
    now: float,
    only: Sequence[int] | None = None,
) -> None:
    """Give every group in the scope a membership, and put those that are not at their end into this recovery.

    Two statements however many groups there are. `only` narrows it to these group ids (a saved plan).
    """
    wanted = groups_in(scope)
    if only is not None:
        wanted = wanted.where(groups.c.id.in_(list(only)))
    found = wanted.subquery()
    known = exists().where(
        and_(memberships.c.group_id == found.c.id, memberships.c.instance_id == instance_id)
    )
    fresh = select(
        literal(instance_id),
        found.c.id,
        literal(recovery_id),
        found.c.priority,
        literal(Status.PENDING.value),
        literal(now),
    ).where(~known)
    columns = ["instance_id", "group_id", "recovery_id", "priority", "status", "status_since"]
    await connection.execute(insert(memberships).from_select(columns, fresh))
    priority = select(groups.c.priority).where(groups.c.id == memberships.c.group_id).scalar_subquery()
    await connection.execute(
        update(memberships)
        .where(
            memberships.c.instance_id == instance_id,
            memberships.c.group_id.in_(select(found.c.id)),
        )
        .values(recovery_id=recovery_id, priority=priority)
    )


async def counts(connection: AsyncConnection, recovery_id: int) -> dict[str, int]:
    """How many memberships stand where. Index ix_memberships_recovery_id."""
    query = (
        select(memberships.c.status, func.count())
        .where(memberships.c.recovery_id == recovery_id)
        .group_by(memberships.c.status)
    )
    found = {str(status): int(number) for status, number in (await connection.execute(query)).all()}
    return {status.value: found.get(status.value, 0) for status in Status}


@cache  # made once: every beat of every loop asks
def _present() -> Select[Any]:
    mine, next_one = memberships.alias("mine"), memberships.alias("next_one")
    this: BindParameter[int] = bindparam("recovery")
    walk = select(func.min(mine.c.status).label("status")).where(mine.c.recovery_id == this)
    steps = walk.cte("steps", recursive=True)
    following = (
        select(func.min(next_one.c.status))
        .where(next_one.c.recovery_id == this, next_one.c.status > steps.c.status)
        .correlate(steps)
        .scalar_subquery()
    )
    steps = steps.union_all(select(following).where(steps.c.status.is_not(None)))
    return select(steps.c.status)


async def present(connection: AsyncConnection, recovery_id: int) -> frozenset[Status]:
    """Which statuses occur at all: a walk along the index, one step a status."""
    found = (await connection.execute(_present(), {"recovery": recovery_id})).scalars().all()
    return frozenset(Status(status) for status in found if status is not None)


async def finish(
    connection: AsyncConnection,
    recovery_id: int,
    *,
    state: str,
    outcome: str,
    counted: Mapping[str, int],
    now: float,
) -> bool:
    """Write its end down, once: False if it is over already, and then it stays as it ended."""
    ended = await connection.execute(
        update(recoveries)
        .where(recoveries.c.id == recovery_id, recoveries.c.state == "running")
        .values(state=state, outcome=outcome, counts=json.dumps(dict(counted)), finished_at=now)
    )
    return ended.rowcount == 1


async def request_stop(connection: AsyncConnection, recovery_id: int, *, actor: str, now: float) -> None:
    await connection.execute(
        update(recoveries)
        .where(recoveries.c.id == recovery_id)
        .values(stop_requested_at=now, stop_requested_by=actor)
    )
