"""What was: past recoveries and the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import NotFoundError
from orchestrator.domain.memberships import Status
from orchestrator.status import derive
from orchestrator.status.accounts_and_daemon import daemon_view
from orchestrator.status.group_status import find_group, held_back, paused_instances
from orchestrator.status.views import Phase
from orchestrator.store import daemons, group_rows, instances, journal, progress, recoveries
from orchestrator.store.engine import Database
from orchestrator.store.group_rows import GroupRow
from orchestrator.store.journal import JournalLine
from orchestrator.store.recoveries import Recovery

if TYPE_CHECKING:
    from orchestrator.store.engine import AsyncConnection

HISTORY_LIMIT = 100
JOURNAL_LIMIT = 100
_LINES_A_POLL = 500


@dataclass(frozen=True, slots=True)
class PastRecovery:
    """One recovery. `counts` as they were at its end, or as they are now if it did not end."""

    row: Recovery
    phase: Phase
    labels: tuple[str, ...]
    counts: Mapping[Status, int]

    @property
    def seconds(self) -> float | None:
        """From its start to its end."""
        if self.row.finished_at is None:
            return None
        return self.row.finished_at - (self.row.started_at or self.row.created_at)


async def history(database: Database, *, limit: int = HISTORY_LIMIT) -> list[PastRecovery]:
    """Newest first."""
    async with database.read() as connection:
        now = await database.now(connection)
        records = {one.id: one for one in await instances.all_records(connection)}
        daemon = daemon_view(await daemons.rows(connection), now)
        found = []
        for row in await recoveries.latest(connection, limit):
            driven = derive.is_driven(row, records[row.to_instance_id], daemon, now)
            found.append(await _past(connection, row, driven=driven))
        return found


async def _past(connection: AsyncConnection, row: Recovery, *, driven: bool) -> PastRecovery:
    if row.counts is None:
        counts = derive.count_statuses(await progress.membership_counts(connection, row.id))
    else:
        counts = {status: row.counts.get(status.value, 0) for status in Status}
    return PastRecovery(row, derive.phase(row, driven=driven), row.scope.labels, counts)


async def read_journal(
    database: Database,
    *,
    group: str | None = None,
    recovery: int | None = None,
    after_id: int | None = None,
    limit: int = JOURNAL_LIMIT,
) -> list[JournalLine]:
    """Oldest first: the latest lines, or with `after_id` the next ones behind it.

    `group` is a slug, a JID or an exact name. Raises NotFoundError.
    """
    async with database.read() as connection:
        if recovery is not None and await recoveries.get_or_latest(connection, recovery) is None:
            raise NotFoundError(f"there is no recovery {recovery}", hint=f"{Operation.HISTORY} lists them")
        group_id = None if group is None else (await find_group(connection, group))[0].group_id
        return await journal.lines(
            connection, group_id=group_id, recovery_id=recovery, after_id=after_id, limit=limit
        )


class ChangeFeed:
    """Which groups of a recovery changed since the last question, found through the journal."""

    def __init__(self, database: Database, recovery_id: int, instance: str) -> None:
        self._database = database
        self._recovery_id = recovery_id
        self._instance = instance
        self._after: int | None = None
        self._told: dict[int, tuple[object, ...]] = {}

    async def poll(self) -> list[GroupRow]:
        """Groups that stand elsewhere than last told, as they changed. The first call marks the start."""
        async with self._database.read() as connection:
            if self._after is None:
                self._after = await journal.last_line_id(connection)
                return []
            touched = await self._touched(connection)
            return await self._changed(connection, touched) if touched else []

    async def _touched(self, connection: AsyncConnection) -> list[int]:
        lines = await journal.lines(
            connection, recovery_id=self._recovery_id, after_id=self._after, limit=_LINES_A_POLL
        )
        if lines:
            self._after = lines[-1].id
        return list(dict.fromkeys(line.group_id for line in lines if line.group_id is not None))

    async def _changed(self, connection: AsyncConnection, touched: list[int]) -> list[GroupRow]:
        records = await instances.all_records(connection)
        instance_id = next(one.id for one in records if one.name == self._instance)
        paused = await paused_instances(connection, await self._database.now(connection))
        found = await group_rows.by_groups(connection, instance_id, touched)
        rows = {row.group_id: held_back(row, paused) for row in found}
        return [rows[group_id] for group_id in touched if group_id in rows and self._is_news(rows[group_id])]

    def _is_news(self, row: GroupRow) -> bool:
        stand = (row.status, row.reason, row.next_attempt_at)
        if self._told.get(row.group_id) == stand:
            return False
        self._told[row.group_id] = stand
        return True
