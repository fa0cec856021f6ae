"""The words that scopes are made of, as groups have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from orchestrator.store.tables import group_instances, group_labels

if TYPE_CHECKING:
    from sqlalchemy import Column
    from sqlalchemy.ext.asyncio import AsyncConnection


async def instance_names(connection: AsyncConnection) -> list[str]:
    """Names of instances for which groups are recorded, sorted. Index ix_group_instances_instance_name."""
    return await _words(connection, group_instances.c.instance_name)


async def labels(connection: AsyncConnection) -> list[str]:
    """Labels that groups have, sorted. Index ix_group_labels_label."""
    return await _words(connection, group_labels.c.label)


async def _words(connection: AsyncConnection, column: Column[str]) -> list[str]:
    return list((await connection.scalars(select(column).distinct().order_by(column))).all())
