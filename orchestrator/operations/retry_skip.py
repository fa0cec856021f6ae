"""Retrying and skipping groups by hand: what it means for a membership as it stands, and writing it.

A join that may have taken effect is looked up before the group may be joined again: a retry then leads to a
look, never straight into the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import InputRejectedError, UsageError
from orchestrator.domain.memberships import Bucket, Reason, Status
from orchestrator.operations.acting import acting, said
from orchestrator.status.group_status import find_group
from orchestrator.store import group_rows, memberships
from orchestrator.store.engine import Database
from orchestrator.store.group_rows import Filters
from orchestrator.store.memberships import Membership, Work
from orchestrator.store.unit_of_work import UnitOfWork


class Way(StrEnum):
    """Where the membership goes."""

    IN_LINE = "in_line"
    LOOK = "look"
    LOOK_ONLY = "look_only"  # it stays as it is, but is looked at now
    SKIP = "skip"
    STAY = "stay"  # it is so already
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Choice:
    """A way, and the rest of a sentence that begins with the group's name."""

    way: Way
    sentence: str


IN_LINE = Choice(Way.IN_LINE, "goes back in line")
LOOK = Choice(Way.LOOK, "is looked up first: it is joined again only if the account is surely not in it")
ON_ITS_WAY = Choice(Way.REFUSE, "cannot be changed now: a join is on its way")
LOOKED_UP = Choice(Way.REFUSE, "cannot be changed now: it is being looked up whether the join worked")
IS_IN = Choice(Way.REFUSE, "is active: the account is in it")
LOOK_ONLY = Choice(Way.LOOK_ONLY, "is looked up now; its request to join is not sent again")
JOINED_BY_MISTAKE = Choice(Way.REFUSE, "led the account into another group; leave that one first")


def entered_by_mistake(old: Membership) -> bool:
    """The join led into a group that was not the expected one, and the account is in there still."""
    blocked = old.status is Status.BLOCKED and old.reason is Reason.IDENTITY_MISMATCH
    return blocked and old.joined_at is not None and old.jid is not None


_ON_RETRY = {
    Status.PENDING: Choice(Way.STAY, "is in line already"),
    Status.READY: Choice(Way.STAY, "is in line already"),
    Status.JOINING: ON_ITS_WAY,
    Status.CONFIRMING: LOOKED_UP,
    Status.ACTIVE: IS_IN,
    Status.AWAITING_APPROVAL: LOOK,  # an admin may have let us in since the last look
    Status.DEFERRED: IN_LINE,
    Status.LEFT: IN_LINE,
}


def on_retry(old: Membership) -> Choice:
    """What `retry` does."""
    match old.status:
        case Status.SKIPPED:
            # Without a JID the join is settled: it led elsewhere, and that group was left.
            return IN_LINE if old.requested_at is None or old.jid is None else LOOK
        case Status.BLOCKED:
            return _on_retry_of_blocked(old)
        case _:
            return _ON_RETRY[old.status]


def on_retry_of_all(old: Membership) -> Choice:
    """The same for whatever needs a person: nobody means to send every pending request once more."""
    return LOOK_ONLY if old.status is Status.AWAITING_APPROVAL else on_retry(old)


def _on_retry_of_blocked(old: Membership) -> Choice:
    if old.reason is Reason.OUTCOME_UNKNOWN:
        return LOOK
    return JOINED_BY_MISTAKE if entered_by_mistake(old) else IN_LINE


def on_skip(old: Membership, because: str | None) -> Choice:
    """What `skip` does. A new reason replaces the old one."""
    match old.status:
        case Status.JOINING:
            return ON_ITS_WAY
        case Status.CONFIRMING:
            return LOOKED_UP
        case Status.ACTIVE:
            return Choice(Way.REFUSE, "is active: the account is in it; to get it out, leave it")
        case Status.SKIPPED if because in (None, old.detail):
            return Choice(Way.STAY, "is skipped already")
        case _:
            return JOINED_BY_MISTAKE if entered_by_mistake(old) else Choice(Way.SKIP, "is skipped")


