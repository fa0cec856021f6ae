"""`rejoin groups show`: all that is known of one group."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import flag, positional
from orchestrator.cli.render import clean, duration, pad, rfc3339, timestamp
from orchestrator.cli.render_log import journal_line

if TYPE_CHECKING:
    from datetime import tzinfo

    from orchestrator.bootstrap import App
    from orchestrator.catalogue.showing import CodeFacts, GroupDetails
    from orchestrator.store.group_rows import GroupRow
    from orchestrator.store.journal import JournalLine

_LABEL = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """The group, where it stands on each instance, and its journal."""

    details: "GroupDetails"
    memberships: "list[GroupRow]"
    journal: "list[JournalLine]"


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
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy

    settings = call.settings()
    async with open_app(settings, brief=True) as app:
        shown = await _read(app, group, lines)
    if call.json:
        call.out.answer_json(_as_json(shown))
    else:
        call.out.answer(_as_text(shown, settings.timezone))


async def _read(app: "App", reference: str, lines: int) -> Shown:
    from orchestrator.catalogue.showing import show_group  # noqa: PLC0415
    from orchestrator.status.listing import find_group  # noqa: PLC0415
    from orchestrator.status.past import read_journal  # noqa: PLC0415

    details = await show_group(app.database, reference)
    slug = details.group.slug
    async with app.database.read() as connection:
        rows = [row for row in await find_group(connection, slug) if row.membership_id is not None]
    return Shown(details, rows, await read_journal(app.database, group=slug, limit=max(1, lines)))


def _as_json(shown: Shown) -> dict[str, Any]:
    from orchestrator.status.as_json_groups import group_json, journal_json  # noqa: PLC0415

    group = shown.details.group
    return {
        "schema": 1,
        "group": group.name,
        "slug": group.slug,
        "jid": group.jid,
        "subject": group.subject,
        "owner": group.owner,
        "priority": group.priority,
        "labels": list(shown.details.labels),
        "instances": list(shown.details.instances),
        "notes": group.notes,
        "codes": [_code_json(code) for code in shown.details.codes],
        "memberships": [group_json(row) for row in shown.memberships],
        "journal": [journal_json(line) for line in shown.journal],
    }


def _code_json(code: "CodeFacts") -> dict[str, Any]:
    return {
        "fingerprint": code.fingerprint,
        "last4": code.last4,
        "current": code.current,
        "source": code.source,
        "created_at": rfc3339(code.created_at),
        "age_seconds": round(code.age),
        "retired_at": rfc3339(code.retired_at),
        "verdict": code.verdict,
        "checked_at": rfc3339(code.checked_at),
    }


def _as_text(shown: Shown, zone: "tzinfo") -> str:
    group = shown.details.group
    facts = [
        ("JID", group.jid),
        ("Subject", group.subject),
        ("Owner", group.owner),
        ("Priority", group.priority),
        ("Labels", ", ".join(shown.details.labels)),
        ("Instances", ", ".join(shown.details.instances)),
        ("Notes", group.notes),
        *((("Code" if code.current else "Old code"), _code_text(code)) for code in shown.details.codes),
        *((row.instance or "-", _standing(row, zone)) for row in shown.memberships),
    ]
    head = f"{clean(group.name)} ({clean(group.slug)})"
    body = [
        f"  {pad(clean(name), _LABEL)}  \t{clean(fact)}" for name, fact in facts if fact not in (None, "")
    ]
    journal = [f"  {journal_line(line, zone)}" for line in shown.journal]
    return "\n".join([head, *body, *(["", "JOURNAL", *journal] if journal else [])])


def _code_text(code: "CodeFacts") -> str:
    verdict = f", last found {code.verdict}" if code.verdict else ""
    origin = f"from {code.source} {duration(code.age)} ago"
    return f"...{code.last4}, fingerprint {code.fingerprint[:12]}, {origin}{verdict}"


def _standing(row: "GroupRow", zone: "tzinfo") -> str:
    status = row.status.value if row.status else "-"
    reason = f" ({row.reason.value})" if row.reason else ""
    since = f" since {timestamp(row.since, zone)}" if row.since is not None else ""
    until = f", next try {timestamp(row.next_attempt_at, zone)}" if row.next_attempt_at is not None else ""
    return f"{status}{reason}{since}{until}"
