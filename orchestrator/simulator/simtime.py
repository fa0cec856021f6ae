"""Time for a simulated network: faster than the machine's, if wanted; and what is to happen later in it."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.simulator.network import Network


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


SHORTEST_NAP = 0.02
"""Simulated seconds: so that a clock which a test holds still costs little."""


class Agenda:
    """Acts with their instants. Nothing wakes up by itself: whoever looks first settles what is due."""

    def __init__(self) -> None:
        self.added: list[Callable[[], object]] = []  # told of each new act
        self._heap: list[tuple[float, int, Callable[[], object]]] = []
        self._turn = count()

    @property
    def next_at(self) -> float | None:
        """When the next act is due."""
        return self._heap[0][0] if self._heap else None

    def add(self, at: float, act: Callable[[], object]) -> None:
        heapq.heappush(self._heap, (at, next(self._turn), act))
        for watcher in self.added:
            watcher()

    def settle(self, now: Callable[[], float]) -> None:
        """Do what is due, in its order."""
        while self._heap and self._heap[0][0] <= now():
            heapq.heappop(self._heap)[2]()


class Ticker:
    """Settles a network's agenda when something comes due, so that it happens though nobody looks."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._nap: asyncio.Task[None] | None = None
        self._due: float | None = None
        network.agenda.added.append(self._stir)
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End; raises what broke it, if anything did."""
        self._network.agenda.added.remove(self._stir)
        tasks = [task for task in (self._task, self._nap) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not self._task.cancelled():
            self._task.result()

    async def _run(self) -> None:
        while True:
            self._network.settle()
            self._due = self._network.agenda.next_at
            self._nap = asyncio.create_task(self._sleep(self._due))
            await asyncio.wait([self._nap])

    async def _sleep(self, due: float | None) -> None:
        """Until then; None: until stirred."""
        if due is None:
            await asyncio.Event().wait()
            return
        while (left := due - self._network.now()) > 0:
            await self._network.sleep(max(SHORTEST_NAP, left))

    def _stir(self) -> None:
        """Look again if what was added comes before what is waited for."""
        if self._nap is not None and self._network.agenda.next_at != self._due:
            self._nap.cancel()
