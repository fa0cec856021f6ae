"""What of the configuration's schedule this version does, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.domain.times import CronTimes

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from orchestrator.store import daemons
    from orchestrator.store.engine import AsyncConnection

DONE_BY_THIS_VERSION = ("recover",)


class Entry(NamedTuple):
    """One line of the schedule. `name` is the kind of work."""

    name: str
    times: CronTimes


class ScheduleView(NamedTuple):
    """One entry as shown. `next_at` is None where its expression never comes due."""

    name: str
    expression: str
    timezone: str
    next_at: float | None
    next_local: str | None
    last_ran_at: float | None
    last_result: str | None


def entries_of(expressions: Mapping[str, str], zone: ZoneInfo) -> tuple[Entry, ...]:
    """From the kinds of work with their expressions (empty: never) to what this version carries out."""
    wanted = {name: expressions.get(name, "") for name in DONE_BY_THIS_VERSION}
    return tuple(Entry(name, CronTimes(text, zone)) for name, text in wanted.items() if text)


async def read_schedule(
    connection: AsyncConnection, entries: Sequence[Entry], now: float
) -> tuple[ScheduleView, ...]:
    """The configured entries, with what the database remembers of them."""
    if not entries:
        return ()
    from orchestrator.store import daemons  # noqa: PLC0415 - not for the many that have no schedule

    rows = await daemons.schedule_entries(connection)
    return tuple(_view(entry, rows.get(entry.name), now) for entry in entries)


def _view(entry: Entry, kept: daemons.ScheduleEntry | None, now: float) -> ScheduleView:
    known = kept is not None and kept.expression == str(entry.times)
    done = kept.last_due_at if kept is not None and known and kept.last_due_at is not None else now
    coming = entry.times.next(max(now, done))
    return ScheduleView(
        name=entry.name,
        expression=entry.times.expression,
        timezone=entry.times.zone.key,
        next_at=coming,
        next_local=None if coming is None else local(coming, entry.times.zone),
        last_ran_at=None if kept is None else kept.last_ran_at,
        last_result=None if kept is None else kept.last_result,
    )


def upcoming(entry: Entry, now: float, count: int) -> list[float]:
    """Its next runs."""
    return list(islice(entry.times.after(now), count))


def local(instant: float, zone: ZoneInfo) -> str:
    """`Mon 2026-11-23 07:00 +01:00 Europe/Berlin`."""
    moment = datetime.fromtimestamp(instant, zone)
    away = moment.isoformat(timespec="minutes")[16:]
    return f"{moment:%a %Y-%m-%d %H:%M} {away} {zone.key}"
