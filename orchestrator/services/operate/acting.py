"""The transaction of one act, and which instance it is about."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from orchestrator.domain.errors import NotFoundError, UsageError
from orchestrator.domain.group_fields import instance_called
from orchestrator.domain.redaction import hide_codes
from orchestrator.store import acts, instances, reads, recoveries
from orchestrator.store.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from orchestrator.store.engine import Database

LONGEST_BECAUSE = 500


async def choose_instance(
    database: Database, wanted: str | None, backups: Sequence[str], *, to_run: bool = False
) -> str:
    """The backup that is meant: the one named, else the latest recovery's, else the only one.

    `to_run`: for a run, which goes on with what is open: the latest open recovery's goes before a later one's
    that is over. Raises NotFoundError, and UsageError naming the choices where there are several.
    """
    choices = ", ".join(backups)
    if wanted is not None:
        if (found := instance_called(backups, wanted)) is None:
            raise NotFoundError(f"no backup instance is called {wanted}", hint=f"there are: {choices}")
        return found
    async with database.read() as connection:
        open_id = await acts.running_recovery_id(connection) if to_run else None
        latest = await reads.recovery(connection, open_id)
    if latest is not None and latest.to_name in backups:
        return latest.to_name
    if len(backups) == 1:
        return backups[0]
    if not backups:
        raise UsageError(
            "no backup instance is configured",
            hint='add [[instances]] with role = "backup" to the configuration',
        )
    raise UsageError("there are several backup instances", hint=f"say which with --to: {choices}")


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
