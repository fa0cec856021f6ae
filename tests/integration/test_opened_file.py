"""A SQLite file that was deleted, replaced or moved under whoever has it open is used no more."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import DatabaseError

from orchestrator.bootstrap import open_database
from orchestrator.cli.failure import describe
from orchestrator.config.database import DatabaseSettings
from orchestrator.domain.errors import ConfigurationError, DatabaseReplacedError
from orchestrator.operations.backup import backup
from orchestrator.store import schema
from orchestrator.store.engine import Database, DatabaseGoneError, database_identity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _deleted(file: Path) -> None:
    file.unlink()


def _all_deleted(file: Path) -> None:
    for found in file.parent.glob(f"{file.name}*"):
        found.unlink()


def _renamed_over(file: Path) -> None:
    copy = file.with_name("copy.db")
    shutil.copyfile(file, copy)
    copy.replace(file)


def _without_log(file: Path) -> None:
    file.with_name(f"{file.name}-wal").unlink()


def _without_index(file: Path) -> None:
    file.with_name(f"{file.name}-shm").unlink()


def _folder_moved(file: Path) -> None:
    file.parent.rename(file.parent.with_name("elsewhere"))


def _folder_copied_back(file: Path) -> None:
    _folder_moved(file)
    shutil.copytree(file.parent.with_name("elsewhere"), file.parent)


def _link_pointed_elsewhere(file: Path) -> None:
    file.parent.rename(file.parent.with_name("first"))
    shutil.copytree(file.parent.with_name("first"), file.parent.with_name("second"))
    file.parent.symlink_to(file.parent.with_name("second"))


HAPPENINGS = [
    _deleted, _all_deleted, _renamed_over, _without_log, _without_index,
    _folder_moved, _folder_copied_back, _link_pointed_elsewhere,
]  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder / "rejoin.db"


@pytest.mark.parametrize("happens", HAPPENINGS)
async def test_whatever_takes_the_file_from_its_path_ends_every_use_of_it(
    file: Path, happens: Callable[[Path], None]
) -> None:
    database = Database(f"sqlite+aiosqlite:///{file}")
    await schema.upgrade(database)
    async with database.read():
        assert database.in_place()

    happens(file)
    before = sorted(file.parent.glob("*")) if file.parent.exists() else []

    assert not database.in_place()
    with pytest.raises(DatabaseReplacedError) as told:
        async with database.read():
            pass
    assert "rejoin db check" in told.value.hint
    with pytest.raises(DatabaseReplacedError):
        async with database.write():
            pass
    with pytest.raises(DatabaseReplacedError):
        database.version()
    after = sorted(file.parent.glob("*")) if file.parent.exists() else []
    assert after == before  # nothing was made where the file was
    await database.close()


@pytest.mark.parametrize("happens", HAPPENINGS)
async def test_a_command_that_only_reads_notices_as_well(file: Path, happens: Callable[[Path], None]) -> None:
    database = Database(f"sqlite+aiosqlite:///{file}")
    await schema.upgrade(database)
    brief = Database(f"sqlite+aiosqlite:///{file}", brief=True)
    async with brief.read():
        assert brief.in_place()

    happens(file)

    assert not brief.in_place()
    with pytest.raises(DatabaseReplacedError):
        async with brief.read():
            pass
    await brief.close()
    await database.close()


async def test_the_identity_of_a_file_that_went_in_the_middle_of_a_transaction_is_that_of_none(
    file: Path,
) -> None:
    database = Database(f"sqlite+aiosqlite:///{file}")
    await schema.upgrade(database)
    async with database.read() as connection:
        _deleted(file)
        with pytest.raises(DatabaseReplacedError, match=file.name):
            await database_identity(database, connection)
    await database.close()


@pytest.mark.parametrize("happens", [_deleted, _renamed_over, _without_log, _without_index])
async def test_a_link_to_the_file_is_followed_to_what_stands_beside_it(
    file: Path, happens: Callable[[Path], None]
) -> None:
    link = file.with_name("link.db")
    link.symlink_to(file)
    database = Database(f"sqlite+aiosqlite:///{link}")
    await schema.upgrade(database)
    async with database.read():
        assert database.in_place()

    happens(file)

    assert not database.in_place()
    with pytest.raises(DatabaseReplacedError):
        async with database.write():
            pass
    await database.close()


async def test_a_link_that_leads_elsewhere_ends_every_use_of_the_file(file: Path) -> None:
    link, other = file.with_name("link.db"), file.with_name("other.db")
    link.symlink_to(file)
    database = Database(f"sqlite+aiosqlite:///{link}")
    await schema.upgrade(database)
    await backup(database, other)
    link.unlink()
    link.symlink_to(other)

    with pytest.raises(DatabaseReplacedError):
        async with database.write():
            pass
    await database.close()


async def test_no_second_connection_is_opened_to_another_file(file: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{file}")
    await schema.upgrade(database)
    async with database.read():
        _deleted(file)
        with pytest.raises(DatabaseReplacedError):
            async with database.read():
                pass
    await database.close()
    assert not list(file.parent.glob("rejoin.db"))


async def test_a_file_that_others_open_write_and_back_up_stays_the_same(file: Path) -> None:
    database, other = (Database(f"sqlite+aiosqlite:///{file}") for _ in range(2))
    await schema.upgrade(database)
    async with other.write():
        pass
    await other.close()
    await backup(database, file.with_name("copy.db"))
    os.utime(file)

    async with database.write():
        assert database.in_place()
    await database.engine.dispose()  # the last one out removes the log, the next one makes another
    async with database.write():
        assert database.in_place()
    await database.close()


def _no_database(file: Path) -> None:
    file.write_bytes(b"no database" * 1000)


def _half_overwritten(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[:12_288] + bytes(range(256)) * (len(whole) // 256 - 48))


@pytest.mark.parametrize("happens", [_no_database, _half_overwritten])
async def test_a_file_that_was_written_over_is_told_with_the_way_out(
    file: Path, happens: Callable[[Path], None]
) -> None:
    database = Database(f"sqlite+aiosqlite:///{file}")
    await schema.upgrade(database)
    await database.close()

    happens(file)

    with pytest.raises(ConfigurationError) as told:
        async with open_database(DatabaseSettings(url=f"sqlite:///{file}")):
            pass
    assert "put a backup in its place" in told.value.hint
    with closing(sqlite3.connect(file)) as raw, pytest.raises(sqlite3.DatabaseError) as damaged:
        raw.execute("SELECT * FROM sqlite_master, journal").fetchall()
    said = describe(DatabaseError("SELECT 1", {}, damaged.value))
    assert "put a backup in its place" in said.hint


async def test_a_file_that_cannot_be_opened_leaves_no_thread_that_reports_to_a_closed_loop(
    tmp_path: Path,
) -> None:
    before = set(threading.enumerate())
    for _ in range(20):
        database = Database(f"sqlite+aiosqlite:///{tmp_path}")
        with pytest.raises(DatabaseGoneError, match="unable to open"):
            async with database.read():
                pass
        assert set(threading.enumerate()) <= before
        await database.close()
