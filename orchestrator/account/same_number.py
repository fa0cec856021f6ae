"""Which number each instance is: what follows when one changes, and when two are the same.

Two instances of one number would be two drivers with a pace of their own each. The later one in the table
stands still; neither gets a slot before its own driver said again who it is. All rows must be locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.account import pauses
from orchestrator.domain import identity
from orchestrator.domain.answer_reactions import CURED_BY_A_WORKING_SESSION
from orchestrator.domain.identity import OwnIds
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import Greeting, Reason, Status
from orchestrator.domain.recoveries import End
from orchestrator.domain.sightings import SETTLE
from orchestrator.store import due_work, instances, memberships, progress, recoveries, slots
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.unit_of_work import UnitOfWork

HELD = frozenset({Reason.SAME_ACCOUNT.value, Reason.IDENTITY_UNKNOWN.value})
_RECENT = 600.0  # seconds: joins before that are out of every window, however long they were on their way
_UNGREETED = frozenset({Greeting.PENDING, Greeting.SENDING})


def is_held(record: InstanceRecord) -> bool:
    """Whether it stands still because of its number. A reading that says otherwise lifts that."""
    return record.pause_reason in HELD


def rival_of(record: InstanceRecord, rows: Iterable[InstanceRecord], now: float) -> InstanceRecord | None:
    """The earliest instance before this one that is, or may be, its number, and is configured or driven."""
    earlier = sorted((row for row in rows if row.id < record.id), key=lambda row: row.id)
    return next((row for row in earlier if _counts(row, now) and _likeness(row, record)), None)


async def settle(
    connection: AsyncConnection, rows: Mapping[int, InstanceRecord], reading: int, actor: str, now: float
) -> tuple[frozenset[int], str | None]:
    """Hold whoever is an earlier one's number, and let go whoever is not any more. `reading`: whose session
    was read. Returns the ids of the others that are, or were, its number, and how it is like the one before
    it: "the same number as sales-main".
    """
    for row in rows.values():
        rival = rival_of(row, rows.values(), now) if _counts(row, now) else None
        if rival is not None:
            await _hold(connection, row, rival, actor, now)
        elif row.pause_reason == Reason.SAME_ACCOUNT.value or (
            row.id == reading and row.identified_fence is not None and is_held(row)
        ):
            await _let_go(connection, row, actor, now)
    one = rows[reading]
    namesakes = [row for row in rows.values() if row.id != reading and _likeness(row, one)]
    for other in namesakes:
        await _wait_for_joins_of(connection, one, other, now)
        await _wait_for_joins_of(connection, other, one, now)
    rival = rival_of(one, rows.values(), now)
    return frozenset(row.id for row in namesakes), None if rival is None else _said(one, rival)


async def hold_unknown(unit: UnitOfWork) -> None:
    """The session works and does not say which number it is: no join is sent until it does."""
    await _pause(unit, Reason.IDENTITY_UNKNOWN, None)


def _counts(row: InstanceRecord, now: float) -> bool:
    return row.configured or row.driven(now)


def _likeness(one: InstanceRecord, other: InstanceRecord) -> str:
    return identity.likeness(one.own, other.own)


def _said(one: InstanceRecord, rival: InstanceRecord) -> str:
    return f"{_likeness(one, rival)} {rival.name}"


async def _hold(
    connection: AsyncConnection, row: InstanceRecord, rival: InstanceRecord, actor: str, now: float
) -> None:
    if row.identified_fence is not None:
        await instances.set_values(connection, row.id, identified_fence=None)
    unit = UnitOfWork(connection, row, now, actor, None)
    await _pause(unit, Reason.SAME_ACCOUNT, _said(row, rival))
    await unit.flush()


async def _pause(unit: UnitOfWork, reason: Reason, text: str | None) -> None:
    """Unless it stands still anyway: the next reading after that pause says it again."""
    row = unit.instance
    cured = {one.value for one in CURED_BY_A_WORKING_SESSION}
    if row.paused(unit.now) and row.pause_reason not in cured | HELD:
        return
    if (row.pause_reason, row.pause_text) == (reason.value, text):
        return
    await unit.pause(reason, text)
    unit.note("instance.paused", reason=reason.value, text=text)


async def _let_go(connection: AsyncConnection, row: InstanceRecord, actor: str, now: float) -> None:
    unit = UnitOfWork(connection, row, now, actor, None)
    await pauses.lift(unit, why="its number is its own")
    await unit.flush()


async def _wait_for_joins_of(
    connection: AsyncConnection, one: InstanceRecord, other: InstanceRecord, now: float
) -> None:
    """Joins that another entry of this number sent count for its pace: the window begins anew, and only when
    what may be under way has arrived or been given up.
    """
    last = await slots.last_slot(connection, other.id)
    if last is None or last.reserved_at < max(one.known_since, now - _RECENT):
        return
    since = now + SETTLE if last.open else now
    await instances.set_values(connection, one.id, known_since=since)


async def part_from_old(
    connection: AsyncConnection, record: InstanceRecord, own: OwnIds, actor: str, now: float, *, begins: bool
) -> None:
    """Another number stands behind the instance: what the old one was in, or asked for, counts for nothing.

    An open recovery ends, unless a person's run has just begun (`begins`): nobody asked to bring the new
    number into these groups.
    """
    recovery = await recoveries.open_one(connection, record.id)
    unit = UnitOfWork(connection, record, now, actor, None if recovery is None else recovery.id)
    left = 0
    for old in await memberships.of_the_number(connection, record.id):
        changes: dict[str, Any] = {"attempts": 0, "unknowns": 0}
        if old.requested_at is not None:  # a slot may have been reserved for a moment that is still to come
            changes["requested_at"] = min(old.requested_at, now)
        if old.greeting in _UNGREETED:
            changes["greeting"] = Greeting.SKIPPED
        unit.move(old, Status.LEFT, Reason.IDENTITY_CHANGED, **changes)
        left += 1
    stopped = None
    if recovery is not None and not begins:
        stopped = recovery.id
        await _end(unit, recovery.id)
    await due_work.forget_comparison(connection, record.id)
    unit.note(
        "instance.identity_changed",
        was=identity.shown(record.own),
        now=identity.shown(own),
        left=left,
        stopped=stopped,
    )
    await unit.flush()


async def _end(unit: UnitOfWork, recovery_id: int) -> None:
    """Its driver ends it; one that nobody drives is over."""
    await recoveries.request_stop(unit.connection, recovery_id, actor=unit.actor, now=unit.now)
    if unit.instance.driven(unit.now):
        return
    counted = await progress.counts(unit.connection, recovery_id)
    end = End.STOPPED.value
    if await recoveries.finish(
        unit.connection, recovery_id, state="stopped", outcome=end, counted=counted, now=unit.now
    ):
        unit.note("recovery.ended", end=end, counts=counted)
