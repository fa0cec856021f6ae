"""The one way to change a membership's status: behind its instance's row lock, along the transitions.

The journal's lines and the messages for outside are written in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.store import codes, instances, journal, memberships, outgoing_messages, slots
from orchestrator.store.bulk import chunks

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from orchestrator.domain.instances import InstanceRecord
    from orchestrator.domain.memberships import Reason, Status
    from orchestrator.store.memberships import Membership, Move, StoredCode


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
        self.moves.append(memberships.Move(old, new))
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
            pause_reason=reason.value,
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
        await codes.record_verdicts(self.connection, self.verdicts, now=self.now)
        moved: set[int] = set()
        for some in chunks(self.moves):
            moved |= await memberships.save(self.connection, some)
        if self.recovery_id is not None and self.counted_in:
            await memberships.put_into_recovery(self.connection, self.counted_in, self.recovery_id)
        await slots.finish(self.connection, self.finishes, self.now)
        await journal.append(self.connection, self.now, self.entries)
        if tell:
            await outgoing_messages.tell(self, moved)
        self.moves, self.entries, self.finishes, self.verdicts, self.counted_in = [], [], [], {}, set()
        return moved
