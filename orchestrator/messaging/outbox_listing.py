"""The outbox for people and scripts: what waits, what was given up, and trying that again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.domain.times import instant
from orchestrator.store import outbox
from orchestrator.store.journal import Entry, append

if TYPE_CHECKING:
    from collections.abc import Collection

    from orchestrator.store.engine import Database
    from orchestrator.store.outbox import Listed, OutboxTotals


@dataclass(frozen=True, slots=True)
class Outbox:
    """How it stands at one moment."""

    now: float
    totals: OutboxTotals
    deliveries: tuple[Listed, ...]


async def read_outbox(database: Database, *, parked_only: bool = False, limit: int = 100) -> Outbox:
    async with database.read() as connection:
        found = await outbox.listed(connection, parked_only=parked_only, limit=limit)
        totals = await outbox.totals(connection)
        return Outbox(await database.now(connection), totals, tuple(found))


async def try_again(database: Database, *, actor: str, ids: Collection[int] | None = None) -> int:
    """Put parked deliveries back in line, all of them without ids; how many it were."""
    async with database.write() as connection:
        changed = await outbox.retry_parked(connection, ids)
        if changed:
            line = Entry("act.outbox_retry", actor, {"deliveries": changed})
            await append(connection, await database.now(connection), [line])
    return changed


def totals_json(totals: OutboxTotals) -> dict[str, Any]:
    """The outbox in the status."""
    return {
        "unsorted": totals.unsorted,
        "pending": totals.pending,
        "oldest_pending_at": instant(totals.oldest_pending_at),
        "parked": totals.parked,
    }


def outbox_json(outbox: Outbox) -> dict[str, Any]:
    """The object that `rejoin outbox list --json` prints."""
    return {
        "schema": 1,
        "at": instant(outbox.now),
        **totals_json(outbox.totals),
        "deliveries": [_delivery(one) for one in outbox.deliveries],
    }


def _delivery(one: Listed) -> dict[str, Any]:
    return {
        "id": one.id,
        "message": one.uid,
        "type": one.kind,
        "receiver": one.sink,
        "subject": one.subject,
        "at": instant(one.at),
        "state": one.state.value,
        "attempts": one.attempts,
        "next_attempt_at": instant(one.next_attempt_at),
        "error": one.error,
    }
