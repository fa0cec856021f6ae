"""The schedule's memory: which instant of each entry was carried out last. And what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, case, delete, exists, func, insert, or_, select, update

from orchestrator.domain.memberships import UNFINISHED, Status
from orchestrator.store.recoveries import groups_in
from orchestrator.store.tables import daemon, groups, memberships, schedule

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql.elements import ColumnElement

    from orchestrator.store.recoveries import Scope


@dataclass(frozen=True, slots=True)
class Kept:
    """One row. `expression` has its time zone at its end. `last_due_at`: nothing before that is due."""

    name: str
    expression: str
    last_due_at: float | None
    last_ran_at: float | None
    last_result: str | None


@dataclass(frozen=True, slots=True)
class Missing:
    """Groups of a scope as one instance has them: in all, not at their end, there, waiting for a person."""

    groups: int
    open: int
    active: int
    needs_person: int


async def read(connection: AsyncConnection) -> dict[str, Kept]:
    """All rows by name: a handful."""
    rows = (await connection.execute(select(schedule))).all()
    return {row.name: Kept(*row) for row in rows}


async def keep_only(connection: AsyncConnection, names: Collection[str]) -> None:
    """Forget entries that are no longer configured: they begin anew when they come back."""
    await connection.execute(delete(schedule).where(schedule.c.name.not_in(list(names))))


async def begin(connection: AsyncConnection, name: str, expression: str, now: float) -> None:
    """An expression seen for the first time, or another one than before: only what comes after now is due."""
    row = {"expression": expression, "last_due_at": now}
    changed = await connection.execute(update(schedule).where(schedule.c.name == name).values(**row))
    if not changed.rowcount:
        await connection.execute(insert(schedule).values(name=name, **row))


async def claim(connection: AsyncConnection, kept: Kept, *, due: float, now: float) -> bool:
    """Take the instant `due` for this transaction; False if the row is no longer as it was read."""
    this = schedule.c.name == kept.name, schedule.c.expression == kept.expression
    statement = update(schedule).where(*this, schedule.c.last_due_at == kept.last_due_at)
    claimed = await connection.execute(statement.values(last_due_at=due, last_ran_at=now))
    return bool(claimed.rowcount)


async def say(connection: AsyncConnection, name: str, result: str) -> None:
    """What became of the run, in one sentence."""
    await connection.execute(update(schedule).where(schedule.c.name == name).values(last_result=result))


async def missing(
    connection: AsyncConnection, instance_id: int, scope: Scope, only: Collection[int] | None = None
) -> Missing:
    """Count the scope's groups by where this instance stands in them. Active ones are at their end.

    `only` narrows it to these group ids.
    """
    wanted, m = groups_in(scope), memberships.c
    if only is not None:
        wanted = wanted.where(groups.c.id.in_(list(only)))
    found = wanted.subquery()
    theirs = and_(m.group_id == found.c.id, m.instance_id == instance_id)
    waits = [Status.BLOCKED.value, Status.AWAITING_APPROVAL.value, Status.LEFT.value]
    query = select(
        func.count(),
        _count(or_(m.status.is_(None), m.status.in_([status.value for status in UNFINISHED]))),
        _count(m.status == Status.ACTIVE.value),
        _count(m.status.in_(waits)),
    ).select_from(found.outerjoin(memberships, theirs))
    return Missing(*(int(number) for number in (await connection.execute(query)).one()))


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


async def daemon_lives(connection: AsyncConnection, now: float) -> bool:
    """Whether a daemon gave a sign of life lately: without one nothing of the schedule is carried out."""
    return bool(
        await connection.scalar(select(exists().where(daemon.c.holder.is_not(None), daemon.c.until > now)))
    )
