"""Running coroutines to their end, several at once, and the protocol of what a supervisor drives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from orchestrator.domain.errors import DatabaseReplacedError, LeaseLostError

_log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")


class Part(Protocol):
    """A loop of the daemon, one step at a time; a supervisor drives it, wakes it and tries it again."""

    name: str

    async def step(self) -> float:
        """Do all that is due. Returns seconds (of the clock port) until it wants to be asked again.

        DatabaseGoneError may pass: the supervisor says so once, waits and asks again. Any other error is
        logged, shown in the status as a trouble of this part, and the part is asked again after a back-off.
        """


@runtime_checkable
class HasNotice(Protocol):
    """A part that works and still has something to tell: shown in the status beside those that fail."""

    def notice(self) -> tuple[float, str] | None:
        """Since when (seconds since 1970) and a sentence, or nothing."""


async def to_its_end(work: Coroutine[Any, Any, T] | asyncio.Future[T]) -> T:
    """Await it. When cancelled meanwhile, however often, wait until it is over, and then be cancelled.

    An error of the work is then dropped: whoever cancelled has a reason of its own to tell.
    """
    task, cancelled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        if not task.cancelled():
            task.exception()  # retrieved: asyncio would log it as lost
        raise asyncio.CancelledError
    return task.result()


async def side_by_side(items: Iterable[T], do: Callable[[T], Awaitable[R]], *, at_once: int) -> list[R]:
    """Do it for each; the results in their order. All come to their end before the first error is raised."""
    room = asyncio.Semaphore(at_once)

    async def one(item: T) -> R:
        async with room:
            return await do(item)

    results = await asyncio.gather(*(one(item) for item in items), return_exceptions=True)
    found: list[R] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        found.append(result)
    return found


class Turns(Generic[R]):
    """Work for several accounts at the same time, one turn each: who is slow holds up nobody else."""

    def __init__(self) -> None:
        self._tasks: dict[int, asyncio.Task[R]] = {}

    @property
    def under_way(self) -> AbstractSet[int]:
        """The ids of the accounts whose turn has begun and was not yet told of by `ended`."""
        return self._tasks.keys()

    def begin(self, account: int, work: Coroutine[Any, Any, R]) -> None:
        """An account has one turn at a time."""
        self._tasks[account] = asyncio.create_task(work)

    async def ended(self, patience: float) -> dict[int, asyncio.Task[R]]:
        """Those that came to their end, having waited for them `patience` real seconds at the most."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=patience)
        done = {account: task for account, task in self._tasks.items() if task.done()}
        for account in done:
            del self._tasks[account]
        return done

    async def close(self, grace: float = 0.0) -> None:
        """Cancel what is not over within `grace` real seconds, and wait for its end."""
        if self._tasks and grace:
            await asyncio.wait(self._tasks.values(), timeout=grace)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def results(tasks: Mapping[int, asyncio.Task[R]]) -> list[R]:
    """Of turns that are over. Raises what one failed with; of several, what ends the process goes first."""
    failed = {account: task.exception() for account, task in tasks.items() if not task.cancelled()}
    errors = [error for error in failed.values() if error is not None]
    errors.sort(key=lambda error: not isinstance(error, LeaseLostError | DatabaseReplacedError))
    for error in errors[1:]:
        _log.error("a turn failed as well", exc_info=error)
    if errors:
        raise errors[0]
    return [task.result() for task in tasks.values() if not task.cancelled()]
