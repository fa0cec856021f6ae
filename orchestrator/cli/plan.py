"""`rejoin plan`: what a run would do, group by group. It joins nothing."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from orchestrator.account.plan_result import Decision, Line, Plan
from orchestrator.cli import exit_codes
from orchestrator.cli.call import FROM, LABELS, NOTHING_SAID, TO, Call, flag
from orchestrator.cli.formatting import clean, clock, clock_with_offset, duration, plural
from orchestrator.cli.next_step import say_next
from orchestrator.cli.output import Output
from orchestrator.cli.scope import announcement, instance_of, scope_of
from orchestrator.domain.commands import Command, Operation, named, run_command
from orchestrator.domain.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.account.plan_probes import Probing, Progress
    from orchestrator.bootstrap import App
    from orchestrator.store.recoveries import Scope
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


async def plan(  # noqa: PLR0913 - one for each flag
    *,
    to: Annotated[str | None, TO] = None,
    from_: Annotated[str | None, FROM] = None,
    label: Annotated[tuple[str, ...], LABELS] = (),
    no_probe: Annotated[bool, flag("no-probe", "Ask nobody; answer from the database.")] = False,
    out: Annotated[Path | None, flag("out", "Save it, for run --plan.", metavar="FILE")] = None,
    exit_code: Annotated[bool, flag("exit-code", "Exit with 8 when there is something to do.")] = False,
    call: Call = NOTHING_SAID,
) -> int:
    """Probes each group gently, joins nothing, and says what a run would do and how long that takes.

    Examples:
      rejoin plan
      rejoin plan --from sales-main --out plan.json
      rejoin plan --no-probe --exit-code
    """
    from orchestrator.account.plan_making import make_plan  # noqa: PLC0415
    from orchestrator.assembly import recovery_settings  # noqa: PLC0415 - brings SQLAlchemy

    async with call.open_app(online=True) as app:
        name = await instance_of(app, None, to, to_run=True)
        asked = await scope_of(app, from_, label)
        scope, only = await _chosen(app, call, name, asked)
        probing = None if no_probe else await _probing(app, call, name)
        made = await make_plan(
            app.database, name, scope, settings=recovery_settings(app.settings), probing=probing, only=only
        )
    if out is not None:
        _save(made, out)
    _tell_plan(call, made, out, app)
    say_next(call, _next(made, out, [one.name for one in app.settings.backups]))
    return exit_codes.NOT_FINISHED if exit_code and made.has_work else exit_codes.DONE


def _next(made: Plan, out: Path | None, backups: Sequence[str]) -> Command | None:
    if not made.lines:
        return Command(Operation.IMPORT)
    if made.paused_by is not None and made.paused_until is None:
        return Command(Operation.DOCTOR, instance=made.instance)
    if not made.has_work:
        blocked = any(line.decision is Decision.BLOCKED for line in made.lines)
        return Command(Operation.LIST_NEEDS_YOU) if blocked else None
    if out is not None and made.join_ids:
        return Command(Operation.RUN_PLAN, file=str(out))
    return run_command(made.scope.from_name, made.scope.labels, to=named(made.instance, backups))


async def _chosen(app: App, call: Call, name: str, asked: Scope) -> tuple[Scope, Collection[int] | None]:
    """What a run with these words would be about: without any it goes on with the open recovery."""
    from orchestrator.account import requests  # noqa: PLC0415

    request = requests.Request(asked)
    try:
        meant = await requests.resolve(app.database, name, request)
    except requests.OtherScopeError as error:
        call.out.warn(clean(f"{error.message}: {error.hint}"))
        return asked, None
    except requests.NoGroupsError:
        if not request.says_nothing:
            raise
        return asked, None
    said = announcement(meant, name)
    if said is not None and meant.goes_on is not None:
        call.out.say(f"As a run would now: {said}")
    return meant.scope, meant.only


async def _probing(app: App, call: Call, name: str) -> Probing:
    from orchestrator.account.plan_probes import Probing  # noqa: PLC0415

    cipher = await app.cipher()
    return Probing(
        gateway=app.gateway(app.settings.instance(name)),
        clock=app.clock,
        reveal=lambda code: cipher.decrypt(code.ciphertext, code.key_id),
        actor=app.actor,
        progress=ProbingTalk(call.out),
    )


def _save(made: Plan, out: Path) -> None:
    from orchestrator.account.plan_json import save  # noqa: PLC0415

    try:
        save(made, out)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from error


def _tell_plan(call: Call, made: Plan, out: Path | None, app: App) -> None:
    if call.json:
        from orchestrator.account.plan_json import to_json  # noqa: PLC0415

        call.out.answer_json(to_json(made))
        return

    call.out.table(plan_rows(made, app.settings.timezone), "", "GROUP", "WHY", lead=2)
    saved = f" Saved to {clean(out)}." if out else ""
    call.out.answer(("\n" if made.lines else "") + plan_summary(made, app.settings.timezone) + saved)


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
