"""Instants and durations as the JSON contract has them; and when a cron expression is due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo


def instant(at: float | None) -> str | None:
    """Seconds since 1970 as `2026-11-22T21:42:00Z`, with milliseconds where there are any."""
    if at is None:
        return None
    moment = datetime.fromtimestamp(round(at, 3), UTC)
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def seconds(duration: float | None) -> float | None:
    return None if duration is None else round(max(0.0, duration), 3)


class CronTimes(NamedTuple):
    """The instants of one valid cron expression of five fields, in its time zone.

    As Debian's cron has it (cronsim does): an entry with a fixed hour runs once in the hour that a change of
    the clocks doubles, at its first passing, and at the next minute that exists when its own is skipped; an
    entry with `*` in minutes or hours follows the time that really passes.
    """

    expression: str
    zone: ZoneInfo

    def __str__(self) -> str:
        return f"{self.expression} {self.zone.key}"

    def after(self, instant: float) -> Iterator[float]:
        """All instants later than that one, in order; it ends when 50 years hold none."""
        from cronsim import CronSim  # noqa: PLC0415 - not for the many that have no schedule

        # Inside a doubled hour the wall clock alone would lead back to its first passing.
        for moment in CronSim(self.expression, datetime.fromtimestamp(instant, self.zone)):
            found = moment.timestamp()
            if found > instant:
                yield found

    def next(self, instant: float) -> float | None:
        """The first instant later than that one."""
        return next(self.after(instant), None)

    def latest(self, after: float, until: float) -> float | None:
        """The last instant later than `after` and not later than `until`; they lie a day apart at most."""
        found = None
        for instant in self.after(after):
            if instant > until:
                break
            found = instant
        return found
