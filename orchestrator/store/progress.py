"""How far recoveries are, and what of them needs a person: few queries, each along an index."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Column, and_, case, exists, func, not_, or_, select, text
from sqlalchemy.sql import Select
from sqlalchemy.sql.elements import ColumnElement

from orchestrator.domain.memberships import UNFINISHED, Greeting, Reason, Status
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.recoveries import Recovery, Scope, groups_in
from orchestrator.store.tables import group_instances, group_labels, groups, invite_codes, memberships

MINUTE = 60.0
_NOT_IN_PLACE = [one for one in Status if one not in (Status.ACTIVE, Status.SKIPPED)]

_PERSON_ACTS = (Status.BLOCKED, Status.AWAITING_APPROVAL, Status.LEFT)


@dataclass(frozen=True, slots=True)
class CountRow:
    """How many memberships share a status and a reason, and when the first and last of them are due."""

    status: Status
    reason: Reason | None
    count: int
    first_due: float | None
    last_due: float | None


@dataclass(frozen=True, slots=True)
class DueRow:
    """How many deferred memberships share a reason and a minute."""

    reason: Reason | None
    count: int
    first_due: float
    last_due: float

    def merged(self, other: DueRow) -> DueRow:
        """Both as one row of this reason."""
        first, last = min(self.first_due, other.first_due), max(self.last_due, other.last_due)
        return DueRow(self.reason, self.count + other.count, first, last)


class NeedsYouRow(NamedTuple):
    """A membership for which a person must act. `detail` and `seen_subject` are foreign text."""

    group: str
    slug: str
    status: Status
    reason: Reason | None
    detail: str | None
    since: float
    next_attempt_at: float | None
    priority: int
    expected_jid: str | None
    jid: str | None
    seen_subject: str | None


class CatalogueTotals(NamedTuple):
    """What is stored of the organisation's groups."""

    groups: int
    with_code: int


async def membership_counts(connection: AsyncConnection, recovery_id: int) -> list[CountRow]:
    """By status and reason, from the index alone."""
    due = memberships.c.next_attempt_at
    query = (
        select(memberships.c.status, memberships.c.reason, func.count(), func.min(due), func.max(due))
        .where(memberships.c.recovery_id == recovery_id)
        .group_by(memberships.c.status, memberships.c.reason)
    )
    rows = await connection.execute(query)
    return [CountRow(*row) for row in rows]


async def due_by_minute(connection: AsyncConnection, recovery_id: int) -> list[DueRow]:
    """Deferred memberships in the order in which they come due, a minute at a time."""
    due = memberships.c.next_attempt_at
    minute = func.floor(due / MINUTE)
    first = func.min(due)
    query = (
        select(memberships.c.reason, func.count(), first, func.max(due))
        .where(memberships.c.recovery_id == recovery_id, memberships.c.status == Status.DEFERRED)
        .group_by(memberships.c.reason, minute)
        .order_by(first)
    )
    rows = await connection.execute(query)
    return [DueRow(*row) for row in rows]


async def needs_you(connection: AsyncConnection, row: Recovery, limit: int) -> list[NeedsYouRow]:
    """The most valuable first. One query for each status, so that the index gives the order."""
    found: list[NeedsYouRow] = []
    for status in _PERSON_ACTS:
        rows = await connection.execute(needs_you_query(row, status, limit))
        found += [NeedsYouRow(*item) for item in rows]
    return sorted(found, key=lambda item: -item.priority)[:limit]


def needs_you_query(row: Recovery, status: Status, limit: int) -> Select[Any]:
    m, g = memberships.c, groups.c
    mine = and_(m.instance_id == row.to_instance_id, m.status == status, m.recovery_id == row.id)
    if status is Status.LEFT:
        mine = and_(mine, m.reason.is_not(None), m.reason != Reason.OPERATOR)
    return (
        select(
            g.name,
            g.slug,
            m.status,
            m.reason,
            m.detail,
            m.status_since,
            m.next_attempt_at,
            m.priority,
            g.jid,
            m.jid,
            m.seen_subject,
        )
        .join(groups, g.id == m.group_id)
        .where(mine)
        .order_by(m.priority.desc(), m.id)
        .limit(limit)
    )


async def catalogue(connection: AsyncConnection) -> CatalogueTotals:
    """Counts of the groups that are stored."""
    total = (await connection.execute(select(func.count()).select_from(groups))).scalar_one()
    current = select(func.count()).select_from(invite_codes).where(text("current"))
    return CatalogueTotals(total, (await connection.execute(current)).scalar_one())


async def tried(connection: AsyncConnection) -> int:
    """How many groups any recovery has taken up, onto whichever instance. Index ix_memberships_group_id."""
    groups_tried = select(memberships.c.group_id).distinct().subquery()
    return int(await connection.scalar(select(func.count()).select_from(groups_tried)) or 0)


