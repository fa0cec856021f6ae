"""What needs a person, over all recoveries: for the digests that people get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, func, insert, or_, select, update

from orchestrator.domain.memberships import Reason, Status
from orchestrator.store.reads import instance_records, known_reason
from orchestrator.store.tables import groups, memberships, meta, recoveries

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql.elements import ColumnElement

    from orchestrator.domain.instances import InstanceRecord

_PERSON_ACTS = (Status.BLOCKED, Status.AWAITING_APPROVAL, Status.LEFT)
_TOLD_AT = "people_told_at"
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


@dataclass(frozen=True, slots=True)
class NamedGroup:
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
            found += [
                CauseRow(instance_id, status, known_reason(row[0]), int(row[1]), int(row[2]), row[3])
                for row in rows
            ]
    return found


async def names(connection: AsyncConnection, cause: CauseRow, limit: int) -> list[NamedGroup]:
    """The most valuable groups of one cause."""
    reason = _m.reason.is_(None) if cause.reason is None else _m.reason == cause.reason.value
    query = (
        select(groups.c.name, groups.c.slug)
        .join(memberships, _m.group_id == groups.c.id)
        .where(_in_need(cause.instance_id, cause.status), reason)
        .order_by(_m.priority.desc(), _m.id)
        .limit(limit)
    )
    return [NamedGroup(*row) for row in (await connection.execute(query)).all()]


def _in_need(instance_id: int, status: Status) -> ColumnElement[bool]:
    """Not where another instance of ours is in the group: nothing is missing there."""
    mine = and_(_m.instance_id == instance_id, _m.status == status.value)
    if status is Status.LEFT:
        mine = and_(mine, or_(_m.reason.is_(None), _m.reason != Reason.OPERATOR.value))
    other = memberships.alias("other")
    covered = (
        select(other.c.id)
        .where(other.c.group_id == _m.group_id, other.c.status == Status.ACTIVE.value)
        .exists()
    )
    return and_(mine, ~covered)


async def backups(connection: AsyncConnection, configured: Collection[str]) -> list[InstanceRecord]:
    """The rows of the backups that are still configured."""
    return [record for record in await instance_records(connection) if record.name in configured]


async def running_since(connection: AsyncConnection) -> float | None:
    """When the latest recovery under way began; None if none is."""
    query = select(func.max(recoveries.c.started_at)).where(recoveries.c.state == "running")
    found: float | None = await connection.scalar(query)
    return found


async def told_at(connection: AsyncConnection) -> float:
    """When people last heard what needs them: by a digest, or by the end of a recovery; else 0."""
    stored = await connection.scalar(select(meta.c.value).where(meta.c.key == _TOLD_AT))
    ended = await connection.scalar(
        select(func.max(recoveries.c.finished_at)).where(recoveries.c.outcome != "replaced")
    )
    return max(float(stored or 0.0), float(ended or 0.0))


async def lock_telling(connection: AsyncConnection) -> None:
    """Of two that would tell at once, the second waits and sees that it is done. (SQLite has one writer.)"""
    await connection.execute(select(meta.c.value).where(meta.c.key == _TOLD_AT).with_for_update())


async def set_told_at(connection: AsyncConnection, at: float) -> None:
    value: dict[str, Any] = {"value": repr(at)}
    changed = await connection.execute(update(meta).where(meta.c.key == _TOLD_AT).values(value))
    if not changed.rowcount:
        await connection.execute(insert(meta).values(key=_TOLD_AT, **value))
