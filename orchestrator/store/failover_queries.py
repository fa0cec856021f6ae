"""The queries of failover: recoveries under way, those that a lost backup leaves behind, and their groups."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, exists, func, or_, select, update

from orchestrator.domain.loss_judgement import LossState
from orchestrator.domain.memberships import UNFINISHED, Greeting, Reason, Status
from orchestrator.domain.recoveries import End
from orchestrator.store.recoveries import Scope, groups_in
from orchestrator.store.tables import group_instances, groups, losses, memberships, recoveries

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql.elements import ColumnElement

_MAY_BE_IN = (Status.JOINING, Status.CONFIRMING, Status.AWAITING_APPROVAL)
_NOT_TO_JOIN = (*_MAY_BE_IN, Status.ACTIVE, Status.SKIPPED, Status.LEFT)
_AT_WORK = [one.value for one in UNFINISHED - {Status.DEFERRED}]
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A recovery as far as a successor needs it."""

    id: int
    to_instance_id: int
    scope: Scope
    driver: str
    fixed: bool
    running: bool

    def covers(self, name: str) -> bool:
        """Whether it brings back all groups of that instance."""
        return not self.fixed and not self.scope.labels and self.scope.from_name in (name, None)


async def under_way(connection: AsyncConnection) -> list[UnderWay]:
    """Recoveries that did not end, oldest first. One that a person interrupted is among them."""
    query = select(recoveries).where(recoveries.c.state == "running").order_by(recoveries.c.id)
    return [_under_way(row) for row in (await connection.execute(query)).all()]


async def resting(connection: AsyncConnection, until: float) -> frozenset[int]:
    """Ids of the daemon's open recoveries that have nothing to do before that instant but wait for it."""
    mine = memberships.c.recovery_id == recoveries.c.id
    later = and_(memberships.c.status == Status.DEFERRED.value, memberships.c.next_attempt_at > until)
    sooner = and_(
        memberships.c.status == Status.DEFERRED.value,
        or_(memberships.c.next_attempt_at.is_(None), memberships.c.next_attempt_at <= until),
    )
    query = select(recoveries.c.id).where(
        recoveries.c.state == "running",
        recoveries.c.driver == "daemon",
        exists().where(mine, later),
        ~exists().where(mine, or_(memberships.c.status.in_(_AT_WORK), sooner)),
    )
    return frozenset((await connection.scalars(query)).all())


async def take_along(connection: AsyncConnection, replaced_id: int, recovery_id: int) -> None:
    """What a replaced recovery of the daemon still waits for goes on in another one of the same instance."""
    was_the_daemons = exists().where(recoveries.c.id == replaced_id, recoveries.c.driver == "daemon")
    waits = or_(
        memberships.c.status == Status.DEFERRED.value, memberships.c.greeting == Greeting.PENDING.value
    )
    statement = update(memberships).where(memberships.c.recovery_id == replaced_id, waits, was_the_daemons)
    await connection.execute(statement.values(recovery_id=recovery_id))


async def of_lost(connection: AsyncConnection) -> list[UnderWay]:
    """Those of the daemon onto instances that are lost now."""
    lost = exists().where(
        losses.c.instance_id == recoveries.c.to_instance_id, losses.c.state == LossState.LOST.value
    )
    query = select(recoveries).where(recoveries.c.state == "running", recoveries.c.driver == "daemon", lost)
    return [_under_way(row) for row in (await connection.execute(query.order_by(recoveries.c.id))).all()]


