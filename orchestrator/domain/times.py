"""Instants and durations as the JSON contract has them."""

from __future__ import annotations

from datetime import UTC, datetime


def instant(at: float | None) -> str | None:
    """Seconds since 1970 as `2026-11-22T21:42:00Z`, with milliseconds where there are any."""
    if at is None:
        return None
    moment = datetime.fromtimestamp(round(at, 3), UTC)
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def seconds(duration: float | None) -> float | None:
    return None if duration is None else round(max(0.0, duration), 3)
