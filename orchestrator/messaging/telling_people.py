"""What people are told: one short text for each message that concerns them, and who carries it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from orchestrator.domain.commands import Operation, named
from orchestrator.domain.hints import Hint, account_hint, group_hint
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import Reason, known_reason
from orchestrator.domain.recoveries import End
from orchestrator.messaging.apprise_people import Notice, Service, Weight
from orchestrator.messaging.routing import Answer, Parcel
from orchestrator.redact import scrub
from orchestrator.store import instances, outgoing_messages, progress
from orchestrator.store.engine import AsyncConnection, Database
from orchestrator.store.progress import CauseRow, NamedGroup

NAMES = 10
"""Groups that are named for each cause."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Groups that need the same move. `to`: their instance, where a command must name it."""

    row: CauseRow
    names: tuple[NamedGroup, ...]
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """Everything that needs a person at a moment."""

    causes: tuple[Cause, ...] = ()
    paused: tuple[InstanceRecord, ...] = ()

    @property
    def groups(self) -> int:
        return sum(cause.row.count for cause in self.causes)

    def __bool__(self) -> bool:
        return bool(self.causes or self.paused)


async def read_needs(connection: AsyncConnection, backups: Collection[str], now: float) -> Needs:
    """With the names of the most valuable groups. `backups`: the names of those that are configured."""
    records = await instances.of_names(connection, backups)
    rows = await progress.causes(connection, [one.id for one in records], now)
    to = {one.id: named(one.name, backups) for one in records}
    causes = [
        Cause(row, tuple(await progress.names_of_cause(connection, row, NAMES)), to[row.instance_id])
        for row in rows
    ]
    causes.sort(key=lambda cause: -cause.row.count)
    return Needs(tuple(causes), tuple(one for one in records if needs_a_person(one, now)))


def needs_a_person(instance: InstanceRecord, now: float) -> bool:
    """Paused until somebody acts; a person who paused it knows that."""
    reason = instance.pause_reason
    paused = reason is not None and instance.paused(now) and instance.paused_until is None
    return paused and reason != Reason.OPERATOR.value


def compose(parcel: Parcel, needs: Needs, zone: tzinfo) -> Notice | None:
    """None when there is nothing to say any more. `zone` is the one that people read times in."""
    data = parcel.data
    match parcel.kind:
        case outgoing_messages.DIGEST:
            made = Notice(headline(needs), digest(needs), "warning") if needs else None
        case outgoing_messages.INSTANCE_LOST:
            made = _lost(data, zone)
        case outgoing_messages.RECOVERY_STARTED:
            made = _started(data)
        case outgoing_messages.RECOVERY_FINISHED:
            made = _finished(data, needs)
        case outgoing_messages.INSTANCE_PAUSED:
            made = _paused(data, zone)
        case outgoing_messages.INSTANCE_IDENTITY_CHANGED:
            made = _another_number(data)
        case outgoing_messages.INSTANCE_RETURNED:
            body = f"Lost {_clock(data.get('lost_at'), zone)}, back {_clock(data.get('returned_at'), zone)}."
            made = Notice(f"Rejoin: {_word(data, 'instance')} is back", body, "success")
        case outgoing_messages.INSTANCE_HALTED:
            made = Notice(f"Rejoin: {_word(data, 'instance')} is halted", _word(data, "sentence"), "failure")
        case _:
            made = Notice("Rejoin", parcel.kind)
    return made


def headline(needs: Needs) -> str:
    if not needs.groups:
        return f"Rejoin: {_count(len(needs.paused), 'account')} {_need(len(needs.paused))} you"
    return f"Rejoin: {_count(needs.groups, 'group')} {_need(needs.groups)} you"


def digest(needs: Needs) -> str:
    """By cause: what happened, to which groups, whose move it is and which."""
    accounts = [_account(one) for one in needs.paused]
    return "\n".join([*accounts, *map(_cause, needs.causes)])


def _cause(cause: Cause) -> str:
    row = cause.row
    hint = group_hint(row.status, row.reason, "GROUP", to=cause.to)
    more = row.count - len(cause.names)
    names = ", ".join([*(scrub(one.name) for one in cause.names), *([f"and {more} more"] if more else [])])
    return f"- {hint.sentence} ({row.count}): {names}\n  {_move(hint)}"


def _account(instance: InstanceRecord) -> str:
    hint = account_hint(known_reason(instance.pause_reason), None, instance.name)
    return f"- {instance.name} is paused: {hint.sentence}\n  {_move(hint)}"


def _move(hint: Hint) -> str:
    return hint.move if hint.command is None else f"{hint.move}: {hint.command}"


