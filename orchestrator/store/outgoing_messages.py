"""Which facts of a transaction are told outside, and in which words: docs/webhooks-out.md for receivers.

What a transaction did is decided by it alone: a fact is told when its write took effect, once for each time
that it came about. A group that blocks again after a retry is told again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select

from orchestrator.domain.hints import account_hint, group_hint, identity_changed_hint
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import Bucket, Reason, Status, bucket, known_reason
from orchestrator.domain.times import instant
from orchestrator.redact import scrub
from orchestrator.store import outbox, recoveries
from orchestrator.store.bulk import rows_of
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.journal import Entry
from orchestrator.store.memberships import Membership, Move
from orchestrator.store.outbox import Message
from orchestrator.store.recoveries import Recovery
from orchestrator.store.tables import LABELS, groups, split_labels

if TYPE_CHECKING:
    from orchestrator.store.unit_of_work import UnitOfWork


GROUP_ACTIVE = "group.active"
GROUP_BLOCKED = "group.blocked"
GROUP_LEFT = "group.left"
RECOVERY_STARTED = "recovery.started"
RECOVERY_FINISHED = "recovery.finished"
INSTANCE_LOST = "instance.lost"
INSTANCE_PAUSED = "instance.paused"
INSTANCE_IDENTITY_CHANGED = "instance.identity_changed"
INSTANCE_RETURNED = "instance.returned"  # for people only
INSTANCE_HALTED = "instance.halted"  # for people only: its loop died
DIGEST = "digest"  # for people only

_TOLD = {Status.ACTIVE: GROUP_ACTIVE, Status.BLOCKED: GROUP_BLOCKED, Status.LEFT: GROUP_LEFT}


async def tell(unit: UnitOfWork, moved: Collection[int]) -> None:
    """Put into the outbox what this transaction has to tell. Where that is nothing, it asks nothing.

    `moved`: ids of the memberships whose move took effect.
    """
    moves, entries = told_moves(unit.moves, moved), told_entries(unit.entries)
    planned: list[Message] = []
    if moves:
        ids = {move.new.group_id for move in moves}
        groups = await facts_of_groups(unit.connection, ids)
        planned += [group_message(move, groups[move.new.group_id], unit.instance) for move in moves]
    for kind, entry in entries:
        planned += await _of_entry(unit, kind, entry)
    if planned:
        await outbox.append(unit.connection, unit.now, planned)


def told_moves(moves: Iterable[Move], moved: Collection[int]) -> list[Move]:
    """Those that brought a membership to another status that is told. Of several of one membership only those
    count that began where it stood: the store let no other take effect, and of them the last stays.
    """
    before: dict[int, Status] = {}
    last: dict[int, Move] = {}
    for move in moves:
        if move.old.id in moved and move.old.status is before.setdefault(move.old.id, move.old.status):
            last[move.old.id] = move
    return [move for move in last.values() if move.old.status is not move.new.status in _TOLD]


def told_entries(entries: Iterable[Entry]) -> list[tuple[str, Entry]]:
    """The journal lines that are told, each with the message's kind."""
    kinds = [(_kind(entry), entry) for entry in entries]
    return [(kind, entry) for kind, entry in kinds if kind is not None]


def _kind(entry: Entry) -> str | None:
    match entry.kind:
        case "recovery.started":
            return RECOVERY_STARTED
        case "recovery.ended" if not entry.data.get("goes_on"):
            return RECOVERY_FINISHED
        case "act.stop" if entry.data["ended"]:
            return RECOVERY_FINISHED
        case "instance.paused" | "instance.identity_changed":
            return entry.kind
        case "act.pause" if "kept" not in entry.data:
            return INSTANCE_PAUSED
        case _:
            return None


def group_message(move: Move, group: GroupFacts, instance: InstanceRecord) -> Message:
    """A group that became active, blocked or left."""
    new = move.new
    data = {
        **group_fields(group, new),
        "instance": instance.name,
        "recovery": new.recovery_id,
        "status": new.status.value,
        "was": move.old.status.value,
        "reason": None if new.reason is None else new.reason.value,
        **group_hint(new.status, new.reason, group.slug, to=instance.name, jid=group.jid).as_json(),
        "detail": None if new.detail is None else scrub(new.detail),
        "evidence": None if new.evidence is None else new.evidence.value,
        "members": new.seen_members,
        "joined_at": instant(new.joined_at),
        "confirmed_at": instant(new.confirmed_at),
    }
    return Message(
        _TOLD[new.status], f"group:{group.id}", data, instance.id, group.id, recovery_id=new.recovery_id
    )


