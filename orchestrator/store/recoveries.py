"""Recoveries: one job each, bringing a backup instance into the groups of a lost one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, exists, func, or_, select, update
from sqlalchemy.sql import Select

from orchestrator.domain.loss_judgement import LossState
from orchestrator.domain.memberships import UNFINISHED, Status
from orchestrator.domain.recoveries import End
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.instances import raise_revision
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


class Recovery(NamedTuple):
    """One row, with the name of the instance that it fills. Instants are seconds since 1970."""

    id: int
    to_instance_id: int
    to_name: str
    from_name: str | None
    labels: Sequence[str]
    state: str
    outcome: str | None
    actor: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    stop_requested_at: float | None
    stop_requested_by: str | None
    counts: Mapping[str, int] | None  # None until it has ended
    pace: float | None
    driver: str
    follows_id: int | None
    fixed: bool  # its groups were chosen once: no others come in
    joins_left: int | None = None
    deadline: float | None = None  # instant

    @property
    def scope(self) -> Scope:
        return Scope(self.from_name, tuple(self.labels))

    @property
    def running(self) -> bool:
        """Interrupted, or under way."""
        return self.state == "running"

    def covers(self, name: str) -> bool:
        """Whether it brings back all groups of that instance."""
        return not self.fixed and not self.labels and self.from_name in (name, None)


_COLUMNS = [instances.c.name if name == "to_name" else recoveries.c[name] for name in Recovery._fields]
_RECOVERIES = select(*_COLUMNS).join(instances, instances.c.id == recoveries.c.to_instance_id)
_GET = _RECOVERIES.where(recoveries.c.id == bindparam("recovery"))
_NEWEST_FIRST = _RECOVERIES.order_by(recoveries.c.id.desc())
_RUNNING = recoveries.c.state == "running"
_OF_THE_DAEMON = recoveries.c.driver == "daemon"


async def _all(connection: AsyncConnection, query: Select[Any]) -> list[Recovery]:
    return [Recovery(*row) for row in await connection.execute(query)]


async def _first(connection: AsyncConnection, query: Select[Any]) -> Recovery | None:
    return next(iter(await _all(connection, query.limit(1))), None)


async def get(connection: AsyncConnection, recovery_id: int) -> Recovery | None:
    row = (await connection.execute(_GET, {"recovery": recovery_id})).one_or_none()
    return None if row is None else Recovery(*row)


async def get_or_latest(connection: AsyncConnection, recovery_id: int | None = None) -> Recovery | None:
    """That recovery, or the latest."""
    if recovery_id is not None:
        return await get(connection, recovery_id)
    return await _first(connection, _NEWEST_FIRST)


async def latest(connection: AsyncConnection, limit: int) -> list[Recovery]:
    """Newest first."""
    return await _all(connection, _NEWEST_FIRST.limit(limit))


async def latest_onto(connection: AsyncConnection, instance_id: int) -> Recovery | None:
    """The instance's latest recovery. Index ix_recoveries_to_instance_id."""
    return await _first(connection, _NEWEST_FIRST.where(recoveries.c.to_instance_id == instance_id))


async def open_one(connection: AsyncConnection, instance_id: int) -> Recovery | None:
    """The instance's latest recovery if it did not end: interrupted, or under way."""
    found = await latest_onto(connection, instance_id)
    return found if found is not None and found.running else None


async def open_ones(connection: AsyncConnection) -> list[Recovery]:
    """Each instance has one at most, and it is its latest: found along the index, whatever came before."""
    of_one = recoveries.alias("of_one")
    newest = select(func.max(of_one.c.id)).where(of_one.c.to_instance_id == instances.c.id)
    ids = select(newest.correlate(instances).scalar_subquery()).select_from(instances)
    return await _all(connection, _RECOVERIES.where(recoveries.c.id.in_(ids), _RUNNING))


async def under_way(connection: AsyncConnection) -> list[Recovery]:
    """Recoveries that did not end, oldest first. One that a person interrupted is among them."""
    return await _all(connection, _RECOVERIES.where(_RUNNING).order_by(recoveries.c.id))


async def waiting(connection: AsyncConnection) -> list[Recovery]:
    """Open recoveries that are the daemon's, oldest first."""
    return await _all(connection, _RECOVERIES.where(_RUNNING, _OF_THE_DAEMON).order_by(recoveries.c.id))


