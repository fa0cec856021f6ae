"""What the read model asks of the database: few queries, each along an index, none that writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, exists, func, or_, select, text

from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import Reason, Status
from orchestrator.store.recoveries import Scope, groups_in
from orchestrator.store.tables import (
    group_instances,
    group_labels,
    groups,
    instances,
    invite_codes,
    memberships,
    recoveries,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Column
    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql import Select
    from sqlalchemy.sql.elements import ColumnElement

MINUTE = 60.0
_NOT_IN_PLACE = [one.value for one in Status if one not in (Status.ACTIVE, Status.SKIPPED)]
_REASONS = {reason.value: reason for reason in Reason}

_PERSON_ACTS = (Status.BLOCKED, Status.AWAITING_APPROVAL, Status.LEFT)


class RecoveryRow(NamedTuple):
    """One recovery, with the name of the instance that it fills. `labels` and `counts` are JSON texts."""

    id: int
    to_instance_id: int
    to_name: str
    from_name: str | None
    labels: str
    state: str
    outcome: str | None
    actor: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    stop_requested_at: float | None
    stop_requested_by: str | None
    counts: str | None
    pace: float | None
    driver: str
    follows_id: int | None
    fixed: bool

    @property
    def scope(self) -> Scope:
        return Scope(self.from_name, tuple(json.loads(self.labels)))


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


class CatalogueRow(NamedTuple):
    """What is stored of the organisation's groups."""

    groups: int
    with_code: int


