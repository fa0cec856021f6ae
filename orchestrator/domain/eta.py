"""About when a recovery is done: joins at the pace of the moment, groups put off at their time. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from orchestrator.domain.memberships import Reason

DAY = 86400.0


class EtaReason(StrEnum):
    """What decides when it is done, or why that cannot be said."""

    DONE = "done"  # nothing is left that moves by itself
    PACE = "pace"  # the pace alone
    LATER = "later"  # groups that were put off until then
    DAILY_LIMIT = "daily_limit"
    PAUSED = "paused"  # until a person resumes: no time can be given
    NOT_RUNNING = "not_running"  # nobody drives it: no time can be given


@dataclass(frozen=True, slots=True)
class PutOff:
    """Groups that are tried again long after the others: how many, why, from when on and until when."""

    reason: Reason | None
    count: int
    first_at: float
    last_at: float


class Eta(NamedTuple):
    """About when nothing is left to do by itself. `at` is None when it cannot be said.

    Where some groups are put off for long, `most` groups are back by `most_at`, as far as can be seen.
    """

    at: float | None
    reason: EtaReason
    most: int = 0
    most_at: float | None = None
    put_off: tuple[PutOff, ...] = ()


class Course(NamedTuple):
    """How joins go out from `start` on: every `spacing` seconds, every `slow_spacing` until `slow_until`."""

    start: float
    spacing: float
    slow_spacing: float
    slow_until: float = 0.0
    daily_limit: int = 0  # 0: none
    left_today: int = 0

    def after(self, joins: int, begin: float) -> float:
        """When the last of so many joins leaves, the first at `begin`."""
        if joins <= 0:
            return begin
        gaps = joins - 1
        slow_gaps = 0
        if self.slow_until > begin:
            slow_gaps = min(gaps, int((self.slow_until - begin) // self.slow_spacing))
        return begin + slow_gaps * self.slow_spacing + (gaps - slow_gaps) * self.spacing

    def next_after(self, instant: float) -> float:
        return instant + (self.slow_spacing if instant < self.slow_until else self.spacing)


class Remaining(NamedTuple):
    """What still moves: `line` may be joined now, `later` at its time; looks go on until `looks_until`."""

    line: int = 0
    later: tuple[tuple[float, int], ...] = ()  # (instant, count)
    looks_until: float | None = None

    @property
    def joins(self) -> int:
        return self.line + sum(count for _, count in self.later)


def estimate(course: Course, remaining: Remaining) -> Eta:
    """The instant at which nothing is left that moves by itself, and what decides it."""
    candidates = [(course.after(remaining.joins, course.start), EtaReason.PACE)]
    if remaining.later:
        candidates.append((_with_later(course, remaining), EtaReason.LATER))
    if remaining.looks_until is not None:
        candidates.append((remaining.looks_until, EtaReason.LATER))
    candidates.append((_with_daily_limit(course, remaining.joins), EtaReason.DAILY_LIMIT))
    at, reason = max(candidates, key=lambda candidate: candidate[0])  # of equals the first: the pace
    return Eta(at, reason)


def _with_later(course: Course, remaining: Remaining) -> float:
    """Groups go out as they come due, behind those that are already in line."""
    free = course.start
    end = 0.0
    for due, count in _queue(course, remaining):
        begin = max(free, due)
        end = course.after(count, begin)
        free = course.next_after(end)
    return end


def _queue(course: Course, remaining: Remaining) -> Iterable[tuple[float, int]]:
    if remaining.line:
        yield course.start, remaining.line
    yield from sorted(remaining.later)


def _with_daily_limit(course: Course, joins: int) -> float:
    """With a limit a day, the rest of the joins wait for the next days."""
    beyond = joins - course.left_today
    if course.daily_limit <= 0 or beyond <= 0:
        return 0.0
    days, rest = divmod(beyond - 1, course.daily_limit)
    return course.after(rest + 1, course.start + DAY * (days + 1))
