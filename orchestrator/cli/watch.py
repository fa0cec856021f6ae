"""`rejoin status --watch`: polls the database until the recovery ends; a screen, lines, or JSON lines."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from orchestrator import stop_signals, streams
from orchestrator.bootstrap import App
from orchestrator.cli.call import Call
from orchestrator.cli.formatting import clean, clock
from orchestrator.cli.output import Look, Output
from orchestrator.cli.render_status import headline, status_text
from orchestrator.cli.status import look_of, read_view
from orchestrator.clock import Clock, SystemClock
from orchestrator.status.as_json import group_line, progress_line, summary_line
from orchestrator.status.past import ChangeFeed
from orchestrator.status.result import result
from orchestrator.status.views import Phase, StatusView
from orchestrator.store.group_rows import GroupRow

if TYPE_CHECKING:
    from rich.live import Live

INTERRUPTED_FOR = 30.0
"""Seconds for which nobody may drive the recovery before watching ends: a restart takes less."""

_LEAVE_SCREEN = b"\x1b[?1049l\x1b[?25h"
"""From the alternate screen back to the normal one, and the cursor shown (xterm's control sequences)."""

LINE_EVERY = 60.0
"""Seconds between two lines of progress where nobody sees a screen."""

_ENDED = frozenset({Phase.FINISHED, Phase.STOPPED})


class Sink(Protocol):
    """Where what is seen goes."""

    def show(self, view: StatusView, changed: Sequence[GroupRow]) -> None:
        """The state of this moment, and the groups that moved since the last one."""

    def end(self, view: StatusView, exit_code: int) -> None:
        """The last word."""


async def watch_recovery(
    app: App, call: Call, recovery: int | None, *, every: float, clock: Clock | None = None
) -> int:
    """Returns the exit code. Looks again every so many seconds of the machine's own time."""
    timer = clock or SystemClock()
    view = await read_view(app, recovery)
    async with AsyncExitStack() as closing:
        sink = sink_for(app, call, closing, timer)
        if view.recovery is not None:
            view = await _follow(app, view, sink, timer=timer, every=every)
        code = result(view)
    sink.end(view, code)
    return code


async def _follow(app: App, view: StatusView, sink: Sink, *, timer: Clock, every: float) -> StatusView:
    """Until the recovery ends, or nobody has driven it for a while."""
    assert view.recovery is not None  # noqa: S101 - the caller looked
    recovery = view.recovery
    feed = ChangeFeed(app.database, recovery.id, recovery.to_name)
    driven_at = timer.boottime()
    while True:
        streams.check_reader()
        changed = await feed.poll()
        view = await read_view(app, recovery.id)
        sink.show(view, changed)
        phase = view.recovery.phase if view.recovery is not None else Phase.STOPPED
        if phase is not Phase.INTERRUPTED:
            driven_at = timer.boottime()
        if phase in _ENDED or timer.boottime() - driven_at > INTERRUPTED_FOR:
            return view
        await timer.sleep(every)


def sink_for(app: App, call: Call, closing: AsyncExitStack, timer: Clock, *, screen: bool = True) -> Sink:
    """`screen`: the whole terminal may be taken, where there is one."""
    out, look = call.out, look_of(app, call)
    if out.json:
        return JsonLines(out)
    return Screen(out, look, closing) if screen and out.interactive else Lines(out, look, timer)


class JsonLines:
    """`progress` at each look, `group` at each change, `summary` last."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def show(self, view: StatusView, changed: Sequence[GroupRow]) -> None:
        for row in changed:
            self._out.answer_line(group_line(row, view.now))
        self._out.answer_line(progress_line(view))

    def end(self, view: StatusView, exit_code: int) -> None:
        self._out.answer_line(summary_line(view, exit_code))


class Lines:
    """For a pipe or a log: a line for each change, the headline now and then, the whole status at last."""

    def __init__(self, out: Output, look: Look, timer: Clock) -> None:
        self._out, self._look, self._timer = out, look, timer
        self._next_line = timer.boottime()

    def show(self, view: StatusView, changed: Sequence[GroupRow]) -> None:
        for row in changed:
            self._out.answer(change_text(row, view.now, self._look))
        if self._timer.boottime() >= self._next_line:
            self._next_line = self._timer.boottime() + LINE_EVERY
            self._out.show(headline(view, self._look))
        self._out.stdout.flush()

    def end(self, view: StatusView, exit_code: int) -> None:  # noqa: ARG002 - the text says it in words
        self._out.answer()
        self._out.show(status_text(view, self._look))


class Screen:
    """The whole terminal, redrawn at each look; the last state stays behind as text."""

    def __init__(self, out: Output, look: Look, closing: AsyncExitStack) -> None:
        self._out, self._look, self._closing = out, look, closing
        self._live: Live | None = None

    def show(self, view: StatusView, changed: Sequence[GroupRow]) -> None:  # noqa: ARG002 - the screen shows all
        from rich.text import Text  # noqa: PLC0415 - only on a terminal

        drawn = Text.from_ansi(status_text(view, self._sized()))
        self._opened().update(drawn, refresh=True)

    def _sized(self) -> Look:
        """A person may pull at the window."""
        return replace(self._look, width=self._out.width, height=self._out.height)

    def _opened(self) -> Live:
        from rich.console import Console  # noqa: PLC0415 - only on a terminal
        from rich.live import Live  # noqa: PLC0415

        if self._live is None:
            console = Console(file=self._out.stdout, no_color=not self._out.colored(), highlight=False)
            live = Live(console=console, screen=True, auto_refresh=False)
            self._closing.enter_context(stop_signals.last_words(_LEAVE_SCREEN))
            self._live = self._closing.enter_context(live)
        return self._live

    def end(self, view: StatusView, exit_code: int) -> None:  # noqa: ARG002 - the text says it in words
        self._out.show(status_text(view, self._sized()))


def change_text(row: GroupRow, now: float, look: Look) -> str:
    """`18:27:51  Retail Braga  active`."""
    reason = f" ({row.reason.value})" if row.reason is not None else ""
    until = ""
    if row.next_attempt_at is not None:
        until = f" until {clock(row.next_attempt_at, look.zone, now=now)}"
    at = clock(row.since or now, look.zone, now=now, seconds=True)
    return f"{at}  {clean(row.group)}  {row.status.value if row.status else '-'}{reason}{until}"
