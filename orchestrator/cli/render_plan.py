"""A plan as text, and the talk while its groups are probed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchestrator.account.plan_result import Decision
from orchestrator.cli.render import clean, clock, clock_with_offset, duration, plural

if TYPE_CHECKING:
    from datetime import tzinfo

    from orchestrator.account.plan_probes import Progress
    from orchestrator.account.plan_result import Line, Plan
    from orchestrator.cli.output import Output

_EVERY = 30.0  # a person's seconds between two lines where no terminal is
_WORDS = {
    Decision.JOIN: "to join",
    Decision.ALREADY_IN: "already in",
    Decision.ACTIVE: "active",
    Decision.LOOK: "to look up",
    Decision.SKIP: "to skip",
    Decision.BLOCKED: "blocked",
    Decision.DEFERRED: "deferred",
    Decision.AWAITING_APPROVAL: "awaiting approval",
}


def plan_rows(plan: Plan, zone: tzinfo) -> list[list[str]]:
    """One row for each group, in the order in which a run takes them up."""
    return [[_decision(line), clean(line.group), _why(line, zone, now=plan.made_at)] for line in plan.lines]


def _decision(line: Line) -> str:
    word = line.decision.value.replace("_", " ")
    return f"{word}: {line.reason.value}" if line.decision is Decision.BLOCKED and line.reason else word


def _why(line: Line, zone: tzinfo, *, now: float) -> str:
    until = "" if line.until is None else f", until {clock(line.until, zone, now=now)}"
    return clean(line.sentence) + until


def plan_summary(plan: Plan, zone: tzinfo) -> str:
    """`Plan: 104 to join, 5 already in, 3 blocked. At 4/min this takes about 26 min (18:15-18:41).`"""
    counted = ", ".join(f"{count:,} {_WORDS[one]}" for one, count in plan.counts.items() if count)
    if not plan.lines:
        return "Plan: there are no groups. rejoin groups import brings them in."
    return f"Plan: {counted}.{_times(plan, zone)}"


def _times(plan: Plan, zone: tzinfo) -> str:
    if plan.first_at is None or plan.last_at is None or plan.duration is None:
        return f" {clean(plan.instance)} is paused: {plan.paused_by}." if plan.paused_by else ""
    first = clock(plan.first_at, zone, now=plan.made_at)
    last = clock_with_offset(plan.last_at, zone, now=plan.made_at)
    pace = f"{plan.joins_per_minute:g}/min"
    return f" At {pace} this takes about {duration(plan.duration)} ({first}-{last})."


class ProbingTalk:
    """Told after each probe: one line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._next = 0.0

    def __call__(self, progress: Progress) -> None:
        if self._out.quiet or not progress.total:
            return
        if self._out.stderr.isatty():
            self._rewrite(progress)
        elif progress.waits or time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY
            self._out.say(_sentence(progress))

    def _rewrite(self, progress: Progress) -> None:
        end = "\n" if progress.done == progress.total or progress.waits else ""
        self._out.stderr.write(f"\r\x1b[K{_sentence(progress)}{end}")
        self._out.stderr.flush()


def _sentence(progress: Progress) -> str:
    if progress.done == progress.total:
        return f"{plural(progress.total, 'group')} probed."
    if progress.waits:
        return f"The gateway wants fewer calls: going on in {duration(progress.waits)}."
    left = duration(progress.seconds_left)
    return (
        f"Probing, joining nothing: {progress.done} of {plural(progress.total, 'group')}, about {left} to go."
    )
