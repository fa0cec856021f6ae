"""Groups as text, CSV and JSON: the list, one group, why it stands where it stands, an import's result."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from orchestrator.catalogue.sheets import defuse
from orchestrator.cli import layout
from orchestrator.cli.call import Call
from orchestrator.cli.formatting import (
    DASH,
    as_json,
    clean,
    clock,
    clock_with_offset,
    duration,
    pad,
    plural,
    rfc3339,
    timestamp,
)
from orchestrator.cli.next_step import move_text, next_line
from orchestrator.cli.output import Look
from orchestrator.cli.status import data_text, journal_line
from orchestrator.domain.hints import Mover

if TYPE_CHECKING:
    from orchestrator.catalogue.importing import ImportReport
    from orchestrator.catalogue.lookup import GroupDetails
    from orchestrator.status.group_status import Explanation
    from orchestrator.store.codes import SealedCode
    from orchestrator.store.group_rows import GroupRow
    from orchestrator.store.journal import JournalLine
    from orchestrator.store.slots import SlotLine

_LABEL = 10
_WIDE_LABEL = 12


async def list_as_json(call: Call, rows: AsyncIterator[GroupRow]) -> None:
    """Row by row: a hundred thousand groups need not stand in memory."""
    from orchestrator.status.as_json import group_json  # noqa: PLC0415 - brings SQLAlchemy

    before = "["
    async for row in rows:
        text = as_json(layout.json_with_config(group_json(row), call.out.config)).replace("\n", "\n  ")
        call.out.stdout.write(f"{before}\n  {text}")
        before = ","
    call.out.answer("[]" if before == "[" else "\n]")


async def list_as_csv(call: Call, rows: AsyncIterator[GroupRow]) -> bool:
    """Whether there was anything to list."""
    from orchestrator.status.as_json import group_json  # noqa: PLC0415 - brings SQLAlchemy

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


async def list_as_table(call: Call, rows: AsyncIterator[GroupRow], zone: tzinfo, *, now: float) -> bool:
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


def report_json(report: ImportReport) -> dict[str, object]:
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


def tell_import(call: Call, report: ImportReport) -> None:
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


@dataclass(frozen=True, slots=True)
class Shown:
    """The group, where it stands on each instance, and its journal."""

    details: GroupDetails
    memberships: list[GroupRow]
    journal: list[JournalLine]


def shown_json(shown: Shown) -> dict[str, Any]:
    from orchestrator.status.as_json import group_json, journal_json  # noqa: PLC0415 - brings SQLAlchemy

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
        "codes": [_code_json(code, shown.details.now) for code in shown.details.codes],
        "memberships": [group_json(row) for row in shown.memberships],
        "journal": [journal_json(line) for line in shown.journal],
    }


def _code_json(code: SealedCode, now: float) -> dict[str, Any]:
    return {
        "fingerprint": code.fingerprint,
        "last4": code.last4,
        "current": code.current,
        "source": code.source,
        "created_at": rfc3339(code.created_at),
        "age_seconds": round(max(0.0, now - code.created_at)),
        "retired_at": rfc3339(code.retired_at),
        "verdict": code.verdict,
        "checked_at": rfc3339(code.checked_at),
    }


def shown_text(shown: Shown, zone: tzinfo) -> str:
    group = shown.details.group
    facts = [
        ("JID", group.jid),
        ("Subject", group.subject),
        ("Owner", group.owner),
        ("Priority", group.priority),
        ("Labels", ", ".join(shown.details.labels)),
        ("Instances", ", ".join(shown.details.instances)),
        ("Notes", group.notes),
        *(
            ("Code" if code.current else "Old code", _code_text(code, shown.details.now))
            for code in shown.details.codes
        ),
        *((row.instance or "-", _standing(row, zone)) for row in shown.memberships),
    ]
    head = f"{clean(group.name)} ({clean(group.slug)})"
    body = [
        f"  {pad(clean(name), _LABEL)}  \t{clean(fact)}" for name, fact in facts if fact not in (None, "")
    ]
    journal = [f"  {journal_line(line, zone)}" for line in shown.journal]
    return "\n".join([head, *body, *(["", "JOURNAL", *journal] if journal else [])])


def _code_text(code: SealedCode, now: float) -> str:
    verdict = f", last found {code.verdict}" if code.verdict else ""
    origin = f"from {code.source} {duration(max(0.0, now - code.created_at))} ago"
    return f"...{code.last4}, fingerprint {code.fingerprint[:12]}, {origin}{verdict}"


def _standing(row: GroupRow, zone: tzinfo) -> str:
    status = row.status.value if row.status else "-"
    reason = f" ({row.reason.value})" if row.reason else ""
    since = f" since {timestamp(row.since, zone)}" if row.since is not None else ""
    until = f", next try {timestamp(row.next_attempt_at, zone)}" if row.next_attempt_at is not None else ""
    return f"{status}{reason}{since}{until}"


def explanation_text(one: Explanation, look: Look) -> str:
    """Where it stands, why, whose move; then what is expected and seen, then what happened."""
    blocks = [
        [_headline(one, look)],
        [f"  {pad(label, _WIDE_LABEL)}\t{text}" for label, text in _facts(one, look) if text],
        _joins(one, look),
        _journal(one, look),
        [next_line(one.hint.command)] if one.hint.command and one.hint.mover is Mover.YOU else [],
    ]
    return look.lay_out("\n\n".join("\n".join(block) for block in blocks if block))


def journal_text(line: JournalLine, look: Look, now: float) -> str:
    """One journal line for people; its data as `key=value`."""
    at = clock(line.at, look.zone, now=now, seconds=True)
    named = f"{pad(clean(line.kind), 16)}  {clean(line.group or '')}"
    return f"{at}  {named}  {data_text(line, look.zone)}".rstrip()


def _headline(one: Explanation, look: Look) -> str:
    row = one.row
    where = f" on {clean(row.instance)}" if row.instance is not None else ""
    status = row.status.value if row.status is not None else "never tried"
    reason = f" ({row.reason.value})" if row.reason is not None else ""
    since = f" since {clock(row.since, look.zone, now=one.now)}" if row.since is not None else ""
    return f"{clean(row.group)}{where}: {status}{reason}{since}."


def _facts(one: Explanation, look: Look) -> list[tuple[str, str]]:
    row = one.row
    until = None if one.until is None else clock_with_offset(one.until, look.zone, now=one.now)
    return [
        ("Why", one.hint.sentence),
        ("Said", clean(_said(one))),
        ("Move", move_text(one.hint)),
        ("Until", until or ""),
        ("In line", _place(one, look)),
        ("Expected", _expected(row)),
        ("Seen", _seen(row, one, look)),
        ("Code", f"ends in {clean(row.code_last4)}" if row.code_last4 else "none stored"),
        ("Attempts", str(row.attempts)),
        ("Elsewhere", _others(one)),
    ]


def _said(one: Explanation) -> str:
    """What the gateway said of the group, else of the account that waits."""
    paused = one.pause is not None and one.hint is one.pause.hint
    return one.row.detail or (one.pause.text if one.pause is not None and paused else None) or ""


def _place(one: Explanation, look: Look) -> str:
    if one.place is None:
        return ""
    turn = ""
    if one.expected_at is not None:
        turn = f"; its turn about {clock_with_offset(one.expected_at, look.zone, now=one.now)}"
    return f"{one.place:,} before it{turn}" if one.place else f"next{turn}"


def _expected(row: GroupRow) -> str:
    """Where nothing else is given, the group behind the link must have the entry's name."""
    subject = row.expected_subject or (None if row.expected_jid else row.group)
    return _identity(row.expected_jid, subject, row.expected_owner)


