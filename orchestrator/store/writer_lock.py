"""One writer at a time, first come first served.

SQLite's own queue is none: whoever waits asks again after up to a tenth of a second, and all the while keeps
a connection that a reader could use. In one process writers wait here instead, and only the first one asks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class WriterLock:
    """A fair lock for a process's writers; however many wait, none of them asks the database."""

    def __init__(self) -> None:
        self._line: deque[asyncio.Future[None]] = deque()
        self._taken = False
        self._owner: asyncio.Task[object] | None = None

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Raises what `refuse` was given if the one in front did not get in either.

        Raises RuntimeError on re-entry, which would deadlock.
        """
        task = asyncio.current_task()
        if self._taken and self._owner is task:
            raise RuntimeError("a transaction that writes was begun inside another one of the same task")
        await self._take()
        self._owner = task
        try:
            yield
        finally:
            self._owner = None
            self._give()

    def refuse(self, why: Callable[[], Exception]) -> None:
        """The one in front waited for another process in vain: nobody needs to find that out once more."""
        for waiting in self._line:
            if not waiting.done():
                waiting.set_exception(why())
        self._line.clear()

    async def _take(self) -> None:
        if not self._taken:
            self._taken = True
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                self._give()  # it came just now
            raise

    def _give(self) -> None:
        while self._line:
            following = self._line.popleft()
            if not following.done():
                following.set_result(None)
                return
        self._taken = False