_IN_MOTION = frozenset({Status.PENDING, Status.READY, Status.JOINING, Status.CONFIRMING, Status.ACTIVE})


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of one group. `group` is its name as imported; `sentence` begins with it."""

    group: str
    slug: str
    status: Status
    reason: Reason | None
    changed: bool
    refused: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Decisions:
    """What one call did, group by group in the order of the call."""

    instance: str
    groups: tuple[Decided, ...]

    @property
    def changed(self) -> int:
        return sum(one.changed for one in self.groups)

    @property
    def refused(self) -> tuple[Decided, ...]:
        return tuple(one for one in self.groups if one.refused)


async def retry(
    database: Database,
    instance_name: str,
    *,
    actor: str,
    groups: Sequence[str] = (),
    reason: Reason | None = None,
    all_needs_you: bool = False,
) -> Decisions:
    """Put groups back in line: named ones, or of the open recovery those with a reason or that need a person.

    Named ones stand or fall together: if one cannot be retried, nothing is written. Raises NotFoundError,
    UsageError and InputRejectedError.
    """
    if (bool(groups), reason is not None, all_needs_you).count(True) != 1:
        raise UsageError(
            "say which groups: by name, by reason or all that need you",
            hint=f"{Command(Operation.RETRY, group='GROUP...')} | --reason code_revoked | --all-needs-you",
        )
    async with acting(database, instance_name, actor) as unit:
        works = await (_named(unit, groups) if groups else _chosen(unit, reason))
        choose = on_retry_of_all if all_needs_you else on_retry
        decisions = [_decide(unit, work, choose(work.membership), None, fresh=fresh) for work, fresh in works]
        if groups:
            _refuse_together(decisions)
        return Decisions(instance_name, tuple(decisions))


async def skip(
    database: Database, instance_name: str, groups: Sequence[str], *, actor: str, because: str | None = None
) -> Decisions:
    """Leave groups out until a retry. Named ones stand or fall together. Raises as `retry` does."""
    if not groups:
        example = Command(Operation.SKIP, because="closed in May")
        raise UsageError("say which groups", hint=str(example))
    text = said(because)
    async with acting(database, instance_name, actor) as unit:
        works = await _named(unit, groups)
        decisions = [
            _decide(unit, work, on_skip(work.membership, text), text, fresh=fresh) for work, fresh in works
        ]
        _refuse_together(decisions)
        return Decisions(instance_name, tuple(decisions))


async def _named(unit: UnitOfWork, references: Sequence[str]) -> list[tuple[Work, bool]]:
    """Each group once. One that the instance has nothing to do with yet gets its membership now."""
    found: dict[int, tuple[Work, bool]] = {}
    for reference in references:
        rows = await find_group(unit.connection, reference)
        group_id = rows[0].group_id
        if group_id not in found:
            found[group_id] = await memberships.find_or_make(
                unit.connection, unit.instance.id, group_id, now=unit.now
            )
    return list(found.values())


async def _chosen(unit: UnitOfWork, reason: Reason | None) -> list[tuple[Work, bool]]:
    """By reason, else all that need a person; what moves by itself or is in is left alone.

    Beside an open recovery, which would take them up, only its own: its scope grows for named groups alone.
    """
    bucket = Bucket.NEEDS_YOU if reason is None else None
    filters = Filters(instance=unit.instance.name, reason=reason, bucket=bucket, recovery_id=unit.recovery_id)
    ids = [
        row.membership_id
        async for row in group_rows.stream_groups(unit.connection, filters)
        if row.membership_id is not None and row.status not in _IN_MOTION
    ]
    return [(work, False) for work in await memberships.by_ids(unit.connection, ids)]


def _decide(unit: UnitOfWork, work: Work, choice: Choice, because: str | None, *, fresh: bool) -> Decided:
    old = work.membership
    new = _carry_out(unit, old, choice.way, because)
    if choice.way is not Way.REFUSE:
        unit.count_in(old)
    changed = fresh or new is not old
    if changed and choice.way is not Way.REFUSE:
        kind = "act.skip" if choice.way is Way.SKIP else "act.retry"
        unit.note(kind, old, was=_was(old), status=new.status.value, because=because)
    return Decided(
        group=work.name,
        slug=work.slug,
        status=new.status,
        reason=new.reason,
        changed=changed,
        refused=choice.way is Way.REFUSE,
        sentence=f"{work.name} {choice.sentence}",
    )


def _carry_out(unit: UnitOfWork, old: Membership, way: Way, because: str | None) -> Membership:
    afresh: dict[str, Any] = {"attempts": 0, "slow_rounds": 0, "unknowns": 0}
    match way:
        case Way.IN_LINE:
            return unit.move(old, Status.PENDING, **afresh)
        case Way.LOOK:
            # `approval` is forgotten: an absence now means that the group is joined again in its turn.
            afresh |= {"next_attempt_at": unit.now, "approval": None}
            return unit.move(old, Status.CONFIRMING, Reason.OUTCOME_UNKNOWN, **afresh)
        case Way.LOOK_ONLY:
            return unit.move(
                old, old.status, old.reason, detail=old.detail, next_attempt_at=unit.now, looks=0
            )
        case Way.SKIP:
            return unit.move(old, Status.SKIPPED, Reason.OPERATOR, detail=because)
        case _:
            return old


def _was(old: Membership) -> str:
    return old.status.value if old.reason is None else f"{old.status.value}: {old.reason.value}"


def _refuse_together(decisions: Sequence[Decided]) -> None:
    problems = tuple(one.sentence for one in decisions if one.refused)
    if len(problems) == 1 == len(decisions):
        raise UsageError(problems[0], hint=str(Command(Operation.EXPLAIN, group=decisions[0].slug)))
    if problems:
        raise InputRejectedError("nothing was changed", problems=problems)
