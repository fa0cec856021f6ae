"""When a cron expression is due, in its time zone.

As Debian's cron has it (cronsim does): an entry with a fixed hour runs once in the hour that a change of the
clocks doubles, at its first passing, and at the next minute that exists when its own is skipped; an entry
with `*` in minutes or hours follows the time that really passes.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo


class Times(NamedTuple):
    """The instants of one valid expression of five fields."""

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
