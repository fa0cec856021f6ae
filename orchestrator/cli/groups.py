"""`rejoin groups list`, `show` and `set-code`."""

import csv
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Literal

from orchestrator.cli import pasting
from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import flag, positional
from orchestrator.cli.next_step import next_command, say_next
from orchestrator.cli.prompt import read_secret
from orchestrator.cli.render import clean, clock, plural
from orchestrator.domain.errors import UsageError
from orchestrator.domain.memberships import Bucket, Reason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import tzinfo

    from orchestrator.bootstrap import App
    from orchestrator.store.group_rows import GroupRow

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
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.status.listing import list_memberships  # noqa: PLC0415
    from orchestrator.store.group_rows import Filters  # noqa: PLC0415

    if as_csv and call.json:
        raise UsageError("Either --csv or --json.")
    wanted = Filters(bucket=Bucket(bucket) if bucket else None, search=search, reason=known_reason(reason))
    settings = call.settings()
    async with (
        open_app(settings) as app,
        aclosing(list_memberships(app.database, wanted, label=label, instance=instance)) as rows,
    ):
        if call.json:
            await _as_json(call, rows)
            return
        show = (
            _as_csv(call, rows) if as_csv else _as_table(call, rows, settings.timezone, now=app.clock.now())
        )
        if await show:
            if bucket == "needs_you" and not as_csv:
                say_next(call, await next_command(app))
            return
        said = {"--bucket": bucket, "--label": label, "--search": search}
        said |= {"--instance": instance, "--reason": reason}
        call.out.say(await _none(app, said))


async def _none(app: "App", filters: "dict[str, str | None]") -> str:
    """Why nothing is listed: there is nothing, or nothing that the filters let through."""
    from orchestrator.store import progress  # noqa: PLC0415

    async with app.database.read() as connection:
        stored = (await progress.catalogue(connection)).groups
    if not stored:
        return "No groups. rejoin groups import brings them in."
    said = " ".join(f"{flag} {clean(word)}" for flag, word in filters.items() if word is not None)
    return f"None of {plural(stored, 'group')} matches {said}. rejoin groups list shows all."


def known_reason(word: str | None) -> Reason | None:
    """Raises UsageError."""
    if word is None:
        return None
    try:
        return Reason(word)
    except ValueError:
        known = ", ".join(sorted(Reason))
        raise UsageError(f'There is no reason "{clean(word)}".', hint=f"there are: {known}") from None


async def _as_json(call: Call, rows: "AsyncIterator[GroupRow]") -> None:
    """Row by row: a hundred thousand groups need not stand in memory."""
    from orchestrator.cli.render import as_json  # noqa: PLC0415
    from orchestrator.status.as_json_groups import group_json  # noqa: PLC0415

    before = "["
    async for row in rows:
        text = as_json(pasting.in_json(group_json(row), call.out.config)).replace("\n", "\n  ")
        call.out.stdout.write(f"{before}\n  {text}")
        before = ","
    call.out.answer("[]" if before == "[" else "\n]")


async def _as_csv(call: Call, rows: "AsyncIterator[GroupRow]") -> bool:
    """Whether there was anything to list."""
    from orchestrator.catalogue.rows import defuse  # noqa: PLC0415 - a spreadsheet may read it
    from orchestrator.status.as_json_groups import group_json  # noqa: PLC0415

    writer: Any = None
    async for row in rows:
        record = group_json(row)
        if writer is None:
            writer = csv.writer(call.out.stdout)
            writer.writerow(record)
        writer.writerow([defuse(clean(_cell(value))) for value in record.values()])
    return writer is not None


def _cell(value: object) -> object:
    if isinstance(value, list):
        return ";".join(map(str, value))
    return "" if value is None else value


async def _as_table(call: Call, rows: "AsyncIterator[GroupRow]", zone: "tzinfo", *, now: float) -> bool:
    """Whether there was anything to list."""
    lines = [
        [
            clean(row.group),
            clean(row.slug),
            clean(row.instance or "-"),
            row.status.value if row.status else "-",
            row.reason.value if row.reason else "-",
            "-" if row.next_attempt_at is None else clock(row.next_attempt_at, zone, now=now),
            f"...{clean(row.code_last4)}" if row.code_last4 else "none",
            clean(", ".join(row.labels)) or "-",
        ]
        async for row in rows
    ]
    call.out.table(
        lines, "GROUP", "SHORT NAME", "INSTANCE", "STATUS", "REASON", "NEXT", "CODE", "LABELS", lead=2
    )
    if lines:
        call.out.say(f"{plural(len(lines), 'line')}.")
    return bool(lines)


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
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.catalogue.set_code import set_code as store  # noqa: PLC0415
    from orchestrator.domain.invites import parse_invite  # noqa: PLC0415

    settings = call.settings()
    code = parse_invite(read_secret(call, f"Invite link or code for {group}:"))
    async with open_app(settings) as app:
        done = await store(app.database, app.key_ring(), group, code, actor=app.actor)
        after = await next_command(app)
    if done.warning:
        call.out.warn(clean(done.warning))
    if call.json:
        call.out.answer_json(
            {
                "group": done.group.slug,
                "code_last4": done.last4,
                "code_fingerprint": done.fingerprint,
                "changed": done.changed,
                "requeued": done.requeued,
            }
        )
        return
    name, back = clean(done.group.name), plural(done.requeued, "membership")
    news = "has a new code" if done.changed else "has that code already"
    line = f'"{name}" {news}, ending in {clean(done.last4)}.'
    call.out.answer(line + (f" {back} back in line." if done.requeued else ""))
    say_next(call, after)
