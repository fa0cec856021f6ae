"""The schedule as text, a line for each entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.render import clean, clock, clock_with_offset, rfc3339

if TYPE_CHECKING:
    from datetime import tzinfo

    from orchestrator.status.schedule_view import ScheduleView


def scheduled_text(one: ScheduleView, zone: tzinfo, *, now: float) -> str:
    """In the zone and in UTC: people take cron expressions for the one or for the other."""
    coming = "never"
    if one.next_at is not None:
        coming = f"{clock_with_offset(one.next_at, zone, now=now)}, {rfc3339(one.next_at)}"
    last = f"; last {clock(one.last_ran_at, zone, now=now)}" if one.last_ran_at is not None else ""
    result = f": {clean(one.last_result)}" if one.last_result else ""
    return f"Next scheduled {one.name}: {coming}{last}{result}"
