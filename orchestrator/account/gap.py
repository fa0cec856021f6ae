"""A gentle pace for calls that are no joins: a least gap with a little jitter, kept in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from orchestrator.clock import Clock


class Gap:
    """At least `seconds`, and up to a third more, between two calls."""

    def __init__(self, clock: Clock, seconds: float, rng: random.Random) -> None:
        self._clock = clock
        self._seconds = seconds
        self._rng = rng
        self._free_at = 0.0

    def remaining(self) -> float:
        """Seconds until the next call may be made."""
        return max(0.0, self._free_at - self._clock.boottime())

    def taken(self) -> None:
        """A call is being made now."""
        self._free_at = self._clock.boottime() + self._seconds * (1.0 + self._rng.random() / 3.0)
