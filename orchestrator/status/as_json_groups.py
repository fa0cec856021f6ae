"""The JSON contract of groups, explanations, history and journal (docs/json.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.domain.strict_json import SCHEMA
from orchestrator.domain.times import instant, seconds
from orchestrator.status.as_json import pause_fields

if TYPE_CHECKING:
    from orchestrator.status.explain_group import Explanation
    from orchestrator.status.past import PastRecovery
    from orchestrator.store.group_rows import GroupRow
    from orchestrator.store.journal import JournalLine
    from orchestrator.store.slots import SlotLine

_PAST = 1e9  # numbers from here on are instants, smaller ones are not


def group_json(row: GroupRow) -> dict[str, Any]:
    """One element of `rejoin groups list --json`."""
    return {
        "group": row.group,
        "slug": row.slug,
        "jid": row.jid,
        "instance": row.instance,
        "status": None if row.status is None else row.status.value,
        "reason": None if row.reason is None else row.reason.value,
        "bucket": row.bucket.value,
        "detail": row.detail,
        "since": instant(row.since),
        "attempts": row.attempts,
        "next_attempt_at": instant(row.next_attempt_at),
        "joined_at": instant(row.joined_at),
        "confirmed_at": instant(row.confirmed_at),
        "evidence": row.evidence,
        "greeting": row.greeting,
        "code_last4": row.code_last4,
        "labels": list(row.labels),
        "priority": row.priority,
        "members": row.members,
        "recovery": row.recovery_id,
    }


def group_line(row: GroupRow, at: float) -> dict[str, Any]:
    """One JSON line of type `group`: it stands elsewhere than before."""
    return {"type": "group", "at": instant(at), **group_json(row)}


def explanation_json(one: Explanation) -> dict[str, Any]:
    """The object that `rejoin explain --json` prints."""
    return {
        "schema": SCHEMA,
        "at": instant(one.now),
        **group_json(one.row),
        **one.hint.as_json(),
        "until": instant(one.until),
        "place": one.place,
        "expected_at": instant(one.expected_at),
        "pause": None if one.pause is None else pause_fields(one.pause),
        "identity": _identity(one.row),
        "others": [group_json(row) for row in one.others],
        "joins": [_slot(line) for line in one.joins],
        "journal": [journal_json(line) for line in one.lines],
    }


def _identity(row: GroupRow) -> dict[str, Any]:
    return {
        "expected": {
            "jid": row.expected_jid,
            "subject": row.expected_subject,
            "owner": row.expected_owner,
        },
        "seen": {
            "jid": row.seen_jid,
            "subject": row.seen_subject,
            "owner": row.seen_owner,
            "members": row.members,
            "verified_at": instant(row.verified_at),
        },
    }


def _slot(line: SlotLine) -> dict[str, Any]:
    return {
        "number": line.n,
        "reserved_at": instant(line.reserved_at),
        "planned_at": instant(line.send_at),
        "sent_at": instant(line.sent_at),
        "finished_at": instant(line.finished_at),
        "outcome": line.outcome,
    }


def journal_json(line: JournalLine) -> dict[str, Any]:
    """One line of `rejoin log --json`."""
    return {
        "id": line.id,
        "at": instant(line.at),
        "kind": line.kind,
        "actor": line.actor,
        "instance": line.instance,
        "group": line.group,
        "slug": line.slug,
        "recovery": line.recovery_id,
        "data": {key: _datum(key, value) for key, value in line.data.items()},
    }


def _datum(key: str, value: Any) -> Any:
    """The journal keeps instants as it computes with them: seconds since 1970."""
    is_instant = isinstance(value, float) and value > _PAST and key.endswith(("_at", "until"))
    return instant(value) if is_instant else value


def history_json(one: PastRecovery) -> dict[str, Any]:
    """One element of `rejoin history --json`."""
    row = one.row
    return {
        "id": row.id,
        "state": one.phase.value,
        "outcome": row.outcome,
        "to": row.to_name,
        "from": row.from_name,
        "labels": list(one.labels),
        "actor": row.actor,
        "created_at": instant(row.created_at),
        "started_at": instant(row.started_at),
        "finished_at": instant(row.finished_at),
        "duration_seconds": seconds(one.seconds),
        "driver": row.driver,
        "follows": row.follows_id,
        "chosen": row.fixed,
        "counts": {status.value: count for status, count in one.counts.items()},
    }
