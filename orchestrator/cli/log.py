"""`rejoin log`: the journal."""

import asyncio
from typing import TYPE_CHECKING, Annotated

from orchestrator import streams
from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import flag
from orchestrator.cli.render import clean
from orchestrator.cli.render_log import journal_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import tzinfo

    from orchestrator.store.engine import Database
    from orchestrator.store.journal import JournalLine

_EVERY = 1.0  # a person's seconds between two looks, however fast the clock may run
_AT_ONCE = 500


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
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.status.past import read_journal  # noqa: PLC0415

    settings = call.settings()
    async with open_app(settings, brief=not follow) as app:
        first = await read_journal(app.database, group=group, recovery=recovery, limit=max(1, lines))
        if call.json and not follow:
            call.out.answer_json([_as_json(line) for line in first])
            return
        for line in first:
            _show(call, line, settings.timezone)
        if not first and not call.json:
            call.out.say(_none(group, recovery))
        if follow:
            after = first[-1].id if first else 0
            async for line in _further(app.database, group, recovery, after=after):
                _show(call, line, settings.timezone)


def _none(group: str | None, recovery: int | None) -> str:
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


def _show(call: Call, line: "JournalLine", zone: "tzinfo") -> None:
    if call.json:
        call.out.answer_line(_as_json(line))
    else:
        text = journal_line(line, zone)
        call.out.answer(f"{text[:2]}\t{text[2:]}")  # what does not fit goes on two columns further in
        call.out.stdout.flush()


def _as_json(line: "JournalLine") -> dict[str, object]:
    from orchestrator.status.as_json_groups import journal_json  # noqa: PLC0415

    return journal_json(line)
