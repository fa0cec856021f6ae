"""Whether a database knows every join that was sent, for who only reads it; a driver asks at each slot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from orchestrator.store.engine import database_identity
from orchestrator.store.instances import IDENTITY
from orchestrator.store.slot_high_water_mark import SlotHighWaterMark
from orchestrator.store.tables import meta

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from orchestrator.domain.instances import InstanceRecord
    from orchestrator.store.engine import Database


async def in_doubt(
    database: Database, connection: AsyncConnection, record: InstanceRecord | None, *, driven: bool = False
) -> bool:
    """Whether it may know fewer of an instance's joins than were sent: a restored copy, or another database.

    `record`: None for an instance that it does not know yet. The mark of one that is `driven` just now is
    not asked: it may tell of a slot that is younger than this connection's view.
    """
    here = await database_identity(database, connection)
    if record is None:
        seen = await connection.scalar(select(meta.c.value).where(meta.c.key == IDENTITY))
    else:
        seen = record.seen_database
    if seen is not None and seen.partition("@")[0] != here.partition("@")[0]:
        return True
    if record is None or driven:
        return False
    return await SlotHighWaterMark.of(database, record.id).contradicted(connection)
