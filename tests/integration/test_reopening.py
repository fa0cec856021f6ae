"""What is cured goes back in line like any other move: behind the lock, along the table, journalled."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, insert

from orchestrator.domain.memberships import Reason, Status
from orchestrator.store import instances, memberships, schema, unit_of_work
from orchestrator.store.bulk import CHUNK
from orchestrator.store.tables import groups
from orchestrator.store.tables import memberships as table
from orchestrator.store.unit_of_work import UnitOfWork
from tests.support.by_hand import BACKUP, lines, membership, put
from tests.support.stage import Stage, set_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    async with set_stage(database_url, groups=3) as prepared:
        yield prepared


async def test_each_reopened_group_has_its_line_in_the_journal(stage: Stage) -> None:
    await put(stage, 1, Status.BLOCKED, Reason.CODE_REVOKED, attempts=3, detail="gone")
    await put(stage, 2, Status.BLOCKED, Reason.GROUP_FULL)

    async with stage.database.write() as connection:
        now = await stage.database.now(connection)
        assert (
            await unit_of_work.reopen_after_new_code(connection, group_ids=[1, 2], actor="ana@box", now=now)
            == 1
        )

    one, two = await membership(stage, 1), await membership(stage, 2)
    assert (one.status, one.reason, one.attempts, one.detail) == ("pending", None, 0, None)
    assert two.status == "blocked"
    assert await lines(stage, "group.reopened") == [{"was": "blocked: code_revoked", "cure": "new code"}]


async def test_it_waits_for_whoever_holds_the_instance_and_leaves_what_moved_meanwhile(stage: Stage) -> None:
    """A worker's move under its lock wins: it was made of what the worker knew, and is not overwritten."""
    await put(stage, 1, Status.BLOCKED, Reason.CODE_REVOKED)
    begun = asyncio.Event()

    async def new_code() -> int:
        begun.set()
        async with stage.database.write() as connection:
            now = await stage.database.now(connection)
            return await unit_of_work.reopen_after_new_code(connection, group_ids=[1], actor="ana", now=now)

    async with stage.database.write() as connection:
        known = await instances.get(connection, BACKUP)
        instance = await instances.lock(connection, known.id)
        asking = asyncio.create_task(new_code())
        await begun.wait()
        work = await memberships.by_group(connection, known.id, 1)
        assert work is not None
        unit = UnitOfWork(connection, instance, 1.0, "worker")
        unit.move(work.membership, Status.ACTIVE, jid="120363000000000001@g.us", joined_at=1.0)
        await unit.flush()

    assert await asking == 0
    assert (await membership(stage, 1)).status == "active"
    assert await lines(stage, "group.reopened") == []


async def test_of_many_groups_only_some_are_in_memory_at_a_time(stage: Stage) -> None:
    """An import may reopen a hundred thousand: each part is written before the next one is read."""
    many, sizes = 1500, list[int]()
    ids = range(10, 10 + many)
    async with stage.database.write() as connection:
        added = [{"id": n, "slug": f"g-{n}", "name": f"G {n}"} for n in ids]
        await connection.execute(insert(groups).values(created_at=1.0, updated_at=1.0), added)
        number = (await instances.get(connection, BACKUP)).id
        blocked = {"instance_id": number, "status": "blocked", "reason": "code_revoked", "status_since": 1.0}
        await connection.execute(insert(table), [blocked | {"group_id": n} for n in ids])

    def note(
        _connection: object, _cursor: object, _sql: str, given: Any, _context: object, each: bool
    ) -> None:
        sizes.append(len(given) if each else 1)

    event.listen(stage.database.engine.sync_engine, "before_cursor_execute", note)
    async with stage.database.write() as connection:
        assert (
            await unit_of_work.reopen_after_new_code(connection, group_ids=ids, actor="ana", now=2.0) == many
        )

    assert max(sizes) <= CHUNK
    assert len(await lines(stage, "group.reopened")) == many


def test_no_other_statement_writes_a_status() -> None:
    """The table of transitions is asked by `memberships.save` alone."""
    root = Path(schema.__file__).parent.parent
    writers = {}
    for file in root.rglob("*.py"):
        for found in re.finditer(r"update\(memberships\).{0,600}?(?:\n\n|\Z)", file.read_text(), re.DOTALL):
            if re.search(r"\bstatus=|status\"", found[0]):
                writers[file.relative_to(root).as_posix()] = found[0]
    assert writers == {}
