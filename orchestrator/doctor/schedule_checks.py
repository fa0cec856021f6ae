"""The schedule: the next runs in UTC and local time, and whether anybody would carry them out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.doctor.finding import Finding, ok, warning
from orchestrator.domain.commands import Operation
from orchestrator.status.schedule_view import local, upcoming
from orchestrator.store import daemons

if TYPE_CHECKING:
    from orchestrator.doctor.doctor_context import DoctorContext
    from orchestrator.status.schedule_view import Entry

RUNS_SHOWN = 3


async def schedule(context: DoctorContext) -> list[Finding]:
    """One finding for each entry; none of them keeps a recovery from working."""
    if not context.schedule:
        return [ok("schedule", "nothing is scheduled")]
    async with context.database.read() as connection:
        now = await context.database.now(connection)
        lives = await daemons.lives(connection, now)
    return [_entry(entry, now, lives=lives) for entry in context.schedule]


def _entry(entry: Entry, now: float, *, lives: bool) -> Finding:
    runs = upcoming(entry, now, RUNS_SHOWN)
    if not runs:
        return warning("schedule", f'{entry.name}: "{entry.times.expression}" never comes due')
    shown = "; ".join(f"{_utc(run)} ({local(run, entry.times.zone)})" for run in runs)
    sentence = f"{entry.name}: next {shown}"
    if not lives:
        return warning("schedule", f"{sentence}; but no daemon runs", f"{Operation.DAEMON} carries it out")
    return ok("schedule", sentence)


def _utc(instant: float) -> str:
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%dT%H:%MZ}"