def group_fields(group: GroupFacts, membership: Membership) -> dict[str, Any]:
    subject = membership.seen_subject or group.subject
    return {
        "group": scrub(group.name),  # people put invite links there, too
        "slug": group.slug,
        "jid": membership.jid or group.jid,
        "subject": None if subject is None else scrub(subject),
        "labels": list(group.labels),
    }


async def _of_entry(unit: UnitOfWork, kind: str, entry: Entry) -> list[Message]:
    if kind == INSTANCE_PAUSED:
        return [paused_message(unit.instance, entry, unit.now)]
    if kind == INSTANCE_IDENTITY_CHANGED:
        return [identity_message(unit.instance, entry, unit.now)]
    if entry.recovery_id is None:
        return []
    recovery = await recoveries.get(unit.connection, entry.recovery_id)
    return [] if recovery is None else [recovery_message(kind, unit.instance, recovery)]


def recovery_message(kind: str, instance: InstanceRecord, recovery: Recovery) -> Message:
    """A recovery that began or ended; `instance` is the one that it fills."""
    counts = recovery.counts or {}
    data = {
        "recovery": recovery.id,
        "instance": recovery.to_name,
        "from": recovery.from_name,
        "to": recovery.to_name,
        "labels": list(recovery.labels),
        "state": recovery.state,
        "outcome": recovery.outcome,
        "actor": recovery.actor,
        "by_itself": by_itself(recovery),
        "follows": recovery.follows_id,
        "started_at": instant(recovery.started_at),
        "finished_at": instant(recovery.finished_at),
        "total": sum(counts.values()),
        "active": counts.get(Status.ACTIVE.value, 0),
        "needs_you": sum(n for word, n in counts.items() if bucket(Status(word)) is Bucket.NEEDS_YOU),
        "counts": dict(counts),
    }
    return Message(kind, f"recovery:{recovery.id}", data, instance.id, recovery_id=recovery.id)


def by_itself(recovery: Recovery) -> bool:
    """Begun by the daemon of its own accord, not by a person's call."""
    return recovery.driver == "daemon" and recovery.actor.startswith("daemon@")


def identity_message(instance: InstanceRecord, entry: Entry, now: float) -> Message:
    """Another number stands behind an instance. Of numbers only the end is told."""
    data = {
        "instance": instance.name,
        "role": instance.role,
        "was": entry.data["was"],
        "now": entry.data["now"],
        "changed_at": instant(now),
        "left": entry.data["left"],
        "recovery": entry.data.get("stopped"),
        **identity_changed_hint(instance.name).as_json(),
    }
    recovery_id = entry.data.get("stopped")
    return Message(
        INSTANCE_IDENTITY_CHANGED, f"instance:{instance.id}", data, instance.id, recovery_id=recovery_id
    )


SHORT_PAUSE = 600.0
"""Seconds: a pause that ends by itself this soon is not worth a person's attention at any level."""


def paused_message(instance: InstanceRecord, entry: Entry, now: float) -> Message:
    """An account that sends no joins for a while. A person's pause has the reason `operator`."""
    by_person = entry.kind == "act.pause"
    reason = Reason.OPERATOR if by_person else known_reason(str(entry.data.get("reason")))
    until = entry.data.get("until")
    data = {
        "instance": instance.name,
        "role": instance.role,
        "recovery": entry.recovery_id,
        "reason": None if reason is None else reason.value,
        "text": entry.data.get("because" if by_person else "text"),
        "by": entry.actor,
        "until": instant(until),
        "short": until is not None and until - now < SHORT_PAUSE,
        **account_hint(reason, until, instance.name).as_json(),
    }
    return Message(
        INSTANCE_PAUSED, f"instance:{instance.id}", data, instance.id, recovery_id=entry.recovery_id
    )


class GroupFacts(NamedTuple):
    """One group. `jid` and `subject` are what is expected."""

    id: int
    name: str
    slug: str
    jid: str | None
    subject: str | None
    labels: tuple[str, ...]


async def facts_of_groups(connection: AsyncConnection, ids: Collection[int]) -> dict[int, GroupFacts]:
    """One query for all of them, in the fact's own transaction."""
    g = groups.c
    query = select(g.id, g.name, g.slug, g.jid, g.subject, LABELS)
    rows = await rows_of(connection, query, g.id, ids)
    return {row.id: GroupFacts(*(*row[:-1], split_labels(row[-1]))) for row in rows}
