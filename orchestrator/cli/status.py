"""`rejoin status`, `explain`, `wait`, `history` and `log`: they only read, and work with no runner alive."""

import asyncio
from collections.abc import AsyncIterator
from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Any

from orchestrator import streams
from orchestrator.cli import exit_codes
from orchestrator.cli.call import NOTHING_SAID, Call, flag, positional, seconds
from orchestrator.cli.formatting import clean, duration, scope_of_groups, timestamp
from orchestrator.cli.next_step import WATCH, say_next
from orchestrator.cli.output import Look
from orchestrator.domain.errors import UsageError
from orchestrator.domain.memberships import Status

if TYPE_CHECKING:
    from orchestrator.bootstrap import App
    from orchestrator.status.past import PastRecovery
    from orchestrator.status.schedule_view import Entry
    from orchestrator.status.views import StatusView
    from orchestrator.store.engine import Database
    from orchestrator.store.journal import JournalLine


SHORTEST_POLL = 1.0
_EVERY = 1.0  # a person's seconds between two looks, however fast the clock may run
_HEADERS = ("TO", "FROM", "LABELS", "STARTED", "TOOK", "ACTIVE", "BLOCKED")
_AT_ONCE = 500
_INSTANTS = ("_at", "until")
_PAST = 1e9  # numbers from here on are instants, smaller ones are not


async def status(
    recovery: Annotated[int | None, positional("RECOVERY", "Its number (else the latest).")] = None,
    /,
    *,
    watch: Annotated[
        float | None,
        flag("watch", "Stay until it ends, looking again every so many seconds (2).", metavar="SEC"),
    ] = None,
    check: Annotated[
        bool, flag("check", "Exit with the state: 0 all active, 3 needs you, 7 backup lost, 8 not finished.")
    ] = False,
    call: Call = NOTHING_SAID,
) -> int:
    """Where the recovery stands: how many groups are back, when it is done, who needs you, what waits.

    Reads the database only; nothing needs to run. With --watch it exits with the recovery's result.

    Examples:
      rejoin status
      rejoin status --watch
      rejoin status --check --json
    """
    if watch is not None and watch < SHORTEST_POLL:
        raise UsageError("--watch: at least 1 second", hint="rejoin status --watch 2")

    async with call.open_app(brief=watch is None) as app:
        if watch is not None:
            from orchestrator.cli.watch import watch_recovery  # noqa: PLC0415 - brings rich on a terminal

            return await watch_recovery(app, call, recovery, every=watch)
        view = await read_view(app, recovery)
    if call.json:
        from orchestrator.status.as_json import to_json  # noqa: PLC0415

        call.out.answer_json(to_json(view))
    else:
        from orchestrator.cli.render_status import status_text  # noqa: PLC0415

        call.out.show(status_text(view, look_of(app, call)))
    if not check:
        return 0
    from orchestrator.status.result import result  # noqa: PLC0415

    return result(view)


async def explain(
    group: Annotated[str, positional("GROUP", "The group's short name, JID or exact name.")],
    /,
    *,
    instance: Annotated[
        str | None, flag("instance", "For this instance (else the one that worked on it last).")
    ] = None,
    call: Call = NOTHING_SAID,
) -> None:
    """Why a group stands where it stands, until when, and whose move it is.

    Examples:
      rejoin explain suppliers-north
      rejoin explain 120363041234567890@g.us --json
    """
    from orchestrator.status.group_status import explain as read  # noqa: PLC0415

    async with call.open_app(brief=True) as app:
        found = await read(app.database, group, instance=instance, policy=app.pace)
    if call.json:
        from orchestrator.status.as_json import explanation_json  # noqa: PLC0415

        call.out.answer_json(explanation_json(found))
        return
    from orchestrator.cli.render_groups import explanation_text  # noqa: PLC0415

    call.out.show(explanation_text(found, look_of(app, call)))


async def read_view(app: "App", recovery: int | None = None) -> "StatusView":
    """What is stored, with what the configuration plans."""
    from orchestrator.status.read import read_status  # noqa: PLC0415 - brings the database's library

    return await read_status(app.database, app.pace, recovery_id=recovery, schedule=configured_schedule(app))


