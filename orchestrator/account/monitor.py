"""Monitors a run, beat by beat: wakes what is due, checks the session, decides the end."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from orchestrator.account import pauses
from orchestrator.account.probing import send_back_stale
from orchestrator.account.session_state import recorded, told_by
from orchestrator.domain.identity import Told, compare
from orchestrator.domain.memberships import Greeting, Reason, Status
from orchestrator.domain.outcomes import InstanceState, Outcome, SessionAnswer
from orchestrator.domain.recoveries import IN_LINE, End, Outlook, may_still_move, verdict
from orchestrator.store import due_work, journal, memberships, progress, recoveries, slots

if TYPE_CHECKING:
    from orchestrator.account.context import Context, Writing
    from orchestrator.account.joining import Joiner
    from orchestrator.domain.instances import InstanceRecord
    from orchestrator.store.engine import AsyncConnection
    from orchestrator.store.memberships import Work
    from orchestrator.store.recoveries import Recovery

BEAT = 1.0  # seconds; in accelerated time no more than four beats in a real second
REAL_BEAT = 0.25
SUSPECTED_EVERY = 5.0  # seconds between two questions to a session whose account some group accuses
GONE_STATES = frozenset({InstanceState.NEEDS_LOGIN, InstanceState.LOST})


MOST_READY = 1000
MOST_WOKEN = 250  # deferred groups in one transaction; the next beat takes the rest
BUSY_EVERY = 5.0  # seconds between two beats under a daemon while joins go out
IDLE_EVERY = 60.0  # and at most, while nothing does


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How things stood at one beat."""

    instance: InstanceRecord
    now: float
    outlook: Outlook
    ready: list[Work]
    recovery: Recovery | None
    last_line: int  # of the journal


