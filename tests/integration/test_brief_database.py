"""A database that is opened for a few reads answers as the one of the long-lived processes does."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, text

from orchestrator.status.as_json import to_json
from orchestrator.store import groups, sqlite_engine
from orchestrator.store.engine import Database, DatabaseGoneError
from orchestrator.store.tables import groups as groups_table
from tests.support.defaults import read_status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def brief(sqlite_url: str) -> AsyncIterator[Database]:
    database = Database(sqlite_url, brief=True)
    yield database
    await database.close()


async def test_it_gives_the_same_status(sqlite_url: str, brief: Database) -> None:
    usual = Database(sqlite_url)

    assert to_json(await read_status(brief, now=1e9)) == to_json(await read_status(usual, now=1e9))
    await usual.close()


async def test_its_connections_have_the_same_settings(sqlite_url: str, brief: Database) -> None:
    usual, names = Database(sqlite_url), ("journal_mode", "synchronous", "foreign_keys")
    async with brief.read() as one, usual.read() as other:
        for name in names:
            pragma = text(f"PRAGMA {name}")
            assert await one.scalar(pragma) == await other.scalar(pragma)
    await usual.close()


async def test_its_view_is_consistent_while_others_write(sqlite_url: str, brief: Database) -> None:
    async with brief.read() as connection:
        assert (await connection.execute(select(groups_table))).all() == []
        with closing(sqlite3.connect(sqlite_url.partition(":///")[2])) as writer, writer:
            writer.execute("insert into groups (slug, name, created_at, updated_at) values ('a', 'A', 1, 1)")
        assert (await connection.scalars(select(groups_table.c.slug))).all() == []
    async with brief.read() as connection:
        assert [[one.name for one in part] async for part in groups.names(connection)] == [["A"]]


async def test_it_refuses_to_write(brief: Database) -> None:
    with pytest.raises(RuntimeError, match="opened for reading"):
        async with brief.write():
            pass


async def test_a_locked_database_is_away(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_engine, "PATIENCE", 0.05)
    brief = Database(sqlite_url, brief=True)
    with closing(sqlite3.connect(tmp_path / "rejoin.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseGoneError, match="locked"):
            async with brief.read() as connection:
                await connection.execute(select(groups_table))
    await brief.close()
