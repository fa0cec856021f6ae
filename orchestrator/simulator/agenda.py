"""What is to happen later in simulated time."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Agenda:
    """Acts with their instants. Nothing wakes up by itself: whoever looks first settles what is due."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], object]]] = []
        self._turn = count()

    def add(self, at: float, act: Callable[[], object]) -> None:
        heapq.heappush(self._heap, (at, next(self._turn), act))

    def settle(self, now: Callable[[], float]) -> None:
        """Do what is due, in its order."""
        while self._heap and self._heap[0][0] <= now():
            heapq.heappop(self._heap)[2]()
