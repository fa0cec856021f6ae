"""A copy of the database that can be trusted, and a look at whether this one still can."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sqlite3
import stat
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import ConfigurationError, RejoinError, UsageError
from orchestrator.operations.code_keys import count_unreadable
from orchestrator.store import groups, meta, schema
from orchestrator.store.engine import AsyncConnection, Database
from orchestrator.store.keyring import KeyRing
from orchestrator.store.schema import SchemaState
from orchestrator.store.secrets import WHEN_UNREADABLE, cipher_for_reading

RESTORED = "restored"  # in `meta` of a copy: when it was made; an original has no such row
_MODE = 0o600


class BackupFailedError(RejoinError):
    """The backup could not be made."""

    code = "backup_failed"


class Severity(StrEnum):
    BROKEN = "broken"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the database, and what helps."""

    code: str
    severity: Severity
    message: str
    hint: str = ""


async def backup(database: Database, target: Path) -> int:
    """A consistent copy while everything goes on; its size in bytes. Mode 0600; never overwrites.

    The copy of an SQLite database is marked: opened as it is, it shows that it may have forgotten joins.
    """
    await schema.require_current(database)
    if await asyncio.to_thread(target.exists):
        raise UsageError(f"{target}: there is a file already; a backup never overwrites one")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE))
        if database.dialect == "sqlite":
            async with database.read(long=True) as connection:
                now = await database.now(connection)
            await asyncio.to_thread(_copy_sqlite, str(database.engine.url.database), temporary, now)
        else:
            await _dump_postgresql(database, temporary)
        return await asyncio.to_thread(_put_in_place, temporary, target)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {error.strerror}") from error
    except sqlite3.Error as error:
        raise BackupFailedError(f"{target}: the backup could not be made: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


async def restored_at(connection: AsyncConnection) -> float | None:
    """When the copy was made that this database is; None for an original."""
    value = await meta.get(connection, meta.RESTORED)
    return None if value is None else float(value)


def _copy_sqlite(source: str, target: Path, now: float) -> None:
    with closing(sqlite3.connect(source, timeout=30.0)) as origin, closing(sqlite3.connect(target)) as copy:
        origin.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, complete in itself
        copy.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (meta.RESTORED, repr(now)))
        copy.commit()
        (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise BackupFailedError(f"the copy is damaged: {verdict}", hint=f"run: {Operation.CHECK_DATABASE}")


def _put_in_place(temporary: Path, target: Path) -> int:
    """Synced, then linked to its name: a link, unlike a rename, does not overwrite."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise UsageError(f"{target}: there is a file already; a backup never overwrites one") from None
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return target.stat().st_size


async def _dump_postgresql(database: Database, target: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise ConfigurationError(
            "pg_dump is not on this machine",
            hint="install PostgreSQL's client programs, or back the database up as you do your others",
        )
    process = await asyncio.create_subprocess_exec(
        program, "--format=custom", f"--file={target}", *_connection_arguments(database),
        env=_environment(database), stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await process.communicate()
    if process.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        raise BackupFailedError(f"pg_dump failed: {last[0]}")


def _connection_arguments(database: Database) -> list[str]:
    url = database.engine.url
    host = url.host or url.query.get("host")
    given = {"--host": host, "--port": url.port, "--username": url.username, "--dbname": url.database}
    return [f"{name}={value}" for name, value in given.items() if value] + ["--no-password"]


def _environment(database: Database) -> dict[str, str]:
    """The password goes by the environment: arguments stand in the list of processes."""
    password = database.engine.url.password
    return {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}


async def check(database: Database, ring: KeyRing | None = None) -> list[Finding]:
    """Everything that is wrong, worst first; empty if all is well. Without a key ring codes are not tried."""
    stands = await _schema(database)
    if stands is not None:
        return [stands]
    async with database.read(long=True) as connection:
        found = [*await _sqlite_integrity(database, connection), *await _restored(connection)]
        found += await _codes(connection, ring)
    found += _file_mode(database)
    return sorted(found, key=lambda finding: finding.severity is not Severity.BROKEN)


async def _schema(database: Database) -> Finding | None:
    state = await schema.check(database)
    if state is SchemaState.UP_TO_DATE:
        return None
    sentences = {
        SchemaState.EMPTY: ("the database is empty", f"run: {Operation.UPGRADE_DATABASE}"),
        SchemaState.BEHIND: ("the database is older than this rejoin", f"run: {Operation.UPGRADE_DATABASE}"),
        SchemaState.AHEAD: ("this rejoin is older than the database", "install the newest rejoin"),
    }
    return Finding(f"schema_{state}", Severity.BROKEN, *sentences[state])


async def _sqlite_integrity(database: Database, connection: AsyncConnection) -> list[Finding]:
    if database.dialect != "sqlite":
        return []
    said, orphans = await schema.damage(connection)
    damage = [
        Finding("damaged", Severity.BROKEN, f"the file is damaged: {line}", "restore a backup")
        for line in said
    ]
    if orphans:
        names = ", ".join(sorted(set(orphans)))
        damage.append(
            Finding(
                "dangling_rows",
                Severity.BROKEN,
                f"{len(orphans)} rows point to rows that are gone ({names})",
                "restore a backup",
            )
        )
    return damage


async def _restored(connection: AsyncConnection) -> list[Finding]:
    made = await restored_at(connection)
    if made is None:
        return []
    sentence = "this database is a restored copy: joins sent since it was made are not known to it"
    return [Finding("restored", Severity.WARNING, sentence, "the next recovery looks before it joins")]


async def _codes(connection: AsyncConnection, ring: KeyRing | None) -> list[Finding]:
    found = []
    if missing := (await groups.without_code(connection)).count:
        sentence = f"{missing} groups have no invite code"
        found.append(Finding("code_missing", Severity.WARNING, sentence, str(Command(Operation.SET_CODE))))
    if ring is None:
        return found
    try:
        cipher = await cipher_for_reading(connection, ring)
    except ConfigurationError as error:
        return [*found, Finding("key_missing", Severity.BROKEN, error.message, error.hint)]
    if lost := await count_unreadable(connection, cipher):
        sentence = f"{lost} stored invite codes cannot be decrypted with this key file"
        hint = f"put the right key file in place, or: {WHEN_UNREADABLE}"
        found.append(Finding("code_undecryptable", Severity.BROKEN, sentence, hint))
    return found


def _file_mode(database: Database) -> list[Finding]:
    if database.dialect != "sqlite":
        return []
    path = Path(str(database.engine.url.database))
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & 0o077:
        return []
    sentence = f"{path}: readable for other users (mode {mode:04o})"
    return [Finding("file_mode", Severity.WARNING, sentence, f"run: chmod 600 {path}")]
