"""The one way to change a membership's status: behind its instance's row lock, along the transitions.

The journal's lines and the messages for outside are written in the same transaction. Below stands what puts
groups back in line when what kept them out is cured: a new code, a new expectation, a new number.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sqlalchemy import and_, not_, or_, select
from sqlalchemy.sql.elements import ColumnElement

from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import CURED_BY_CODE, CURED_BY_IDENTITY, Reason, Status
from orchestrator.store import codes, instances, journal, outgoing_messages, slots
from orchestrator.store import memberships as memberships_store
from orchestrator.store.bulk import chunks, rows_of
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.memberships import Membership, Move, StoredCode, matching
from orchestrator.store.tables import groups, memberships


class OfAGroup(Protocol):
    """What a journal line can be about."""

    @property
    def group_id(self) -> int:
        """The group's id."""


@dataclass(slots=True)
class UnitOfWork:
    """One open transaction about one instance, whose row is locked.

    Collects moves, ends of slots and journal lines; `flush` writes them together. A move of a membership that
    somebody else moved meanwhile has no effect.
    """

    connection: AsyncConnection
    instance: InstanceRecord
    now: float  # the database's clock
    actor: str
    recovery_id: int | None = None
    moves: list[Move] = field(default_factory=list)
    entries: list[journal.Entry] = field(default_factory=list)
    finishes: list[slots.Finish] = field(default_factory=list)
    verdicts: dict[int, str] = field(default_factory=dict)  # what was learned of codes, by their ids
    counted_in: set[int] = field(default_factory=set)

    def move(
        self, old: Membership, status: Status, reason: Reason | None = None, **changes: Any
    ) -> Membership:
        """Plan a move. What is not said again is cleared: detail and time of the next attempt."""
        fields: dict[str, Any] = {"detail": None, "next_attempt_at": None} | changes
        if status != old.status:
            fields |= {"status_since": self.now, "looks": fields.get("looks", 0)}
        new = replace(old, status=status, reason=reason, **fields)
        self.moves.append(memberships_store.Move(old, new))
        return new

    def count_in(self, membership: Membership) -> None:
        """From now on it belongs to the recovery under way: counted there, and waited for."""
        self.counted_in.add(membership.id)

    def learn(self, code: StoredCode | None, verdict: str | None) -> None:
        """Plan to remember what the use of a code said of it; what is known already costs no statement."""
        if code is not None and verdict is not None and verdict != code.verdict:
            self.verdicts[code.id] = verdict

    def note(self, kind: str, about: OfAGroup | None = None, **data: Any) -> None:
        """Plan a journal line; values that are None are left out."""
        known = {key: value for key, value in data.items() if value is not None}
        group_id = None if about is None else about.group_id
        self.entries.append(
            journal.Entry(kind, self.actor, known, self.instance.id, group_id, self.recovery_id)
        )

    @property
    def is_worker(self) -> bool:
        """Whether it is the account's worker that writes: anybody else's writes raise the revision."""
        return False

    async def set_instance(self, **values: Any) -> None:
        """Write columns of the instance's row, at once."""
        await instances.set_values(self.connection, self.instance.id, **values)

    async def pause(
        self, reason: Reason, text: str | None, *, until: float | None = None, slow_until: float | None = None
    ) -> None:
        """No slot is given from now on; `until` None: until a person or the session lifts it.

        `slow_until`: half pace lasts until then, where that is later than now known.
        """
        await self.set_instance(
            pause_reason=reason,
            pause_text=text,
            pause_by=self.actor,
            paused_at=self.now,
            paused_until=until,
            **self._slow(slow_until),
        )

    async def lift_pause(self, *, slow_until: float | None = None) -> None:
        """Slots are given again."""
        lifted = dict.fromkeys(("pause_reason", "pause_text", "pause_by", "paused_until"), None)
        await self.set_instance(**lifted, **self._slow(slow_until))

    def _slow(self, until: float | None) -> dict[str, float]:
        return {} if until is None else {"slow_until": max(self.instance.slow_until or 0.0, until)}

    async def flush(self, *, tell: bool = True) -> set[int]:
        """Write what was planned; returns the ids of memberships that moved.

        `tell` False: nothing goes outside, for an act on every group at once: a receiver would get thousands.
        """
        if not self.is_worker and (self.moves or self.entries or self.counted_in):
            await instances.raise_revision(self.connection, self.instance.id)
        await codes.record_verdicts(self.connection, self.verdicts, now=self.now)
        moved: set[int] = set()
        for some in chunks(self.moves):
            moved |= await memberships_store.save(self.connection, some)
        if self.recovery_id is not None and self.counted_in:
            await memberships_store.put_into_recovery(self.connection, self.counted_in, self.recovery_id)
        await slots.finish(self.connection, self.finishes, self.now)
        await journal.append(self.connection, self.now, self.entries)
        if tell:
            await outgoing_messages.tell(self, moved)
        self.moves, self.entries, self.finishes, self.verdicts, self.counted_in = [], [], [], {}, set()
        return moved


