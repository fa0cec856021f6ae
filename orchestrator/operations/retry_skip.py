"""Retrying and skipping groups by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import InputRejectedError, UsageError
from orchestrator.domain.memberships import Bucket, Reason, Status
from orchestrator.operations.acting import acting, said
from orchestrator.operations.choices import Choice, Way, on_retry, on_retry_of_all, on_skip
from orchestrator.status.listing import find_group
from orchestrator.store import group_rows, memberships
from orchestrator.store.group_rows import Filters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.store.engine import Database
    from orchestrator.store.memberships import Membership, Work
    from orchestrator.store.unit_of_work import UnitOfWork

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
    new = _CARRY_OUT[choice.way](unit, old, because) if choice.way in _CARRY_OUT else old
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


def _in_line(unit: UnitOfWork, old: Membership, _because: str | None) -> Membership:
    return unit.move(old, Status.PENDING, attempts=0, slow_rounds=0, unknowns=0)


def _look(unit: UnitOfWork, old: Membership, _because: str | None) -> Membership:
    """`approval` is forgotten: an absence now means that the group is joined again in its turn."""
    return unit.move(
        old,
        Status.CONFIRMING,
        Reason.OUTCOME_UNKNOWN,
        next_attempt_at=unit.now,
        attempts=0,
        slow_rounds=0,
        unknowns=0,
        approval=None,
    )


def _look_only(unit: UnitOfWork, old: Membership, _because: str | None) -> Membership:
    return unit.move(old, old.status, old.reason, detail=old.detail, next_attempt_at=unit.now, looks=0)


def _skip(unit: UnitOfWork, old: Membership, because: str | None) -> Membership:
    return unit.move(old, Status.SKIPPED, Reason.OPERATOR, detail=because)


_CARRY_OUT: dict[Way, Callable[[UnitOfWork, Membership, str | None], Membership]] = {
    Way.IN_LINE: _in_line,
    Way.LOOK: _look,
    Way.LOOK_ONLY: _look_only,
    Way.SKIP: _skip,
}


def _was(old: Membership) -> str:
    return old.status.value if old.reason is None else f"{old.status.value}: {old.reason.value}"


def _refuse_together(decisions: Sequence[Decided]) -> None:
    problems = tuple(one.sentence for one in decisions if one.refused)
    if len(problems) == 1 == len(decisions):
        raise UsageError(problems[0], hint=str(Command(Operation.EXPLAIN, group=decisions[0].slug)))
    if problems:
        raise InputRejectedError("nothing was changed", problems=problems)
