"""The queries of reconciling: memberships by JID, and when an account was last compared with its gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, exists, func, insert, select, text

from orchestrator.domain.memberships import Reason, Status
from orchestrator.store import memberships as store
from orchestrator.store.tables import (
    events,
    groups,
    instances,
    journal,
    memberships,
    meta,
    recoveries,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Column
    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql.selectable import ScalarSelect

    from orchestrator.store.memberships import Work

_AT_A_TIME = 500


async def by_jids(connection: AsyncConnection, instance_id: int, jids: Collection[str]) -> dict[str, Work]:
    """The membership of each group: who has its JID (and was not expected elsewhere), else who expects it."""
    wanted = sorted(set(jids))
    found: dict[str, Work] = {}
    m, g = memberships.c, groups.c
    for start in range(0, len(wanted), _AT_A_TIME):
        page = wanted[start : start + _AT_A_TIME]
        has = select(m.id).where(m.instance_id == instance_id, m.jid.in_(page))
        expects = select(m.id).join(groups, g.id == m.group_id)
        expects = expects.where(m.instance_id == instance_id, g.jid.in_(page))
        ids = (await connection.scalars(has.union(expects))).all()
        for work in await store.by_ids(connection, ids):
            known, expected = work.membership.jid, work.expected_jid
            if expected in page and expected is not None:
                found.setdefault(expected, work)
            if known in page and known is not None and expected in (None, known):
                found[known] = work
    return found


async def departures(
    connection: AsyncConnection, instance_id: int, group_ids: Collection[int], results: Collection[str]
) -> dict[int, float]:
    """The latest event with one of these results for each group, by the gateway's own time."""
    if not group_ids:
        return {}
    e = events.c
    query = (
        select(e.group_id, func.max(e.sent_at))
        .where(e.instance_id == instance_id, e.group_id.in_(list(group_ids)), e.result.in_(list(results)))
        .group_by(e.group_id)
    )
    rows = (await connection.execute(query)).all()
    return {int(group_id): float(at) for group_id, at in rows if at is not None}


async def asked_to_leave(
    connection: AsyncConnection, instance_id: int, group_id: int, since: float | None
) -> bool:
    """Whether a person had the instance leave the group since then. Index ix_journal_group_id."""
    j = journal.c
    query = select(func.max(j.at)).where(
        j.group_id == group_id, j.instance_id == instance_id, j.kind == "act.leave"
    )
    last = await connection.scalar(query)
    return last is not None and last >= (since or 0.0)


@dataclass(frozen=True, slots=True)
class Need:
    """What one instance asks for while no recovery drives it. Instants are seconds since 1970."""

    instance_id: int
    lease_until: float | None  # None: nobody drives it
    look_at: float | None  # the earliest look that is due in `confirming` or `awaiting_approval`
    greetings: bool  # some wait, or a dead process may have sent them
    cut_off_at: float | None  # since when the oldest `joining` stands
    active: bool  # or another number was, and the new one may be in
    compared_at: float | None


def _to_be_driven() -> Any:
    """Whether a daemon's recovery is open: its loop greets, and must find no greeting of ours on its way."""
    r = recoveries.c
    return (
        exists()
        .where(r.to_instance_id == instances.c.id, r.state == "running", r.driver == "daemon")
        .correlate(instances)
    )


async def needs(connection: AsyncConnection) -> list[Need]:
    """Of all instances: one statement made of look-ups in indexes, and one for the times of comparison."""
    query = select(
        instances.c.id,
        instances.c.lease_until,
        _earliest(memberships.c.next_attempt_at, Status.CONFIRMING),
        _earliest(memberships.c.next_attempt_at, Status.AWAITING_APPROVAL),
        and_(exists().where(_MINE, text(_UNGREETED)).correlate(instances), ~_to_be_driven()),
        _earliest(memberships.c.status_since, Status.JOINING),
        _any_in(Status.ACTIVE),
        _any_in(Status.LEFT, Reason.IDENTITY_CHANGED),  # the new number may be in it
    )
    compared_at = await _compared_at(connection)
    return [
        Need(
            number,
            until,
            min((at for at in (one, other) if at is not None), default=None),
            bool(greetings),
            joining,
            active is not None or of_another is not None,
            compared_at.get(number),
        )
        for number, until, one, other, greetings, joining, active, of_another in await connection.execute(
            query
        )
    ]


_MINE = memberships.c.instance_id == instances.c.id
_UNGREETED = "memberships.greeting IN ('pending', 'sending')"  # as the partial index has it


def _earliest(column: Column[Any], status: Status) -> ScalarSelect[Any]:
    query = select(func.min(column)).where(_MINE, memberships.c.status == status.value)
    return query.correlate(instances).scalar_subquery()


def _any_in(status: Status, reason: Reason | None = None) -> ScalarSelect[Any]:
    """In the order of ix_memberships_claim, or of ix_memberships_reason: an EXISTS may be planned as a walk
    through the whole table.
    """
    c = memberships.c
    query = select(c.id).where(_MINE, c.status == status.value)
    if reason is None:
        query = query.order_by(c.priority.desc(), c.id)
    else:
        query = query.where(c.reason == reason.value)
    return query.limit(1).correlate(instances).scalar_subquery()


_COMPARED = "compared:"  # and the instance's id: when its memberships were last compared with the gateway


async def _compared_at(connection: AsyncConnection) -> dict[int, float]:
    rows = await connection.execute(select(meta).where(meta.c.key.startswith(_COMPARED)))
    return {int(key.removeprefix(_COMPARED)): float(value) for key, value in rows}


async def compared(connection: AsyncConnection, instance_id: int, now: float) -> None:
    """Remember it. The instance's row must be locked."""
    key = f"{_COMPARED}{instance_id}"
    await connection.execute(delete(meta).where(meta.c.key == key))
    await connection.execute(insert(meta).values(key=key, value=repr(now)))


async def forget_comparison(connection: AsyncConnection, instance_id: int) -> None:
    """Its list is asked for anew soon. The instance's row must be locked."""
    await connection.execute(delete(meta).where(meta.c.key == f"{_COMPARED}{instance_id}"))


async def active_jids(connection: AsyncConnection, instance_id: int) -> list[tuple[int, str]]:
    """(membership's id, JID) of what is active. Index ix_memberships_claim."""
    m = memberships.c
    query = select(m.id, m.jid).where(m.instance_id == instance_id, m.status == Status.ACTIVE.value)
    rows = (await connection.execute(query)).all()
    return [(int(number), str(jid)) for number, jid in rows if jid is not None]