class Monitor:
    """One beat at a time; `end` is set when the run is over."""

    name = "monitor"

    def __init__(self, context: Context, joiner: Joiner) -> None:
        self._context = context
        self._joiner = joiner
        self._beat = self.shortest = max(BEAT, REAL_BEAT / context.clock.real(1.0))
        self._checked = self._woke_all_at = context.clock.boottime()
        self._gone_since: float | None = None
        self._line = self._own = 0
        self.end: End | None = None
        self.deadline: float | None = None  # boot time, from --max-duration
        self.identified = False  # the last reading said who it is, and no other entry is that number
        self.rival: str | None = None  # how it is like another entry: "the same number as sales-main"

    async def step(self) -> float | None:
        """One beat: see how things stand, and do only what that calls for."""
        context = self._context
        boottime = context.clock.boottime()
        snapshot = await self._read_snapshot()
        if snapshot.instance.pause_reason is not None and not snapshot.instance.paused(snapshot.now):
            await pauses.resume_if_over(context)
        await send_back_stale(context, snapshot.ready, snapshot.now)
        due = snapshot.outlook.next_deferred_at
        if due is not None and due <= snapshot.now:
            await self._wake_deferred()
        if context.under_daemon:
            others_wrote = self._rests_too_long(boottime)
        else:
            others_wrote = self._journal_grew_elsewhere(snapshot.last_line)
        if others_wrote:
            context.wake()
        await self._watch_session(snapshot.instance, snapshot.now, boottime)
        await self._decide(snapshot, boottime)
        return self._until_next(snapshot) if context.under_daemon else self._beat

    def _rests_too_long(self, boottime: float) -> bool:
        """News may be missed (PostgreSQL commits lines out of their order): now and then everybody looks."""
        if boottime - self._woke_all_at < IDLE_EVERY:
            return False
        self._woke_all_at = boottime
        return True

    def _until_next(self, snapshot: Snapshot) -> float:
        """Under a daemon, whose change poller reports everything else: what only time brings about."""
        outlook, boottime = snapshot.outlook, self._context.clock.boottime()
        self._context.busy = outlook.in_flight or bool(snapshot.ready)
        most = BUSY_EVERY if self._context.busy else IDLE_EVERY
        dues = [self._checked + self._session_every(snapshot.instance, snapshot.now) - boottime, most]
        if self.deadline is not None:
            dues.append(self.deadline - boottime)
        dues += [
            at - snapshot.now for at in (outlook.next_deferred_at, outlook.paused_until) if at is not None
        ]
        return max(self._beat, min(dues))

    async def _read_snapshot(self) -> Snapshot:
        """One read of everything that a beat looks at."""
        context = self._context
        async with context.database.read() as connection:
            instance, now = await context.observe(connection)
            return Snapshot(
                instance,
                now,
                outlook=await read_outlook(
                    context, connection, instance, now=now, in_flight=not self._joiner.idle
                ),
                ready=await due_work.in_line(connection, context.instance_id, Status.READY, limit=MOST_READY),
                recovery=await recoveries.get(connection, context.recovery_id),
                last_line=await journal.last_line_id(connection),
            )

    async def _wake_deferred(self) -> None:
        context = self._context
        async with context.writing() as writing:
            due = await memberships.deferred_until(
                writing.connection, context.recovery_id, writing.now, limit=MOST_WOKEN
            )
            for old in due:  # the last answer stays: the next one is compared with it
                writing.move(old, Status.PENDING, detail=old.detail)

    def _journal_grew_elsewhere(self, last_line: int) -> bool:
        """Somebody else wrote lines: a person acted from another process, perhaps. Fewer than before are an
        older copy's.
        """
        own, self._own = self._context.own_lines - self._own, self._context.own_lines
        grown, self._line = last_line - self._line, last_line
        return grown > own or grown < 0

    async def _watch_session(self, instance: InstanceRecord, now: float, boottime: float) -> None:
        limited = instance.pause_reason == Reason.GATEWAY_LIMIT.value  # the gateway wants no call now
        unidentified = instance.identified_fence != self._context.fence and not instance.paused(now)
        due = unidentified or boottime - self._checked >= self._session_every(instance, now)
        if not limited and due:
            self._checked = boottime
            await self.check_session()

    def _session_every(self, instance: InstanceRecord, now: float) -> float:
        settings = self._context.settings
        if pauses.is_suspicion(instance, now):
            return SUSPECTED_EVERY
        down = instance.pause_reason == Reason.INSTANCE_UNAVAILABLE.value
        return settings.session_every_when_down if down else settings.session_every

    async def check_session(self) -> SessionAnswer:
        """Ask for the session's state once, record it, and pause or resume accordingly."""
        context = self._context
        answer = await context.gateway.session()
        told = told_by(answer)
        if compare(context.own, told) is Told.ANOTHER:
            self.end = End.STOPPED  # nobody asked to bring this number into the groups
        async with recorded(context, answer) as (writing, seen):
            self.identified = seen.record.identified_fence == context.fence
            self.rival = seen.rival
            context.own = seen.record.own
            if writing.everyone:
                context.namesakes = seen.namesakes
            if answer.state is InstanceState.WORKING and answer.answer.outcome is Outcome.OK:
                self._gone_since = None
                context.limits.pop("session", None)
                await _recovered(writing)
                if answer.restricted_until is not None and answer.restricted_until > writing.now:
                    await pauses.restrict(writing, answer.restricted_until)
            else:
                await self._unavailable(writing, answer)
        return answer

    async def _unavailable(self, writing: Writing, answer: SessionAnswer) -> None:
        outcome = answer.answer.outcome
        if outcome is Outcome.GATEWAY_LIMITED:
            await pauses.wait_out_limit(writing, answer.answer, kind="session")
        elif outcome is Outcome.BAD_CREDENTIALS:
            self._context.accusers.clear()  # who said so was right
            await pauses.pause_account(writing, Reason.CREDENTIALS_REFUSED, answer.answer)
            if isfinite(self._context.settings.patience):
                self.end = End.CREDENTIALS
        elif answer.state in GONE_STATES:
            await pauses.pause_account(writing, Reason.INSTANCE_UNAVAILABLE, answer.answer)
            self._count_as_gone()
        elif outcome in (Outcome.SESSION_DOWN, Outcome.OK):
            self._context.accusers.clear()
            await pauses.pause_account(writing, Reason.INSTANCE_UNAVAILABLE, answer.answer)

    def _count_as_gone(self) -> None:
        """Lost is what stays lost: one reading proves nothing in either direction."""
        boottime = self._context.clock.boottime()
        if self._gone_since is None:
            self._gone_since = boottime
        elif boottime - self._gone_since >= self._context.settings.lost_after:
            self.end = End.INSTANCE_LOST

    async def _decide(self, snapshot: Snapshot, boottime: float) -> None:
        context, outlook = self._context, snapshot.outlook
        if snapshot.recovery is not None and snapshot.recovery.stop_requested_at is not None:
            self.end = self.end or End.STOPPED
        if context.lost:
            self.end = self.end or End.INSTANCE_LOST
        if self.deadline is not None and boottime >= self.deadline:
            self.end = self.end or End.INTERRUPTED
        if self.end is not None or outlook.in_flight or not self._joiner.idle:
            return
        if context.joins_left == 0 and not _settling(outlook):
            line_left = outlook.present & (IN_LINE | {Status.DEFERRED})
            self.end = End.INTERRUPTED if line_left else await self._verdict()
        elif not may_still_move(outlook, snapshot.now, context.settings.patience):
            self.end = self._paused_end(outlook) or await self._verdict()

    def _paused_end(self, outlook: Outlook) -> End | None:
        """What a run that waits no longer says of a pause. A daemon waits: what is left, nothing moves."""
        if isfinite(self._context.settings.patience) and outlook.paused_until == float("inf"):
            return _PAUSED_ENDS.get(outlook.pause_reason)
        return None

    async def _verdict(self) -> End:
        async with self._context.database.read() as connection:
            return verdict(await progress.counts(connection, self._context.recovery_id))


