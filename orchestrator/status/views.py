"""What the read model shows: plain values, the same for the command, the page and the metrics.

Instants are seconds since 1970, durations seconds. Stored facts stand beside the words derived from them.
Texts that came from outside are foreign and scrubbed of secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.eta import Eta
from orchestrator.domain.hints import Hint
from orchestrator.domain.loss_evidence import LossEvidence
from orchestrator.domain.loss_judgement import LossState
from orchestrator.domain.memberships import Bucket, Reason, Status

if TYPE_CHECKING:  # a help page loads no database
    from orchestrator.status.schedule_view import ScheduleView
    from orchestrator.store.daemons import Trouble
    from orchestrator.store.events import EventTotals
    from orchestrator.store.gateway_limits import StoredLimits
    from orchestrator.store.outbox import OutboxTotals
    from orchestrator.store.progress import CatalogueTotals, NeedsYouRow
    from orchestrator.store.slots import LastJoin


class DaemonView(NamedTuple):
    """A daemon of this database. `heartbeat_at` stays after it is gone; None: none ever ran.

    `leads`: failover, schedule, deliveries and retention are with it. `accounts`: whom it works for, by name.
    """

    running: bool
    heartbeat_at: float | None
    host: str | None = None
    pid: int | None = None
    version: str | None = None
    listen: str | None = None
    started_at: float | None = None
    stopping: bool = False
    troubles: tuple[Trouble, ...] = ()
    leads: bool = False
    accounts: tuple[str, ...] = ()

    @property
    def works(self) -> bool:
        """Whether what waits for a daemon is taken up by this one."""
        return self.running and not self.stopping


NO_DAEMON = DaemonView(running=False, heartbeat_at=None)


class LossView(NamedTuple):
    """An account that is suspected to be lost, is lost, or has returned after that.

    `decided_by`: how it was decided, in a sentence; None while it is only suspected.
    """

    instance: str
    state: LossState
    since: float
    decided_at: float | None
    ended_at: float | None
    decided_by: str | None
    evidence: tuple[LossEvidence, ...]
    action: str | None
    recovery: int | None
    to: str | None
    detail: str | None


class Phase(StrEnum):
    """Where a recovery is: the stored state, and what its instance's lease adds to it."""

    RUNNING = "running"
    STOPPING = "stopping"  # a person asked it to stop; it finishes what is on its way
    INTERRUPTED = "interrupted"  # it should run, but nobody drives it: the next `run` continues it
    STOPPED = "stopped"
    FINISHED = "finished"


class RecoveryView(NamedTuple):
    """One recovery. `outcome` is there once it ended."""

    id: int
    phase: Phase
    outcome: str | None
    to_name: str
    from_name: str | None
    labels: tuple[str, ...]
    actor: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    stop_requested_at: float | None
    stop_requested_by: str | None
    driver: str = "person"  # person: a `run` works on it; daemon: the daemon does
    follows: int | None = None  # the recovery onto a lost backup that this one goes on with
    chosen: bool = False  # its groups were chosen once, by a plan or out of what a lost backup left
    command: Command = Command(Operation.RUN)  # goes on with it
    never_tried: int = 0  # groups of its scope that no recovery has taken up
    beyond: int = 0  # groups outside its scope that no recovery has taken up
    left_behind: int = 0  # groups that are not in place on its instance, and not in this recovery
    cut_short: str = (
        ""  # how a run ended that went no further because it was told so: "after 10 joins (--limit)"
    )


class OtherView(NamedTuple):
    """A recovery of another instance that is open just now."""

    id: int
    phase: Phase
    to_name: str
    from_name: str | None
    labels: tuple[str, ...] = ()


class PaceView(NamedTuple):
    """How fast joins go out, when the next one may, and how fast they really went."""

    joins_per_minute: float
    configured: float
    slow_until: float | None  # half pace until then
    next_join_at: float | None
    next_join_reason: str
    worst_window: int  # most joins sent in any window of the last day, counted from the log of slots
    window_limit: int
    window: float
    sent_last_day: int
    daily_limit: int
    gateway_limit: StoredLimits | None = None  # where the gateway's own limit slows probes and looks


class PauseView(NamedTuple):
    """Why an instance sends no joins. `text` is foreign; `until` is None until a person resumes."""

    reason: str
    text: str | None
    by: str | None
    since: float | None
    until: float | None
    hint: Hint


class RunnerView(NamedTuple):
    """Who drives an instance, by its lease."""

    running: bool = False
    heartbeat_at: float | None = None
    host: str | None = None
    pid: int | None = None


class InstanceView(NamedTuple):
    """One instance and what the gateway last said of it. `state_word` is the gateway's own word."""

    name: str
    role: str | None = None
    gateway: str | None = None
    part: str | None = None  # to, from
    state: str | None = None
    state_word: str | None = None
    since: float | None = None
    checked_at: float | None = None
    pause: PauseView | None = None
    slow_until: float | None = None
    strikes: int = 0
    runner: RunnerView = RunnerView()
    identity_changed_at: float | None = None  # when another number was last found behind it
    clock_steps: int = 0  # of the database's clock, noticed by the driver


class NeedsYouView(NamedTuple):
    """One group for which a person must act, and how."""

    row: NeedsYouRow
    hint: Hint


@dataclass(frozen=True, slots=True)
class WaitingView:
    """Groups that wait for the same thing. `cause` is a reason, or turn, look, not_running."""

    status: Status
    reason: Reason | None
    cause: str
    sentence: str
    count: int
    until: float | None
    until_last: float | None


class StatusView(NamedTuple):
    """Everything that `rejoin status` shows. Without a recovery `recovery` is None and all counts are 0."""

    now: float
    recovery: RecoveryView | None
    counts: Mapping[Status, int]
    buckets: Mapping[Bucket, int]
    eta: Eta
    pace: PaceView
    instances: tuple[InstanceView, ...]
    needs_you: tuple[NeedsYouView, ...]
    waiting: tuple[WaitingView, ...]
    runner: RunnerView
    last: LastJoin | None
    catalogue: CatalogueTotals
    events: EventTotals
    outbox: OutboxTotals
    schedule: tuple[ScheduleView, ...] = ()
    daemon: DaemonView = NO_DAEMON  # the one that leads
    daemons: tuple[DaemonView, ...] = ()  # all that live, that one first
    losses: tuple[LossView, ...] = ()
    others: tuple[OtherView, ...] = ()
    history_in_doubt: bool = False  # the database may not know every join that was sent

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def active(self) -> int:
        return self.counts[Status.ACTIVE]

    @property
    def unfinished(self) -> int:
        """Groups that still move by themselves."""
        return self.buckets[Bucket.WORKING] + self.buckets[Bucket.WAITING]

    @property
    def target(self) -> InstanceView | None:
        """The instance that is being filled."""
        return next((one for one in self.instances if one.part == "to"), None)

    def loss_of(self, instance: str) -> LossView | None:
        """Its latest loss or suspicion, if there was one."""
        return next((one for one in self.losses if one.instance == instance), None)
