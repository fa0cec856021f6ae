"""Running coroutines to their end."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from orchestrator.tasks import to_its_end


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancellation_waits_for_the_work_and_its_error_is_not_lost(*, fails: bool) -> None:
    lost: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, what: lost.append(what))
    begun, go_on, done = asyncio.Event(), asyncio.Event(), []

    async def work() -> None:
        begun.set()
        await go_on.wait()
        done.append("written")
        if fails:
            raise OSError("gone")

    waiting = asyncio.create_task(to_its_end(work()))
    await begun.wait()
    waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    gc.collect()
    await asyncio.sleep(0)
    assert (done, lost) == (["written"], [])


async def test_without_a_cancellation_the_result_and_the_error_are_the_works_own() -> None:
    async def fails() -> None:
        raise OSError("gone")

    assert await to_its_end(asyncio.sleep(0, "result")) == "result"
    with pytest.raises(OSError, match="gone"):
        await to_its_end(fails())
