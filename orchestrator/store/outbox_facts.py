"""What a message says of its group or recovery: one query for all of them, in the fact's own transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from orchestrator.store.tables import group_labels, groups, instances, recoveries

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

_UNIT = "\x1f"  # between labels: a control character, which no label may hold
_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """One group. `jid` and `subject` are what is expected."""

    id: int
    name: str
    slug: str
    jid: str | None
    subject: str | None
    labels: tuple[str, ...]


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


async def of_groups(connection: AsyncConnection, ids: Collection[int]) -> dict[int, GroupFacts]:
    labels = (
        select(func.aggregate_strings(group_labels.c.label, _UNIT))
        .where(group_labels.c.group_id == groups.c.id)
        .scalar_subquery()
    )
    g, wanted, found = groups.c, sorted(ids), {}
    for start in range(0, len(wanted), _AT_A_TIME):
        query = select(g.id, g.name, g.slug, g.jid, g.subject, labels).where(
            g.id.in_(wanted[start : start + _AT_A_TIME])
        )
        for number, name, slug, jid, subject, joined in (await connection.execute(query)).all():
            told = tuple(sorted(joined.split(_UNIT))) if joined else ()
            found[number] = GroupFacts(number, name, slug, jid, subject, told)
    return found


async def of_recovery(connection: AsyncConnection, recovery_id: int) -> RecoveryFacts | None:
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
