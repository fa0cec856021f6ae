"""What a person's acts need beside the stores of each aggregate: finding, making, counting in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from orchestrator.domain.memberships import Status
from orchestrator.store.memberships import by_group, by_ids
from orchestrator.store.tables import groups, memberships, recoveries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from orchestrator.store.memberships import Work

AT_A_TIME = 500


async def running_recovery_id(connection: AsyncConnection) -> int | None:
    """The latest recovery that did not end, of whichever instance."""
    query = select(recoveries.c.id).where(recoveries.c.state == "running")
    return (await connection.execute(query.order_by(recoveries.c.id.desc()).limit(1))).scalar_one_or_none()


async def membership_of(
    connection: AsyncConnection, instance_id: int, group_id: int, *, now: float
) -> tuple[Work, bool]:
    """The membership, made (`pending`) if there is none yet; and whether it was made. The lock is held."""
    known = await by_group(connection, instance_id, group_id)
    if known is not None:
        return known, False
    priority = select(groups.c.priority).where(groups.c.id == group_id).scalar_subquery()
    row: dict[str, Any] = {
        "instance_id": instance_id,
        "group_id": group_id,
        "priority": priority,
        "status": Status.PENDING.value,
        "status_since": now,
    }
    await connection.execute(insert(memberships).values(**row))
    made = await by_group(connection, instance_id, group_id)
    if made is None:
        raise LookupError(f"group {group_id} has no row")
    return made, True


async def works(connection: AsyncConnection, ids: Sequence[int]) -> list[Work]:
    """Many memberships, in the order of the ids."""
    found: list[Work] = []
    for start in range(0, len(ids), AT_A_TIME):
        found += await by_ids(connection, ids[start : start + AT_A_TIME])
    place = {membership_id: number for number, membership_id in enumerate(ids)}
    return sorted(found, key=lambda work: place[work.membership.id])
