"""SQLite's statements run on the event loop; what may wait does not hold it up."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, insert, select
from sqlalchemy.exc import IntegrityError

from orchestrator.store import schema, sqlite_engine
from orchestrator.store.engine import Database, DatabaseGoneError
from orchestrator.store.tables import group_instances, groups
from tests.support.command import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.engine import Connection

ROW = {"slug": "sales", "name": "Sales", "created_at": 1.0, "updated_at": 1.0}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/rejoin.db")
    await schema.upgrade(database)
    yield database
    await database.close()


def other_process(database: Database) -> closing[sqlite3.Connection]:
    """A connection that knows nothing of this process's line of writers."""
    return closing(sqlite3.connect(str(database.engine.url.database), isolation_level=None, timeout=0))


async def write(database: Database, slug: str = "sales") -> None:
    async with database.write() as connection:
        await connection.execute(insert(groups).values({**ROW, "slug": slug}))


async def slugs(database: Database) -> list[str]:
    async with database.read() as connection:
        return list((await connection.scalars(select(groups.c.slug))).all())


class HeldCommit:
    """The COMMIT waits in its thread until it is let go, as on a disk that hangs."""

    def __init__(self, database: Database) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()
        event.listen(database.engine.sync_engine, "commit", self._commit)

    def _commit(self, connection: Connection) -> None:
        if connection.get_execution_options().get(sqlite_engine.WRITES):
            self.begun.set()
            assert self.let_go.wait(PATIENCE)

    async def has_begun(self) -> None:
        while not self.begun.is_set():  # noqa: ASYNC110 - it is set by a thread
            await asyncio.sleep(0.001)


async def test_who_waits_for_another_process_holds_nobody_up(database: Database) -> None:
    async with asyncio.timeout(PATIENCE):
        with other_process(database) as other:
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.create_task(write(database))
            for _ in range(50):
                assert await slugs(database) == []
            assert not writing.done()
            other.execute("COMMIT")
        await writing
        assert await slugs(database) == ["sales"]


async def test_who_waits_for_another_process_in_vain_is_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_engine, "PATIENCE", 0.05)
    with other_process(database) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseGoneError, match="locked"):
            await write(database)
        other.execute("ROLLBACK")
    await write(database)
    assert await slugs(database) == ["sales"]


async def test_who_is_cancelled_while_waiting_leaves_no_lock_behind(database: Database) -> None:
    with other_process(database) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(write(database))
        await slugs(database)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        other.execute("COMMIT")
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    await write(database)
    assert await slugs(database) == ["sales"]


async def test_a_disk_that_hangs_holds_up_no_reader(database: Database) -> None:
    held = HeldCommit(database)
    async with asyncio.timeout(PATIENCE):
        writing = asyncio.create_task(write(database))
        await held.has_begun()
        assert await slugs(database) == []
        held.let_go.set()
        await writing
        assert await slugs(database) == ["sales"]


async def test_who_is_cancelled_twice_while_the_disk_writes_still_waits_for_its_end(
    database: Database,
) -> None:
    held = HeldCommit(database)
    async with asyncio.timeout(PATIENCE):
        writing = asyncio.create_task(write(database))
        await held.has_begun()
        for _ in range(3):
            writing.cancel()
            await slugs(database)
            assert not writing.done()
        held.let_go.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert await slugs(database) == ["sales"]
    await write(database, "orders")


async def test_a_commit_that_fails_is_undone_and_the_next_write_goes_on(database: Database) -> None:
    async def orphan() -> None:
        async with database.write() as connection:
            await connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            await connection.execute(insert(group_instances).values(group_id=99, instance_name="nobody"))

    with pytest.raises(IntegrityError):
        await orphan()
    with other_process(database) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    await write(database)
    assert await slugs(database) == ["sales"]


@pytest.mark.parametrize("many", [False, True])
async def test_who_fails_over_a_row_holds_up_no_later_writer(database: Database, *, many: bool) -> None:
    for number in range(300):
        await write(database, f"group-{number}")

    async def fail(*, writes: bool) -> None:
        async with database.write() if writes else database.read(many=many) as connection:
            rows = await connection.execute(select(groups))
            for row in rows:
                raise LookupError(row.slug)

    remembered = []
    for writes in (False, True):
        with pytest.raises(LookupError) as failed:
            await fail(writes=writes)
        remembered.append(failed)  # with all that stood on its stack
        with other_process(database) as other:
            other.execute("UPDATE groups SET name = 'Else'")  # nobody can write on a snapshot from before
        await write(database, f"after-{writes}")
    assert len(remembered) == 2


@pytest.mark.parametrize("many", [False, True])
async def test_a_write_that_is_cancelled_leaves_no_lock(database: Database, *, many: bool) -> None:
    """Also while a statement is under way in its thread."""
    begun = asyncio.Event()

    async def writes() -> None:
        async with database.write(many=many) as connection:
            await connection.execute(insert(groups).values(ROW))
            begun.set()
            while True:
                await connection.execute(select(groups))
                await asyncio.sleep(0)

    writing = asyncio.create_task(writes())
    await begun.wait()
    for _ in range(3):
        await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    with other_process(database) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    assert await slugs(database) == []
    await write(database)


async def test_the_thread_of_commits_ends_with_the_database(database: Database) -> None:
    await write(database)
    found = [one for one in threading.enumerate() if one.name == "rejoin-commit"]
    await database.close()
    for one in found:
        await asyncio.to_thread(one.join, PATIENCE)
    assert found
    assert not any(one.is_alive() for one in found)
    await write(database, "orders")


async def test_a_writer_that_fails_leaves_nothing_and_no_lock(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as connection:
            await connection.execute(insert(groups).values(ROW))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    with other_process(database) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    assert await slugs(database) == []


async def test_who_reads_in_a_loop_is_not_alone(database: Database) -> None:
    steps: list[int] = []

    async def read_on() -> None:
        for _ in range(20):
            await slugs(database)
            read_after.append(len(steps))

    async def count() -> None:
        for step in range(10):
            steps.append(step)
            await asyncio.sleep(0)

    read_after: list[int] = []
    await asyncio.gather(read_on(), count())
    assert min(read_after) < 10 <= read_after[15]


async def test_what_touches_many_rows_runs_in_a_thread_of_its_own(database: Database) -> None:
    threads: set[int] = set()

    def note(number: int) -> int:
        threads.add(threading.get_ident())
        return number

    async with database.read(many=True) as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        await raw.create_function("note", 1, note)
        await connection.exec_driver_sql("SELECT note(1)")
    assert threads
    assert threads.isdisjoint({threading.get_ident()})
