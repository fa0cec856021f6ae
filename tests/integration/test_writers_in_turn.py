"""Many writers in one process on SQLite: each in its turn, and readers beside them."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from orchestrator.store import sqlite_engine
from orchestrator.store.engine import Database, DatabaseGoneError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PATIENCE = 60.0


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite+aiosqlite:///{tmp_path / 'turns.db'}")
    async with made.write() as connection:
        await connection.execute(text("CREATE TABLE seen (n INTEGER PRIMARY KEY, word TEXT)"))
    yield made
    await made.close()


async def test_who_waits_to_write_keeps_no_connection_from_readers(database: Database) -> None:
    order: list[int] = []

    async def write(n: int) -> None:
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO seen (n) VALUES (:n)"), {"n": n})
            order.append(n)

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks, database.write():
        for n in range(40):  # more than there are connections
            tasks.create_task(write(n))
        await asyncio.sleep(0)
        async with database.read() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM seen")) == 0

    assert order == list(range(40))


async def test_a_writer_that_is_cancelled_gives_its_turn_on(database: Database) -> None:
    async def hold() -> None:
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO seen (n) VALUES (1)"))
            await asyncio.sleep(3600)

    holding = asyncio.create_task(hold())
    waiting = asyncio.create_task(hold())
    await asyncio.sleep(0.1)
    holding.cancel()
    waiting.cancel()
    await asyncio.gather(holding, waiting, return_exceptions=True)

    async with asyncio.timeout(PATIENCE), database.write() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM seen")) == 0


async def test_a_writer_cancelled_while_another_process_holds_the_lock_leaves_nothing_open(
    database: Database, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "turns.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        blocked = asyncio.create_task(database.write().__aenter__())
        await asyncio.sleep(0.1)
        blocked.cancel()
        await asyncio.sleep(0.05)
        other.execute("ROLLBACK")
        await asyncio.gather(blocked, return_exceptions=True)

        other.execute("BEGIN IMMEDIATE")  # whatever the thread got after all was rolled back
        other.execute("ROLLBACK")


async def test_a_lock_that_another_process_keeps_is_waited_for_once_and_not_by_each_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_engine, "PATIENCE", 0.3)
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'held.db'}")

    async def write() -> None:
        async with database.write():
            raise AssertionError("it is locked")

    with closing(sqlite3.connect(tmp_path / "held.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        answers = await asyncio.gather(*(write() for _ in range(20)), return_exceptions=True)
        took = time.monotonic() - began
        other.execute("ROLLBACK")

    assert {type(answer) for answer in answers} == {DatabaseGoneError}
    assert took < 10 * 0.3
    async with asyncio.timeout(PATIENCE), database.write():
        pass  # and the line goes on
    await database.close()


async def test_a_long_line_of_our_own_is_no_outage(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_engine, "PATIENCE", 0.01)
    done: list[int] = []

    async def write(n: int) -> None:
        async with database.write():
            await asyncio.sleep(0.01)
            done.append(n)

    await asyncio.gather(*(write(n) for n in range(10)))

    assert done == list(range(10))


async def test_rows_counts_and_new_keys_come_back_through_one_visit(database: Database) -> None:
    async with database.write() as connection:
        made = await connection.execute(text("INSERT INTO seen (word) VALUES ('a'), ('b') RETURNING n, word"))
        assert made.all() == [(1, "a"), (2, "b")]
        many = [{"word": "c"}, {"word": "d"}]
        await connection.execute(text("INSERT INTO seen (word) VALUES (:word)"), many)
        changed = await connection.execute(text("UPDATE seen SET word = 'z' WHERE n > 1"))
        assert changed.rowcount == 3
    async with database.read() as connection:
        found = await connection.execute(text("SELECT n, word FROM seen ORDER BY n"))
        assert list(found.keys()) == ["n", "word"]
        assert found.first() == (1, "a")
