"""`rejoin explain` as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.look import move_text
from orchestrator.cli.next_step import next_line
from orchestrator.cli.render import DASH, clean, clock, clock_with_offset, pad
from orchestrator.cli.render_log import value_text
from orchestrator.domain.hints import Mover

if TYPE_CHECKING:
    from orchestrator.cli.look import Look
    from orchestrator.status.explain_group import Explanation
    from orchestrator.store.group_rows import GroupRow
    from orchestrator.store.journal import JournalLine
    from orchestrator.store.slots import SlotLine

_LABEL = 12


def explanation_text(one: Explanation, look: Look) -> str:
    """Where it stands, why, whose move; then what is expected and seen, then what happened."""
    blocks = [
        [_headline(one, look)],
        [f"  {pad(label, _LABEL)}\t{text}" for label, text in _facts(one, look) if text],
        _joins(one, look),
        _journal(one, look),
        [next_line(one.hint.command)] if one.hint.command and one.hint.mover is Mover.YOU else [],
    ]
    return look.lay_out("\n\n".join("\n".join(block) for block in blocks if block))


def journal_text(line: JournalLine, look: Look, now: float) -> str:
    """One journal line for people; its data as `key=value`."""
    at = clock(line.at, look.zone, now=now, seconds=True)
    data = " ".join(f"{clean(key)}={value_text(key, value, look.zone)}" for key, value in line.data.items())
    return f"{at}  {pad(clean(line.kind), 16)}  {clean(line.group or '')}  {data}".rstrip()


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
    return ["JOINS SENT", *(f"  {_join(line, one, look)}" for line in one.joins)]


def _join(line: SlotLine, one: Explanation, look: Look) -> str:
    at = clock(line.sent_at or line.send_at, look.zone, now=one.now, seconds=True)
    sent = "sent" if line.sent_at is not None else "planned, not sent or not known"
    return f"{at}  {sent}; {clean(line.outcome) if line.outcome else 'no answer recorded yet'}"


def _journal(one: Explanation, look: Look) -> list[str]:
    if not one.lines:
        return []
    return ["JOURNAL", *(f"  {journal_text(line, look, one.now)}" for line in one.lines)]
