"""`rejoin db`: the database's own commands."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from orchestrator.cli import exit_codes
from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import positional
from orchestrator.cli.render import clean
from orchestrator.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from orchestrator.config import Settings
    from orchestrator.operations.backup import Finding
    from orchestrator.store.secrets import KeyRing


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
    """A whole and checked copy, readable for you only, while a recovery may go on (PostgreSQL: by pg_dump).

    The key file is not in it: without its key nobody can read the invite codes, you included.

    Examples:
      rejoin db backup /backups/rejoin-2026-11-22.db
    """
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.operations import backup as service  # noqa: PLC0415

    settings = call.settings()
    async with open_app(settings) as app:
        size = await service.backup(app.database, file)
    if call.json:
        call.out.answer_json({"file": str(file), "bytes": size})
    else:
        call.out.answer(f"{clean(file)}: {size:,} bytes, checked.")
        call.out.say(f"Keep a copy of {clean(settings.database.key_file)} elsewhere: it is not in there.")


async def check(*, call: Call = NOTHING_SAID) -> int:
    """Looks at schema, integrity, key file and codes; changes nothing. Exit code 78 when something is broken.

    Examples:
      rejoin db check
      rejoin db check --json
    """
    from orchestrator.bootstrap import open_database  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.operations import backup as service  # noqa: PLC0415

    settings = call.settings()
    async with open_database(settings.database) as database:
        ring, no_key = _key_ring(settings)
        findings = [*no_key, *await service.check(database, ring)]
    broken = any(finding.severity is service.Severity.BROKEN for finding in findings)
    if call.json:
        call.out.answer_json({"ok": not broken, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            _tell(call, finding)
        if not findings:
            call.out.answer(f"{call.out.style('ok', 'green')}  schema, integrity, key file and codes")
    return exit_codes.CONFIGURATION if broken else exit_codes.DONE


def _key_ring(settings: "Settings") -> "tuple[KeyRing | None, list[Finding]]":
    from orchestrator.operations.backup import Finding, Severity  # noqa: PLC0415
    from orchestrator.store.secrets import KeyRing  # noqa: PLC0415

    try:
        return KeyRing.load(settings.database.key_file), []
    except ConfigurationError as error:
        return None, [Finding("key_missing", Severity.BROKEN, error.message, error.hint)]


def _tell(call: Call, finding: "Finding") -> None:
    colour = "red" if finding.severity == "broken" else "yellow"
    hint = f"; {clean(finding.hint)}" if finding.hint else ""
    word = call.out.style(finding.severity.value, colour)
    call.out.answer(f"{word}  {clean(finding.message)}{hint}")