def configured_schedule(app: "App") -> "tuple[Entry, ...]":
    from orchestrator.status.schedule_view import entries_of  # noqa: PLC0415 - brings SQLAlchemy

    return entries_of(app.settings.schedule.model_dump(), app.settings.timezone)


def look_of(app: "App", call: Call) -> Look:
    out = call.out
    return Look(app.settings.timezone, out.width, out.height, out.style, out.config)


async def wait(
    recovery: Annotated[int | None, positional("RECOVERY", "Its number (else the latest).")] = None,
    /,
    *,
    timeout: Annotated[  # noqa: ASYNC109 - what the person says on the line
        str | None, flag("timeout", "Give up after so long, with exit code 8.", metavar="1h")
    ] = None,
    call: Call = NOTHING_SAID,
) -> int:
    """Stays until a recovery is over, whoever drives it, and exits with its result.

    0 all active, 3 some need you, 4 the gateway refuses the token, 7 the backup is lost, 8 not finished.

    Examples:
      rejoin wait
      rejoin wait 12 --timeout 1h
    """
    from orchestrator.status.as_json import to_json  # noqa: PLC0415
    from orchestrator.status.next_step import next_step  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.status.read import read_status  # noqa: PLC0415
    from orchestrator.status.result import result  # noqa: PLC0415
    from orchestrator.status.views import Phase  # noqa: PLC0415 - brings SQLAlchemy

    longest = seconds("--timeout", timeout)
    async with call.open_app() as app:
        loop = asyncio.get_running_loop()
        give_up_at = None if longest is None else loop.time() + app.clock.real(longest)
        while True:
            view = await read_status(app.database, recovery_id=recovery, policy=app.pace)
            over = view.recovery is None or view.recovery.phase in (Phase.FINISHED, Phase.STOPPED)
            if over or (give_up_at is not None and loop.time() >= give_up_at):
                break
            recovery = recovery or (view.recovery.id if view.recovery else None)
            await asyncio.sleep(_EVERY)
    code = result(view) if over else exit_codes.NOT_FINISHED
    if call.json:
        call.out.answer_json({"over": over, "exit_code": code, **to_json(view)})
    elif view.recovery is None:
        call.out.answer("There was no recovery yet.")
        say_next(call, next_step(view))
    else:
        one = view.recovery
        said = f"ended: {one.outcome}" if over else "is not over yet"
        groups = f"groups{scope_of_groups(one.from_name, one.labels, chosen=one.chosen)}"
        call.out.answer(f"Recovery {one.id} {said}. {view.active} of {view.total} {groups} are back.")
        say_next(call, next_step(view) if over else WATCH)
    return code


async def history(
    *,
    limit: Annotated[int, flag("limit", "How many, at most.", metavar="N")] = 100,
    call: Call = NOTHING_SAID,
) -> None:
    """Past recoveries, newest first.

    Examples:
      rejoin history
      rejoin history --limit 5 --json
    """
    from orchestrator.status import past  # noqa: PLC0415
    from orchestrator.status.as_json import history_json  # noqa: PLC0415
    from orchestrator.status.next_step import plan_command  # noqa: PLC0415 - brings SQLAlchemy

    async with call.open_app(brief=True) as app:
        listed = await past.history(app.database, limit=max(1, limit))
    if call.json:
        call.out.answer_json([history_json(one) for one in listed])
    elif listed:
        rows = [_history_row(one, app.settings.timezone) for one in listed]
        call.out.table(rows, "ID", "STATE", "OUTCOME", *_HEADERS, lead=3)
    else:
        call.out.say("There was no recovery yet.")
        say_next(call, plan_command([one.name for one in app.settings.backups]))


def _history_row(one: "PastRecovery", zone: tzinfo) -> list[str]:
    row = one.row
    active, blocked, total = one.counts[Status.ACTIVE], one.counts[Status.BLOCKED], sum(one.counts.values())
    follows = "" if row.follows_id is None else f" (goes on with {row.follows_id})"
    return [
        f"{row.id}{follows}",
        one.phase.value,
        clean(row.outcome or "-"),
        clean(row.to_name),
        clean(row.from_name or "-"),
        clean(", ".join(one.labels)) or "-",
        timestamp(row.started_at or row.created_at, zone),
        "-" if one.seconds is None else duration(one.seconds),
        f"{active} of {total}{' chosen' if row.fixed else ''}",
        str(blocked),
    ]


