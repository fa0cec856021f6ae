"""The groups: what we know and expect of each. In bulk, because an import may hold a hundred thousand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Column, Table, and_, bindparam, delete, exists, func, select, text, update
from sqlalchemy.sql import Select

from orchestrator.domain.group_fields import name_key
from orchestrator.domain.probe_judgement import GOOD_CODE
from orchestrator.store.bulk import CHUNK, chunks, insert_rows, rows_of
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.tables import group_instances, group_labels, groups, invite_codes, memberships

_LOCK = 0x526A436174  # PostgreSQL's advisory lock: one writer of the catalogue at a time


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """One group as it stands in the catalogue."""

    id: int
    slug: str
    name: str
    jid: str | None
    subject: str | None
    owner: str | None
    priority: int
    notes: str | None
    created_at: float
    updated_at: float


class GroupName(NamedTuple):
    """What identifies a group."""

    id: int
    slug: str
    name: str
    jid: str | None
    name_key: str  # the name in the form in which names are compared


_GROUP = select(*(groups.c[name] for name in StoredGroup.__slots__))
_NAME = select(*(groups.c[name] for name in GroupName._fields))
_UPDATABLE = ("name", "jid", "subject", "owner", "priority", "notes")
_SETTABLE = ("slug", *_UPDATABLE)
_COMPARED = {"name": "name_key", "subject": "subject_key"}


async def lock(connection: AsyncConnection) -> None:
    """Nobody else writes the catalogue until the transaction ends. SQLite lets one write anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


async def names(connection: AsyncConnection) -> AsyncIterator[list[GroupName]]:
    """Every group, in the order of their ids, some at a time."""
    result = await connection.stream(_NAME.order_by(groups.c.id).execution_options(yield_per=CHUNK))
    async for part in result.partitions():
        yield [GroupName(*row) for row in part]


async def identified(
    connection: AsyncConnection, *, ids: Collection[int], jids: Sequence[str], slugs: Sequence[str]
) -> list[GroupName]:
    """The groups with one of these ids, JIDs or slugs, in the order of their ids."""
    found: dict[int, GroupName] = {}
    for column, values in ((groups.c.id, sorted(ids)), (groups.c.jid, jids), (groups.c.slug, slugs)):
        found |= {row.id: GroupName(*row) for row in await rows_of(connection, _NAME, column, values)}
    return [found[group_id] for group_id in sorted(found)]


async def which_slugs(connection: AsyncConnection, slugs: Collection[str]) -> set[str]:
    """Those of the slugs that a group has."""
    return {row.slug for row in await rows_of(connection, select(groups.c.slug), groups.c.slug, slugs)}


async def all_slugs(connection: AsyncConnection) -> set[str]:
    return set(await connection.scalars(select(groups.c.slug)))


async def by_ids(connection: AsyncConnection, ids: Collection[int]) -> dict[int, StoredGroup]:
    return {row.id: StoredGroup(*row) for row in await rows_of(connection, _GROUP, groups.c.id, ids)}


async def by_slug_or_jid(connection: AsyncConnection, reference: str) -> StoredGroup | None:
    """A slug wins over a JID; they cannot be mistaken for each other."""
    for column in (groups.c.slug, groups.c.jid):
        row = (await connection.execute(_GROUP.where(column == reference))).one_or_none()
        if row is not None:
            return StoredGroup(*row)
    return None


async def by_name(connection: AsyncConnection, key: str, *, limit: int) -> tuple[int, list[StoredGroup]]:
    """How many groups have a name with this key, and the first of them. Index ix_groups_name_key."""
    query = _GROUP.add_columns(func.count().over()).where(groups.c.name_key == key)
    rows = (await connection.execute(query.order_by(groups.c.id).limit(limit))).all()
    return (rows[0][-1] if rows else 0), [StoredGroup(*row[:-1]) for row in rows]


async def around(connection: AsyncConnection, key: str, slug: str, *, limit: int) -> list[GroupName]:
    """The groups that stand next to this name or slug in the order of the alphabet, on either side."""
    found: dict[int, GroupName] = {}
    for column, word in ((groups.c.name_key, key), (groups.c.slug, slug)):
        before = _NAME.where(column < word).order_by(column.desc()).limit(limit)
        after = _NAME.where(column >= word).order_by(column).limit(limit)
        for query in (before, after):
            found |= {row.id: GroupName(*row) for row in await connection.execute(query)}
    return list(found.values())


