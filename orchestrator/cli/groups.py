"""`rejoin groups`: import, export, list, show, set-code."""

from __future__ import annotations

import shlex
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from orchestrator import stop_signals
from orchestrator.catalogue.header import parse_mapping
from orchestrator.catalogue.source import ReadOptions, read_source
from orchestrator.cli import exit_codes
from orchestrator.cli.call import DELIMITER, ENCODING, NOTHING_SAID, SHEET, Call, flag, positional
from orchestrator.cli.formatting import clean, plural
from orchestrator.cli.next_step import next_command, say_next
from orchestrator.cli.render_groups import (
    Shown,
    list_as_csv,
    list_as_json,
    list_as_table,
    report_json,
    shown_json,
    shown_text,
    tell_import,
)
from orchestrator.cli.scope import reason_called
from orchestrator.domain.errors import UsageError
from orchestrator.domain.invites import parse_invite
from orchestrator.domain.memberships import Bucket

if TYPE_CHECKING:
    from orchestrator.bootstrap import App


BucketName = Literal["done", "working", "waiting", "needs_you", "skipped"]


async def list_(  # noqa: PLR0913 - one for each flag
    *,
    bucket: Annotated[BucketName | None, flag("bucket", "Only these.")] = None,
    label: Annotated[str | None, flag("label", "Only groups with this label.")] = None,
    search: Annotated[
        str | None, flag("search", "Only groups with this in name, subject or JID.", metavar="TEXT")
    ] = None,
    instance: Annotated[str | None, flag("instance", "Only memberships of this instance.")] = None,
    reason: Annotated[str | None, flag("reason", "Only groups that wait or are blocked for it.")] = None,
    as_csv: Annotated[bool, flag("csv", "As CSV.")] = False,
    call: Call = NOTHING_SAID,
) -> None:
    """Every group and where it stands, in the order of the import.

    Examples:
      rejoin groups list --bucket needs_you
      rejoin groups list --label vip --csv > vip.csv
      rejoin groups list --json
    """
    from orchestrator.status.group_status import list_memberships  # noqa: PLC0415
    from orchestrator.store.group_rows import Filters  # noqa: PLC0415

    if as_csv and call.json:
        raise UsageError("Either --csv or --json.")
    wanted = Filters(bucket=Bucket(bucket) if bucket else None, search=search, reason=reason_called(reason))
    async with (
        call.open_app() as app,
        aclosing(list_memberships(app.database, wanted, label=label, instance=instance)) as rows,
    ):
        if call.json:
            await list_as_json(call, rows)
            return
        if as_csv:
            found = await list_as_csv(call, rows)
        else:
            found = await list_as_table(call, rows, app.settings.timezone, now=app.clock.now())
        if found:
            if bucket == "needs_you" and not as_csv:
                say_next(call, await next_command(app))
            return
        said = {"--bucket": bucket, "--label": label, "--search": search}
        said |= {"--instance": instance, "--reason": reason}
        call.out.say(await _none_listed(app, said))


async def _none_listed(app: App, filters: dict[str, str | None]) -> str:
    """Why nothing is listed: there is nothing, or nothing that the filters let through."""
    from orchestrator.store import progress  # noqa: PLC0415

    async with app.database.read() as connection:
        stored = (await progress.catalogue(connection)).groups
    if not stored:
        return "No groups. rejoin groups import brings them in."
    said = " ".join(f"{flag} {clean(word)}" for flag, word in filters.items() if word is not None)
    return f"None of {plural(stored, 'group')} matches {said}. rejoin groups list shows all."


async def set_code(
    group: Annotated[str, positional("GROUP", "Short name, JID or name.")],
    /,
    *,
    call: Call = NOTHING_SAID,
) -> None:
    """A new invite code or link, read unseen from a prompt, or from stdin. Never from a flag.

    A group that waited for a code is back in line.

    Examples:
      rejoin groups set-code suppliers-north
      pbpaste | rejoin groups set-code suppliers-north
    """
    from orchestrator.catalogue.changes import set_code as store  # noqa: PLC0415

    settings = call.settings()
    code = parse_invite(call.read_secret(f"Invite link or code for {group}:"))
    async with call.open_app(settings) as app:
        done = await store(app.database, app.key_ring(), group, code, actor=app.actor)
        after = await next_command(app)
    if done.warning:
        call.out.warn(clean(done.warning))
    news = "has a new code" if done.changed else "has that code already"
    back = f" {plural(done.requeued, 'membership')} back in line." if done.requeued else ""
    call.out.answer_either(
        {
            "group": done.group.slug,
            "code_last4": done.last4,
            "code_fingerprint": done.fingerprint,
            "changed": done.changed,
            "requeued": done.requeued,
        },
        f'"{clean(done.group.name)}" {news}, ending in {clean(done.last4)}.{back}',
    )
    say_next(call, after)