def _lost(data: Mapping[str, Any], zone: tzinfo) -> Notice:
    """The one message for a loss: it says, too, which recovery began with it."""
    what = "the backup " if data.get("role") == "backup" else ""
    lines = [f"Not working since {_clock(data.get('since'), zone)}; decided {_word(data, 'decided_by')}."]
    if data.get("recovery") is not None:
        lines.append(f"Recovery {data['recovery']} onto {_word(data, 'to')} has begun.")
        lines += [f"{_word(data, 'detail')}." if data.get("detail") else ""]
    elif data.get("action") == "recover":
        lines.append(f"A recovery follows by itself: {_word(data, 'detail') or 'when a backup is healthy'}.")
    else:
        lines += [f"{_word(data, 'detail')}." if data.get("detail") else ""]
        # A plain run might be about healthy accounts, too.
        run = _word(data, "command") or str(Operation.PLAN)
        lines.append(f"Nothing follows by itself. To recover: {run}" if not what else "")
    if data.get("may_be_in"):
        lines.append(f"It may be in {_count(int(data['may_be_in']), 'group')} whose join was not confirmed.")
    return Notice(f"Rejoin: {what}{_word(data, 'instance')} is lost", _lines(lines), "failure")


def _started(data: Mapping[str, Any]) -> Notice:
    source = f" for {_word(data, 'from')}" if data.get("from") else ""
    follows = f" It goes on with recovery {data['follows']}." if data.get("follows") else ""
    body = f"Recovery {data.get('recovery')} onto {_word(data, 'to')}{source} has begun by itself.{follows}"
    return Notice(f"Rejoin: recovering onto {_word(data, 'to')}", body)


_ENDS: dict[str, tuple[str, Weight]] = {
    End.COMPLETE.value: ("all groups are in place", "success"),
    End.NEEDS_YOU.value: ("it ended, and some groups need you", "warning"),
    End.DEFERRED.value: ("it ended; some groups are tried again later", "warning"),
    End.INSTANCE_LOST.value: ("it ended because the backup is lost", "failure"),
    End.CREDENTIALS.value: ("it ended because the gateway refuses the credentials", "failure"),
    End.UNAVAILABLE.value: ("it ended because the gateway or the account did not come back", "failure"),
    End.STOPPED.value: ("it was stopped", "info"),
}


def _finished(data: Mapping[str, Any], needs: Needs) -> Notice:
    how, weight = _ENDS.get(str(data.get("outcome")), ("it ended", "info"))
    if not data.get("total"):
        how, weight = "there was no group to recover", "failure"
    lines = [
        f"Recovery {data.get('recovery')} onto {_word(data, 'to')}: {how}.",
        f"In place: {data.get('active')} of {_count(int(data.get('total') or 0), 'group')}.",
        *(["", f"{headline(needs).removeprefix('Rejoin: ')}:", digest(needs)] if needs else []),
    ]
    return Notice(f"Rejoin: recovery onto {_word(data, 'to')}: {how}", "\n".join(lines), weight)


def _paused(data: Mapping[str, Any], zone: tzinfo) -> Notice:
    until = f"until {_clock(data['until'], zone)}" if data.get("until") else "until somebody resumes it"
    body = f"{_word(data, 'sentence')}; paused {until}. {_word(data, 'hint')}"
    return Notice(f"Rejoin: {_word(data, 'instance')} is paused", body, "warning")


def _another_number(data: Mapping[str, Any]) -> Notice:
    lines = [
        f"It was {_word(data, 'was')} and is {_word(data, 'now')} now.",
        f"{_count(int(data.get('left') or 0), 'group')} of the old number count as left.",
        f"Recovery {data['recovery']} stops." if data.get("recovery") is not None else "",
        f"{_word(data, 'hint')}: {_word(data, 'command')}",
    ]
    return Notice(f"Rejoin: {_word(data, 'instance')} is another number now", _lines(lines), "failure")


def _word(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return "" if value is None else scrub(str(value))


def _lines(lines: list[str]) -> str:
    return "\n".join(line for line in lines if line)


def _clock(instant: object, zone: tzinfo) -> str:
    """An RFC 3339 instant as people read it."""
    if not isinstance(instant, str):
        return "an unknown time"
    return datetime.fromisoformat(instant).astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _need(number: int) -> str:
    return "needs" if number == 1 else "need"


@dataclass(slots=True)
class PeopleReceiver:
    """One service for people as a receiver. What needs a person is read at the moment of telling."""

    service: Service
    database: Database
    backups: Collection[str]
    zone: tzinfo

    @property
    def name(self) -> str:
        return self.service.name

    async def deliver(self, parcel: Parcel) -> Answer:
        async with self.database.read() as connection:
            now = await self.database.now(connection)
            needs = await read_needs(connection, self.backups, now)
        notice = compose(parcel, needs, self.zone)
        if notice is None:
            return Answer(ok=True, text="there is nothing to say any more")
        return await self.service.send(notice)
