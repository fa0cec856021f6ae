"""The loop of one instance: five stages side by side, one end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.account import lease
from orchestrator.account.context import Context
from orchestrator.account.greet import Greeter
from orchestrator.account.joining import Joiner
from orchestrator.account.looking import Looker
from orchestrator.account.monitor import Monitor
from orchestrator.account.preparing import (
    adopt_recovery,
    follow_limits,
    open_recovery,
    recognise,
    require_session,
)
from orchestrator.account.probing import Prober
from orchestrator.account.requests import Request
from orchestrator.domain.errors import DatabaseReplacedError, LeaseLostError, first_of
from orchestrator.domain.recoveries import End, stays_open
from orchestrator.store import progress, recoveries
from orchestrator.store.engine import DatabaseGoneError
from orchestrator.store.recoveries import Scope
from orchestrator.tasks import to_its_end

_log = logging.getLogger(__name__)


class Stage(Protocol):
    """A part of the loop that takes one step at a time."""

    name: str

    async def step(self) -> float | None:
        """Do one thing. Returns seconds until the next, 0 for at once, None for when something changes."""


@dataclass(slots=True)
class Job:
    """What one run is asked to do."""

    scope: Scope = field(default_factory=Scope)
    only: Sequence[int] | None = None  # group ids of a saved plan
    new: bool = False  # an open recovery of another scope ends for this one
    open_id: int | None = None  # as in Request
    pace: float | None = None  # joins a minute, where the call said so
    max_duration: float | None = None  # seconds
    adopt: int | None = None  # the open recovery to go on with, as it was placed; the rest is not looked at


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended, and where everything stands."""

    recovery_id: int
    end: End
    counts: dict[str, int]


async def run(context: Context, job: Job, *, started: Callable[[int], None] | None = None) -> Ended:
    """Take the lease and recover until nothing moves any more. `started` is told the recovery's id.

    Raises LockHeldError, CredentialsError, InstanceLostError, TemporaryError, LeaseLostError,
    DatabaseReplacedError.
    """
    await lease.take(context)
    try:
        async with lease.kept(context):
            return await _with_lease(context, job, started)
    except DatabaseReplacedError:
        context.high_water_mark.leave()
        raise
    finally:
        await to_its_end(_release(context))


async def _release(context: Context) -> None:
    """What came of the run is told in any case. A lease that cannot be given back ends by itself."""
    try:
        await lease.release(context)
    except LeaseLostError:
        pass  # whoever took over holds it now
    except DatabaseGoneError as error:
        _log.warning(
            "%s: %s; another may take over %.0f s after the last sign of life",
            context.instance_name,
            error.message,
            lease.length(context),
        )


async def _with_lease(context: Context, job: Job, started: Callable[[int], None] | None) -> Ended:
    joiner = Joiner(context)
    monitor = Monitor(context, joiner)
    if job.max_duration is not None:
        monitor.deadline = context.clock.boottime() + job.max_duration
    context.begins = job.adopt is None
    called_off = await require_session(context, monitor, job.adopt)
    if job.adopt is not None and called_off is not None:
        context.recovery_id = job.adopt
        return await close(context, called_off)
    await follow_limits(context)
    looker = Looker(context)
    if job.adopt is not None:
        monitor.deadline = await adopt_recovery(context, job.adopt)
    else:
        request = Request(job.scope, only=job.only, new=job.new, open_id=job.open_id)
        await open_recovery(context, request, pace=job.pace)
    if started is not None:
        started(context.recovery_id)
    await recognise(context, looker)
    end = await _run_stages(context, monitor, joiner, [looker, Prober(context), Greeter(context)])
    to_be_continued = stays_open(end) and (job.adopt is None or monitor.end is None)
    return await close(context, end, open_still=to_be_continued)


class Outage:
    """Lets a stage outlive a database that is away for a while; after the run's patience it gives up."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._since: float | None = None
        self._waits = 0

    async def step_through(self, stage: Stage) -> float | None:
        try:
            wait = await stage.step()
        except DatabaseGoneError:
            return self._wait()
        if self._since is not None:
            _log.warning("the database answers again")
        self._since, self._waits = None, 0
        return wait

    def _wait(self) -> float:
        """Seconds until the next try: growing, up to half a minute. Raises when patience is over."""
        boottime = self._context.clock.boottime()
        if self._since is None:
            self._since = boottime
            _log.warning("the database does not answer: waiting for it")
        if boottime - self._since > self._context.settings.patience:
            raise DatabaseGoneError
        self._waits += 1
        return min(30.0, 0.5 * 2.0**self._waits)


async def _run_stages(context: Context, monitor: Monitor, joiner: Joiner, others: Sequence[Stage]) -> End:
    try:
        async with asyncio.TaskGroup() as tasks:
            joiner.tasks = tasks
            for stage in (*others, joiner):
                tasks.create_task(_drive(context, stage), name=stage.name)
            await _run_monitor(context, monitor)
            context.stopping = True  # drain: joins under way end and are recorded by their own tasks
            context.wake()
    except BaseExceptionGroup as group:
        raise first_of(group) from None
    return monitor.end or End.INTERRUPTED


async def _run_monitor(context: Context, monitor: Monitor) -> None:
    wake_event = context.wake_events.setdefault(monitor.name, asyncio.Event())
    outage = Outage(context)
    while monitor.end is None and not context.stopping:
        wake_event.clear()
        context.alive_at = context.clock.boottime()
        wait = await outage.step_through(monitor)
        if monitor.end is None and not context.stopping:
            if context.under_daemon:  # several things that happen together make one beat
                await context.clock.sleep(min(monitor.shortest, wait or 0.0))
            await _wait(context, wake_event, wait)


async def _drive(context: Context, stage: Stage) -> None:
    wake_event = asyncio.Event()
    context.wake_events[stage.name] = wake_event
    outage = Outage(context)
    while not context.stopping:
        wake_event.clear()
        wait = await outage.step_through(stage)
        if wait is None or wait > 0:
            await _wait(context, wake_event, wait)


async def _wait(context: Context, wake_event: asyncio.Event, wait: float | None) -> None:
    """Until the time has come or something changed, whichever is sooner."""
    with suppress(TimeoutError):
        async with asyncio.timeout(None if wait is None else context.clock.real(wait)):
            await wake_event.wait()


async def close(context: Context, end: End, *, open_still: bool = False) -> Ended:
    """Write down how the recovery of this context ended; one that is open still is gone on with later."""
    async with context.writing() as writing:
        counted = await progress.counts(writing.connection, context.recovery_id)
        if open_still or await recoveries.finish(
            writing.connection,
            context.recovery_id,
            state="stopped" if end in (End.STOPPED, End.INTERRUPTED) else "finished",
            outcome=end.value,
            counted=counted,
            now=writing.now,
        ):
            writing.note("recovery.ended", end=end.value, counts=counted, goes_on=open_still or None)
    context.points.reach("recovery.finished")
    return Ended(context.recovery_id, end, counted)
