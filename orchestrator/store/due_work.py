"""What is to be done next: the memberships of one account in order, and what each account asks for."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Column, and_, bindparam, exists, func, select, text, union_all
from sqlalchemy.sql import CompoundSelect
from sqlalchemy.sql.selectable import ScalarSelect

from orchestrator.domain.memberships import Greeting, Reason, Status
from orchestrator.store import meta
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.memberships import WORKS, Work, as_work
from orchestrator.store.tables import instances, memberships, recoveries


class Need(NamedTuple):
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
_UNGREETED = (
    "memberships.greeting IN ('pending', 'sending')"  # as the partial index has it: else it is not used
)


def _earliest(column: Column[Any], status: Status) -> ScalarSelect[Any]:
    query = select(func.min(column)).where(_MINE, memberships.c.status == status)
    return query.correlate(instances).scalar_subquery()


def _any_in(status: Status, reason: Reason | None = None) -> ScalarSelect[Any]:
    """In the order of ix_memberships_claim, or of ix_memberships_reason: an EXISTS may be planned as a walk
    through the whole table.
    """
    c = memberships.c
    query = select(c.id).where(_MINE, c.status == status)
    query = query.order_by(c.priority.desc(), c.id) if reason is None else query.where(c.reason == reason)
    return query.limit(1).correlate(instances).scalar_subquery()


_COMPARED = "compared:"  # and the instance's id: when its memberships were last compared with the gateway


async def _compared_at(connection: AsyncConnection) -> dict[int, float]:
    found = await meta.beginning_with(connection, _COMPARED)
    return {int(instance_id): float(at) for instance_id, at in found.items()}


async def compared(connection: AsyncConnection, instance_id: int, now: float) -> None:
    """Remember it. The instance's row must be locked."""
    await meta.put(connection, f"{_COMPARED}{instance_id}", repr(now))


async def forget_comparison(connection: AsyncConnection, instance_id: int) -> None:
    """Its list is asked for anew soon. The instance's row must be locked."""
    await meta.forget(connection, f"{_COMPARED}{instance_id}")


# Statements that loops send all the time are made once: making one costs more than carrying it out.
_OF_INSTANCE = memberships.c.instance_id == bindparam("instance")
_OF_RECOVERY = memberships.c.recovery_id == bindparam("recovery")
_IN_STATUS = memberships.c.status == bindparam("status")
_IN_LINE = (
    WORKS.where(_OF_INSTANCE, _IN_STATUS)
    .order_by(memberships.c.priority.desc(), memberships.c.id)
    .limit(bindparam("most"))
)
_IN_LINE_OF_RECOVERY = _IN_LINE.where(_OF_RECOVERY)
_DUE = (
    WORKS.where(_OF_INSTANCE, _IN_STATUS, memberships.c.next_attempt_at <= bindparam("now"))
    .order_by(memberships.c.next_attempt_at)
    .limit(bindparam("most"))
)
_GREETINGS = (
    WORKS.where(_OF_INSTANCE, memberships.c.greeting == bindparam("greeting"), text(_UNGREETED))
    .order_by(memberships.c.confirmed_at)
    .limit(bindparam("most"))
)


class Item(NamedTuple):
    """What the order of work needs to know of a membership that something is still to be done about."""

    id: int
    status: Status
    due: float | None  # next_attempt_at
    verified_at: float | None
    greeting: Greeting
    recovery_id: int | None


LIVE = (
    Status.PENDING,
    Status.READY,
    Status.JOINING,
    Status.CONFIRMING,
    Status.AWAITING_APPROVAL,
    Status.DEFERRED,
)
"""Statuses in which something is still to be done, or waited for."""

IN_RECOVERY = frozenset({Status.PENDING, Status.READY, Status.DEFERRED})
"""Of those, what only the recovery that holds the membership goes on with."""


async def heads(
    connection: AsyncConnection, instance_id: int, recovery_id: int | None, *, most: int
) -> list[Item]:
    """The first `most` of each live status and of the greetings still to be sent, in one statement.

    With `recovery_id` what only a recovery goes on with is that recovery's. Indices as for `in_line`, `due`
    and `greetings`.
    """
    asked = {"instance": instance_id, "recovery": recovery_id, "most": most}
    rows = await connection.execute(_heads(of_one_recovery=recovery_id is not None), asked)
    return [Item(*row) for row in rows]


@cache
def _heads(*, of_one_recovery: bool) -> CompoundSelect[Any]:
    m = memberships.c
    columns = (m.id, m.status, m.next_attempt_at, m.verified_at, m.greeting, m.recovery_id)
    some = []
    for status in LIVE:
        query = select(*columns).where(_OF_INSTANCE, m.status == status)
        if of_one_recovery and status in IN_RECOVERY:
            query = query.where(_OF_RECOVERY)
        in_line = status in (Status.PENDING, Status.READY)
        order = (m.priority.desc(), m.id) if in_line else (m.next_attempt_at,)
        some.append(query.order_by(*order))
    greeted = select(*columns).where(_OF_INSTANCE, m.greeting == Greeting.PENDING, text(_UNGREETED))
    some.append(greeted.order_by(m.confirmed_at))
    return union_all(*(select(query.limit(bindparam("most")).subquery()) for query in some))


async def in_line(
    connection: AsyncConnection,
    instance_id: int,
    status: Status,
    *,
    limit: int,
    recovery_id: int | None = None,
) -> list[Work]:
    """The next ones in a status, the most valuable first. Index ix_memberships_claim.

    With `recovery_id` only those of that recovery: what an earlier one with a wider scope left behind waits.
    """
    query = _IN_LINE if recovery_id is None else _IN_LINE_OF_RECOVERY
    asked = {"instance": instance_id, "status": status, "recovery": recovery_id, "most": limit}
    return [as_work(row) for row in await connection.execute(query, asked)]


async def due(
    connection: AsyncConnection, instance_id: int, status: Status, now: float, *, limit: int
) -> list[Work]:
    """Those in a status whose time has come, the longest waiting first. Index ix_memberships_due."""
    asked = {"instance": instance_id, "status": status, "now": now, "most": limit}
    return [as_work(row) for row in await connection.execute(_DUE, asked)]


async def greetings(
    connection: AsyncConnection, instance_id: int, greeting: Greeting, *, limit: int
) -> list[Work]:
    """Memberships whose greeting stands so, oldest first. Index ix_memberships_greeting."""
    asked = {"instance": instance_id, "greeting": greeting, "most": limit}
    return [as_work(row) for row in await connection.execute(_GREETINGS, asked)]
