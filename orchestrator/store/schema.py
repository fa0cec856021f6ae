"""The schema's version: bring it up to date, or say how it stands. And how sound the database says it is.

Alembic is imported only to migrate: it costs a third of a second, which `status` must not pay.
"""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from sqlalchemy import inspect, text, update
from sqlalchemy.engine import Connection

import orchestrator
from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import ConfigurationError
from orchestrator.store import meta
from orchestrator.store.engine import AsyncConnection, Database, database_identity
from orchestrator.store.tables import instances

_VERSION_TABLE = "alembic_version"
_LOCK = 0x52656A6F696E  # "Rejoin": PostgreSQL's advisory lock, held by whoever migrates
_UPGRADE = f"run: {Operation.UPGRADE_DATABASE}"


class SchemaState(StrEnum):
    """How the database's schema stands to this program."""

    UP_TO_DATE = "up_to_date"
    BEHIND = "behind"  # an older rejoin made it: upgrade
    AHEAD = "ahead"  # a newer rejoin upgraded it: this one must not touch it
    EMPTY = "empty"  # no schema of ours yet


def migrations_directory() -> Path:
    """Inside the package when installed from a wheel, beside it in a checkout."""
    package = Path(orchestrator.__file__).parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def revisions() -> tuple[str, ...]:
    """Every revision this program knows, oldest first. A migration's file name begins with its revision."""
    files = (migrations_directory() / "versions").glob("[0-9]*_*.py")
    known = tuple(sorted(file.name.split("_", 1)[0] for file in files))
    if not known:
        raise ConfigurationError("this installation has no migrations", hint="install rejoin anew")
    return known


def head() -> str:
    """The newest revision."""
    return revisions()[-1]


async def current(database: Database) -> str | None:
    """The revision of the database; None if it has none. Never makes a file."""
    if _is_missing_file(database):
        return None
    async with database.read() as connection:
        return await connection.run_sync(_current)


async def check(database: Database) -> SchemaState:
    return _state(await current(database))


async def require_current(database: Database) -> None:
    """Raise ConfigurationError unless the schema is the one that this program was written for."""
    match await check(database):
        case SchemaState.EMPTY:
            raise ConfigurationError("the database is empty", hint=_UPGRADE)
        case SchemaState.BEHIND:
            raise ConfigurationError("the database is older than this rejoin", hint=_UPGRADE)
        case SchemaState.AHEAD:
            raise _too_old()


async def upgrade(database: Database, revision: str = "head") -> bool:
    """Migrate in one transaction; False if there was nothing to do. Of two at once one finds it done."""
    async with database.write(long=True) as connection:
        if database.dialect == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        before = await connection.run_sync(_current)
        if _state(before) is SchemaState.AHEAD:
            raise _too_old()
        if before == (head() if revision == "head" else revision):
            return False
        await _migrate(connection, revision)
        if revision == "head":
            await _remember_where(database, connection)
    return True


async def _remember_where(database: Database, connection: AsyncConnection) -> None:
    """What this database is, once; in a copy of it that is no longer so."""
    if await meta.get(connection, meta.IDENTITY) is None:
        here = await database_identity(database, connection)
        await meta.put(connection, meta.IDENTITY, here)
        never_driven = (instances.c.seen_at.is_(None), instances.c.seen_database.is_(None))
        await connection.execute(update(instances).where(*never_driven).values(seen_database=here))


async def _migrate(connection: AsyncConnection, revision: str) -> None:
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415

    from orchestrator.store.tables import declare_partial_indexes, metadata  # noqa: PLC0415

    declare_partial_indexes()
    config = Config()
    # The option is a template: a percent sign in a path is doubled.
    config.set_main_option("script_location", str(migrations_directory()).replace("%", "%%"))

    def run(bind: Connection) -> None:
        config.attributes.update(connection=bind, metadata=metadata)
        command.upgrade(config, revision)

    await connection.run_sync(run)


def _current(bind: Connection) -> str | None:
    if not inspect(bind).has_table(_VERSION_TABLE):
        return None
    return bind.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar_one_or_none()  # noqa: S608 - a constant


def _state(revision: str | None) -> SchemaState:
    if revision is None:
        return SchemaState.EMPTY
    known = revisions()
    if revision not in known:
        return SchemaState.AHEAD
    return SchemaState.UP_TO_DATE if revision == known[-1] else SchemaState.BEHIND


def _is_missing_file(database: Database) -> bool:
    path = database.engine.url.database
    return database.dialect == "sqlite" and bool(path) and not Path(str(path)).exists()


def _too_old() -> ConfigurationError:
    return ConfigurationError(
        "this rejoin is older than the database", hint="install the newest rejoin, or restore a backup"
    )


class _TakenBackError(Exception):
    """The write was possible, and is undone."""


async def try_write(database: Database) -> None:
    """Write for real, then roll back. Raises what the database says where it cannot."""
    with suppress(_TakenBackError):
        async with database.write() as connection:
            await meta.put(connection, meta.CREATED_AT, "")
            raise _TakenBackError


async def durability(connection: AsyncConnection) -> dict[str, str]:
    """The settings that decide whether a commit is on disk when it returns."""
    if connection.dialect.name == "sqlite":
        names = ("journal_mode", "synchronous")
        found = {name: await connection.exec_driver_sql(f"PRAGMA {name}") for name in names}
        return {name: str(result.scalar_one()) for name, result in found.items()}
    settings = ("synchronous_commit", "fsync")
    return {name: str((await connection.execute(text(f"SHOW {name}"))).scalar_one()) for name in settings}


async def damage(connection: AsyncConnection) -> tuple[list[str], list[str]]:
    """What is broken in a SQLite file, as it says itself; and the table of each row that points to none."""
    said = (await connection.execute(text("PRAGMA integrity_check(20)"))).scalars().all()
    orphans = (await connection.execute(text("PRAGMA foreign_key_check"))).all()
    return [line for line in said if line != "ok"], [str(row[0]) for row in orphans]
