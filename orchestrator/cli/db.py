"""`rejoin db`: migrate, back up, check, change the key, forget the codes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from orchestrator.cli import exit_codes
from orchestrator.cli.call import NOTHING_SAID, Call, flag, positional
from orchestrator.cli.formatting import clean, plural
from orchestrator.cli.next_step import say_next
from orchestrator.domain.commands import Command, Operation
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
    call.out.answer_either(
        {"changed": changed, "revision": revision},
        f"The database is at {revision}" + (" now." if changed else " already."),
    )


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
    from orchestrator.operations import backup as service  # noqa: PLC0415

    async with call.open_app() as app:
        size = await service.backup(app.database, file)
    call.out.answer_either(
        {"file": str(file), "bytes": size},
        f"{clean(file)}: {size:,} bytes, checked.",
        f"Keep a copy of {clean(app.settings.database.key_file)} elsewhere: it is not in there.",
    )


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


def _key_ring(settings: Settings) -> tuple[KeyRing | None, list[Finding]]:
    from orchestrator.operations.backup import Finding, Severity  # noqa: PLC0415
    from orchestrator.store.secrets import KeyRing  # noqa: PLC0415

    try:
        return KeyRing.load(settings.database.key_file), []
    except ConfigurationError as error:
        return None, [Finding("key_missing", Severity.BROKEN, error.message, error.hint)]


def _tell(call: Call, finding: Finding) -> None:
    colour = "red" if finding.severity == "broken" else "yellow"
    hint = f"; {clean(finding.hint)}" if finding.hint else ""
    word = call.out.style(finding.severity.value, colour)
    call.out.answer(f"{word}  {clean(finding.message)}{hint}")


async def rekey(
    *,
    keep_old: Annotated[
        bool, flag("keep-old", "Leave the old key in the key file, so that it still opens earlier backups.")
    ] = False,
    yes: Annotated[bool, flag("yes", "Do not ask.", short="-y")] = False,
    call: Call = NOTHING_SAID,
) -> None:
    """Encrypts every invite code with a new key. If it is cut off, nothing is lost; a further call ends it.

    Examples:
      rejoin db rekey --yes
      rejoin db rekey --keep-old
    """
    from orchestrator.operations import code_keys  # noqa: PLC0415

    settings = call.settings()
    if not keep_old:
        call.confirm("Backups that were made before cannot be read with the new key file. Go on?", yes=yes)
    async with call.open_app(settings) as app:
        done = await code_keys.rekey(app.database, app.key_ring(), actor=app.actor, keep_old=keep_old)
    call.out.answer_either(
        {"key": done.key_id, "codes": done.codes, "dropped": list(done.dropped)},
        f"{plural(done.codes, 'code')} encrypted with the new key {done.key_id}.",
        f"Keep a copy of {clean(settings.database.key_file)} elsewhere.",
    )


async def forget_codes(
    *,
    yes: Annotated[bool, flag("yes", "Do not ask.", short="-y")] = False,
    call: Call = NOTHING_SAID,
) -> None:
    """For when the key file is lost: forgets the stored invite codes, so that they can be imported again.

    Groups, memberships and history stay. A key file that is missing or damaged is replaced by a new one;
    a damaged one is kept beside it. Groups still to be joined are code_missing until they have a new code.

    Examples:
      rejoin db forget-codes
      rejoin db forget-codes --yes
    """
    from orchestrator.operations import code_keys  # noqa: PLC0415

    settings = call.settings()
    key_file = settings.database.key_file
    async with call.open_app(settings) as app:
        if not yes:
            stored = await code_keys.stored_codes(app.database, key_file)
            still = f"; the key file still opens {stored.readable:,} of them" if stored.readable else ""
            call.confirm(
                f"{plural(stored.count, 'invite code')} will be forgotten for good{still}. Go on?",
                yes=yes,
            )
        done = await code_keys.forget_codes(app.database, key_file, actor=app.actor)
    if call.json:
        call.out.answer_json(
            {
                "codes": done.codes,
                "memberships": done.memberships,
                "key": done.key_id,
                "damaged_key_file": str(done.aside) if done.aside else None,
            }
        )
        return
    call.out.answer(
        f"{plural(done.codes, 'code')} forgotten;"
        f" {plural(done.memberships, 'membership')} now without one (code_missing)."
    )
    if done.aside is not None:
        call.out.say(f"The damaged key file is now {clean(done.aside)}.")
    call.out.say("The codes come back with their list:")
    say_next(call, Command(Operation.IMPORT))
    call.out.say(f"Keep a copy of {clean(key_file)} elsewhere.")
