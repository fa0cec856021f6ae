"""`rejoin rescue`: the bad day in one command, made of the others."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from orchestrator import stop_signals
from orchestrator.cli import exit_codes
from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import DELIMITER, ENCODING, SHEET, flag, positional
from orchestrator.cli.layout import whole
from orchestrator.cli.pause_resume import TO, instance_of
from orchestrator.cli.render import clean, plural
from orchestrator.domain.errors import CredentialsError, InstanceLostError, TemporaryError

if TYPE_CHECKING:
    from orchestrator.bootstrap import App
    from orchestrator.catalogue.report import ImportReport
    from orchestrator.catalogue.source import ReadOptions, Source
    from orchestrator.config import Settings

_SHOWN = 20


async def rescue(  # noqa: PLR0913 - one for each flag
    file: Annotated[Path, positional("FILE", "Your groups and their invite links: CSV or XLSX.")],
    /,
    *,
    to: Annotated[str | None, TO] = None,
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
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.catalogue.columns import parse_mapping  # noqa: PLC0415
    from orchestrator.catalogue.source import ReadOptions, read_source  # noqa: PLC0415
    from orchestrator.cli.first_account import NOT_KEPT, Given, ensure  # noqa: PLC0415
    from orchestrator.cli.init import make_database  # noqa: PLC0415
    from orchestrator.cli.run import run  # noqa: PLC0415
    from orchestrator.status.read import read_status  # noqa: PLC0415

    options = ReadOptions(parse_mapping(map_), sheet, delimiter, encoding, skip_bad=True)
    with stop_signals.raised():
        source = read_source(file)  # a name that was mistyped is told before anything is asked
        settings, forget = ensure(call, Given(base_url, instance_id, token_file))
    call.start_logs(settings)
    await make_database(settings.database)
    async with open_app(settings) as app:
        name = await instance_of(app, None, to, to_run=True)
        try:
            await _test_session(call, app, name)
        except (CredentialsError, TemporaryError) as error:
            if forget is not None:
                forget()
                error.hint = NOT_KEPT
            raise
        report = await _bring_in(app, source, options)
        _tell_import(call, report, map_)
        await _tell_exceptions(call, app, name)
        daemon = (await read_status(app.database, app.pace)).daemon.works
    code = await run(to=to, yes=yes, detach=daemon, call=call)
    if code not in (exit_codes.DONE, exit_codes.NEEDS_YOU, exit_codes.NOT_FINISHED):
        return code
    return await _needs_a_person(settings, report)


async def _test_session(call: Call, app: "App", name: str) -> None:
    """Raises CredentialsError, TemporaryError and InstanceLostError."""
    from orchestrator.domain.outcomes import InstanceState, Outcome  # noqa: PLC0415

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


async def _bring_in(app: "App", source: "Source", options: "ReadOptions") -> "ImportReport":
    from orchestrator.catalogue.importing import import_groups  # noqa: PLC0415

    return await import_groups(app.database, app.key_ring(), source, actor=app.actor, options=options)


def _tell_import(call: Call, report: "ImportReport", mapping: tuple[str, ...]) -> None:
    """Before the run, whose last screen then stays whole, with its headline and what comes next."""
    from orchestrator.cli.groups_files import report_json, tell  # noqa: PLC0415

    if call.json:
        call.out.answer_line({"type": "import", **report_json(report)})
        return
    tell(call, report)
    if report.rejected_file is not None:
        maps = [word for one in mapping for word in ("--map", one)]
        again = whole(clean(shlex.join(["rejoin", "rescue", str(report.rejected_file), *maps])))
        rows = plural(report.rejected, "row")
        call.out.say(f"{rows} left out; the others go ahead. Mend them in that file, then: {again}")


async def _tell_exceptions(call: Call, app: "App", name: str) -> None:
    """Groups that a run would not join, as far as that is known without asking the gateway."""
    from orchestrator.account.plan_making import make_plan  # noqa: PLC0415
    from orchestrator.account.plan_result import Decision  # noqa: PLC0415
    from orchestrator.assembly import recovery_settings  # noqa: PLC0415
    from orchestrator.cli.render_plan import plan_rows  # noqa: PLC0415
    from orchestrator.store.recoveries import Scope  # noqa: PLC0415

    if call.json:
        return
    made = await make_plan(app.database, name, Scope(), settings=recovery_settings(app.settings))
    blocked = replace(made, lines=tuple(one for one in made.lines if one.decision is Decision.BLOCKED))
    rows = plan_rows(blocked, app.settings.timezone)
    call.out.table(rows[:_SHOWN], "", "GROUP", "WHY", lead=2)
    if len(rows) > _SHOWN:
        call.out.answer(f"and {len(rows) - _SHOWN:,} more: rejoin groups list --bucket needs_you")


async def _needs_a_person(settings: "Settings", report: "ImportReport") -> int:
    from orchestrator.bootstrap import open_app  # noqa: PLC0415
    from orchestrator.domain.memberships import Bucket  # noqa: PLC0415
    from orchestrator.status.read import read_status  # noqa: PLC0415

    async with open_app(settings) as app:
        view = await read_status(app.database, app.pace)
    needed = report.rejected or view.buckets[Bucket.NEEDS_YOU]
    return exit_codes.NEEDS_YOU if needed else exit_codes.DONE
