"""What the doctor asks of the database. It changes nothing: its one write is rolled back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, exists, func, select, text, update

from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.probe_judgement import GOOD_CODE
from orchestrator.store.engine import WRITES
from orchestrator.store.tables import groups, instances, invite_codes, memberships, meta, slots

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql import Select

    from orchestrator.store.engine import Database

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Some:
    """How many groups are so, and the slugs of the first few."""

    count: int
    slugs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenSlots:
    """Slots of one instance that nobody finished: all of them, and those that no run can be waiting for."""

    count: int
    overdue: int
    joining: int  # memberships whose join is under way, as far as the database knows


async def try_write(database: Database) -> None:
    """Write for real, then roll back. Raises the driver's error where that is impossible."""
    async with database.engine.connect() as connection:
        await connection.execution_options(**{WRITES: True})
        async with connection.begin() as transaction:
            same = update(meta).where(meta.c.key == "created_at").values(value=meta.c.value)
            await connection.execute(same)
            await transaction.rollback()


async def durability(connection: AsyncConnection) -> dict[str, str]:
    """The settings that decide whether a commit is on disk when it returns."""
    if connection.dialect.name == "sqlite":
        names = ("journal_mode", "synchronous")
        found = {name: await connection.exec_driver_sql(f"PRAGMA {name}") for name in names}
        return {name: str(result.scalar_one()) for name, result in found.items()}
    settings = ("synchronous_commit", "fsync")
    return {name: str((await connection.execute(text(f"SHOW {name}"))).scalar_one()) for name in settings}


async def group_count(connection: AsyncConnection) -> int:
    return int((await connection.execute(select(func.count()).select_from(groups))).scalar_one())


async def without_jid(connection: AsyncConnection) -> Some:
    """Groups that only a subject identifies."""
    return await _some(connection, select(groups.c.slug).where(groups.c.jid.is_(None)))


async def by_name_alone(connection: AsyncConnection) -> Some:
    """Groups with neither JID nor subject: the name in the list stands for the subject."""
    nothing = and_(groups.c.jid.is_(None), groups.c.subject.is_(None))
    return await _some(connection, select(groups.c.slug).where(nothing))


async def without_code(connection: AsyncConnection) -> Some:
    c = invite_codes.c
    current = exists().where(and_(c.group_id == groups.c.id, c.current))
    return await _some(connection, select(groups.c.slug).where(~current))


async def with_dead_code(connection: AsyncConnection) -> Some:
    """Groups whose current code failed when it was last used."""
    c = invite_codes.c
    dead = select(groups.c.slug).join(invite_codes, c.group_id == groups.c.id)
    return await _some(connection, dead.where(c.current, c.verdict.is_not(None), c.verdict != GOOD_CODE))


async def alike(connection: AsyncConnection) -> Some:
    """Groups without a JID that another one cannot be told from: same subject, same owner.

    Compared as verification does, by the keys: SQLite's `lower` knows ASCII only.
    """
    expected = func.coalesce(groups.c.subject_key, groups.c.name_key)
    owner = func.coalesce(groups.c.owner, "")
    key = (
        select(expected.label("expected"), owner.label("owner"))
        .where(groups.c.jid.is_(None))
        .group_by(expected, owner)
        .having(func.count() > 1)
        .subquery()
    )
    found = select(groups.c.slug).join(key, and_(key.c.expected == expected, key.c.owner == owner))
    return await _some(connection, found.where(groups.c.jid.is_(None)))


async def open_slots(connection: AsyncConnection, instance_id: int, *, over_before: float) -> OpenSlots:
    """`over_before`: a slot planned before that instant cannot be in use any more."""
    s, m = slots.c, memberships.c
    unfinished = and_(s.instance_id == instance_id, s.finished_at.is_(None))
    overdue = func.count().filter(s.send_at < over_before)
    row = (await connection.execute(select(func.count(), overdue).select_from(slots).where(unfinished))).one()
    joining = select(func.count()).select_from(memberships)
    joining = joining.where(m.instance_id == instance_id, m.status == Status.JOINING.value)
    return OpenSlots(int(row[0]), int(row[1]), int((await connection.execute(joining)).scalar_one()))


async def left_by_number(connection: AsyncConnection, instance_id: int) -> int:
    """Groups that count as left since another number stands behind it. Index ix_memberships_reason."""
    c = memberships.c
    query = select(func.count()).where(
        c.instance_id == instance_id,
        c.status == Status.LEFT.value,
        c.reason == Reason.IDENTITY_CHANGED.value,
    )
    return int(await connection.scalar(query) or 0)


async def accounts_with_two_names(connection: AsyncConnection) -> list[tuple[str, list[str]]]:
    """Accounts that several instances stand for: (one of their names, all of them)."""
    rows = await connection.execute(select(instances.c.account, instances.c.name).order_by(instances.c.id))
    by_account: dict[str, list[str]] = {}
    for account, name in rows:
        by_account.setdefault(account, []).append(name)
    return [(names[0], names) for names in by_account.values() if len(names) > 1]


async def _some(connection: AsyncConnection, query: Select[Any]) -> Some:
    counted = select(func.count()).select_from(query.subquery())
    count = int((await connection.execute(counted)).scalar_one())
    first = (await connection.execute(query.order_by(groups.c.id).limit(SHOWN))).scalars().all()
    return Some(count, tuple(first))
