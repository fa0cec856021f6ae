"""Running coroutines: to their end whatever happens, and several at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable

T = TypeVar("T")
R = TypeVar("R")


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