async def recovery(connection: AsyncConnection, recovery_id: int | None = None) -> RecoveryRow | None:
    """That recovery, or the latest."""
    query = _recoveries().order_by(recoveries.c.id.desc()).limit(1)
    if recovery_id is not None:
        query = _recoveries().where(recoveries.c.id == recovery_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else RecoveryRow(**row._mapping)  # noqa: SLF001 - the public name of a row's dict


async def latest_onto(connection: AsyncConnection, instance_id: int) -> RecoveryRow | None:
    """The instance's latest recovery. Index ix_recoveries_to_instance_id."""
    query = _recoveries().where(recoveries.c.to_instance_id == instance_id)
    row = (await connection.execute(query.order_by(recoveries.c.id.desc()).limit(1))).one_or_none()
    return None if row is None else RecoveryRow(**row._mapping)  # noqa: SLF001 - as above


async def latest_recoveries(connection: AsyncConnection, limit: int) -> list[RecoveryRow]:
    """Newest first."""
    rows = await connection.execute(_recoveries().order_by(recoveries.c.id.desc()).limit(limit))
    return [RecoveryRow(**row) for row in rows.mappings()]


async def open_recoveries(connection: AsyncConnection) -> list[RecoveryRow]:
    """Each instance has one at most, and it is its latest: found along the index, whatever came before."""
    of_one = recoveries.alias("of_one")
    newest = select(func.max(of_one.c.id)).where(of_one.c.to_instance_id == instances.c.id)
    ids = select(newest.correlate(instances).scalar_subquery()).select_from(instances)
    query = _recoveries().where(recoveries.c.id.in_(ids), recoveries.c.state == "running")
    return [RecoveryRow(**row) for row in (await connection.execute(query)).mappings()]


def _recoveries() -> Select[Any]:
    names = [name for name in RecoveryRow._fields if name != "to_name"]
    return select(*(recoveries.c[name] for name in names), instances.c.name.label("to_name")).join(
        instances, instances.c.id == recoveries.c.to_instance_id
    )


async def instance_records(connection: AsyncConnection) -> list[InstanceRecord]:
    """All of them: a handful."""
    rows = await connection.execute(select(instances).order_by(instances.c.id))
    return [InstanceRecord(**row) for row in rows.mappings()]


async def membership_counts(connection: AsyncConnection, recovery_id: int) -> list[CountRow]:
    """By status and reason, from the index alone."""
    due = memberships.c.next_attempt_at
    query = (
        select(memberships.c.status, memberships.c.reason, func.count(), func.min(due), func.max(due))
        .where(memberships.c.recovery_id == recovery_id)
        .group_by(memberships.c.status, memberships.c.reason)
    )
    rows = await connection.execute(query)
    return [CountRow(Status(row[0]), known_reason(row[1]), *row[2:]) for row in rows]


async def due_by_minute(connection: AsyncConnection, recovery_id: int) -> list[DueRow]:
    """Deferred memberships in the order in which they come due, a minute at a time."""
    due = memberships.c.next_attempt_at
    minute = func.floor(due / MINUTE)
    first = func.min(due)
    query = (
        select(memberships.c.reason, func.count(), first, func.max(due))
        .where(memberships.c.recovery_id == recovery_id, memberships.c.status == Status.DEFERRED.value)
        .group_by(memberships.c.reason, minute)
        .order_by(first)
    )
    rows = await connection.execute(query)
    return [DueRow(known_reason(row[0]), *row[1:]) for row in rows]


async def needs_you(connection: AsyncConnection, row: RecoveryRow, limit: int) -> list[NeedsYouRow]:
    """The most valuable first. One query for each status, so that the index gives the order."""
    found: list[NeedsYouRow] = []
    for status in _PERSON_ACTS:
        rows = await connection.execute(needs_you_query(row, status, limit))
        found += [_needs_you(item) for item in rows.mappings()]
    return sorted(found, key=lambda item: -item.priority)[:limit]


def needs_you_query(row: RecoveryRow, status: Status, limit: int) -> Select[Any]:
    m, g = memberships.c, groups.c
    mine = and_(m.instance_id == row.to_instance_id, m.status == status.value, m.recovery_id == row.id)
    if status is Status.LEFT:
        mine = and_(mine, m.reason.is_not(None), m.reason != Reason.OPERATOR.value)
    return (
        select(
            g.name.label("group"),
            g.slug,
            m.status,
            m.reason,
            m.detail,
            m.status_since.label("since"),
            m.next_attempt_at,
            m.priority,
            g.jid.label("expected_jid"),
            m.jid,
            m.seen_subject,
        )
        .join(groups, g.id == m.group_id)
        .where(mine)
        .order_by(m.priority.desc(), m.id)
        .limit(limit)
    )


def _needs_you(row: Any) -> NeedsYouRow:
    values = dict(row)
    values["status"] = Status(values["status"])
    values["reason"] = known_reason(values["reason"])
    return NeedsYouRow(**values)


async def catalogue(connection: AsyncConnection) -> CatalogueRow:
    """Counts of the groups that are stored."""
    total = (await connection.execute(select(func.count()).select_from(groups))).scalar_one()
    current = select(func.count()).select_from(invite_codes).where(text("current"))
    return CatalogueRow(total, (await connection.execute(current)).scalar_one())


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


async def goes_for(connection: AsyncConnection, recovery: RecoveryRow, slugs: Collection[str]) -> bool:
    """Whether a run that goes on with the recovery is about all of these groups.

    An open one has them already; after its end they must be in its scope.
    """
    if recovery.state == "running":
        return True
    inside = groups_in(recovery.scope).with_only_columns(groups.c.slug)
    return set(slugs) <= set((await connection.scalars(inside)).all())


async def left_behind(connection: AsyncConnection, instance_id: int, recovery_id: int) -> int:
    """The instance's groups that are not in place and not in this recovery. Index ix_memberships_claim.

    What a person left out, or left, is not counted.
    """
    m = memberships.c
    query = select(func.count()).where(
        m.instance_id == instance_id,
        m.status.in_(_NOT_IN_PLACE),
        m.recovery_id.is_distinct_from(recovery_id),
        or_(m.status != Status.LEFT.value, m.reason.is_distinct_from(Reason.OPERATOR.value)),
    )
    return int(await connection.scalar(query) or 0)


def known_reason(word: str | None) -> Reason | None:
    """The reason as a member of the closed list; a newer version's word, which we do not know, is None."""
    return _REASONS.get(word or "")
