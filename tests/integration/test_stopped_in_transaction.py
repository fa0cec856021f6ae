"""PostgreSQL: what a process leaves locked that stops and does not come back."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, text

from orchestrator.status.group_status import list_memberships
from orchestrator.store import engine
from orchestrator.store.engine import Database, DatabaseGoneError
from orchestrator.store.group_rows import Filters
from orchestrator.store.tables import groups

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncConnection

LOCK = text("SELECT pg_advisory_xact_lock(7)")
BOUND = 3.0  # seconds; a busy machine may hold up what must happen within it
PATIENCE = 60.0
PARSE_AND_FLUSH = b"P\0\0\0\x10\0SELECT 1\0\0\0" + b"H\0\0\0\4"


@pytest.fixture
async def database(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    monkeypatch.setattr(engine, "TRANSACTION", BOUND)
    database = Database(postgres_url)
    yield database
    await database.close()


async def stop_in_the_middle_of_a_statement(connection: AsyncConnection) -> None:
    """Its messages have begun and no end of them comes: to the server the session is at work, not idle."""
    raw = await connection.get_raw_connection()
    assert raw.driver_connection is not None
    raw.driver_connection._transport.write(PARSE_AND_FLUSH)


async def test_who_was_stopped_in_the_middle_of_a_statement_gives_way(database: Database) -> None:
    async with database.engine.connect() as stopped:
        begun = (
            time.monotonic()
        )  # before the server's own count, however long this process is held up meanwhile
        await stopped.begin()
        await stopped.execute(LOCK)
        await stop_in_the_middle_of_a_statement(stopped)
        # Without a bound of its own, which would end it in the same moment on a busy machine.
        async with asyncio.timeout(PATIENCE), database.write(long=True) as connection:
            await connection.execute(LOCK)
        assert time.monotonic() - begun >= BOUND / 2
        await stopped.invalidate()


async def test_a_transaction_that_takes_too_long_ends_as_a_database_that_is_away(database: Database) -> None:
    with pytest.raises(DatabaseGoneError):
        async with database.write() as connection:
            await connection.execute(text("SELECT pg_sleep(60)"))


async def test_one_that_goes_through_a_whole_table_takes_as_long_as_it_needs(database: Database) -> None:
    async with database.write(long=True) as connection:
        await connection.execute(text(f"SELECT pg_sleep({1.5 * BOUND})"))
    async with database.read(long=True) as connection:
        await connection.execute(text(f"SELECT pg_sleep({1.5 * BOUND})"))


async def test_a_list_that_is_read_slowly_is_not_cut_off(database: Database) -> None:
    """It waits for nobody, and nobody for it: the reader may be a person at a pager."""
    row = {"slug": "sales", "name": "Sales", "created_at": 1.0, "updated_at": 1.0}
    async with database.write() as connection:
        await connection.execute(insert(groups).values([row, {**row, "slug": "orders", "name": "Orders"}]))
    found = []
    async for one in list_memberships(database, Filters()):
        found.append(one.slug)
        await asyncio.sleep(0.8 * BOUND)
    assert found == ["sales", "orders"]
