"""Writers of one process take turns."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.store.sqlite_file import WriterLock
from tests.support.command import PATIENCE


async def test_who_has_his_turn_already_is_told_instead_of_waiting_for_himself() -> None:
    lock = WriterLock()
    async with asyncio.timeout(PATIENCE), lock.hold():
        with pytest.raises(RuntimeError, match="inside another one"):
            async with lock.hold():
                pytest.fail("two writers at once")

    async with asyncio.timeout(PATIENCE), lock.hold():
        pass  # the line goes on


async def test_another_task_waits_until_the_turn_is_over() -> None:
    lock, order = WriterLock(), list[str]()

    async def second() -> None:
        async with lock.hold():
            order.append("second")

    async with lock.hold():
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0)
        order.append("first")
    await asyncio.wait_for(waiting, PATIENCE)

    assert order == ["first", "second"]