async def reopen_after_new_code(
    connection: AsyncConnection, *, group_ids: Collection[int], actor: str, now: float
) -> int:
    """A group blocked for its code, or for what it opened, goes back in line once it has a new one.

    Not one whose join led elsewhere: the account is in there still.
    """
    condition = and_(_blocked_for(*CURED_BY_CODE, *CURED_BY_IDENTITY), not_(_entered()))
    return await _reopen_all(connection, group_ids, condition, "new code", actor, now)


async def reopen_after_new_identity(
    connection: AsyncConnection, *, group_ids: Collection[int], actor: str, now: float
) -> int:
    """A group blocked because it was not the expected one goes back in line once the expectation changed.

    Not one whose join led elsewhere, unless that is what is expected now: the account is in there still.
    """
    c = memberships.c
    expected = select(groups.c.jid).where(groups.c.id == c.group_id).scalar_subquery()
    condition = and_(_blocked_for(*CURED_BY_IDENTITY), or_(not_(_entered()), c.jid == expected))
    return await _reopen_all(connection, group_ids, condition, "new expectation", actor, now)


async def reopen_after_new_number(unit: UnitOfWork) -> None:
    """A person's run puts back in line what counts as left because another number stands behind the instance.

    Index ix_memberships_recovery_id.
    """
    c = memberships.c
    of_the_old = await matching(
        unit.connection,
        c.recovery_id == unit.recovery_id,
        c.status == Status.LEFT,
        c.reason == Reason.IDENTITY_CHANGED,
    )
    for old in of_the_old:
        _reopen(unit, old, "new number")


async def lock_instances_of(
    connection: AsyncConnection, group_ids: Collection[int]
) -> dict[int, InstanceRecord]:
    """The instances with a membership of one of these groups, in any status: a worker may be blocking it
    this moment, for what it knew before. After the last write to groups and codes, as they wait for workers.
    """
    c = memberships.c
    rows = await rows_of(connection, select(c.instance_id).distinct(), c.group_id, group_ids)
    concerned = {row.instance_id for row in rows}
    return await instances.lock_many(connection, concerned) if concerned else {}


def _entered() -> ColumnElement[bool]:
    """A join led into another group than expected."""
    c = memberships.c
    return and_(c.reason == Reason.IDENTITY_MISMATCH, c.joined_at.is_not(None), c.jid.is_not(None))


def _blocked_for(*reasons: Reason) -> ColumnElement[bool]:
    c = memberships.c
    return and_(c.status == Status.BLOCKED, c.reason.in_(reasons))


async def _reopen_all(
    connection: AsyncConnection,
    group_ids: Collection[int],
    condition: ColumnElement[bool],
    cure: str,
    actor: str,
    now: float,
) -> int:
    c, parts, reopened = memberships.c, list(chunks(sorted(group_ids))), 0
    for instance_id, instance in (await lock_instances_of(connection, group_ids)).items():
        unit = UnitOfWork(connection, instance, now, actor)
        for part in parts:
            for old in await matching(
                connection, c.instance_id == instance_id, c.group_id.in_(part), condition
            ):
                _reopen(unit, old, cure)
            reopened += len(await unit.flush())
    return reopened


def _reopen(unit: UnitOfWork, old: Membership, cure: str) -> None:
    was = old.status if old.reason is None else f"{old.status}: {old.reason}"
    unit.note("group.reopened", old, was=was, cure=cure)
    unit.move(old, Status.PENDING, attempts=0, slow_rounds=0, unknowns=0)
