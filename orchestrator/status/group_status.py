"""Groups as a list, one group found by what a person typed, and why it stands where it stands."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.catalogue.lookup import resolve
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import NotFoundError
from orchestrator.domain.group_fields import called, instance_called
from orchestrator.domain.hints import Hint, Mover
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import Status, known_reason
from orchestrator.domain.pacing import PacingPolicy
from orchestrator.status import derive
from orchestrator.status.accounts_and_daemon import pause
from orchestrator.status.read import Facts, gather
from orchestrator.status.views import PauseView
from orchestrator.store import group_rows, groups, instances, journal, recoveries, slots
from orchestrator.store.engine import Database
from orchestrator.store.group_rows import Filters, GroupRow
from orchestrator.store.journal import JournalLine
from orchestrator.store.slots import SlotLine

if TYPE_CHECKING:
    from orchestrator.store.engine import AsyncConnection


_HELD = frozenset({Status.PENDING, Status.READY})


async def list_memberships(
    database: Database,
    filters: Filters,
    *,
    label: str | None = None,
    instance: str | None = None,
    now: float | None = None,
) -> AsyncGenerator[GroupRow, None]:
    """A stream, in the order of the import. The filters judge what is stored, the rows show what follows
    from it: while an instance is paused, its pending groups carry the pause's reason and end.

    `label` and `instance` as a person writes them. Raises UsageError for two instances that are meant.
    It holds a transaction: close it where it may not be read to its end.
    """
    async with database.read(long=True) as connection:
        if label is not None:
            filters = replace(filters, labels=called(await groups.all_labels(connection), label))
        if instance is not None:
            names = [one.name for one in await instances.all_records(connection)]
            filters = replace(filters, instance=instance_called(names, instance) or instance)
        moment = await database.now(connection) if now is None else now
        paused = await paused_instances(connection, moment)
        rows = group_rows.stream_groups(connection, filters)
        async with aclosing(rows):
            async for row in rows:
                yield held_back(row, paused)


async def paused_instances(connection: AsyncConnection, now: float) -> dict[int, InstanceRecord]:
    return {one.id: one for one in await instances.all_records(connection) if one.paused(now)}


def held_back(row: GroupRow, paused: Mapping[int, InstanceRecord]) -> GroupRow:
    """A group that would be joined but for its instance's pause says so."""
    pause = paused.get(row.instance_id) if row.instance_id is not None else None
    if pause is None or row.status not in _HELD:
        return row
    return replace(row, reason=known_reason(pause.pause_reason), next_attempt_at=pause.paused_until)


async def find_group(connection: AsyncConnection, reference: str) -> list[GroupRow]:
    """The rows of the group that a person means, one for each membership. Raises as `resolve` does."""
    group = await resolve(connection, reference)
    return await group_rows.of_groups(connection, [group.id])


JOINS_SHOWN = 5
LINES_SHOWN = 15
_IN_LINE = frozenset({Status.PENDING, Status.READY})
_NEVER_TRIED = Hint(
    "no recovery has taken it up yet",
    Mover.YOU,
    "run a recovery whose scope has it; a plan shows what a run would do",
    Command(Operation.PLAN),
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """One group. `until`: when what it waits for is over or looked at; `place`: how many are joined before
    it, None where it does not stand in line; `expected_at`: about when it is its turn.
    """

    now: float
    row: GroupRow
    others: tuple[GroupRow, ...]  # its memberships of other instances
    hint: Hint
    until: float | None
    place: int | None
    expected_at: float | None
    pause: PauseView | None
    joins: tuple[SlotLine, ...]  # newest first
    lines: tuple[JournalLine, ...]  # oldest first


@dataclass(frozen=True, slots=True)
class _Line:
    """Where a membership stands in the line of its instance."""

    place: int | None = None
    expected_at: float | None = None


async def explain(
    database: Database,
    group: str,
    policy: PacingPolicy,
    *,
    instance: str | None = None,
    now: float | None = None,
) -> Explanation:
    """`group` is a slug, a JID or an exact name. Without `instance`: the one that worked on it last.

    Raises NotFoundError, and UsageError for a name that several groups share.
    """
    async with database.read() as connection:
        rows = await find_group(connection, group)
        row = _chosen(rows, instance)
        moment = await database.now(connection) if now is None else now
        facts = await _facts(connection, row, policy, moment)
        line = await _line(connection, row, facts)
        joins, lines = await _past(connection, row)
    held = None if facts.target is None else pause(facts.target, moment)
    hint, until = _whose_move(row, facts, held, line)
    return Explanation(
        now=moment,
        row=row,
        others=tuple(other for other in rows if other is not row),
        hint=hint,
        until=until,
        place=line.place,
        expected_at=line.expected_at,
        pause=held,
        joins=joins,
        lines=lines,
    )


def _chosen(rows: list[GroupRow], instance: str | None) -> GroupRow:
    if instance is None:
        return max(rows, key=lambda row: (row.recovery_id or 0, row.since or 0.0))
    found = instance_called({row.instance for row in rows if row.instance is not None}, instance)
    for row in rows:
        if found is not None and row.instance == found:
            return row
    raise NotFoundError(f"{instance} has nothing to do with {rows[0].slug}", hint="leave --instance out")


async def _facts(connection: AsyncConnection, row: GroupRow, policy: PacingPolicy, now: float) -> Facts:
    recovery = (
        await recoveries.get_or_latest(connection, row.recovery_id) if row.recovery_id is not None else None
    )
    return await gather(connection, recovery, policy, needs_you_limit=0, now=now)


async def _line(connection: AsyncConnection, row: GroupRow, facts: Facts) -> _Line:
    if row.status not in _IN_LINE:
        return _Line()
    place = 0 if row.status is Status.READY else await group_rows.ahead_in_line(connection, row)
    hold = derive.held(facts)
    if not derive.driven(facts) or (hold is not None and hold[1] is None):
        return _Line(place)
    course = derive.course(facts)
    return _Line(place, course.after(place + 1, course.start))


async def _past(
    connection: AsyncConnection, row: GroupRow
) -> tuple[tuple[SlotLine, ...], tuple[JournalLine, ...]]:
    joins: list[SlotLine] = []
    if row.membership_id is not None:
        joins = await slots.of_membership(connection, row.membership_id, JOINS_SHOWN)
    lines = await journal.lines(connection, group_id=row.group_id, limit=LINES_SHOWN)
    return tuple(joins), tuple(lines)


def _whose_move(
    row: GroupRow, facts: Facts, held: PauseView | None, line: _Line
) -> tuple[Hint, float | None]:
    if row.status is None:
        return _NEVER_TRIED, None
    if row.status in _IN_LINE and not derive.driven(facts):
        return _nobody_works(facts, held)
    if row.status in _IN_LINE and held is not None:
        return held.hint, held.until
    until = row.next_attempt_at if row.next_attempt_at is not None else line.expected_at
    return derive.move(facts, row), until


def _nobody_works(facts: Facts, held: PauseView | None) -> tuple[Hint, float | None]:
    """What holds the account comes first: a run would only wait for it."""
    if held is None:
        sentence = "waits for its turn, but no recovery is running"
        move = "start it again; it goes on where it was"
        return Hint(sentence, Mover.YOU, move, derive.run_again(facts)), None
    if held.until is None:
        return held.hint, None
    move = "start the recovery again then; it goes on where it was"
    return Hint(held.hint.sentence, Mover.YOU, move, derive.run_again(facts)), held.until
