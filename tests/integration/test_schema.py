from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from orchestrator.domain.errors import ConfigurationError
from orchestrator.store import schema
from orchestrator.store.engine import Database, database_identity
from orchestrator.store.schema import SchemaState
from orchestrator.store.tables import declare_partial_indexes, journal, meta, metadata
from tests.support.command import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.engine import Connection

_PG_SHAPE = (
    (
        "SELECT table_name, column_name, data_type, is_nullable, column_default"
        " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
    ),
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    (
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
    ),
)
_SQLITE_SHAPE = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1",
    ('SELECT m.name, x.name, x.type, x."notnull", x.dflt_value, x.pk FROM sqlite_master m'
    " JOIN pragma_table_info(m.name) x WHERE m.type = 'table' ORDER BY 1, 2"),
    ('SELECT m.name, x."from", x."table", x."to", x.on_delete FROM sqlite_master m'
    " JOIN pragma_foreign_key_list(m.name) x WHERE m.type = 'table' ORDER BY 1, 2"),
)  # fmt: skip


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        await database.close()


async def test_the_migrations_make_what_the_models_say(empty_database_url: str) -> None:
    async with opened(empty_database_url) as database:
        await schema.upgrade(database)
        async with database.read() as connection:
            differences = await connection.run_sync(_differences)

    assert differences == []


async def test_migrated_and_created_tables_have_the_same_columns_indexes_and_keys(
    empty_database_url: str,
) -> None:
    async with opened(empty_database_url) as database:
        await schema.upgrade(database)
        migrated = await _shape(database)
        async with database.write() as connection:
            declare_partial_indexes()
            await connection.run_sync(metadata.drop_all)
        async with database.write() as connection:
            await connection.run_sync(metadata.create_all)

        created = await _shape(database)

    assert migrated == created
    assert len(migrated) > 100


async def test_upgrading_twice_is_harmless(empty_database_url: str) -> None:
    async with opened(empty_database_url) as database:
        assert await schema.upgrade(database) is True
        first = await _meta(database)

        assert await schema.upgrade(database) is False
        assert await _meta(database) == first


async def test_the_first_migration_says_when_and_gives_the_database_an_id(empty_database_url: str) -> None:
    async with opened(empty_database_url) as database:
        await schema.upgrade(database)
        rows = await _meta(database)

    assert abs(float(rows["created_at"]) - time.time()) < 60
    assert len(rows["database_id"]) == 32
    assert int(rows["database_id"], 16)


def test_two_processes_that_upgrade_at_once_do_not_break_each_other(empty_database_url: str) -> None:
    code = (
        "import asyncio, sys\n"
        "from orchestrator.store import schema\n"
        "from orchestrator.store.engine import Database\n"
        "async def main():\n"
        "    database = Database(sys.argv[1])\n"
        "    print(await schema.upgrade(database))\n"
        "    await database.close()\n"
        "asyncio.run(main())\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, empty_database_url],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(schema.__file__).parents[2],
        )
        for _ in range(3)
    ]  # fmt: skip
    answers = [process.communicate(timeout=PATIENCE) for process in processes]

    assert [error for _, error in answers] == ["", "", ""]
    assert sorted(out.strip() for out, _ in answers) == ["False", "False", "True"]


async def test_the_journal_cannot_be_changed_or_emptied(empty_database_url: str) -> None:
    async with opened(empty_database_url) as database:
        await schema.upgrade(database)
        async with database.write() as connection:
            await connection.execute(insert(journal).values(at=time.time(), kind="act.import", actor="test"))

        statements: list[Any] = [update(journal).values(kind="other"), delete(journal)]
        if database.dialect == "postgresql":
            statements.append(text("TRUNCATE journal"))
        for statement in statements:
            with pytest.raises(DBAPIError, match="append-only"):
                async with database.write() as connection:
                    await connection.execute(statement)

        async with database.read() as connection:
            assert (await connection.execute(select(journal.c.kind))).scalars().all() == ["act.import"]


async def test_only_an_old_line_of_the_journal_can_be_pruned(empty_database_url: str) -> None:
    day, now = 86400.0, time.time()
    async with opened(empty_database_url) as database:
        await schema.upgrade(database)
        async with database.write() as connection:
            for age in (31, 29):
                line = insert(journal).values(at=now - age * day, kind=f"{age} days", actor="test")
                await connection.execute(line)

        async with database.write() as connection:
            await connection.execute(delete(journal).where(journal.c.at < now - 30 * day))
        with pytest.raises(DBAPIError, match="append-only"):
            async with database.write() as connection:
                await connection.execute(delete(journal))

        async with database.read() as connection:
            assert (await connection.execute(select(journal.c.kind))).scalars().all() == ["29 days"]


async def test_a_database_without_a_schema_is_empty_and_asks_for_the_upgrade(empty_database_url: str) -> None:
    async with opened(empty_database_url) as database:
        assert await schema.check(database) is SchemaState.EMPTY
        assert await schema.current(database) is None
        with pytest.raises(ConfigurationError) as refusal:
            await schema.require_current(database)

    assert "rejoin db upgrade" in refusal.value.hint


