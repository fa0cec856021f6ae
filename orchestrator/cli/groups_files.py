"""`rejoin groups import` and `export`."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from orchestrator import stop_signals
from orchestrator.cli import exit_codes
from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import DELIMITER, ENCODING, SHEET, flag, positional
from orchestrator.cli.next_step import say_next
from orchestrator.cli.render import clean, plural
from orchestrator.domain.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.catalogue.report import ImportReport


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
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.catalogue.columns import parse_mapping  # noqa: PLC0415
    from orchestrator.catalogue.importing import import_groups  # noqa: PLC0415
    from orchestrator.catalogue.source import ReadOptions, read_source  # noqa: PLC0415
    from orchestrator.status.next_step import plan_command  # noqa: PLC0415

    options = ReadOptions(parse_mapping(map_), sheet, delimiter, encoding, skip_bad)
    settings = call.settings()
    with stop_signals.raised():  # reading stdin blocks
        source = read_source(file)
    async with open_app(settings) as app:
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
        tell(call, report)
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


def report_json(report: "ImportReport") -> dict[str, object]:
    return {
        "source": clean(report.source),
        "rows": report.rows,
        "new": report.new,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "rejected": report.rejected,
        "written": report.written,
        "problems": [clean(one) for one in report.problems],
        "warnings": [clean(one) for one in report.warnings],
        "rejected_file": str(report.rejected_file) if report.rejected_file else None,
    }


def tell(call: Call, report: "ImportReport") -> None:
    """What was wrong with which row, what became of the others, and where the bad ones are."""
    for problem in report.problems:
        call.out.answer(clean(problem))
    for warning in report.warnings:
        call.out.warn(clean(warning))
    call.out.answer(report.sentence)
    if report.rejected_file:
        rows = plural(report.rejected, "rejected row")
        call.out.answer(f"{rows}, each with its reasons: {clean(report.rejected_file)}")
    if report.dry_run and report.rejected:
        call.out.say(clean(report.hint))


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
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.catalogue.exporting import ExportFormat, export_to, export_to_file  # noqa: PLC0415

    form = ExportFormat(format_ or _format_of(file, call))
    if file is None and with_codes and sys.stdout.isatty():
        raise UsageError("Invite codes are not shown on a terminal.", hint="name a file, or pipe them on")
    async with open_app(call.settings()) as app:
        ring = app.key_ring() if with_codes else None
        if file is None:
            await export_to(app.database, call.out.stdout, form, actor=app.actor, ring=ring)
            return
        count = await export_to_file(app.database, file, form, actor=app.actor, ring=ring)
    if call.json:
        call.out.answer_json({"file": str(file), "groups": count, "with_codes": with_codes})
    else:
        call.out.answer(f"{clean(file)}: {plural(count, 'group')}.")


def _format_of(file: Path | None, call: Call) -> str:
    if file is None:
        return "json" if call.json else "csv"
    return "json" if file.suffix.lower() == ".json" else "csv"