async def log(
    *,
    follow: Annotated[bool, flag("follow", "Stay, and show what happens from now on.", short="-f")] = False,
    group: Annotated[
        str | None, flag("group", "Only this group: its slug, JID or name.", metavar="GROUP")
    ] = None,
    recovery: Annotated[int | None, flag("recovery", "Only this recovery.", metavar="ID")] = None,
    lines: Annotated[int, flag("lines", "How many of the latest lines.", short="-n", metavar="N")] = 100,
    call: Call = NOTHING_SAID,
) -> None:
    """The journal: every gateway call, decision and operator's act, oldest first.

    With --json one object a line with --follow, else one array.

    Examples:
      rejoin log --follow
      rejoin log --group suppliers-north -n 20
      rejoin log --recovery 3 --json
    """
    from orchestrator.status.past import read_journal  # noqa: PLC0415

    async with call.open_app(brief=not follow) as app:
        first = await read_journal(app.database, group=group, recovery=recovery, limit=max(1, lines))
        if call.json and not follow:
            call.out.answer_json([_line_json(line) for line in first])
            return
        for line in first:
            _show_line(call, line, app.settings.timezone)
        if not first and not call.json:
            call.out.say(_no_lines(group, recovery))
        if follow:
            after = first[-1].id if first else 0
            async for line in _further(app.database, group, recovery, after=after):
                _show_line(call, line, app.settings.timezone)


def _no_lines(group: str | None, recovery: int | None) -> str:
    """Why nothing is shown: nothing happened yet, or nothing with that group or recovery."""
    about = [] if group is None else [f'group "{clean(group)}"']
    about += [] if recovery is None else [f"recovery {recovery}"]
    return f"No line of the journal is about {' in '.join(about)}." if about else "The journal is empty."


async def _further(
    database: "Database", group: str | None, recovery: int | None, *, after: int
) -> "AsyncIterator[JournalLine]":
    from orchestrator.status.past import read_journal  # noqa: PLC0415

    while True:
        lines = await read_journal(database, group=group, recovery=recovery, after_id=after, limit=_AT_ONCE)
        for line in lines:
            yield line
            after = line.id
        if len(lines) < _AT_ONCE:
            streams.check_reader()
            await asyncio.sleep(_EVERY)


def _show_line(call: Call, line: "JournalLine", zone: tzinfo) -> None:
    if call.json:
        call.out.answer_line(_line_json(line))
    else:
        text = journal_line(line, zone)
        call.out.answer(f"{text[:2]}\t{text[2:]}")  # what does not fit goes on two columns further in
        call.out.stdout.flush()


def _line_json(line: "JournalLine") -> dict[str, object]:
    from orchestrator.status.as_json import journal_json  # noqa: PLC0415

    return journal_json(line)


def journal_line(line: "JournalLine", zone: tzinfo) -> str:
    """`2026-11-22 18:27:51 UTC-3  join  "Retail Braga"  outcome=joined n=4`."""
    parts = [timestamp(line.at, zone), clean(line.kind)]
    if line.group is not None:
        parts.append(f'"{clean(line.group)}"')
    elif line.instance is not None:
        parts.append(clean(line.instance))
    parts.append(data_text(line, zone))
    if line.kind.startswith("act."):
        parts.append(f"by {clean(line.actor)}")
    return "  ".join(part for part in parts if part)


def data_text(line: "JournalLine", zone: tzinfo) -> str:
    """`key=value` for each; instants as a time, counts without those of nothing."""
    return " ".join(f"{clean(key)}={_value(key, value, zone)}" for key, value in line.data.items())


def _value(key: str, value: Any, zone: tzinfo) -> str:
    if isinstance(value, float) and value > _PAST and key.endswith(_INSTANTS):
        return f'"{timestamp(value, zone)}"'
    if isinstance(value, dict):
        value = ", ".join(f"{name} {item}" for name, item in value.items() if item)
    text = clean(value)
    return f'"{text}"' if " " in text or not text else text
