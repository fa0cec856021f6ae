"""What a plan or a run is about: the backup, the lost instance, the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, select

from orchestrator.cli.render import clean
from orchestrator.domain.errors import UsageError
from orchestrator.store.recoveries import Scope
from orchestrator.store.tables import group_instances, group_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column
    from sqlalchemy.ext.asyncio import AsyncConnection

    from orchestrator.bootstrap import App

_SHOWN = 10


async def scope_of(app: App, from_name: str | None, labels: Sequence[str]) -> Scope:
    """Raises UsageError for a name or a label that no group has: an empty recovery is a mistake."""
    async with app.database.read() as connection:
        if from_name is not None:
            await _require(connection, group_instances.c.instance_name, from_name, what="instance")
        for label in labels:
            await _require(connection, group_labels.c.label, label, what="label")
    return Scope(from_name, tuple(dict.fromkeys(labels)))


async def _require(connection: AsyncConnection, column: Column[str], word: str, *, what: str) -> None:
    if await connection.scalar(select(exists().where(column == word))):
        return
    known = (await connection.scalars(select(column).distinct().order_by(column).limit(_SHOWN))).all()
    listed = ", ".join(map(clean, known)) or "none"
    raise UsageError(f'No group has the {what} "{clean(word)}".', hint=f"groups have: {listed}")
