"""Monitors a run, beat by beat: wakes what is due, checks the session, decides the end."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from orchestrator.account import pauses
from orchestrator.account.agenda import Agenda
from orchestrator.account.context import Context, Writing
from orchestrator.account.joining import Joiner
from orchestrator.account.probing import send_back_stale
from orchestrator.account.session_state import recorded, told_by
from orchestrator.domain.identity import Told, compare
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.outcomes import InstanceState, Outcome, SessionAnswer
from orchestrator.domain.recoveries import IN_LINE, End, Outlook, may_still_move, verdict
from orchestrator.store import memberships, progress
from orchestrator.store.recoveries import Recovery

BEAT = 1.0  # seconds; in accelerated time no more than four beats in a real second
REAL_BEAT = 0.25
SUSPECTED_EVERY = 5.0  # seconds between two questions to a session whose account some group accuses
GONE_STATES = frozenset({InstanceState.NEEDS_LOGIN, InstanceState.LOST})


MOST_WOKEN = 250  # deferred groups in one transaction; the next beat takes the rest
BUSY_EVERY = 5.0  # seconds between two beats under a daemon while joins go out
IDLE_EVERY = 60.0  # and at most, while nothing does


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How things stood at one beat."""

    instance: InstanceRecord
    now: float
    outlook: Outlook
    recovery: Recovery | None


class Monitor:
    """One beat at a time; `end` is set when the run is over."""

    name = "monitor"

    def __init__(self, context: Context, joiner: Joiner) -> None:
        self._context = context
        self._joiner = joiner
        self._beat = self.shortest = max(BEAT, REAL_BEAT / context.clock.real(1.0))
        self._checked = self._woke_all_at = context.clock.boottime()
        self._gone_since: float | None = None
        self.end: End | None = None
        self.deadline: float | None = None  # boot time, from --max-duration
        self.identified = False  # the last reading said who it is, and no other entry is that number
        self.rival: str | None = None  # how it is like another entry: "the same number as sales-main"

    async def step(self) -> float | None:
        """One beat: see how things stand, and do only what that calls for."""
        context = self._context
        boottime = context.clock.boottime()
        if self._rests_too_long(boottime):
            context.agenda.doubt()
            context.wake()
        elif not context.under_daemon:  # there the poller tells
            await self._look_for_others()
        snapshot = await self._read_snapshot()
        if snapshot.instance.pause_reason is not None and not snapshot.instance.paused(snapshot.now):
            await pauses.resume_if_over(context)
        await send_back_stale(context)
        due = snapshot.outlook.next_deferred_at
        if due is not None and due <= snapshot.now:
            await self._wake_deferred()
        await self._watch_session(snapshot.instance, snapshot.now, boottime)
        await self._decide(snapshot, boottime)
        if not context.under_daemon or self.end is not None:
            return self._beat
        return self._until_next(await self._read_snapshot())  # this beat may have paused the account

    def _rests_too_long(self, boottime: float) -> bool:
        """Whatever went wrong with what is kept in memory: now and then it is compared with the rows."""
        if boottime - self._woke_all_at < IDLE_EVERY:
            return False
        self._woke_all_at = boottime
        return True

    def _until_next(self, snapshot: Snapshot) -> float:
        """Under a daemon, whose change poller reports everything else: what only time brings about."""
        outlook, boottime = snapshot.outlook, self._context.clock.boottime()
        self._context.busy = outlook.in_flight or Status.READY in outlook.present
        most = BUSY_EVERY if self._context.busy else IDLE_EVERY
        dues = [self._checked + self._session_every(snapshot.instance, snapshot.now) - boottime, most]
        if self.deadline is not None:
            dues.append(self.deadline - boottime)
        dues += [
            at - snapshot.now for at in (outlook.next_deferred_at, outlook.paused_until) if at is not None
        ]
        return max(self._beat, min(dues))

    async def _read_snapshot(self) -> Snapshot:
        """Everything that a beat looks at."""
        agenda = await self._context.look_ahead()
        outlook = await read_outlook(self._context, agenda, in_flight=not self._joiner.idle)
        return Snapshot(agenda.instance, agenda.now, outlook, agenda.recovery)

    async def _look_for_others(self) -> None:
        """Whether anybody else wrote: a person acted from another process, perhaps."""
        context = self._context
        async with context.database.read() as connection:
            instance, now = await context.observe(connection)
        context.agenda.saw_time(now)
        if context.agenda.saw(instance.revision):
            context.wake()

    async def _wake_deferred(self) -> None:
        context = self._context
        async with context.writing() as writing:
            due = await memberships.deferred_until(
                writing.connection, context.recovery_id, writing.now, limit=MOST_WOKEN
            )
            if not due:
                context.agenda.doubt()
            for old in due:  # the last answer stays: the next one is compared with it
                writing.move(old, Status.PENDING, detail=old.detail)

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
                context.reads_failed = 0  # it is there: what is lost now may be the groups' trouble
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
        if self.end is not None or self._goes_on(snapshot):
            return
        context.agenda.doubt()  # an end is decided by the rows, not by what is kept of them
        snapshot = await self._read_snapshot()
        if self._goes_on(snapshot):
            return
        outlook = snapshot.outlook
        if self._limit_is_reached(outlook):
            line_left = outlook.present & (IN_LINE | {Status.DEFERRED})
            self.end = End.INTERRUPTED if line_left else await self._verdict()
        else:
            self.end = self._paused_end(outlook) or await self._verdict()

    def _goes_on(self, snapshot: Snapshot) -> bool:
        outlook = snapshot.outlook
        if outlook.in_flight or not self._joiner.idle:
            return True
        if self._limit_is_reached(outlook):
            return False
        return may_still_move(outlook, snapshot.now, self._context.settings.patience)

    def _limit_is_reached(self, outlook: Outlook) -> bool:
        return self._context.joins_left == 0 and not _settling(outlook)

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


async def read_outlook(context: Context, agenda: Agenda, *, in_flight: bool) -> Outlook:
    """What can still move in this recovery: what an earlier one left outside its scope holds up nothing."""
    instance, now = agenda.instance, agenda.now
    policy = context.settings.policy.slowed(instance.pace_factor(now))
    look_at = agenda.next_due((Status.AWAITING_APPROVAL,), mine=agenda.in_recovery)
    paused = instance.paused(now)
    return Outlook(
        present=agenda.present,
        greetings=agenda.greets_in_recovery,
        in_flight=in_flight,
        paused_until=_until(instance) if paused else None,
        pause_reason=Reason(instance.pause_reason) if paused and instance.pause_reason else None,
        paused_since=instance.paused_at if paused else None,
        next_slot_at=(await agenda.next_slot(policy)).at,
        next_deferred_at=agenda.next_due((Status.DEFERRED,)),
        look_due=look_at is not None and look_at <= now,
    )


def _until(instance: InstanceRecord) -> float:
    return float("inf") if instance.paused_until is None else instance.paused_until


async def _recovered(writing: Writing) -> None:
    """A working session lifts the pauses that its absence caused; half pace follows."""
    if await pauses.lift_if_cured(writing):
        writing.to_wake |= set(writing.context.wake_events)
