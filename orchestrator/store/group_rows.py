"""Groups with their memberships as rows: to list and to search, and in the order of a run for the plan."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.engine import Row
from sqlalchemy.sql import Select
from sqlalchemy.sql.elements import ColumnElement

from orchestrator.domain.group_fields import name_key
from orchestrator.domain.memberships import Bucket, Reason, Status, bucket
from orchestrator.store.bulk import CHUNK, rows_of
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.memberships import CODE_COLUMNS, StoredCode, as_code
from orchestrator.store.recoveries import Scope, groups_in
from orchestrator.store.tables import (
    LABELS,
    group_labels,
    groups,
    instances,
    invite_codes,
    memberships,
    split_labels,
)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which groups to list. Unset: all. `labels`: any of these. `search` looks into name, subject, slug and
    JID.
    """

    bucket: Bucket | None = None
    labels: Collection[str] | None = None
    search: str | None = None
    instance: str | None = None
    status: Status | None = None
    reason: Reason | None = None
    recovery_id: int | None = None


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group and, where it has one, a membership. Without one, `instance` and `status` are None.

    `group`, `subject`, `detail` and what was seen are foreign text.
    """

    group_id: int
    membership_id: int | None
    group: str
    slug: str
    jid: str | None
    expected_jid: str | None
    expected_subject: str | None
    expected_owner: str | None
    instance: str | None
    instance_id: int | None
    recovery_id: int | None
    status: Status | None
    reason: Reason | None
    detail: str | None
    since: float | None
    attempts: int
    next_attempt_at: float | None
    joined_at: float | None
    confirmed_at: float | None
    evidence: str | None
    greeting: str | None
    code_last4: str | None
    labels: tuple[str, ...]
    priority: int
    seen_jid: str | None
    seen_subject: str | None
    seen_owner: str | None
    members: int | None
    verified_at: float | None

    @property
    def bucket(self) -> Bucket:
        """A group that nothing was tried for yet waits."""
        return Bucket.WAITING if self.status is None else bucket(self.status, self.reason)


_NAMES = [field.name for field in fields(GroupRow)]


async def stream_groups(connection: AsyncConnection, filters: Filters) -> AsyncGenerator[GroupRow, None]:
    """In the order in which they were imported, from one consistent view, a thousand in memory at a time."""
    query = _joined().where(*_conditions(filters)).order_by(groups.c.id, memberships.c.id)
    result = await connection.stream(query.execution_options(yield_per=CHUNK))
    async for part in result.partitions():
        for row in part:
            yield _group(row)


async def of_groups(connection: AsyncConnection, group_ids: list[int]) -> list[GroupRow]:
    """The memberships of these groups, of whichever instance."""
    wanted = groups.c.id.in_(group_ids)
    return await _rows(connection, _joined().where(wanted).order_by(groups.c.id, memberships.c.id))


async def by_groups(connection: AsyncConnection, instance_id: int, group_ids: list[int]) -> list[GroupRow]:
    """The memberships of one instance in these groups."""
    m = memberships.c
    return await _rows(connection, _joined().where(m.instance_id == instance_id, m.group_id.in_(group_ids)))


async def ahead_in_line(connection: AsyncConnection, row: GroupRow) -> int:
    """How many of the same instance's memberships are joined before a pending one."""
    m = memberships.c
    waiting = and_(m.instance_id == row.instance_id, m.status == Status.PENDING)
    ready = and_(m.instance_id == row.instance_id, m.status == Status.READY)
    more_valuable = and_(waiting, m.priority > row.priority)
    as_valuable = and_(waiting, m.priority == row.priority, m.id < row.membership_id)
    counts = [
        (await connection.execute(select(func.count()).select_from(memberships).where(part))).scalar_one()
        for part in (ready, more_valuable, as_valuable)
    ]
    return sum(counts)


def _joined() -> Select[Any]:
    m, g = memberships.c, groups.c
    columns = {
        "group_id": g.id,
        "membership_id": m.id,
        "group": g.name,
        "slug": g.slug,
        "jid": func.coalesce(m.jid, g.jid),
        "expected_jid": g.jid,
        "seen_jid": m.jid,
        "expected_subject": g.subject,
        "expected_owner": g.owner,
        "instance": instances.c.name,
        "since": m.status_since,
        "attempts": func.coalesce(m.attempts, 0),
        "code_last4": invite_codes.c.last4,
        "labels": LABELS,
        "priority": func.coalesce(m.priority, g.priority),
        "members": m.seen_members,
    }
    chosen = [columns.get(name, m.get(name)) for name in _NAMES]
    current = and_(invite_codes.c.group_id == g.id, invite_codes.c.current)
    return (
        select(*(column.label(name) for name, column in zip(_NAMES, chosen, strict=True)))  # type: ignore[union-attr]
        .select_from(groups)
        .outerjoin(memberships, m.group_id == g.id)
        .outerjoin(instances, instances.c.id == m.instance_id)
        .outerjoin(invite_codes, current)
    )


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    m, found = memberships.c, []
    if filters.bucket is not None:
        found.append(_in_bucket(filters.bucket))
    if filters.status is not None:
        found.append(m.status == filters.status)
    if filters.reason is not None:
        found.append(m.reason == filters.reason)
    if filters.recovery_id is not None:
        found.append(m.recovery_id == filters.recovery_id)
    if filters.instance is not None:
        found.append(instances.c.name == filters.instance)
    if filters.labels is not None:
        labelled = group_labels.c.group_id == groups.c.id
        found.append(exists().where(labelled, group_labels.c.label.in_(filters.labels)))
    if filters.search:
        found.append(_matches(filters.search))
    return found


