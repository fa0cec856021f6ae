from __future__ import annotations

import os
import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from orchestrator.domain.errors import ConfigurationError, UsageError
from orchestrator.operations import backup as backing_up
from orchestrator.operations.backup import Severity, backup, check, restored_at
from orchestrator.store import schema
from orchestrator.store.engine import Database
from orchestrator.store.secrets import KeyRing
from orchestrator.store.tables import invite_codes
from tests.support.catalogue import CODES, JIDS, Catalogue, opened

if TYPE_CHECKING:
    from pathlib import Path


def shell(folder: Path, name: str, script: str) -> None:
    """A program on the PATH."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


async def test_a_copy_is_whole_private_and_marked_as_restored(sqlite_url: str, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    async with opened(sqlite_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code\nA,{CODES[0]}\n")
        size = await backup(catalogue.database, target)
        async with catalogue.database.read() as connection:
            assert await restored_at(connection) is None

        facts = os.stat(target)  # noqa: PTH116 - the loop is idle
        assert (size, stat.S_IMODE(facts.st_mode)) == (facts.st_size, 0o600)
        copy = Catalogue(Database(f"sqlite+aiosqlite:///{target}"), catalogue.ring)
        try:
            assert await copy.code_of("a") == CODES[0]
            async with copy.database.read() as connection:
                made = await restored_at(connection)
            findings = await check(copy.database, copy.ring)
        finally:
            await copy.database.close()

    assert made is not None
    assert made > 1_700_000_000
    assert [finding.code for finding in findings] == ["restored"]
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []  # noqa: PTH208


async def test_a_backup_is_made_while_another_writes(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code\nA,{CODES[0]}\n")
        async with catalogue.database.write() as connection:
            await connection.execute(update(invite_codes).values(verdict="good"))
            await backup(catalogue.database, tmp_path / "copy.db")

    with sqlite3.connect(tmp_path / "copy.db") as copy:
        assert copy.execute("SELECT verdict FROM invite_codes").fetchall() == [(None,)]
    copy.close()


async def test_a_backup_never_overwrites(sqlite_url: str, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("precious")
    async with opened(sqlite_url, tmp_path) as catalogue:
        with pytest.raises(UsageError, match="never overwrites"):
            await backup(catalogue.database, target)

    assert target.read_text() == "precious"


async def test_a_folder_that_is_not_there_is_said_so(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path) as catalogue:
        with pytest.raises(UsageError, match="cannot be written"):
            await backup(catalogue.database, tmp_path / "nowhere" / "copy.db")


async def test_a_backup_that_fails_leaves_nothing(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async with opened(sqlite_url, tmp_path) as catalogue:
        monkeypatch.setattr(backing_up, "_copy_sqlite", fail)
        with pytest.raises(backing_up.BackupFailedError, match="disk is full"):
            await backup(catalogue.database, tmp_path / "copy.db")

    assert not [file for file in os.listdir(tmp_path) if "copy" in file]  # noqa: PTH208


async def test_without_pg_dump_the_error_says_what_to_install(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(postgres_url, tmp_path) as catalogue:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(ConfigurationError, match="pg_dump is not on this machine"):
            await backup(catalogue.database, tmp_path / "copy.dump")


async def test_pg_dump_gets_the_database_and_the_password_only_by_the_environment(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell(tmp_path, "pg_dump", f'echo "$@ / $PGPASSWORD" >{tmp_path}/said; for a; do :; done; exit 0')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    url = postgres_url.replace("postgres:@", "postgres:hunter2@")
    async with opened(url, tmp_path) as catalogue:
        await backup(catalogue.database, tmp_path / "copy.dump")

    arguments, password = (tmp_path / "said").read_text().strip().split(" / ")
    assert password == "hunter2"
    assert "hunter2" not in arguments
    assert f"--dbname={catalogue.database.engine.url.database}" in arguments
    assert stat.S_IMODE((tmp_path / "copy.dump").stat().st_mode) == 0o600


async def test_what_pg_dump_says_is_passed_on(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell(tmp_path, "pg_dump", "echo 'pg_dump: error: server version mismatch' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    async with opened(postgres_url, tmp_path) as catalogue:
        with pytest.raises(backing_up.BackupFailedError, match="server version mismatch"):
            await backup(catalogue.database, tmp_path / "copy.dump")

    assert not (tmp_path / "copy.dump").exists()


async def test_a_sound_database_has_no_findings(database_url: str, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        async with opened(database_url, tmp_path) as catalogue:
            await catalogue.take(f"name,code\nA,{CODES[0]}\n")

            assert await check(catalogue.database, catalogue.ring) == []
    finally:
        os.umask(before)


async def test_codes_that_cannot_be_read_and_groups_without_are_found(
    database_url: str, tmp_path: Path
) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code,jid\nA,{CODES[0]},\nB,{CODES[1]},\nC,,{JIDS[0]}\n")
        async with catalogue.database.write() as connection:
            spoiled = update(invite_codes).where(invite_codes.c.last4 == CODES[0][-4:])
            await connection.execute(spoiled.values(ciphertext=b"\x01" + bytes(50)))
        findings = {f.code: f for f in await check(catalogue.database, catalogue.ring)}
        unasked = {f.code for f in await check(catalogue.database)}

    assert findings["code_undecryptable"].severity is Severity.BROKEN
    assert findings["code_undecryptable"].message.startswith("2 stored invite codes")
    assert findings["code_missing"].message == "1 groups have no invite code"
    assert "code_undecryptable" not in unasked


async def test_the_key_file_of_another_database_is_found_out(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code\nA,{CODES[0]}\n")
        other = KeyRing.create(tmp_path / "other.key")
        findings = await check(catalogue.database, other)

    assert findings[0].code == "key_missing"


async def test_rows_that_point_to_nothing_are_found(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code\nA,{CODES[0]}\n")
    with sqlite3.connect(tmp_path / "rejoin.db") as file:
        file.execute("PRAGMA foreign_keys=OFF")
        file.execute("DELETE FROM groups")
    file.close()
    database = Database(sqlite_url)
    try:
        findings = await check(database)
    finally:
        await database.close()

    assert "dangling_rows" in {finding.code for finding in findings}
    assert findings[0].severity is Severity.BROKEN


async def test_an_open_database_file_is_found(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path) as catalogue:
        (tmp_path / "rejoin.db").chmod(0o644)

        assert [finding.code for finding in await check(catalogue.database)] == ["file_mode"]


async def test_a_database_without_a_schema_is_found_and_not_backed_up(
    empty_database_url: str, tmp_path: Path
) -> None:
    database = Database(empty_database_url)
    try:
        assert [finding.code for finding in await check(database)] == ["schema_empty"]
        with pytest.raises(ConfigurationError):
            await backup(database, tmp_path / "copy")
        await schema.upgrade(database)
    finally:
        await database.close()