async def onto_lost(connection: AsyncConnection) -> list[Recovery]:
    """Those of the daemon onto instances that are lost now."""
    lost = exists().where(
        losses.c.instance_id == recoveries.c.to_instance_id, losses.c.state == LossState.LOST
    )
    query = _RECOVERIES.where(_RUNNING, _OF_THE_DAEMON, lost)
    return await _all(connection, query.order_by(recoveries.c.id))


async def cut_off(connection: AsyncConnection, instance_id: int, since: float) -> Recovery | None:
    """The daemon's recovery that an instance's loss cut off: still open, or ended by it since then."""
    ended = and_(recoveries.c.outcome == End.INSTANCE_LOST, recoveries.c.finished_at >= since)
    onto = recoveries.c.to_instance_id == instance_id
    return await _first(connection, _NEWEST_FIRST.where(onto, _OF_THE_DAEMON, or_(_RUNNING, ended)))


async def up_to(connection: AsyncConnection, recovery_id: int) -> dict[int, Recovery]:
    """This recovery and all before it, oldest first."""
    query = _RECOVERIES.where(recoveries.c.id <= recovery_id).order_by(recoveries.c.id)
    return {found.id: found for found in await _all(connection, query)}


async def follower(connection: AsyncConnection, recovery_id: int) -> int | None:
    """The recovery that goes on with this one."""
    query = select(recoveries.c.id).where(recoveries.c.follows_id == recovery_id).limit(1)
    found: int | None = await connection.scalar(query)
    return found


async def latest_running_id(connection: AsyncConnection) -> int | None:
    """The latest recovery that did not end, of whichever instance."""
    query = select(recoveries.c.id).where(_RUNNING).order_by(recoveries.c.id.desc()).limit(1)
    found: int | None = await connection.scalar(query)
    return found


def groups_in(scope: Scope, only: Collection[int] | None = None) -> Select[Any]:
    """Select the ids and priorities of the groups in a scope. `only`: of these ids alone."""
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
    if only is not None:
        query = query.where(groups.c.id.in_(list(only)))
    return query


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
    return frozenset(await connection.scalars(query))


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
        .where(recoveries.c.id == recovery_id, _RUNNING)
        .values(state=state, outcome=outcome, counts=dict(counted), finished_at=now)
    )
    return ended.rowcount == 1


async def request_stop(connection: AsyncConnection, recovery_id: int, *, actor: str, now: float) -> None:
    found = await connection.execute(
        update(recoveries)
        .where(recoveries.c.id == recovery_id)
        .values(stop_requested_at=now, stop_requested_by=actor)
        .returning(recoveries.c.to_instance_id)
    )
    for instance_id in found.scalars().all():
        await raise_revision(connection, int(instance_id))


async def goes_for(connection: AsyncConnection, recovery: Recovery, slugs: Collection[str]) -> bool:
    """Whether a run that goes on with the recovery is about all of these groups.

    An open one has them already; after its end they must be in its scope.
    """
    if recovery.running:
        return True
    inside = groups_in(recovery.scope).with_only_columns(groups.c.slug)
    return set(slugs) <= set(await connection.scalars(inside))


_AT_WORK = UNFINISHED - {Status.DEFERRED}


async def resting(connection: AsyncConnection, until: float) -> frozenset[int]:
    """Ids of the daemon's open recoveries that have nothing to do before that instant but wait for it."""
    mine = memberships.c.recovery_id == recoveries.c.id
    later = and_(memberships.c.status == Status.DEFERRED, memberships.c.next_attempt_at > until)
    sooner = and_(
        memberships.c.status == Status.DEFERRED,
        or_(memberships.c.next_attempt_at.is_(None), memberships.c.next_attempt_at <= until),
    )
    query = select(recoveries.c.id).where(
        _RUNNING,
        _OF_THE_DAEMON,
        exists().where(mine, later),
        ~exists().where(mine, or_(memberships.c.status.in_(_AT_WORK), sooner)),
    )
    return frozenset(await connection.scalars(query))


async def running_since(connection: AsyncConnection) -> float | None:
    """When the latest recovery under way began; None if none is."""
    query = select(func.max(recoveries.c.started_at)).where(_RUNNING)
    found: float | None = await connection.scalar(query)
    return found


async def filled_by(connection: AsyncConnection, ids: Collection[int]) -> dict[int, int]:
    """The instance that each of these recoveries fills, by recovery."""
    if not ids:
        return {}
    query = select(recoveries.c.id, recoveries.c.to_instance_id).where(recoveries.c.id.in_(sorted(ids)))
    return {row.id: row.to_instance_id for row in await connection.execute(query)}
