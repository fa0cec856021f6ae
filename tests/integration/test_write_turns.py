"""Writers of one process take turns."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.store.turns import Turns
from tests.support.command import PATIENCE


async def test_who_has_his_turn_already_is_told_instead_of_waiting_for_himself() -> None:
    turns = Turns()
    async with asyncio.timeout(PATIENCE), turns.mine():
        with pytest.raises(RuntimeError, match="inside another one"):
            async with turns.mine():
                pytest.fail("two turns at once")

    async with asyncio.timeout(PATIENCE), turns.mine():
        pass  # the line goes on


async def test_another_task_waits_until_the_turn_is_over() -> None:
    turns, order = Turns(), list[str]()

    async def second() -> None:
        async with turns.mine():
            order.append("second")

    async with turns.mine():
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0)
        order.append("first")
    await asyncio.wait_for(waiting, PATIENCE)

    assert order == ["first", "second"]
