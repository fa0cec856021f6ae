"""A clock that moves only when the test says so."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

_TURNS = 20  # of the event loop: enough for a chain of tasks to wake each other without touching the network


class ManualClock:
    """The clock port under the test's hand.

    Sleepers wake in the order of their due time, each at its own instant. Between two of them the tasks get
    some turns of the event loop, and may go to sleep again before the time moves on. A task that does real
    work in between (a database, a socket) needs more than turns: wait for it with `sleeping`, then advance.
    """

    def __init__(self, start: float = 1_800_000_000.0, *, boottime: float = 1_000.0) -> None:
        self._boottime = boottime
        self._offset = start - boottime
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()
        self._changed = asyncio.Event()

    def now(self) -> float:
        return self._boottime + self._offset

    def boottime(self) -> float:
        return self._boottime

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._boottime + seconds, next(self._order), alarm))
        self._changed.set()
        await alarm

    def real(self, seconds: float) -> float:
        """Time-outs that the event loop keeps are the machine's own."""
        return seconds

    @property
    def sleepers(self) -> int:
        """How many tasks are asleep now."""
        return sum(not alarm.done() for _, _, alarm in self._sleepers)

    @property
    def next_alarm(self) -> float | None:
        """Seconds until the first sleeper wakes; None when nobody sleeps."""
        self._forget_cancelled()
        return self._sleepers[0][0] - self._boottime if self._sleepers else None

    async def sleeping(self, tasks: int = 1) -> None:
        """Wait until at least that many tasks are asleep; the test's own time-out is the limit."""
        while self.sleepers < tasks:
            self._changed.clear()
            await self._changed.wait()

    async def advance(self, seconds: float) -> None:
        """Let that much time pass, on both clocks."""
        if seconds < 0:
            raise ValueError("Time goes forward; jump() moves the wall clock back.")
        await _settle()
        end = self._boottime + seconds
        while (wait := self.next_alarm) is not None and self._boottime + wait <= end:
            due, _, alarm = heapq.heappop(self._sleepers)
            self._boottime = max(self._boottime, due)
            alarm.set_result(None)
            await _settle()
        self._boottime = end
        await _settle()

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back by that much, as an operator or NTP would. Nobody wakes."""
        self._offset += seconds

    def _forget_cancelled(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)


async def _settle() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)
