"""A recovery in this process: shown as it goes, drained by the first signal, stopped by the second."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress

from orchestrator import stop_signals, streams
from orchestrator.account import loop
from orchestrator.account.context import Context
from orchestrator.account.loop import Ended, Job
from orchestrator.bootstrap import App
from orchestrator.cli import exit_codes
from orchestrator.cli.call import Call
from orchestrator.cli.formatting import clean, duration, plural
from orchestrator.cli.status import read_view
from orchestrator.cli.watch import Sink, sink_for
from orchestrator.clock import SystemClock
from orchestrator.domain.errors import DatabaseReplacedError, TemporaryError
from orchestrator.domain.recoveries import EXIT_CODES, End
from orchestrator.status.past import ChangeFeed
from orchestrator.status.views import StatusView
from orchestrator.store.engine import DatabaseGoneError

EVERY = 1.0  # a person's seconds between two looks


async def recover(app: App, call: Call, context: Context, job: Job) -> int:
    """Run it to its end and show it; returns the exit code."""
    begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    work = asyncio.create_task(loop.run(context, job, started=begun.set_result), name="recovery")
    brake = _Brake(call, context, work, max_duration=job.max_duration)
    with brake.listening():
        try:
            return await _shown(app, call, context, work, begun=begun, brake=brake)
        except TemporaryError:
            if not brake.pulled:  # else it was told to stop while it waited for the session
                raise
            return brake.exit_code(None)
        except asyncio.CancelledError:
            if not brake.hard:
                raise
            call.out.say(
                f"Stopped. What was done is saved; {await _next_run(app, context)} goes on from there."
            )
            return brake.exit_code(None)
        finally:
            await _put_away(work)


async def _shown(
    app: App,
    call: Call,
    context: Context,
    work: asyncio.Task[Ended],
    *,
    begun: asyncio.Future[int],
    brake: _Brake,
) -> int:
    await asyncio.wait((work, begun), return_when=asyncio.FIRST_COMPLETED)
    if not begun.done():
        return brake.exit_code(await work)  # it never came to a recovery: the error says why
    async with AsyncExitStack() as closing:
        plain = call.quiet or call.verbose or call.very_verbose  # the log needs lines
        sink = sink_for(app, call, closing, SystemClock(), screen=not plain)
        await _watch(app, context, sink, work)
        ended = await work
        view = await read_view(app, ended.recovery_id)
    code = brake.exit_code(ended)
    sink.end(_why(view, "" if brake.pulled else brake.told_to_end(ended)), code)
    return code


async def _next_run(app: App, context: Context) -> str:
    """The command that goes on; without it a person would have to remember the scope."""
    with suppress(DatabaseGoneError):
        if context.recovery_id:
            view = await read_view(app, context.recovery_id)
            return "the next run" if view.recovery is None else clean(str(view.recovery.command))
    return "the next run"


def _why(view: StatusView, cut_short: str) -> StatusView:
    return (
        view if view.recovery is None else view._replace(recovery=view.recovery._replace(cut_short=cut_short))
    )


async def _watch(app: App, context: Context, sink: Sink, work: asyncio.Task[Ended]) -> None:
    feed = ChangeFeed(app.database, context.recovery_id, context.instance_name)
    while not work.done():
        streams.check_reader()
        # The recovery outlives an outage for a while, and so does its picture. A database that was replaced
        # ends the recovery at its own next transaction: cut off from here, it could not say so.
        with suppress(DatabaseGoneError, DatabaseReplacedError):
            changed = await feed.poll()
            sink.show(await read_view(app, context.recovery_id), changed)
        await asyncio.wait((work,), timeout=EVERY)


async def _put_away(work: asyncio.Task[Ended]) -> None:
    if work.done():
        return
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


class _Brake:
    """What ends a run before its time: its limits; a signal, which drains, and a second, which stops."""

    def __init__(
        self, call: Call, context: Context, work: asyncio.Task[Ended], *, max_duration: float | None
    ) -> None:
        self._call, self._context, self._work = call, context, work
        self._limit, self._max_duration = context.joins_left, max_duration
        self._signal: int | None = None
        self.hard = False

    @property
    def pulled(self) -> bool:
        return self._signal is not None

    @contextmanager
    def listening(self) -> Iterator[None]:
        with stop_signals.delivered(asyncio.get_running_loop(), self._pull, most=2):
            yield

    def exit_code(self, ended: Ended | None) -> int:
        if self._signal is not None and (ended is None or ended.end is End.INTERRUPTED):
            return stop_signals.exit_code_for(self._signal)
        return exit_codes.UNEXPECTED if ended is None else EXIT_CODES[ended.end]

    def told_to_end(self, ended: Ended) -> str:
        """The limit that the run came to, if it ended at one."""
        if ended.end is not End.INTERRUPTED:
            return ""
        if self._limit is not None and self._context.joins_left == 0:
            return f"after {plural(self._limit, 'join')} (--limit)"
        return "" if self._max_duration is None else f"after {duration(self._max_duration)} (--max-duration)"

    def _pull(self, number: int) -> None:
        if self._signal is not None:
            self.hard = True
            self._work.cancel()
            return
        self._signal = number
        self._call.out.say("Ending what is under way; once more stops at once.")
        self._context.stopping = True
        self._context.wake()
