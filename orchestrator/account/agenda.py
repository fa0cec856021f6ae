"""What one account has to do next, kept in memory: it says when to look at the rows, never what is in them.

It is loaded in one read, kept by the worker's own writes, and loaded anew when the account's revision shows
that somebody else wrote. Whoever acts on it reads the rows again, under the instance's lock where it decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence

from orchestrator.clock import Clock
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import Greeting, Status
from orchestrator.domain.pacing import NextSlot, PacingPolicy
from orchestrator.store import due_work, instances, recoveries, slots
from orchestrator.store.due_work import IN_RECOVERY, LIVE, Item
from orchestrator.store.engine import Database
from orchestrator.store.memberships import Membership, Move
from orchestrator.store.recoveries import Recovery
from orchestrator.store.slots import LogEnd

MOST = 1000
"""Memberships of one status that are held; where there are more, the rest is loaded when these are done."""

CLOCK_STEPPED = 1.0
"""Seconds by which the database's clock must fall behind the timer to be taken for a step back."""
REAL_STEP = 0.25  # real seconds that may lie between reading the one clock and the other


class Agenda:
    """One account's. Without a lease others may write at any time: then it is loaded for each question."""

    def __init__(self, database: Database, clock: Clock, instance_id: int) -> None:
        self._database, self._clock, self._instance_id = database, clock, instance_id
        self._loading = asyncio.Lock()
        self._changes = 0  # own writes and doubts, to notice those that come beside a load
        self._shift = 0.0  # the database's time less the boot time
        self._items: dict[int, Item] = {}
        self._by_status: dict[Status, set[int]] = {}
        self._greetings: set[int] = set()
        self._cut: dict[Status, float] = {}  # held in part: up to this due
        self._revision = -1
        self._recovery_id: int | None = None
        self._surprised = False  # by the end of an own write
        self.stale = True
        self.instance: InstanceRecord
        self.recovery: Recovery | None = None
        self._log_end: LogEnd | None = None  # of the slots; None: to be read
        self._slot_changes = 0

    async def load(self, recovery_id: int | None) -> bool:
        """Read all of it, unless somebody just did. True if it may hold what no stage was woken for."""
        async with self._loading:
            if not self.stale and recovery_id == self._recovery_id:
                return False
            before, self._surprised = (self._revision, self._surprised), False
            await self._load(recovery_id)
            return (self._revision, False) != before

    async def _load(self, recovery_id: int | None) -> None:
        changes = self._changes
        async with self._database.read() as connection:
            clock = self._database.now_expression()
            instance, now = await instances.observe(connection, self._instance_id, clock)
            shift = now - self._clock.boottime()
            heads = await due_work.heads(connection, self._instance_id, recovery_id, most=MOST)
            recovery = None if recovery_id is None else await recoveries.get(connection, recovery_id)
        self.instance, self._revision, self._shift = instance, instance.revision, shift
        self.recovery, self._recovery_id = recovery, recovery_id
        self._forget_slots()
        self._fill(heads)
        self.stale = changes != self._changes

    def _fill(self, heads: Iterable[Item]) -> None:
        self._items, self._greetings, self._cut = {}, set(), {}
        self._by_status = {status: set() for status in LIVE}
        for item in heads:
            self._put(item)
        for status, held in self._by_status.items():
            if len(held) >= MOST:
                self._cut[status] = max(self._items[one].due or 0.0 for one in held)

    def _put(self, item: Item) -> None:
        self._items[item.id] = item
        if item.status in self._by_status:
            self._by_status[item.status].add(item.id)
        if item.greeting is Greeting.PENDING:
            self._greetings.add(item.id)

    def doubt(self) -> None:
        """Somebody may have written what this does not know: the next question loads it."""
        self._changes += 1
        self.stale = True

    def surprised(self) -> None:
        """An own write ended otherwise than planned, or it is not known how."""
        self._surprised = True
        self.doubt()

    def saw(self, revision: int) -> bool:
        """What the row's revision is now; True if somebody wrote since the last load."""
        if revision != self._revision:
            self.doubt()
        return self.stale

    def saw_time(self, now: float, *, at: float | None = None) -> None:
        """The database's clock, read before `at` (boot time; None: this moment).

        The latest reading is the closest: whatever held up the others made the clock seem late.
        """
        shift = now - (self._clock.boottime() if at is None else at)
        stepped = self._shift - shift > max(CLOCK_STEPPED, REAL_STEP / self._clock.real(1.0))
        self._shift = shift if stepped else max(shift, self._shift)

    def wrote(
        self, moves: Sequence[tuple[Move, bool]], instance: InstanceRecord | None, *, slots_changed: bool
    ) -> None:
        """A transaction of the worker is committed. `moves`: each with whether it took effect;
        `instance`: its row then, None if that must be read.
        """
        self._changes += 1
        if slots_changed:
            self._forget_slots()
        if instance is None:
            self.stale = True
        elif not self.saw(instance.revision):
            self.instance = instance
        for move, took_effect in moves:
            if not took_effect:
                self.surprised()
            self._moved(move.new)

    def _moved(self, new: Membership) -> None:
        old = self._items.pop(new.id, None)
        if old is not None:
            self._by_status.get(old.status, set()).discard(new.id)
            self._greetings.discard(new.id)
            emptied = old.status in self._cut and not self._by_status[old.status]
            self.stale = self.stale or emptied
        of_another = self.recovery is not None and new.recovery_id != self.recovery.id
        live = new.status in LIVE and not (of_another and new.status in IN_RECOVERY)
        if live or new.greeting is Greeting.PENDING:
            self._put(
                Item(new.id, new.status, new.next_attempt_at, new.verified_at, new.greeting, new.recovery_id)
            )

    def _forget_slots(self) -> None:
        self._slot_changes += 1
        self._log_end = None

    @property
    def now(self) -> float:
        """The database's clock as it runs on since it was read; a little late rather than early."""
        return self._clock.boottime() + self._shift

    @property
    def greets(self) -> bool:
        return bool(self._greetings)

    def count(self, status: Status) -> int:
        return len(self._by_status[status])

    def items(self, status: Status) -> list[Item]:
        return [self._items[one] for one in self._by_status[status]]

    def next_due(
        self, statuses: Collection[Status], *, mine: Callable[[Item], bool] = lambda _item: True
    ) -> float | None:
        """The earliest time that anything in these statuses waits for."""
        dues = [
            item.due
            for status in statuses
            for item in self.items(status)
            if item.due is not None and mine(item)
        ]
        dues += [horizon for status, horizon in self._cut.items() if status in statuses]
        return min(dues, default=None)

    def in_recovery(self, item: Item) -> bool:
        return self.recovery is None or item.recovery_id == self.recovery.id

    @property
    def present(self) -> frozenset[Status]:
        """The live statuses that memberships of the recovery have; where not all are held, they may."""
        return frozenset(
            status
            for status in LIVE
            if status in self._cut or any(self.in_recovery(item) for item in self.items(status))
        )

    @property
    def greets_in_recovery(self) -> bool:
        return len(self._greetings) >= MOST or any(
            self.in_recovery(self._items[one]) for one in self._greetings
        )

    async def next_slot(self, policy: PacingPolicy) -> NextSlot:
        """When the next slot would be. The log of slots is read once after each change of it."""
        end = self._log_end
        if end is None:
            changes = self._slot_changes
            async with self._database.read() as connection:
                end = await slots.log_end(connection, self._instance_id, policy)
            if changes == self._slot_changes:
                self._log_end = end
        return slots.after(end, self.instance, policy, self.now)
