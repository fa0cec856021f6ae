"""Running coroutines to their end, several at once, and the protocol of what a supervisor drives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Protocol, TypeVar, runtime_checkable

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


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Await it. When cancelled meanwhile, wait until it is over, and then pass the cancellation on.

    An error of the work is then dropped: whoever cancelled has a reason of its own to tell.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        if not task.cancelled():
            task.exception()  # retrieved: asyncio would log it as lost
        raise


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