def _seen(row: GroupRow, one: Explanation, look: Look) -> str:
    if row.seen_jid is None and row.seen_subject is None:
        return "not looked at yet"
    at = "" if row.verified_at is None else f", at {clock(row.verified_at, look.zone, now=one.now)}"
    members = "" if row.members is None else f", {row.members} members"
    return _identity(row.seen_jid, row.seen_subject, row.seen_owner) + members + at


def _identity(jid: str | None, subject: str | None, owner: str | None) -> str:
    parts = [clean(jid) if jid else ""]
    parts.append(f'"{clean(subject)}"' if subject else "")
    parts.append(f"owner {clean(owner)}" if owner else "")
    return ", ".join(part for part in parts if part) or DASH


def _others(one: Explanation) -> str:
    return ", ".join(f"{clean(row.instance or DASH)} {row.status or DASH}" for row in one.others)


def _joins(one: Explanation, look: Look) -> list[str]:
    if not one.joins:
        return []
    return ["JOINS SENT", *(f"  {_sent_join(line, one, look)}" for line in one.joins)]


def _sent_join(line: SlotLine, one: Explanation, look: Look) -> str:
    at = clock(line.sent_at or line.send_at, look.zone, now=one.now, seconds=True)
    sent = "sent" if line.sent_at is not None else "planned, not sent or not known"
    return f"{at}  {sent}; {clean(line.outcome) if line.outcome else 'no answer recorded yet'}"


def _journal(one: Explanation, look: Look) -> list[str]:
    if not one.lines:
        return []
    return ["JOURNAL", *(f"  {journal_text(line, look, one.now)}" for line in one.lines)]