def _in_bucket(wanted: Bucket) -> ColumnElement[bool]:
    m = memberships.c
    plain = [s for s in Status if s is not Status.LEFT and bucket(s) is wanted]
    found = m.status.in_(plain)
    by_person = and_(m.status == Status.LEFT, m.reason == Reason.OPERATOR)
    if wanted is Bucket.WAITING:
        return or_(found, m.id.is_(None))
    if wanted is Bucket.SKIPPED:
        return or_(found, by_person)
    if wanted is Bucket.NEEDS_YOU:
        other = or_(m.reason.is_(None), m.reason != Reason.OPERATOR)
        return or_(found, and_(m.status == Status.LEFT, other))
    return found


def _matches(search: str) -> ColumnElement[bool]:
    """Compared as names are: SQLite's own comparison without regard to case knows ASCII only."""
    g, key = groups.c, name_key(search)
    columns = (g.name_key, g.subject_key, g.slug, g.jid)
    return or_(*(column.contains(key, autoescape=True) for column in columns))


async def _rows(connection: AsyncConnection, query: Select[Any]) -> list[GroupRow]:
    return [_group(row) for row in await connection.execute(query)]


_LABELS = _NAMES.index("labels")


def _group(row: Row[Any]) -> GroupRow:
    values = list(row)
    values[_LABELS] = split_labels(values[_LABELS])
    return GroupRow(*values)


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One group, its current code, and its membership of the instance where there is one.

    `name`, `detail` and the expected subject are foreign text.
    """

    group_id: int
    slug: str
    name: str
    priority: int
    expected_jid: str | None
    expected_subject: str
    expected_owner: str | None
    status: Status | None
    reason: Reason | None
    detail: str | None
    next_attempt_at: float | None
    attempts: int
    slow_rounds: int
    jid: str | None
    requested_at: float | None
    confirmed_at: float | None
    history_epoch: int
    fingerprint: str | None
    code: StoredCode | None = field(repr=False)

    @property
    def known_jid(self) -> str | None:
        """Where it is, as far as anybody knows: what is expected counts first."""
        return self.expected_jid or self.jid


async def in_join_order(connection: AsyncConnection, instance_id: int, scope: Scope) -> list[PlanRow]:
    """The most valuable first, as the loop takes them: those that have a membership, then the others."""
    wanted = groups_in(scope).subquery()
    query = _plan_query(instance_id).join(wanted, wanted.c.id == groups.c.id)
    query = query.order_by(
        groups.c.priority.desc(), memberships.c.id.is_(None), memberships.c.id, groups.c.id
    )
    result = await connection.stream(query.execution_options(yield_per=CHUNK))
    return [_plan_row(row) async for row in result]


async def by_group_ids(
    connection: AsyncConnection, instance_id: int, group_ids: Collection[int]
) -> dict[int, PlanRow]:
    """The same for these groups; one that is gone is missing."""
    rows = await rows_of(connection, _plan_query(instance_id), groups.c.id, group_ids)
    return {row[0]: _plan_row(row) for row in rows}


def _plan_query(instance_id: int) -> Select[Any]:
    g, m, c = groups.c, memberships.c, invite_codes.c
    return (
        select(
            g.id,
            g.slug,
            g.name,
            g.priority,
            g.jid,
            func.coalesce(func.nullif(g.subject, ""), g.name),
            g.owner,
            m.status,
            m.reason,
            m.detail,
            m.next_attempt_at,
            func.coalesce(m.attempts, 0),
            func.coalesce(m.slow_rounds, 0),
            m.jid,
            m.requested_at,
            m.confirmed_at,
            func.coalesce(m.history_epoch, 0),
            c.fingerprint,
            *CODE_COLUMNS,
        )
        .select_from(groups)
        .outerjoin(memberships, and_(m.group_id == g.id, m.instance_id == instance_id))
        .outerjoin(invite_codes, and_(c.group_id == g.id, c.current))
    )


def _plan_row(row: Row[Any]) -> PlanRow:
    width = len(row) - len(CODE_COLUMNS)
    return PlanRow(*(*row[:width], as_code(row[width:])))