async def import_(  # noqa: PLR0913 - one for each flag
    file: Annotated[Path, positional("FILE", "CSV or XLSX; - reads stdin.", dash=True)],
    /,
    *,
    dry_run: Annotated[bool, flag("dry-run", "Say what would change, and write nothing.")] = False,
    skip_bad: Annotated[
        bool, flag("skip-bad", "Import the other rows; bad ones go, with reasons, to a file to mend.")
    ] = False,
    map_: Annotated[
        tuple[str, ...],
        flag(
            "map", "Which column is which field; several times. FIELD may be ignore.", metavar="COLUMN=FIELD"
        ),
    ] = (),
    sheet: Annotated[str | None, SHEET] = None,
    delimiter: Annotated[str | None, DELIMITER] = None,
    encoding: Annotated[str | None, ENCODING] = None,
    call: Call = NOTHING_SAID,
) -> int:
    """All rows or none: every mistake is told at once with its row. Importing again updates.

    The first row names the columns: name, code (a link or a bare code), and perhaps jid, subject, owner,
    instances, labels, priority, notes.

    With --skip-bad a bad row does not stop the others. It ends with 3 when rows were left out; mend their
    file and import it.

    Examples:
      rejoin groups import groups.csv --dry-run
      rejoin groups import groups.csv --skip-bad
      rejoin groups import members.xlsx --sheet 2 --map "Group title=name" --map Link=code
      export-groups | rejoin groups import -
    """
    from orchestrator.catalogue.importing import import_groups  # noqa: PLC0415
    from orchestrator.status.next_step import plan_command  # noqa: PLC0415 - brings SQLAlchemy

    options = ReadOptions(parse_mapping(map_), sheet, delimiter, encoding, skip_bad)
    settings = call.settings()
    with stop_signals.raised():  # reading stdin blocks
        source = read_source(file)
    async with call.open_app(settings) as app:
        report = await import_groups(
            app.database,
            app.key_ring(),
            source,
            actor=app.actor,
            options=options,
            dry_run=dry_run,
        )
    if call.json:
        call.out.answer_json(report_json(report))
    else:
        tell_import(call, report)
    if report.rejected_file:
        _tell_next(call, report.rejected_file, map_)
    elif report.written:
        say_next(call, plan_command([one.name for one in settings.backups]))
    elif dry_run and report.rejected < report.rows:
        again = _again(file, map_, sheet, delimiter, encoding)
        say_next(call, f"{again} --skip-bad" if again and report.rejected else again)
    if not report.rejected:
        return exit_codes.DONE
    return exit_codes.NEEDS_YOU if report.imports_the_rest else exit_codes.USAGE


def _again(file: Path, mapping: tuple[str, ...], *values: str | None) -> str | None:
    """The same without --dry-run. What came from a pipe is gone."""
    if str(file) == "-":
        return None
    named = zip(("--sheet", "--delimiter", "--encoding"), values, strict=True)
    options = [word for flag, value in named if value is not None for word in (flag, value)]
    maps = [word for one in mapping for word in ("--map", one)]
    return shlex.join(["rejoin", "groups", "import", str(file), *maps, *options])


def _tell_next(call: Call, path: Path, mapping: tuple[str, ...]) -> None:
    """The command that takes the bad rows once they are mended."""
    if call.json:
        return
    options = "".join(f" --map {shlex.quote(one)}" for one in mapping)
    file = f"./{path}" if str(path).startswith("-") else str(path)
    call.out.say(f"Next: mend them there, and then: rejoin groups import {shlex.quote(file)}{options}")


async def export(
    file: Annotated[Path | None, positional("FILE", "Where to (else stdout); for you alone.")] = None,
    /,
    *,
    format_: Annotated[
        Literal["csv", "json"] | None, flag("format", "Else by the file's name, else CSV.")
    ] = None,
    with_codes: Annotated[
        bool, flag("with-codes", "The invite links too: whoever has them can enter your groups.")
    ] = False,
    call: Call = NOTHING_SAID,
) -> None:
    """Every group as `groups import` reads it. Invite codes stay out unless asked for.

    Examples:
      rejoin groups export groups.csv
      rejoin groups export backup.csv --with-codes
      rejoin groups export --json
    """
    from orchestrator.catalogue.exporting import ExportFormat, export_to, export_to_file  # noqa: PLC0415

    form = ExportFormat(format_ or _format_of(file, call))
    if file is None and with_codes and sys.stdout.isatty():
        raise UsageError("Invite codes are not shown on a terminal.", hint="name a file, or pipe them on")
    async with call.open_app() as app:
        ring = app.key_ring() if with_codes else None
        if file is None:
            await export_to(app.database, call.out.stdout, form, actor=app.actor, ring=ring)
            return
        count = await export_to_file(app.database, file, form, actor=app.actor, ring=ring)
    call.out.answer_either(
        {"file": str(file), "groups": count, "with_codes": with_codes},
        f"{clean(file)}: {plural(count, 'group')}.",
    )


def _format_of(file: Path | None, call: Call) -> str:
    if file is None:
        return "json" if call.json else "csv"
    return "json" if file.suffix.lower() == ".json" else "csv"


async def show(
    group: Annotated[str, positional("GROUP", "Short name, JID or name.")],
    /,
    *,
    lines: Annotated[
        int, flag("lines", "How many of the journal's latest lines.", short="-n", metavar="N")
    ] = 1000,
    call: Call = NOTHING_SAID,
) -> None:
    """Identity, invite codes (fingerprint, last four characters, age), where it stands, and its journal.

    Examples:
      rejoin groups show suppliers-north
      rejoin groups show 120363041234567890@g.us --json
    """
    async with call.open_app(brief=True) as app:
        shown = await _read_group(app, group, lines)
    call.out.answer_either(shown_json(shown), shown_text(shown, app.settings.timezone))


async def _read_group(app: App, reference: str, lines: int) -> Shown:
    from orchestrator.catalogue.lookup import show_group  # noqa: PLC0415
    from orchestrator.status.group_status import find_group  # noqa: PLC0415
    from orchestrator.status.past import read_journal  # noqa: PLC0415

    details = await show_group(app.database, reference)
    slug = details.group.slug
    async with app.database.read() as connection:
        rows = [row for row in await find_group(connection, slug) if row.membership_id is not None]
    return Shown(details, rows, await read_journal(app.database, group=slug, limit=max(1, lines)))
