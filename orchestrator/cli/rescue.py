"""`rejoin rescue`: the bad day in one command, made of the others."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from orchestrator import config_file, stop_signals
from orchestrator.account.plan_result import Decision
from orchestrator.catalogue.header import parse_mapping
from orchestrator.catalogue.source import ReadOptions, read_source
from orchestrator.cli import exit_codes
from orchestrator.cli.call import DELIMITER, ENCODING, NOTHING_SAID, SHEET, TO, Call, flag, positional
from orchestrator.cli.formatting import clean, plural
from orchestrator.cli.init_config import (
    GATEWAY,
    instance_table,
    make_database,
    template,
    which_gateway,
    write_once,
)
from orchestrator.cli.layout import whole
from orchestrator.cli.plan import plan_rows
from orchestrator.cli.render_groups import report_json, tell_import
from orchestrator.cli.run import run
from orchestrator.cli.scope import instance_of
from orchestrator.domain.errors import (
    ConfigurationError,
    CredentialsError,
    InstanceLostError,
    TemporaryError,
    UsageError,
)
from orchestrator.domain.memberships import Bucket
from orchestrator.domain.outcomes import InstanceState, Outcome
from orchestrator.private_files import replacing

if TYPE_CHECKING:
    from orchestrator.bootstrap import App
    from orchestrator.catalogue.importing import ImportReport
    from orchestrator.config import Settings


_SHOWN = 20
NAME = "backup-1"
NOT_KEPT = "nothing of it was kept: the same command asks for it anew"
TOKEN_VARIABLE = "REJOIN_ACCESS_TOKEN"  # noqa: S105 - the name of a variable


async def rescue(  # noqa: PLR0913 - one for each flag
    file: Annotated[Path, positional("FILE", "Your groups and their invite links: CSV or XLSX.")],
    /,
    *,
    to: Annotated[str | None, TO] = None,
    gateway: Annotated[str | None, GATEWAY] = None,
    base_url: Annotated[
        str | None, flag("base-url", "The gateway's address (else asked for).", metavar="URL")
    ] = None,
    instance_id: Annotated[
        str | None, flag("instance-id", "The backup's instance id (else asked for).", metavar="ID")
    ] = None,
    token_file: Annotated[
        Path | None, flag("token-file", "Holds its access token (else asked for, unseen).", metavar="FILE")
    ] = None,
    map_: Annotated[
        tuple[str, ...], flag("map", "As for groups import; several times.", metavar="COLUMN=FIELD")
    ] = (),
    sheet: Annotated[str | None, SHEET] = None,
    delimiter: Annotated[str | None, DELIMITER] = None,
    encoding: Annotated[str | None, ENCODING] = None,
    yes: Annotated[bool, flag("yes", "Do not ask. Without a terminal nobody is asked.", short="-y")] = False,
    call: Call = NOTHING_SAID,
) -> int:
    """Your account is lost: gets a backup into every group of the list, from nothing.

    Asks for the backup's gateway where no configuration has one, tests the session, imports the list (bad
    rows are left out and told), shows what stands in the way, asks once, and recovers; with a daemon that
    runs, it does. The token may also be in REJOIN_ACCESS_TOKEN. Ends with 3 when something needs a person,
    else 0; it may be called again at any time, and goes on.

    Examples:
      rejoin rescue groups.csv
      rejoin rescue groups.xlsx --map "Group title=name"
      rejoin rescue groups.csv --instance-id 210987654321 --token-file backup.token --yes
    """
    from orchestrator.catalogue.importing import import_groups  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.status.read import read_status  # noqa: PLC0415

    options = ReadOptions(parse_mapping(map_), sheet, delimiter, encoding, skip_bad=True)
    with stop_signals.raised():
        source = read_source(file)  # a name that was mistyped is told before anything is asked
        settings, forget = ensure(call, Given(gateway, base_url, instance_id, token_file))
    call.start_logs(settings)
    await make_database(settings.database)
    async with call.open_app(settings) as app:
        name = await instance_of(app, None, to, to_run=True)
        try:
            await _test_session(call, app, name)
        except (ConfigurationError, CredentialsError, TemporaryError) as error:
            if forget is not None:
                forget()
                error.hint = NOT_KEPT
            raise
        report = await import_groups(app.database, app.key_ring(), source, actor=app.actor, options=options)
        _tell_import(call, report, map_)
        await _tell_exceptions(call, app, name)
        daemon = (await read_status(app.database, app.pace)).daemon.works
    code = await run(to=to, yes=yes, detach=daemon, call=call)
    if code not in (exit_codes.DONE, exit_codes.NEEDS_YOU, exit_codes.NOT_FINISHED):
        return code
    return await _needs_a_person(call, settings, report)


async def _test_session(call: Call, app: App, name: str) -> None:
    """Raises CredentialsError, TemporaryError and InstanceLostError."""
    instance = app.settings.instance(name)
    session = await app.gateway(instance).session()
    said = clean(session.word or session.answer.text or session.answer.outcome.value)
    if session.answer.outcome is Outcome.BAD_CREDENTIALS:
        raise CredentialsError(
            f"the gateway refuses the token of {name}, or does not know its instance {instance.instance_id}",
            hint=f"the token stands in {app.settings.token_at(name)}, the rest in {app.settings.source.file}",
        )
    if session.state in (InstanceState.WORKING, InstanceState.STARTING):
        call.out.say(f"{name} answers: {said}.")
    elif session.answer.outcome in (Outcome.OK, Outcome.SESSION_DOWN):
        hint = "link it at the gateway (scan its QR code), and type the same again"
        raise InstanceLostError(f"{name} is not logged in to WhatsApp: {said}", hint=hint)
    else:
        hint = f"check base_url in {app.settings.source.file}, and that the gateway runs"
        raise TemporaryError(f"the gateway at {instance.base_url} does not answer: {said}", hint=hint)


def _tell_import(call: Call, report: ImportReport, mapping: tuple[str, ...]) -> None:
    """Before the run, whose last screen then stays whole, with its headline and what comes next."""
    if call.json:
        call.out.answer_line({"type": "import", **report_json(report)})
        return
    tell_import(call, report)
    if report.rejected_file is not None:
        maps = [word for one in mapping for word in ("--map", one)]
        again = whole(clean(shlex.join(["rejoin", "rescue", str(report.rejected_file), *maps])))
        rows = plural(report.rejected, "row")
        call.out.say(f"{rows} left out; the others go ahead. Mend them in that file, then: {again}")


async def _tell_exceptions(call: Call, app: App, name: str) -> None:
    """Groups that a run would not join, as far as that is known without asking the gateway."""
    from orchestrator.account.plan_making import make_plan  # noqa: PLC0415
    from orchestrator.assembly import recovery_settings  # noqa: PLC0415
    from orchestrator.store.recoveries import Scope  # noqa: PLC0415

    if call.json:
        return
    made = await make_plan(app.database, name, Scope(), settings=recovery_settings(app.settings))
    blocked = replace(made, lines=tuple(one for one in made.lines if one.decision is Decision.BLOCKED))
    rows = plan_rows(blocked, app.settings.timezone)
    call.out.table(rows[:_SHOWN], "", "GROUP", "WHY", lead=2)
    if len(rows) > _SHOWN:
        call.out.answer(f"and {len(rows) - _SHOWN:,} more: rejoin groups list --bucket needs_you")


async def _needs_a_person(call: Call, settings: Settings, report: ImportReport) -> int:
    from orchestrator.status.read import read_status  # noqa: PLC0415

    async with call.open_app(settings) as app:
        view = await read_status(app.database, app.pace)
    needed = report.rejected or view.buckets[Bucket.NEEDS_YOU]
    return exit_codes.NEEDS_YOU if needed else exit_codes.DONE


@dataclass(frozen=True, slots=True)
class Given:
    """What the line or the environment says of the account; what is missing is asked for."""

    gateway: str | None
    base_url: str | None
    instance_id: str | None
    token_file: Path | None


@dataclass(frozen=True, slots=True)
class Account:
    gateway: str
    base_url: str
    instance_id: str
    token: str


def ensure(call: Call, given: Given) -> tuple[Settings, Callable[[], None] | None]:
    """The configuration with a backup in it; where that was made or completed, with what undoes it.

    Raises UsageError and ConfigError; then nothing is left behind.
    """
    from orchestrator.config import ConfigError, load  # noqa: PLC0415 - brings pydantic

    found = config_file.named(call.config, os.environ) or config_file.existing(os.environ)
    if found is not None and found.exists():
        settings = call.settings()
        if settings.backups:
            return settings, None
    config = found or config_file.to_make(call.config, os.environ)
    files = (config, config.parent / "secrets" / f"{NAME}.token")
    before = {file: file.read_text(encoding="utf-8") if file.exists() else None for file in files}
    account = _account(call, given)
    try:
        _write(config, before[config], account)
        return load(config, os.environ), lambda: _undo(before)
    except ConfigError as error:
        _undo(before)
        error.hint = NOT_KEPT
        raise
    except BaseException:
        _undo(before)
        raise


def _undo(before: dict[Path, str | None]) -> None:
    """What cannot be used is asked for anew the next time, and no token that was typed stays behind."""
    for file, text in before.items():
        if text is None:
            file.unlink(missing_ok=True)
        else:
            _replace(file, text)


def _account(call: Call, given: Given) -> Account:
    from orchestrator.config import GATEWAYS  # noqa: PLC0415 - brings pydantic

    gateway = which_gateway(call, given.gateway)
    facts = GATEWAYS[gateway]
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if given.token_file is not None:
        token = _read(given.token_file)
    if not call.may_ask:
        missing = ["--instance-id"] if not given.instance_id else []
        missing += [] if token or not facts.needs_token else [f"--token-file (or {TOKEN_VARIABLE})"]
        if missing:
            raise UsageError(f"There is no configuration, and nobody to ask. Give {' and '.join(missing)}.")
    else:
        call.out.say("The account that gets back into the groups, as the gateway shows it:")
    address = given.base_url
    if address is None:
        address = call.ask("Gateway's address", default=facts.address) if call.may_ask else facts.address
    return Account(
        gateway,
        address,
        given.instance_id or call.ask(_capital(facts.account)),
        token or (call.read_secret(f"{_capital(facts.token)} (not shown):") if call.may_ask else ""),
    )


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "is not text in UTF-8"
        raise UsageError(f"{file}: cannot be read: {said}") from None


def _write(config: Path, before: str | None, account: Account) -> None:
    secrets = config.parent / "secrets"
    secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account.token:
        _replace(secrets / f"{NAME}.token", account.token + "\n")
    where = (account.gateway, account.base_url, account.instance_id)
    table = instance_table(NAME, "backup", *where, with_token=bool(account.token))
    if before is None:
        write_once(config, template(gateway=account.gateway) + table)
    else:
        _replace(config, before + table)


def _replace(file: Path, text: str) -> None:
    with replacing(file) as opened:
        opened.write(text)
