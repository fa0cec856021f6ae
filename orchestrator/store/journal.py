"""What happened, append-only: every gateway call, decision and operator's act; and reading it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import exists, func, insert, or_, select, text
from sqlalchemy.sql import Select

from orchestrator.store.engine import AsyncConnection
from orchestrator.store.tables import events, groups, instances, journal, messages


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `data` is small, scrubbed of secrets, and becomes JSON."""

    kind: str
    actor: str
    data: Mapping[str, Any] = field(default_factory=dict)
    instance_id: int | None = None
    group_id: int | None = None
    recovery_id: int | None = None


_APPEND = insert(journal)


async def append(connection: AsyncConnection, now: float, entries: Sequence[Entry]) -> None:
    """Write the lines in the caller's transaction, so that a fact and its line are one."""
    if not entries:
        return
    rows = [
        {
            "at": now,
            "kind": entry.kind,
            "actor": entry.actor,
            "instance_id": entry.instance_id,
            "group_id": entry.group_id,
            "recovery_id": entry.recovery_id,
            "data": json.dumps(entry.data, ensure_ascii=False, separators=(",", ":")),
        }
        for entry in entries
    ]
    await connection.execute(_APPEND, rows)


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
class JournalLine:
    """One line. `data` is what was written with it; its texts may be foreign."""

    id: int
    at: float
    kind: str
    actor: str
    instance: str | None
    group_id: int | None
    group: str | None
    slug: str | None
    recovery_id: int | None
    data: Mapping[str, Any]


async def lines(
    connection: AsyncConnection,
    *,
    group_id: int | None = None,
    recovery_id: int | None = None,
    after_id: int | None = None,
    limit: int,
) -> list[JournalLine]:
    """Oldest first: the first lines after `after_id`, or, without it, the latest ones."""
    query = lines_query(group_id=group_id, recovery_id=recovery_id, after_id=after_id, limit=limit)
    lines = [_line(row) for row in await connection.execute(query)]
    return sorted(lines, key=lambda line: line.id)


def lines_query(
    *, group_id: int | None = None, recovery_id: int | None = None, after_id: int | None = None, limit: int
) -> Select[Any]:
    """The lines are chosen first, along an index; only those few are joined with their names."""
    query = (
        select(journal).order_by(journal.c.id if after_id is not None else journal.c.id.desc()).limit(limit)
    )
    if group_id is not None:
        query = query.where(journal.c.group_id == group_id)
    if recovery_id is not None:
        query = query.where(journal.c.recovery_id == recovery_id)
    if after_id is not None:
        query = query.where(journal.c.id > after_id)
    return _with_names(query)


def _with_names(chosen: Select[Any]) -> Select[Any]:
    j = chosen.subquery("lines").c
    return (
        select(
            j.id,
            j.at,
            j.kind,
            j.actor,
            instances.c.name,
            j.group_id,
            groups.c.name,
            groups.c.slug,
            j.recovery_id,
            j.data,
        )
        .outerjoin(instances, instances.c.id == j.instance_id)
        .outerjoin(groups, groups.c.id == j.group_id)
    )


async def last_line_id(connection: AsyncConnection) -> int:
    """0 for an empty journal."""
    return int(await connection.scalar(select(func.max(journal.c.id))) or 0)


# The partial indexes' own words, so that the planner can use them.
_CHANGES = select(
    select(func.coalesce(func.max(journal.c.id), 0)).scalar_subquery(),
    exists(select(events.c.id).where(text("events.state IN ('new', 'waiting')"), events.c.state == "new")),
    exists(select(messages.c.id).where(text("NOT messages.fanned_out"))),
)


async def changes(connection: AsyncConnection) -> tuple[int, bool, bool]:
    """The last line; whether events wait to be processed; whether messages wait to be sorted."""
    last, new_events, new_messages = (await connection.execute(_CHANGES)).one()
    return last, new_events, new_messages


async def has_kinds_since(connection: AsyncConnection, after_id: int, kinds: Sequence[str]) -> bool:
    """Whether there are later lines of these kinds (patterns of LIKE)."""
    wanted = or_(*(journal.c.kind.like(kind) for kind in kinds))
    return bool(
        await connection.scalar(select(exists(select(journal.c.id).where(journal.c.id > after_id, wanted))))
    )


def _line(row: Any) -> JournalLine:
    values: list[Any] = list(row)
    values[-1] = json.loads(values[-1])
    return JournalLine(*values)
