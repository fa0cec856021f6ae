"""Groups as a list: each with its memberships, or without one; and one group found by what a person typed."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.catalogue.lookup import resolve
from orchestrator.domain.group_fields import called, instance_called
from orchestrator.domain.memberships import Status, known_reason
from orchestrator.store import group_rows, groups, instances

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from orchestrator.domain.instances import InstanceRecord
    from orchestrator.store.engine import AsyncConnection, Database
    from orchestrator.store.group_rows import Filters, GroupRow

_HELD = frozenset({Status.PENDING, Status.READY})


async def list_memberships(
    database: Database,
    filters: Filters,
    *,
    label: str | None = None,
    instance: str | None = None,
    now: float | None = None,
) -> AsyncGenerator[GroupRow, None]:
    """A stream, in the order of the import. The filters judge what is stored, the rows show what follows
    from it: while an instance is paused, its pending groups carry the pause's reason and end.

    `label` and `instance` as a person writes them. Raises UsageError for two instances that are meant.
    It holds a transaction: close it where it may not be read to its end.
    """
    async with database.read(long=True) as connection:
        if label is not None:
            filters = replace(filters, labels=called(await groups.all_labels(connection), label))
        if instance is not None:
            names = [one.name for one in await instances.all_records(connection)]
            filters = replace(filters, instance=instance_called(names, instance) or instance)
        moment = await database.now(connection) if now is None else now
        paused = await paused_instances(connection, moment)
        rows = group_rows.stream_groups(connection, filters)
        async with aclosing(rows):
            async for row in rows:
                yield held_back(row, paused)


async def paused_instances(connection: AsyncConnection, now: float) -> dict[int, InstanceRecord]:
    return {one.id: one for one in await instances.all_records(connection) if one.paused(now)}


def held_back(row: GroupRow, paused: Mapping[int, InstanceRecord]) -> GroupRow:
    """A group that would be joined but for its instance's pause says so."""
    pause = paused.get(row.instance_id) if row.instance_id is not None else None
    if pause is None or row.status not in _HELD:
        return row
    return replace(row, reason=known_reason(pause.pause_reason), next_attempt_at=pause.paused_until)


async def find_group(connection: AsyncConnection, reference: str) -> list[GroupRow]:
    """The rows of the group that a person means, one for each membership. Raises as `resolve` does."""
    group = await resolve(connection, reference)
    return await group_rows.of_groups(connection, [group.id])
