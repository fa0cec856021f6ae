"""What a plan says: one line for each group, in the order in which a run takes them up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.domain.eta import Course, Remaining, estimate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.domain.memberships import Reason
    from orchestrator.store.recoveries import Scope


class Decision(StrEnum):
    """What a run would do with a group."""

    JOIN = "join"
    ALREADY_IN = "already_in"  # the account is in it, which a run records without a join
    ACTIVE = "active"  # recorded as in already
    LOOK = "look"  # a join was sent; a run looks what became of it
    SKIP = "skip"
    BLOCKED = "blocked"  # a person must act; always with a reason
    DEFERRED = "deferred"  # later; always with a reason and a time
    AWAITING_APPROVAL = "awaiting_approval"


AHEAD = frozenset({Decision.JOIN, Decision.ALREADY_IN, Decision.LOOK, Decision.DEFERRED})
"""Decisions that leave a run something to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """One group. `group` and `sentence` hold foreign text; `jid` is the one seen, else the one expected.

    `code_fingerprint` and `expectation` tell later whether the code or the allow-list changed.
    """

    group_id: int
    slug: str
    group: str
    decision: Decision
    sentence: str
    reason: Reason | None = None
    until: float | None = None
    jid: str | None = None
    priority: int = 0
    code_fingerprint: str | None = None
    expectation: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """`first_at` and `last_at`: when the first and the last join leave if the run starts now; None without
    joins, or while the instance is paused without an end (`paused_by` says why).
    """

    instance: str
    scope: Scope
    made_at: float
    probed: int  # groups that were probed for it
    joins_per_minute: float
    first_at: float | None
    last_at: float | None
    paused_by: str | None
    paused_until: float | None
    lines: tuple[Line, ...]

    @property
    def counts(self) -> Mapping[Decision, int]:
        found = Counter(line.decision for line in self.lines)
        return {decision: found[decision] for decision in Decision}

    @property
    def duration(self) -> float | None:
        """Seconds from now until the last join."""
        return None if self.last_at is None else max(0.0, self.last_at - self.made_at)

    @property
    def has_work(self) -> bool:
        """Whether a run would do anything."""
        return any(line.decision in AHEAD for line in self.lines)

    @property
    def join_ids(self) -> tuple[int, ...]:
        """The groups to join: a run of this plan is about exactly these."""
        return tuple(line.group_id for line in self.lines if line.decision is Decision.JOIN)


def span(joins: int, course: Course) -> tuple[float, float] | None:
    """When the first and the last of so many joins leave; None for none."""
    if joins <= 0:
        return None
    last = estimate(course, Remaining(line=joins)).at
    return course.start, course.start if last is None else last


def probing_time(probes: int, gap: float) -> float:
    """About how many seconds so many probes take at the gentle pace: the gap and up to a third more."""
    return max(0, probes - 1) * gap * (1.0 + 1.0 / 6.0)
