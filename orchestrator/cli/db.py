"""`rejoin db`: the database's own commands."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from orchestrator.cli import exit_codes
from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import positional
from orchestrator.cli.render import clean
from orchestrator.domain.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from orchestrator.config import Settings
    from orchestrator.store.engine import Database


async def upgrade(*, call: Call = NOTHING_SAID) -> None:
    """Migrates in one transaction: it is either done or not begun. Of two at once one finds it done.

    Examples:
      rejoin db upgrade
    """
    from orchestrator.bootstrap import open_database  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.store import schema  # noqa: PLC0415

    settings = call.settings()
    async with open_database(settings.database) as database:
        changed = await schema.upgrade(database)
        revision = await schema.current(database)
    if call.json:
        call.out.answer_json({"changed": changed, "revision": revision})
    else:
        call.out.answer(f"The database is at {revision}" + (" now." if changed else " already."))


async def backup(
    file: Annotated[Path, positional("FILE", "The copy; there must be no such file yet.")],
    /,
    *,
    call: Call = NOTHING_SAID,
) -> None:
    """A whole and checked copy, readable for you only, while a recovery may go on. SQLite only.

    The key file is not in it: without its key nobody can read the invite codes, you included.

    Examples:
      rejoin db backup /backups/rejoin-2026-11-22.db
    """
    from orchestrator.cli.backup import copy_sqlite  # noqa: PLC0415

    settings = call.settings()
    source = settings.database.sqlite_path
    if source is None:
        raise UsageError(
            "This database is PostgreSQL, which has better tools for it.",
            hint="pg_dump --format=custom; keep the key file too",
        )
    copy_sqlite(source, file)
    size = file.stat().st_size
    if call.json:
        call.out.answer_json({"file": str(file), "bytes": size})
    else:
        call.out.answer(f"{clean(file)}: {size:,} bytes, checked.")
        call.out.say(f"Keep a copy of {clean(settings.database.key_file)} elsewhere: it is not in there.")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    text: str
    hint: str = ""


async def check(*, call: Call = NOTHING_SAID) -> int:
    """Looks at schema, integrity and key file; changes nothing. Exit code 78 when something is wrong.

    Examples:
      rejoin db check
      rejoin db check --json
    """
    from orchestrator.bootstrap import open_database  # noqa: PLC0415 - brings SQLAlchemy

    settings = call.settings()
    async with open_database(settings.database) as database:
        findings = [await _schema(database)]
        if findings[0].ok:
            findings += [await _integrity(database), await _keys(database, settings)]
    ok = all(finding.ok for finding in findings)
    if call.json:
        call.out.answer_json({"ok": ok, "checks": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            word = call.out.style("ok  ", "green") if finding.ok else call.out.style("fail", "red")
            hint = f"; {clean(finding.hint)}" if finding.hint else ""
            call.out.answer(f"{word}  {finding.name}: {clean(finding.text)}{hint}")
    return exit_codes.DONE if ok else exit_codes.CONFIGURATION


async def _schema(database: "Database") -> Finding:
    from orchestrator.store import schema  # noqa: PLC0415

    try:
        await schema.require_current(database)
    except ConfigurationError as error:
        return Finding("schema", ok=False, text=error.message, hint=error.hint)
    return Finding("schema", ok=True, text=f"at {schema.head()}, as this program needs it")


async def _integrity(database: "Database") -> Finding:
    if database.dialect != "sqlite":
        return Finding("integrity", ok=True, text="PostgreSQL keeps its own")
    async with database.read() as connection:
        faults = [str(row[0]) for row in await connection.exec_driver_sql("PRAGMA quick_check(5)")]
        orphans = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).fetchmany(5)
    if faults != ["ok"]:
        return Finding("integrity", ok=False, text=faults[0], hint="restore a backup")
    if orphans:
        return Finding(
            "integrity", ok=False, text="rows point at rows that are gone", hint="restore a backup"
        )
    return Finding("integrity", ok=True, text="whole")


async def _keys(database: "Database", settings: "Settings") -> Finding:
    from orchestrator.store.secrets import KeyRing, active_key  # noqa: PLC0415

    async with database.read() as connection:
        key_in_use = await active_key(connection)
    try:
        ring = KeyRing.load(settings.database.key_file)
        if key_in_use is not None:
            ring.key(key_in_use)
    except ConfigurationError as error:
        return Finding("key file", ok=False, text=error.message, hint=error.hint)
    return Finding("key file", ok=True, text="holds the key in use" if key_in_use else "ready; no code yet")
