"""Recoveries: one job each, bringing a backup instance into the groups of a lost one."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, bindparam, exists, func, or_, select, update
from sqlalchemy.sql import Select

from orchestrator.domain.loss_judgement import LossState
from orchestrator.domain.memberships import UNFINISHED, Status
from orchestrator.domain.recoveries import End
from orchestrator.store.tables import (
    group_instances,
    group_labels,
    groups,
    instances,
    losses,
    memberships,
    recoveries,
    slots,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


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


async def get_or_latest(connection: AsyncConnection, recovery_id: int | None = None) -> RecoveryRow | None:
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


async def latest(connection: AsyncConnection, limit: int) -> list[RecoveryRow]:
    """Newest first."""
    rows = await connection.execute(_recoveries().order_by(recoveries.c.id.desc()).limit(limit))
    return [RecoveryRow(**row) for row in rows.mappings()]


async def open_ones(connection: AsyncConnection) -> list[RecoveryRow]:
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


async def goes_for(connection: AsyncConnection, recovery: RecoveryRow, slugs: Collection[str]) -> bool:
    """Whether a run that goes on with the recovery is about all of these groups.

    An open one has them already; after its end they must be in its scope.
    """
    if recovery.state == "running":
        return True
    inside = groups_in(recovery.scope).with_only_columns(groups.c.slug)
    return set(slugs) <= set((await connection.scalars(inside)).all())


async def latest_running_id(connection: AsyncConnection) -> int | None:
    """The latest recovery that did not end, of whichever instance."""
    query = select(recoveries.c.id).where(recoveries.c.state == "running")
    return (await connection.execute(query.order_by(recoveries.c.id.desc()).limit(1))).scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class RecoveryFacts:
    """One recovery as it stands in this transaction. `counts` is empty until it has ended."""

    id: int
    to_name: str
    from_name: str | None
    labels: tuple[str, ...]
    state: str
    outcome: str | None
    actor: str
    driver: str
    started_at: float | None
    finished_at: float | None
    counts: Mapping[str, int]
    follows_id: int | None


async def facts_of(connection: AsyncConnection, recovery_id: int) -> RecoveryFacts | None:
    r = recoveries.c
    query = (
        select(
            r.id,
            instances.c.name.label("to_name"),
            r.from_name,
            r.labels,
            r.state,
            r.outcome,
            r.actor,
            r.driver,
            r.started_at,
            r.finished_at,
            r.counts,
            r.follows_id,
        )
        .join(instances, instances.c.id == r.to_instance_id)
        .where(r.id == recovery_id)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    known = dict(row._mapping)  # noqa: SLF001 - the public name of a row's dict
    known |= {"labels": tuple(json.loads(known["labels"])), "counts": json.loads(known["counts"] or "{}")}
    return RecoveryFacts(**known)


_AT_WORK = [one.value for one in UNFINISHED - {Status.DEFERRED}]


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
    return [as_under_way(row) for row in (await connection.execute(query)).all()]


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


async def onto_lost(connection: AsyncConnection) -> list[UnderWay]:
    """Those of the daemon onto instances that are lost now."""
    lost = exists().where(
        losses.c.instance_id == recoveries.c.to_instance_id, losses.c.state == LossState.LOST.value
    )
    query = select(recoveries).where(recoveries.c.state == "running", recoveries.c.driver == "daemon", lost)
    return [as_under_way(row) for row in (await connection.execute(query.order_by(recoveries.c.id))).all()]


async def cut_off(connection: AsyncConnection, instance_id: int, since: float) -> UnderWay | None:
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
    return None if row is None else as_under_way(row)


async def follower(connection: AsyncConnection, recovery_id: int) -> int | None:
    """The recovery that goes on with this one."""
    query = select(recoveries.c.id).where(recoveries.c.follows_id == recovery_id).limit(1)
    found = await connection.scalar(query)
    return None if found is None else int(found)


def as_under_way(row: Any) -> UnderWay:
    return UnderWay(
        row.id,
        row.to_instance_id,
        Scope(row.from_name, tuple(json.loads(row.labels))),
        row.driver,
        row.fixed,
        row.state == "running",
    )


async def running_since(connection: AsyncConnection) -> float | None:
    """When the latest recovery under way began; None if none is."""
    query = select(func.max(recoveries.c.started_at)).where(recoveries.c.state == "running")
    found: float | None = await connection.scalar(query)
    return found


async def filled_by(connection: AsyncConnection, ids: Collection[int]) -> dict[int, int]:
    """The instance that each of these recoveries fills, by recovery."""
    if not ids:
        return {}
    query = select(recoveries.c.id, recoveries.c.to_instance_id).where(recoveries.c.id.in_(sorted(ids)))
    return {row.id: row.to_instance_id for row in (await connection.execute(query)).all()}
