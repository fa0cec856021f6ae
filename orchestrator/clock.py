"""Time as a port. Instants are seconds since 1970 (UTC) as floats; durations are seconds."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What Rejoin knows of time outside the database."""

    def now(self) -> float:
        """The wall clock: seconds since 1970, UTC."""

    def boottime(self) -> float:
        """Seconds that never jump and go on while the machine sleeps."""

    async def sleep(self, seconds: float) -> None:
        """Wait that long, in this clock's seconds."""

    def real(self, seconds: float) -> float:
        """How many of the machine's seconds that is: for time-outs that the event loop keeps."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        return time.time()

    def boottime(self) -> float:
        return boottime()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def real(self, seconds: float) -> float:
        return seconds


class AcceleratedClock:
    """One real second is `speed` seconds. For the demo, tests and benchmarks only.

    `anchor` is the instant at which both clocks agree: the creation of the database, so that every
    process which opens the same database shares the same time without talking to the others.
    """

    def __init__(self, speed: float, anchor: float) -> None:
        self._speed = speed
        self._anchor = anchor

    def now(self) -> float:
        return self._anchor + (time.time() - self._anchor) * self._speed

    def boottime(self) -> float:
        return boottime() * self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self._speed)

    def real(self, seconds: float) -> float:
        return seconds / self._speed


SHORTEST_TIMEOUT = 1.0
"""Real seconds that a request gets at least in accelerated time: a busy machine needs them."""


def real_timeout(clock: Clock, seconds: float) -> float:
    """A time-out in the machine's seconds; on the machine's own clock, as it is configured."""
    second = clock.real(1.0)
    return seconds if second >= 1.0 else max(SHORTEST_TIMEOUT, seconds * second)


def boottime() -> float:
    """CLOCK_BOOTTIME where there is one: CLOCK_MONOTONIC stands still while a machine is suspended."""
    clock_id = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock_id)
