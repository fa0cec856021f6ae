"""Room between the calls of one account, as far apart as its gateway wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.clock import Clock

_MARGIN = 1.05
"""The way to the gateway varies: what leaves so much further apart arrives far enough apart."""


class Spacing:
    """Lets calls through one after another. Until `follow` is called nothing waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gap = 0.0
        self._last = float("-inf")  # boot time of the latest call, which may be to come

    def follow(self, gap: float) -> None:
        """From now on at least `gap` seconds between two calls; 0: as they come."""
        self._gap = gap * _MARGIN

    async def turn(self) -> None:
        """Wait for the next turn. Whoever comes first is first."""
        wait = self._last + self._gap - self._clock.boottime()
        self._last = self._clock.boottime() + max(0.0, wait)
        if wait > 0:
            await self._clock.sleep(wait)

    def taken(self) -> None:
        """A call that waits for nobody is made now: those after it keep their distance all the same."""
        self._last = max(self._clock.boottime(), self._last + self._gap)
