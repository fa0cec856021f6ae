"""When people are told once more what needs them: new things soon but together, old ones once a day."""

from __future__ import annotations

from dataclasses import dataclass

COLLECTED_FOR = 600.0
"""Seconds that the first new thing waits for others."""
AT_MOST_EVERY = 3600.0
REPEATED_EVERY = 86400.0
RUN_TELLS_WITHIN = 3600.0
"""A recovery under way tells at its own end; one that takes longer than this is not waited for."""


@dataclass(frozen=True, slots=True)
class OpenNeeds:
    """What needs a person now. `new`: since people were told last, with the oldest of them."""

    count: int
    new: int
    oldest_new: float | None


def due_at(standing: OpenNeeds, *, told_at: float, running_since: float | None, now: float) -> float | None:
    """The instant of the next digest, which may be over; None while nobody is needed.

    `told_at` is 0 when nobody was told ever.
    """
    if not standing.count:
        return None
    if running_since is not None and now - running_since < RUN_TELLS_WITHIN:
        return running_since + RUN_TELLS_WITHIN
    if standing.new and standing.oldest_new is not None:
        return max(standing.oldest_new + COLLECTED_FOR, told_at + AT_MOST_EVERY)
    return told_at + REPEATED_EVERY
