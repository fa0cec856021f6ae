"""Durations and paces as people type them."""

from __future__ import annotations

import re

from orchestrator.domain.errors import UsageError

_PACE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:/\s*min(?:ute)?)?")


def seconds(flag: str, text: str | None) -> float | None:
    """`90s`, `15m`, `2h`, `1h30m`. Raises UsageError."""
    if text is None:
        return None
    if "0" <= text[-1:] <= "9":
        raise UsageError(f"{flag}: {text} what? Say the unit: {text}s, {text}m or {text}h")
    from orchestrator.config import parse_duration  # noqa: PLC0415 - brings pydantic

    try:
        length = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None
    if length <= 0:
        raise UsageError(f"{flag}: must be longer than nothing")
    return length


def joins_a_minute(text: str | None) -> float | None:
    """`3/min` or `3`, from 2 to 5. Raises UsageError."""
    if text is None:
        return None
    found = _PACE.fullmatch(text.strip())
    if found is None or not 2 <= float(found[1]) <= 5:
        raise UsageError("--pace: must be 2 to 5 joins a minute, such as 3/min")
    return float(found[1])