async def never_tried(connection: AsyncConnection, scope: Scope) -> int:
    """How many groups of a scope with a name or labels no recovery has taken up."""
    labelled = group_labels.c.label.in_(scope.labels)
    of: Column[int]
    inside: ColumnElement[bool]
    if scope.from_name is None:
        of, inside = group_labels.c.group_id, labelled
    else:
        of, inside = group_instances.c.group_id, group_instances.c.instance_name == scope.from_name
        if scope.labels:
            inside = and_(inside, exists().where(group_labels.c.group_id == of, labelled))
    query = select(func.count(of.distinct())).where(inside, ~exists().where(memberships.c.group_id == of))
    return int(await connection.scalar(query) or 0)


async def left_behind(connection: AsyncConnection, instance_id: int, recovery_id: int) -> int:
    """The instance's groups that are not in place and not in this recovery. Index ix_memberships_claim.

    What a person left out, or left, is not counted.
    """
    m = memberships.c
    query = select(func.count()).where(
        m.instance_id == instance_id,
        m.status.in_(_NOT_IN_PLACE),
        m.recovery_id.is_distinct_from(recovery_id),
        or_(m.status != Status.LEFT, m.reason.is_distinct_from(Reason.OPERATOR)),
    )
    return int(await connection.scalar(query) or 0)


class ScopeProgress(NamedTuple):
    """The groups of a scope as one instance has them. `open`: not at their end; active ones are at theirs.

    `unsettled`: neither in place nor left out by a person. One whose greeting waits is unsettled.
    """

    groups: int
    active: int
    open: int
    needs_person: int
    unsettled: int


async def standing(
    connection: AsyncConnection, instance_id: int, scope: Scope, only: Collection[int] | None = None
) -> ScopeProgress:
    """Count the scope's groups. `only`: these group ids alone."""
    found, m = groups_in(scope, only).subquery(), memberships.c
    theirs = and_(m.group_id == found.c.id, m.instance_id == instance_id)
    greeting_waits = m.greeting.in_((Greeting.PENDING, Greeting.SENDING))
    settled = or_(
        and_(m.status == Status.ACTIVE, not_(greeting_waits)),
        m.status == Status.SKIPPED,
        and_(m.status == Status.LEFT, m.reason == Reason.OPERATOR),
    )
    query = select(
        func.count(),
        _count(m.status == Status.ACTIVE),
        _count(or_(m.status.is_(None), m.status.in_(UNFINISHED))),
        _count(m.status.in_(_PERSON_ACTS)),
        func.count() - _count(settled),
    ).select_from(found.outerjoin(memberships, theirs))
    return ScopeProgress(*(int(number) for number in (await connection.execute(query)).one()))


async def counts(connection: AsyncConnection, recovery_id: int) -> dict[str, int]:
    """How many memberships stand where. Index ix_memberships_recovery_id."""
    query = (
        select(memberships.c.status, func.count())
        .where(memberships.c.recovery_id == recovery_id)
        .group_by(memberships.c.status)
    )
    found = {status: int(number) for status, number in await connection.execute(query)}
    return {status.value: found.get(status, 0) for status in Status}


_m = memberships.c


@dataclass(frozen=True, slots=True)
class CauseRow:
    """Memberships of one instance that share a status and a reason. `names` are the first of them."""

    instance_id: int
    status: Status
    reason: Reason | None
    count: int
    new: int
    oldest_new: float | None


class NamedGroup(NamedTuple):
    """A group as people call it."""

    name: str
    slug: str


async def causes(connection: AsyncConnection, instance_ids: Collection[int], since: float) -> list[CauseRow]:
    """By status and reason. `new` ones began to stand so after `since`. Index ix_memberships_reason."""
    is_new = _m.status_since > since
    found: list[CauseRow] = []
    for instance_id in instance_ids:
        for status in _PERSON_ACTS:
            query = (
                select(
                    _m.reason,
                    func.count(),
                    func.sum(case((is_new, 1), else_=0)),
                    func.min(case((is_new, _m.status_since))),
                )
                .where(_in_need(instance_id, status))
                .group_by(_m.reason)
            )
            rows = (await connection.execute(query)).all()
            found += [CauseRow(instance_id, status, row[0], int(row[1]), int(row[2]), row[3]) for row in rows]
    return found


async def names_of_cause(connection: AsyncConnection, cause: CauseRow, limit: int) -> list[NamedGroup]:
    """The most valuable groups of one cause."""
    reason = _m.reason.is_(None) if cause.reason is None else _m.reason == cause.reason
    query = (
        select(groups.c.name, groups.c.slug)
        .join(memberships, _m.group_id == groups.c.id)
        .where(_in_need(cause.instance_id, cause.status), reason)
        .order_by(_m.priority.desc(), _m.id)
        .limit(limit)
    )
    return [NamedGroup(*row) for row in await connection.execute(query)]


def _in_need(instance_id: int, status: Status) -> ColumnElement[bool]:
    """Not where another instance of ours is in the group: nothing is missing there."""
    mine = and_(_m.instance_id == instance_id, _m.status == status)
    if status is Status.LEFT:
        mine = and_(mine, or_(_m.reason.is_(None), _m.reason != Reason.OPERATOR))
    other = memberships.alias("other")
    covered = (
        select(other.c.id).where(other.c.group_id == _m.group_id, other.c.status == Status.ACTIVE).exists()
    )
    return and_(mine, ~covered)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