async def labels(connection: AsyncConnection, ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Sorted, by group; a group without is missing."""
    return await _words(connection, group_labels, ids)


async def instances(connection: AsyncConnection, ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Names of the instances that are in the group, sorted, by group; a group without is missing."""
    return await _words(connection, group_instances, ids)


def keys_of(values: Mapping[str, Any]) -> dict[str, str | None]:
    """The compared forms of those texts that are among the values."""
    texts = {column: values[name] for name, column in _COMPARED.items() if name in values}
    return {column: None if text is None else name_key(text) for column, text in texts.items()}


async def add(connection: AsyncConnection, new: Sequence[Mapping[str, Any]], *, now: float) -> dict[str, int]:
    """Insert groups, each with every column but id and times; their ids by slug. Under `lock`."""
    ids: dict[str, int] = {}
    columns = (*_SETTABLE, *_COMPARED.values(), "created_at", "updated_at")
    for part in chunks(new):
        rows = [(*(row[name] for name in _SETTABLE), *keys_of(row).values(), now, now) for row in part]
        await insert_rows(connection, groups, columns, rows)
        newest = select(groups.c.slug, groups.c.id).order_by(groups.c.id.desc()).limit(len(part))
        ids |= {row.slug: row.id for row in await connection.execute(newest)}
    return ids


async def change(
    connection: AsyncConnection, changed: Sequence[tuple[int, Mapping[str, Any]]], *, now: float
) -> None:
    """Write the changed columns of each group. After a new priority, `move_in_line` is to be called."""
    by_columns: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for group_id, given in changed:
        if unknown := given.keys() - set(_UPDATABLE):
            raise ValueError(f"not to be changed: {sorted(unknown)}")
        written = {**given, **keys_of(given)}
        parameters = {f"new_{name}": value for name, value in written.items()}
        by_columns[tuple(sorted(written))].append({"row_id": group_id, "at": now, **parameters})
    for columns, rows in by_columns.items():
        new: dict[str, Any] = {name: bindparam(f"new_{name}") for name in columns} | {
            "updated_at": bindparam("at")
        }
        await connection.execute(update(groups).where(groups.c.id == bindparam("row_id")).values(new), rows)


async def move_in_line(connection: AsyncConnection, priorities: Mapping[int, int]) -> None:
    """Give the memberships of these groups the groups' new priorities; their instances must be locked."""
    moved = update(memberships).where(memberships.c.group_id == bindparam("row_id"))
    moved = moved.values(priority=bindparam("new_priority"))
    rows = [{"row_id": group_id, "new_priority": new} for group_id, new in priorities.items()]
    for part in chunks(rows):
        await connection.execute(moved, part)


async def set_labels(
    connection: AsyncConnection, wanted: Mapping[int, Sequence[str]], *, fresh: bool = False
) -> None:
    """Replace the labels of these groups. `fresh`: they have none yet."""
    await _replace(connection, group_labels, wanted, fresh=fresh)


async def set_instances(
    connection: AsyncConnection, wanted: Mapping[int, Sequence[str]], *, fresh: bool = False
) -> None:
    """Replace the instance names of these groups. `fresh`: they have none yet."""
    await _replace(connection, group_instances, wanted, fresh=fresh)


async def _words(
    connection: AsyncConnection, table: Table, ids: Collection[int]
) -> dict[int, tuple[str, ...]]:
    group_id, word = table.c
    found: defaultdict[int, list[str]] = defaultdict(list)
    for key, one in await rows_of(connection, select(group_id, word), group_id, ids):
        found[key].append(one)
    return {key: tuple(sorted(words)) for key, words in found.items()}


async def _replace(
    connection: AsyncConnection, table: Table, wanted: Mapping[int, Sequence[str]], *, fresh: bool
) -> None:
    group_id, word = table.c
    if not fresh:
        for part in chunks(list(wanted)):
            await connection.execute(delete(table).where(group_id.in_(part)))
    rows = [(key, one) for key, words in wanted.items() for one in words]
    await insert_rows(connection, table, (group_id.name, word.name), rows)


async def any_of_instance(connection: AsyncConnection, name: str) -> bool:
    """Whether groups are recorded for an instance of that name."""
    return bool(await connection.scalar(select(exists().where(group_instances.c.instance_name == name))))


async def all_instance_names(connection: AsyncConnection) -> list[str]:
    """Names of instances for which groups are recorded, sorted. Index ix_group_instances_instance_name."""
    return await _distinct(connection, group_instances.c.instance_name)


async def all_labels(connection: AsyncConnection) -> list[str]:
    """Labels that groups have, sorted. Index ix_group_labels_label."""
    return await _distinct(connection, group_labels.c.label)


async def _distinct(connection: AsyncConnection, column: Column[str]) -> list[str]:
    return list(await connection.scalars(select(column).distinct().order_by(column)))


SHOWN = 3


@dataclass(frozen=True, slots=True)
class Some:
    """How many groups are so, and the slugs of the first few."""

    count: int
    slugs: tuple[str, ...]


async def count(connection: AsyncConnection) -> int:
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


async def _some(connection: AsyncConnection, query: Select[Any]) -> Some:
    counted = select(func.count()).select_from(query.subquery())
    count = int((await connection.execute(counted)).scalar_one())
    first = (await connection.execute(query.order_by(groups.c.id).limit(SHOWN))).scalars().all()
    return Some(count, tuple(first))
