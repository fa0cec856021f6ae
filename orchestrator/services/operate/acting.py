"""The transaction of one act, and which instance it is about."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from orchestrator.domain.errors import NotFoundError, UsageError
from orchestrator.domain.groups import instance_called
from orchestrator.domain.redaction import hide_codes
from orchestrator.store import acts, instances, journal, memberships, outgoing_messages, reads, recoveries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from orchestrator.domain.instances import InstanceRecord
    from orchestrator.domain.memberships import Reason, Status
    from orchestrator.store.engine import Database
    from orchestrator.store.memberships import Membership

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


@dataclass(slots=True)
class Act:
    """One open transaction, the instance's row locked. Moves and journal lines leave together."""

    connection: AsyncConnection
    instance: InstanceRecord
    now: float
    actor: str
    recovery_id: int | None  # the instance's recovery that did not end
    _moves: list[memberships.Move] = field(default_factory=list)
    _entries: list[journal.Entry] = field(default_factory=list)
    _concerned: set[int] = field(default_factory=set)

    def count_in(self, membership: Membership) -> None:
        """From now on it belongs to the recovery under way: counted there, and waited for."""
        self._concerned.add(membership.id)

    def move(
        self, old: Membership, status: Status, reason: Reason | None = None, **changes: Any
    ) -> Membership:
        """Plan a move. What is not said again is cleared: detail and time of the next attempt."""
        fields: dict[str, Any] = {"detail": None, "next_attempt_at": None, "looks": 0} | changes
        if status != old.status:
            fields["status_since"] = self.now
        new = replace(old, status=status, reason=reason, **fields)
        self._moves.append(memberships.Move(old, new))
        return new

    def note(self, kind: str, *, group_id: int | None = None, **data: Any) -> None:
        """Plan a journal line; values that are None are left out."""
        known = {key: value for key, value in data.items() if value is not None}
        entry = journal.Entry(kind, self.actor, known, self.instance.id, group_id, self.recovery_id)
        self._entries.append(entry)

    async def write(self) -> None:
        """Carry out what was planned."""
        moved: set[int] = set()
        for start in range(0, len(self._moves), acts.AT_A_TIME):
            moved |= await memberships.save(self.connection, self._moves[start : start + acts.AT_A_TIME])
        if self.recovery_id is not None:
            await acts.put_into_recovery(self.connection, self._concerned, self.recovery_id)
        await journal.append(self.connection, self.now, self._entries)
        act = outgoing_messages.Act(self.instance, self.now, self._moves, moved, self._entries)
        await outgoing_messages.tell(self.connection, act)


@asynccontextmanager
async def acting(database: Database, instance_name: str, actor: str) -> AsyncIterator[Act]:
    """Raises NotFoundError. An error inside leaves nothing behind."""
    async with database.write() as connection:
        known = await instances.get(connection, instance_name)
        instance = await instances.lock(connection, known.id)
        recovery = await recoveries.open_one(connection, instance.id)
        now = await database.now(connection)
        act = Act(connection, instance, now, actor, None if recovery is None else recovery.id)
        yield act
        await act.write()


def said(because: str | None) -> str | None:
    """A person's reason, fit to store: without invite codes. Raises UsageError."""
    text = " ".join((because or "").split())
    if len(text) > LONGEST_BECAUSE:
        raise UsageError(f"the reason is too long: {len(text)} characters, at most {LONGEST_BECAUSE}")
    return hide_codes(text) or None