async def left_behind(connection: AsyncConnection, instance_id: int, since: float) -> UnderWay | None:
    """The daemon's recovery that an instance's loss cut off: still open, or ended by it since then."""
    cut_off = and_(recoveries.c.outcome == End.INSTANCE_LOST.value, recoveries.c.finished_at >= since)
    query = (
        select(recoveries)
        .where(
            recoveries.c.to_instance_id == instance_id,
            recoveries.c.driver == "daemon",
            or_(recoveries.c.state == "running", cut_off),
        )
        .order_by(recoveries.c.id.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _under_way(row)


async def follower(connection: AsyncConnection, recovery_id: int) -> int | None:
    """The recovery that goes on with this one."""
    query = select(recoveries.c.id).where(recoveries.c.follows_id == recovery_id).limit(1)
    found = await connection.scalar(query)
    return None if found is None else int(found)


async def to_go_on_with(connection: AsyncConnection, recovery_id: int) -> list[int]:
    """Ids of its groups that the instance surely is not in, and that nobody took out of it."""
    query = select(memberships.c.group_id).where(
        memberships.c.recovery_id == recovery_id,
        memberships.c.status.not_in([status.value for status in _NOT_TO_JOIN]),
        ~_may_be_in(),
    )
    return list((await connection.scalars(query.order_by(memberships.c.group_id))).all())


@dataclass(frozen=True, slots=True)
class Chain:
    """Recoveries that brought back the same groups one after the other, and the instances they were onto."""

    ids: frozenset[int]
    instances: frozenset[int]
    scope: Scope  # of the first one
    begun_fixed: bool  # it was for chosen groups only


async def chain(connection: AsyncConnection, recovery_id: int) -> Chain:
    """What led to this recovery: whom it goes on for, and for chosen groups what they were chosen from."""
    query = select(recoveries).where(recoveries.c.id <= recovery_id).order_by(recoveries.c.id)
    rows = {row.id: row for row in (await connection.execute(query)).all()}
    links = [rows[recovery_id]]
    while (before := _before(links[-1], rows)) is not None:
        links.append(before)
    onto = frozenset(row.to_instance_id for row in links)
    first = _under_way(links[-1])
    return Chain(frozenset(row.id for row in links), onto, first.scope, first.fixed)


def _before(row: Any, rows: dict[int, Any]) -> Any:
    if row.follows_id is not None:
        return rows.get(row.follows_id)
    if not row.fixed:
        return None  # it was begun anew, for its whole scope
    onto_the_same = [id_ for id_, one in rows.items() if one.to_instance_id == row.to_instance_id]
    last = rows.get(max((id_ for id_ in onto_the_same if id_ < row.id), default=0))
    of_all = (row.from_name, row.labels) == (None, "[]")  # as one of groups from several scopes is, too
    if last is None or not (of_all or (last.from_name, last.labels) == (row.from_name, row.labels)):
        return None
    return last


async def free_for(connection: AsyncConnection, instance_id: int, links: Chain) -> tuple[list[int], int]:
    """Ids of the chain's groups that this instance may bring back, and how many are left to a person.

    In those another instance of the chain is or may be, or somebody took them out of it.
    """
    found = groups_in(links.scope).subquery()
    held = exists().where(
        memberships.c.group_id == found.c.id,
        memberships.c.instance_id.in_(links.instances - {instance_id}),
        or_(memberships.c.status.in_([status.value for status in _NOT_TO_JOIN]), _may_be_in()),
    )
    query = select(found.c.id, held.label("held")).order_by(found.c.id)
    if links.begun_fixed:
        query = query.where(
            exists().where(memberships.c.group_id == found.c.id, memberships.c.recovery_id.in_(links.ids))
        )
    rows = (await connection.execute(query)).all()
    return [row.id for row in rows if not row.held], sum(1 for row in rows if row.held)


@dataclass(frozen=True, slots=True)
class Taken:
    """Groups of a recovery that its instance is in, or may be in, and the first names of the latter."""

    inside: int
    perhaps: int
    names: list[str]


async def taken(connection: AsyncConnection, recovery_id: int) -> Taken:
    """What nobody else may join in the same recovery."""
    mine = memberships.c.recovery_id == recovery_id
    perhaps = and_(mine, _may_be_in())
    number = select(func.count()).select_from(memberships)
    active = memberships.c.status == Status.ACTIVE.value
    query = select(groups.c.name).join(memberships, memberships.c.group_id == groups.c.id).where(perhaps)
    names = (await connection.scalars(query.order_by(groups.c.name).limit(_MOST_NAMED))).all()
    return Taken(
        inside=int(await connection.scalar(number.where(mine, active)) or 0),
        perhaps=int(await connection.scalar(number.where(perhaps)) or 0),
        names=list(names),
    )


def _may_be_in() -> ColumnElement[bool]:
    """Or nobody knows: the outcome of its join was never found out, or what it entered was another group."""
    unsure = (Reason.OUTCOME_UNKNOWN.value, Reason.IDENTITY_MISMATCH.value)
    return or_(
        memberships.c.status.in_([status.value for status in _MAY_BE_IN]),
        and_(
            memberships.c.reason.is_not(None),  # the whole must never be null: it is negated too
            memberships.c.reason.in_(unsure),
            memberships.c.requested_at.is_not(None),
        ),
    )


async def has_groups(connection: AsyncConnection, name: str) -> bool:
    """Whether groups are recorded for an instance of that name."""
    return bool(await connection.scalar(select(exists().where(group_instances.c.instance_name == name))))


async def known_jids(connection: AsyncConnection, instance_id: int, name: str, *, limit: int) -> list[str]:
    """Groups that the account should be in: where it is active, then those recorded for it."""
    active = (
        select(memberships.c.jid)
        .where(
            memberships.c.instance_id == instance_id,
            memberships.c.status == Status.ACTIVE.value,
            memberships.c.jid.is_not(None),
        )
        .order_by(memberships.c.priority.desc(), memberships.c.id)
        .limit(limit)
    )
    found = list((await connection.scalars(active)).all())
    if found:
        return found
    recorded = (
        select(groups.c.jid)
        .join(group_instances, group_instances.c.group_id == groups.c.id)
        .where(group_instances.c.instance_name == name, groups.c.jid.is_not(None))
        .order_by(groups.c.id)
        .limit(limit)
    )
    return list((await connection.scalars(recorded)).all())


def _under_way(row: Any) -> UnderWay:
    return UnderWay(
        row.id,
        row.to_instance_id,
        Scope(row.from_name, tuple(json.loads(row.labels))),
        row.driver,
        row.fixed,
        row.state == "running",
    )