async def test_a_migrated_database_is_up_to_date(empty_database_url: str) -> None:
    async with opened(empty_database_url) as database:
        await schema.upgrade(database)

        assert await schema.check(database) is SchemaState.UP_TO_DATE
        assert await schema.current(database) == schema.head()
        await schema.require_current(database)


async def test_looking_at_a_missing_file_does_not_make_one(empty_sqlite_url: str, tmp_path: Path) -> None:
    async with opened(empty_sqlite_url) as database:
        assert await schema.check(database) is SchemaState.EMPTY

    assert os.listdir(tmp_path) == []  # noqa: PTH208 - the loop is idle


async def test_an_unknown_revision_is_from_a_newer_rejoin_and_is_left_alone(empty_database_url: str) -> None:
    async with opened(empty_database_url) as database:
        await schema.upgrade(database)
        await _set_revision(database, "9999")

        assert await schema.check(database) is SchemaState.AHEAD
        with pytest.raises(ConfigurationError, match="older than the database"):
            await schema.require_current(database)
        with pytest.raises(ConfigurationError, match="older than the database"):
            await schema.upgrade(database)


async def test_an_older_revision_is_behind(empty_sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(empty_sqlite_url) as database:
        await schema.upgrade(database)
        newer = (*schema.revisions(), "9000")
        monkeypatch.setattr(schema, "revisions", lambda: newer)

        assert await schema.check(database) is SchemaState.BEHIND
        with pytest.raises(ConfigurationError) as refusal:
            await schema.require_current(database)

    assert "rejoin db upgrade" in refusal.value.hint


async def test_a_migration_that_fails_leaves_nothing_behind(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(empty_database_url) as database:
        with monkeypatch.context() as patch:
            patch.setattr("uuid.uuid4", _fail)
            with pytest.raises(RuntimeError, match="power cut"):
                await schema.upgrade(database)

        assert await schema.check(database) is SchemaState.EMPTY
        assert await schema.upgrade(database) is True


def test_the_cheap_look_agrees_with_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.migrations_directory()))
    scripts = ScriptDirectory.from_config(config)

    assert scripts.get_heads() == [schema.head()]
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(schema.revisions())


def test_the_cheap_look_does_not_import_alembic() -> None:
    code = "import sys, orchestrator.store.schema as s; s.head(); print('alembic' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, cwd=Path(schema.__file__).parents[2],
    )  # fmt: skip

    assert done.stdout.strip() == "False"


def test_there_is_no_way_down() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.migrations_directory()))
    for script in ScriptDirectory.from_config(config).walk_revisions():
        with pytest.raises(NotImplementedError):
            script.module.downgrade()


def _fail() -> None:
    raise RuntimeError("power cut")


def _differences(connection: Connection) -> list[Any]:
    declare_partial_indexes()
    options = {"compare_type": True, "compare_server_default": True, "include_object": _comparable}
    context = MigrationContext.configure(connection, opts={**options, "target_metadata": metadata})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Skipped unsupported reflection of expression-based")
        return list(compare_metadata(context, metadata))


def _comparable(_object: Any, name: str | None, *_: Any) -> bool:
    """SQLite's descending index cannot be reflected; the test of the shapes compares it as text."""
    return name != "ix_memberships_claim"


async def _shape(database: Database) -> list[tuple[Any, ...]]:
    queries = _PG_SHAPE if database.dialect == "postgresql" else _SQLITE_SHAPE
    async with database.read() as connection:
        rows = [tuple(row) for query in queries for row in await connection.execute(text(query))]
    return [row for row in rows if "alembic_version" not in str(row)]


async def _meta(database: Database) -> dict[str, str]:
    async with database.read() as connection:
        return {row.key: row.value for row in await connection.execute(select(meta))}


async def _set_revision(database: Database, revision: str) -> None:
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})


async def test_what_lasts_of_an_identity_is_set_apart_and_the_place_is_remembered(
    empty_database_url: str,
) -> None:
    async with opened(empty_database_url) as database:
        await schema.upgrade(database, "0003")
        sqlite = database.dialect == "sqlite"
        before, after = (
            ("5/7/mark", "7/mark@5") if sqlite else ("9/1/2026-11-01 10:00/42", "9/1/42@2026-11-01 10:00")
        )
        insertion = (
            "INSERT INTO instances (name, role, gateway, account, known_since, seen_at, seen_database) VALUES"
        )
        async with database.write() as connection:
            await connection.execute(
                text(f"{insertion} ('driven', 'backup', 'wawp', 'a', 0, 1, :seen)"), {"seen": before}
            )
            await connection.execute(text(f"{insertion} ('new', 'backup', 'wawp', 'b', 0, NULL, NULL)"))

        await schema.upgrade(database)

        async with database.read() as connection:
            here = await database_identity(database, connection)
            rows = await connection.execute(
                text("SELECT name, seen_database, history_epoch FROM instances ORDER BY id")
            )
            assert [tuple(row) for row in rows] == [("driven", after, 0), ("new", here, 0)]
            assert await connection.scalar(select(meta.c.value).where(meta.c.key == "identity")) == here
