"""Time for a simulated network: faster than the machine's, if wanted."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What a network needs of time: instants and durations in simulated seconds."""

    def now(self) -> float:
        """The instant, unix seconds."""

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""


class SimTime:
    """Simulated time: one real second is `speed` seconds. Both clocks agree at `anchor` (unix seconds)."""

    def __init__(self, speed: float = 1.0, anchor: float | None = None) -> None:
        self.speed = speed
        self._anchor = time.time() if anchor is None else anchor

    def now(self) -> float:
        return self._anchor + (time.time() - self._anchor) * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self.speed)
