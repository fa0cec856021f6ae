"""Databases with the schema in place: migrated once for each test process, then copied.

A copy is a database of its own: it gets its own id and time of making, which a recovery reads.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

from orchestrator.store import schema
from orchestrator.store.engine import Database

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from tests.support.postgres import PostgresServer


def migrate(url: str) -> None:
    in_thread(_migrate(url))


def in_thread(work: Coroutine[Any, Any, None]) -> None:
    """Done before it returns, without a touch of any test's event loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(work)).result()


async def _migrate(url: str) -> None:
    database = Database(url)
    await schema.upgrade(database)
    await database.close()  # SQLite: the last one out empties the write-ahead log into the file


def copy_file(template: Path, copy: Path) -> str:
    """The URL of a SQLite file of its own."""
    shutil.copyfile(template, copy)
    copy.chmod(0o600)  # as ours are made
    with closing(sqlite3.connect(copy)) as connection, connection:
        for key, value in (("created_at", repr(time.time())), ("database_id", uuid.uuid4().hex)):
            connection.execute("UPDATE meta SET value = ? WHERE key = ?", (value, key))
    make_original(copy)
    return f"sqlite+aiosqlite:///{copy}"


def make_original(copy: Path) -> None:
    """It passes for a file that was made where it is, not for a restored one."""
    found = copy.stat()
    with closing(sqlite3.connect(copy)) as connection, connection:
        here = f"{found.st_ino}/@{found.st_dev}"
        connection.execute("UPDATE meta SET value = ? WHERE key = 'identity'", (here,))


def copy_database(server: PostgresServer, template: str) -> str:
    """The name of a PostgreSQL database of its own."""
    name = server.create_database(template=template)
    server.execute(
        "UPDATE meta SET value = extract(epoch FROM clock_timestamp())::text WHERE key = 'created_at';"
        " UPDATE meta SET value = md5(random()::text) WHERE key = 'database_id'",
        database=name,
    )
    return name
