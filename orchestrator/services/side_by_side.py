"""Several things at once, not too many, and the first error as it is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

T = TypeVar("T")
R = TypeVar("R")


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
