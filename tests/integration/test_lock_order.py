"""PostgreSQL has several writers: nobody waits in a circle, and no cure is lost between two of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

from orchestrator.catalogue.changes import Changes, Writer
from orchestrator.domain.memberships import Reason, Status
from orchestrator.store import codes, instances, memberships, unit_of_work
from orchestrator.store.codes import KnownCode, NewCode
from orchestrator.store.secrets import CodeCipher, KeyRing
from orchestrator.store.tables import invite_codes
from orchestrator.store.unit_of_work import UnitOfWork
from tests.support.by_hand import BACKUP, membership, put, record
from tests.support.stage import Stage, set_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection


@pytest.fixture
async def stage(postgres_url: str) -> AsyncIterator[Stage]:
    async with set_stage(postgres_url, groups=3) as prepared:
        yield prepared


async def waits_for_a_lock(stage: Stage, task: asyncio.Task[Any]) -> None:
    """Returns when somebody waits for a lock, or when the task is over."""
    asked = text(
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and wait_event_type = 'Lock'"
    )
    while not task.done():
        async with stage.database.read() as connection:
            if await connection.scalar(asked):
                return


async def locked_unit(connection: AsyncConnection, number: int) -> UnitOfWork:
    return UnitOfWork(connection, await instances.lock(connection, number), 1.0, "worker")


async def give_new_code(stage: Stage, group_id: int, cured: list[int], stored: asyncio.Event) -> int:
    async with stage.database.write() as connection:
        now = await stage.database.now(connection)
        new = NewCode(group_id, b"NewNewNewNewNewNewNew2", "clear", f"fp-new-{group_id}", "New2")
        await codes.add_current(connection, [new], source="set-code", now=now)
        stored.set()
        return await unit_of_work.reopen_after_new_code(connection, group_ids=cured, actor="ana@box", now=now)


async def test_what_a_worker_learns_of_a_code_that_is_being_replaced_holds_up_nobody(stage: Stage) -> None:
    """The import has the code's row and wants the instance's; the worker has these the other way round."""
    await put(stage, 1, Status.PENDING)
    await put(stage, 2, Status.BLOCKED, Reason.CODE_REVOKED)
    number, stored = (await record(stage)).id, asyncio.Event()

    async with stage.database.write() as connection:
        unit = await locked_unit(connection, number)
        work = await memberships.by_group(connection, number, 1)
        assert work is not None
        importing = asyncio.create_task(give_new_code(stage, 1, [1, 2], stored))
        await stored.wait()
        await waits_for_a_lock(stage, importing)
        unit.learn(work.code, "good")
        unit.move(work.membership, Status.BLOCKED, Reason.CODE_REVOKED)
        await unit.flush()

    assert await importing == 2
    assert {(await membership(stage, one)).status for one in (1, 2)} == {"pending"}
    async with stage.database.read() as connection:
        known = (await connection.execute(select(invite_codes.c.verdict))).scalars()
        assert set(known) == {None}


async def test_a_group_that_a_worker_blocks_for_its_old_code_goes_back_in_line_for_the_new_one(
    stage: Stage,
) -> None:
    """The worker reads the old code as the current one for as long as the new one is not committed."""
    await put(stage, 1, Status.PENDING)
    number, stored = (await record(stage)).id, asyncio.Event()

    async with stage.database.write() as connection:
        unit = await locked_unit(connection, number)
        work = await memberships.by_group(connection, number, 1)
        assert work is not None
        unit.move(work.membership, Status.BLOCKED, Reason.CODE_REVOKED)
        await unit.flush()
        setting = asyncio.create_task(give_new_code(stage, 1, [1], stored))
        await stored.wait()
        await waits_for_a_lock(stage, setting)

    assert await setting == 1
    assert (await membership(stage, 1)).status == "pending"


async def test_an_import_takes_no_instance_before_its_last_row_is_written(
    stage: Stage, tmp_path: Path
) -> None:
    """Batch by batch it would take them in the order of the rows, and keep workers waiting to its end."""
    await put(stage, 1, Status.BLOCKED, Reason.CODE_REVOKED)
    await put(stage, 2, Status.PENDING)
    ring = KeyRing.create(tmp_path / "key")

    async with stage.database.write() as connection:
        writer = Writer(connection, CodeCipher(ring, ring.newest), 1.0, "ana@box")
        again = (await codes.of_group(connection, 1))[0]
        await writer.write(Changes(again=[KnownCode(again.id, 1)], columns=[(2, {"priority": 7})]))
        async with stage.database.write() as other:
            await other.execute(text("set local lock_timeout = '1s'"))
            unit = await locked_unit(other, (await instances.get(other, BACKUP)).id)
            work = await memberships.by_group(other, unit.instance.id, 2)
            assert work is not None
            unit.move(work.membership, Status.BLOCKED, Reason.GROUP_FULL)
            await unit.flush()
        await writer.finish()

    one, two = await membership(stage, 1), await membership(stage, 2)
    assert (one.status, two.status) == ("pending", "blocked")
