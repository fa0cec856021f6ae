"""What the stages of one recovery share, and the one way they write."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from orchestrator.account.accounts import Share
from orchestrator.account.agenda import Agenda
from orchestrator.account.recovery_settings import RecoverySettings
from orchestrator.clock import Clock
from orchestrator.domain.identity import OwnIds
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.outcomes import SeenGroup
from orchestrator.gateways.base import Gateway
from orchestrator.store import due_work, instances
from orchestrator.store.engine import AsyncConnection, Database
from orchestrator.store.memberships import Membership, Move, StoredCode, Work
from orchestrator.store.slot_high_water_mark import SlotHighWaterMark
from orchestrator.store.unit_of_work import UnitOfWork

POINTS = (
    "lease.taken",
    "recovery.opened",
    "list.answered",
    "list.recorded",
    "probe.answered",
    "probe.recorded",
    "slot.reserved",
    "join.connected",
    "join.answered",
    "join.recorded",
    "look.answered",
    "look.recorded",
    "greeting.marked",
    "greeting.answered",
    "greeting.recorded",
    "recovery.finished",
)


class Points(Protocol):
    """Told when a point is passed. Production passes them in silence."""

    def reach(self, name: str) -> None:
        """The loop stands at `name` now."""


class Silent:
    """Nothing happens at any point."""

    def reach(self, name: str) -> None:
        del name


def _say_nothing(sentence: str) -> None:
    del sentence


@dataclass(slots=True)
class Context:
    """One backup instance under recovery. Mutable: the stages keep their common knowledge here."""

    database: Database
    gateway: Gateway
    clock: Clock
    settings: RecoverySettings
    reveal: Callable[[StoredCode], str]
    instance_id: int
    instance_name: str
    actor: str
    boot_id: str
    points: Points = field(default_factory=Silent)
    say: Callable[[str], None] = _say_nothing  # one sentence for whoever watches the run
    rng: random.Random = field(default_factory=random.SystemRandom)
    fence: int | None = 0  # None: without a lease, for work that joins nothing
    share: Share = field(default_factory=Share)  # without a lease, writes must be about accounts in it
    driving_since: float = float("inf")  # when the lease was taken
    recovery_id: int = 0
    own: OwnIds = field(default_factory=OwnIds)
    namesakes: frozenset[int] = frozenset()  # ids of other instances that are, or were, this number
    begins: bool = False  # a person's run that has not opened its recovery yet
    listed: dict[str, SeenGroup] = field(default_factory=dict)  # what the first list showed, by JID
    listed_at: float | None = None  # boot time of the last list
    joins_left: int | None = None  # --limit
    under_daemon: bool = False  # its change poller wakes the stages when others act: no need to look for that
    busy: bool = False  # the monitor comes by itself soon: moves need not wake it
    lost: bool = False  # the watcher decided that this instance is lost
    alive_at: float = 0.0  # boot time of the monitor's last step
    stopping: bool = False  # drain: begin nothing new
    reads_failed: int = 0  # probes lost on the way in a row, over all groups
    lost_with: dict[int, None] = field(default_factory=dict)  # whose probes these were, the oldest first
    back_offs: int = 0  # short pauses in a row
    limits: Counter[str] = field(
        default_factory=Counter
    )  # the gateway's own limit, in a row, by kind of call
    accusers: Counter[int] = field(default_factory=Counter)  # whose answers said that the session is gone
    accused_by: Counter[int] = field(default_factory=Counter)  # the same, with no good answer between
    wake_events: dict[str, asyncio.Event] = field(default_factory=dict)  # by stage
    high_water_mark: SlotHighWaterMark = field(init=False)
    agenda: Agenda = field(init=False)

    def __post_init__(self) -> None:
        self.agenda = Agenda(self.database, self.clock, self.instance_id)
        self.high_water_mark = SlotHighWaterMark.of(self.database, self.instance_id)

    def wake(self, *stages: str) -> None:
        """Something changed: these stages look again; without a name, all of them."""
        for name in stages or tuple(self.wake_events):
            if name in self.wake_events:
                self.wake_events[name].set()

    async def look_ahead(self) -> Agenda:
        """What there is to do, and when. It says when to look at the rows, never what is in them.

        Whichever stage asks first after others wrote, or after a write whose end is not known, wakes all:
        one that sleeps may have work now.
        """
        if self.fence is None:
            self.agenda.doubt()  # a worker elsewhere may have written
        if await self.agenda.load(self.recovery_id or None):
            self.wake()
        return self.agenda

    async def observe(self, connection: AsyncConnection) -> tuple[InstanceRecord, float]:
        """The instance's row and the database's clock, for a decision that a write will check again."""
        return await instances.observe(connection, self.instance_id, self.database.now_expression())

    async def in_line(self, connection: AsyncConnection, status: Status, *, limit: int) -> list[Work]:
        """This recovery's next ones. What an earlier one with a wider scope left behind is none of ours."""
        return await due_work.in_line(
            connection, self.instance_id, status, limit=limit, recovery_id=self.recovery_id or None
        )

    @asynccontextmanager
    async def writing(self, *, everyone: bool = False, many: bool = False) -> AsyncIterator[Writing]:
        """A transaction behind the instance's lock and fence. Moves and journal lines leave as one.

        With `everyone` the rows of all instances are locked, in the order of their ids; `many`: it may touch
        many rows. Raises LeaseLostError; without a lease HandedOverError, where another daemon works for the
        account.
        """
        try:
            async with self._written(everyone, many=many or everyone) as writing:
                yield writing
        except BaseException:
            self.agenda.surprised()  # whether it took effect is not known
            raise
        self.agenda.saw_time(writing.now, at=writing.boottimes[1])
        self.agenda.wrote(
            writing.done,
            None if writing.instance_changed else writing.instance,
            slots_changed=writing.slots_changed,
        )
        if writing.done and self.under_daemon and not self.busy:
            writing.to_wake.add("monitor")  # what ended may have been the last that was to be done
        if writing.to_wake:
            self.wake(*writing.to_wake)

    @asynccontextmanager
    async def _written(self, everyone: bool, *, many: bool) -> AsyncIterator[Writing]:
        async with self.database.write(many=many) as connection:
            rows = await instances.lock_all(connection) if everyone else {}
            instance, now, before = await instances.lock_and_time(
                connection,
                self.instance_id,
                self.database.now_expression(),
                fence=self.fence,
                daemon_fence=self.share.fence if self.fence is None else None,
                boottime=self.clock.boottime,
            )
            writing = Writing(
                connection,
                instance,
                now,
                self.actor,
                self.recovery_id or None,
                context=self,
                boottimes=(before, self.clock.boottime()),
                everyone=rows,
            )
            yield writing
            await writing.flush()