def _settling(outlook: Outlook) -> bool:
    return Status.CONFIRMING in outlook.present or outlook.greetings


_PAUSED_ENDS: dict[Reason | None, End] = {
    Reason.CREDENTIALS_REFUSED: End.CREDENTIALS,
    Reason.INSTANCE_UNAVAILABLE: End.UNAVAILABLE,
    Reason.PLAN_LIMIT: End.NEEDS_YOU,
    Reason.NOT_SUPPORTED: End.NEEDS_YOU,
    Reason.SAME_ACCOUNT: End.NEEDS_YOU,
    Reason.IDENTITY_UNKNOWN: End.NEEDS_YOU,
}


async def read_outlook(
    context: Context, connection: AsyncConnection, instance: InstanceRecord, *, now: float, in_flight: bool
) -> Outlook:
    """What can still move in this recovery: what an earlier one left outside its scope holds up nothing."""
    number, mine = context.instance_id, context.recovery_id
    policy = context.settings.policy.slowed(instance.pace_factor(now))
    upcoming = await slots.peek(connection, instance, policy, now)
    look_at = await due_work.next_due(connection, number, (Status.AWAITING_APPROVAL,), recovery_id=mine)
    paused = instance.paused(now)
    return Outlook(
        present=await progress.present(connection, context.recovery_id),
        greetings=bool(
            await due_work.greetings(connection, number, Greeting.PENDING, limit=1, recovery_id=mine)
        ),
        in_flight=in_flight,
        paused_until=_until(instance) if paused else None,
        pause_reason=Reason(instance.pause_reason) if paused and instance.pause_reason else None,
        paused_since=instance.paused_at if paused else None,
        next_slot_at=upcoming.at,
        next_deferred_at=await due_work.next_due(connection, number, (Status.DEFERRED,), recovery_id=mine),
        look_due=look_at is not None and look_at <= now,
    )


def _until(instance: InstanceRecord) -> float:
    return float("inf") if instance.paused_until is None else instance.paused_until


async def _recovered(writing: Writing) -> None:
    """A working session lifts the pauses that its absence caused; half pace follows."""
    if await pauses.lift_if_cured(writing):
        writing.to_wake |= set(writing.context.wake_events)
