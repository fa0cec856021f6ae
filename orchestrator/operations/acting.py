"""The transaction of one act, and which instance it is about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orchestrator.domain.errors import UsageError
from orchestrator.domain.redaction import hide_codes
from orchestrator.store import instances, recoveries
from orchestrator.store.engine import Database
from orchestrator.store.unit_of_work import UnitOfWork

LONGEST_BECAUSE = 500


@asynccontextmanager
async def acting(database: Database, instance_name: str, actor: str) -> AsyncIterator[UnitOfWork]:
    """Raises NotFoundError. An error inside leaves nothing behind."""
    async with database.write() as connection:
        known = await instances.get(connection, instance_name)
        instance = await instances.lock(connection, known.id)
        recovery = await recoveries.open_one(connection, instance.id)
        now = await database.now(connection)
        unit = UnitOfWork(connection, instance, now, actor, None if recovery is None else recovery.id)
        yield unit
        await unit.flush()


def said(because: str | None) -> str | None:
    """A person's reason, fit to store: without invite codes. Raises UsageError."""
    text = " ".join((because or "").split())
    if len(text) > LONGEST_BECAUSE:
        raise UsageError(f"the reason is too long: {len(text)} characters, at most {LONGEST_BECAUSE}")
    return hide_codes(text) or None