_CONCERNED = {
    Status.PENDING: "probing",
    Status.READY: "joining",
    Status.CONFIRMING: "looking",
    Status.AWAITING_APPROVAL: "looking",
    Status.ACTIVE: "greeting",
}


def _concerned(old: Membership, new: Membership) -> set[str]:
    """The stages that a move gives work to; one that leaves `ready` makes room for the next probe."""
    concerned = {_CONCERNED[new.status]} if new.status in _CONCERNED else set()
    return concerned | {"probing"} if old.status is Status.READY else concerned


@dataclass(kw_only=True)
class Writing(UnitOfWork):
    """A worker's unit of work: also wakes the stages that a move gives work to."""

    context: Context
    boottimes: tuple[float, float]  # `now` was read between these two
    everyone: dict[int, InstanceRecord] = field(default_factory=dict)  # all rows, where they are locked
    to_wake: set[str] = field(default_factory=set)  # stages that have something new to do
    done: list[tuple[Move, bool]] = field(default_factory=list)  # moves, and whether each took effect
    instance_changed: bool = False  # its row is not the one that was locked any more
    slots_changed: bool = False

    @property
    def is_worker(self) -> bool:
        return self.context.fence is not None

    async def set_instance(self, **values: Any) -> None:
        """Write columns of the instance's row, at once."""
        self.instance_changed = True
        await super().set_instance(**values)

    def move(
        self, old: Membership, status: Status, reason: Reason | None = None, **changes: Any
    ) -> Membership:
        """Plan a move. What is not said again is cleared: detail and time of the next attempt."""
        new = super().move(old, status, reason, **changes)
        self.to_wake |= _concerned(old, new)
        return new

    async def flush(self, *, tell: bool = True) -> set[int]:
        """Write what was planned; returns the ids of memberships that moved."""
        moves, self.slots_changed = self.moves, self.slots_changed or bool(self.finishes)
        moved = await super().flush(tell=tell)
        self.done += [(move, move.old.id in moved) for move in moves]
        return moved
