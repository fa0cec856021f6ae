"""`rejoin run`: the recovery."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from orchestrator.account.plan_result import Plan
from orchestrator.account.recovery_settings import RecoverySettings
from orchestrator.cli.call import FROM, LABELS, NOTHING_SAID, TO, Call, flag, joins_a_minute, seconds
from orchestrator.cli.formatting import clean
from orchestrator.cli.next_step import WATCH, say_next, to_paste
from orchestrator.cli.plan import plan_summary
from orchestrator.cli.scope import announcement, instance_of, question, scope_of, settled
from orchestrator.domain.commands import Command, Operation, named, run_command
from orchestrator.domain.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.account.requests import Meant, Request
    from orchestrator.bootstrap import App


_PATIENCE = "15m"


async def run(  # noqa: PLR0913 - one for each flag
    *,
    to: Annotated[str | None, TO] = None,
    from_: Annotated[str | None, FROM] = None,
    label: Annotated[tuple[str, ...], LABELS] = (),
    plan: Annotated[
        Path | None,
        flag("plan", "Exactly the joins of a saved plan; refused when it is stale.", metavar="FILE"),
    ] = None,
    limit: Annotated[int | None, flag("limit", "Send at most so many joins.", metavar="N")] = None,
    pace: Annotated[
        str | None, flag("pace", "Joins a minute, 2 to 5 (else the configured).", metavar="3/min")
    ] = None,
    patience: Annotated[
        str, flag("patience", "Stay while something can still move within so long.", metavar="15m")
    ] = _PATIENCE,
    max_duration: Annotated[
        str | None, flag("max-duration", "End after so long; the next run goes on.", metavar="2h")
    ] = None,
    new: Annotated[
        bool, flag("new", "End a recovery that is open for other groups, and begin this one.")
    ] = False,
    detach: Annotated[bool, flag("detach", "Hand it to the daemon and come back at once.")] = False,
    yes: Annotated[bool, flag("yes", "Do not ask. Without a terminal nobody is asked.", short="-y")] = False,
    call: Call = NOTHING_SAID,
) -> int:
    """Brings the backup into every group: probes, verifies, joins at the configured pace, confirms, greets.

    Ends when nothing moves any more: 0 all active, 3 some need you, 8 some are deferred for longer, 7 the
    backup is lost. Ctrl-C ends what is under way and stops; a second one stops at once. A run that names no
    groups goes on with the open recovery, with its groups and no others; for others say --new.

    Examples:
      rejoin run
      rejoin run --from sales-main --to backup-2 --pace 3/min
      rejoin run --plan plan.json --yes --json
      rejoin run --detach
    """
    from orchestrator.account.loop import Job  # noqa: PLC0415
    from orchestrator.assembly import recovery_context, recovery_settings  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.cli.recovering import recover  # noqa: PLC0415

    _check_limit(limit)
    rate, longest = joins_a_minute(pace), seconds("--max-duration", max_duration)
    async with call.open_app(online=True) as app:
        order = await _order(app, plan, to=to, from_name=from_, labels=label, new=new)
        if order.meant.is_settled:
            return await _nothing_to_do(app, call, order, detach=detach)
        rate = rate or (order.meant.goes_on.pace if order.meant.goes_on else None)
        limit = order.meant.joins_left if limit is None else limit
        told = recovery_settings(app.settings, joins_per_minute=rate)
        told = replace(told, patience=seconds("--patience", patience) or told.patience)
        if not detach:
            _tell_of_window(app, call, order, plan)
        await _confirm(app, call, order, told, yes=yes)
        if detach:
            return await _detach(app, call, order, pace=rate, limit=limit, duration=longest)
        context = await recovery_context(app, app.settings.instance(order.instance), told)
        context.joins_left = limit
        context.say = lambda sentence: call.out.say(clean(sentence))
        asked = order.request
        job = Job(asked.scope, asked.only, new=asked.new, open_id=asked.open_id, pace=rate)
        job.max_duration = longest
        return await recover(app, call, context, job)


def _tell_of_window(app: App, call: Call, order: Order, plan: Path | None) -> None:
    """A person at a terminal may close it, and would stop the recovery with it."""
    if not call.out.interactive or call.json:
        return
    to = named(order.instance, [one.name for one in app.settings.backups])
    scope = order.meant.scope
    command = run_command(scope.from_name, scope.labels, to=to)
    if plan is not None:
        command = Command(Operation.RUN_PLAN, file=str(plan))
    detached = to_paste(f"{command} --detach")
    call.out.say(
        f"Closing this window stops the run. Where a daemon runs, it can go on without you: {detached}"
    )


async def _detach(
    app: App, call: Call, order: Order, *, pace: float | None, limit: int | None, duration: float | None
) -> int:
    from orchestrator.operations import ordering  # noqa: PLC0415
    from orchestrator.store import orders  # noqa: PLC0415

    wanted = orders.Order(0, order.request.scope, app.actor, pace, only=order.request.only, joins_left=limit)
    done = await ordering.order(app.database, order.instance, order.request, wanted, duration=duration)
    call.out.answer_either(
        {"recovery": done.recovery_id, "to": done.instance, "detached": True},
        f"Recovery {done.recovery_id} onto {clean(done.instance)} is with the daemon."
        f" {to_paste(Command(Operation.WAIT, recovery=done.recovery_id))} stays until it is over.",
    )
    say_next(call, WATCH)
    return 0


async def _nothing_to_do(app: App, call: Call, order: Order, *, detach: bool) -> int:
    """All is in place: nothing is begun, and nothing written."""
    from orchestrator.status.as_json import summary_line  # noqa: PLC0415 - brings SQLAlchemy

    if not call.json:
        call.out.answer(settled(order.meant, order.instance))
    elif detach:
        call.out.answer_json({"recovery": None, "to": order.instance, "detached": False})
    else:
        from orchestrator.status.read import read_settled  # noqa: PLC0415

        standing = order.meant.standing
        call.out.answer_line(summary_line(await read_settled(app.database, app.pace, standing), 0))
    return 0


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be recovered, onto which instance, and what that means there."""

    instance: str
    request: Request
    meant: Meant


def _check_limit(limit: int | None) -> None:
    if limit is not None and limit < 1:
        raise UsageError("--limit: must be at least 1")


async def _order(
    app: App,
    plan: Path | None,
    *,
    to: str | None,
    from_name: str | None,
    labels: tuple[str, ...],
    new: bool,
) -> Order:
    from orchestrator.account.requests import NONE_OPEN, Request, resolve  # noqa: PLC0415

    if plan is None:
        name = await instance_of(app, None, to, to_run=True)
        request = Request(await scope_of(app, from_name, labels), new=new)
    elif to or from_name or labels:
        raise UsageError("--plan says it all already.", hint="leave --to, --from and --label away")
    else:
        await app.sync_instances()
        saved = await _saved(app, plan)
        name, request = saved.instance, Request(saved.scope, only=saved.join_ids, new=new)
    meant = await resolve(app.database, name, request)
    seen = meant.goes_on or meant.ends
    if seen is not None or new:  # what is agreed to now goes on or ends, and no other
        request = replace(request, open_id=NONE_OPEN if seen is None else seen.id)
    return Order(name, request, meant)


async def _saved(app: App, file: Path) -> Plan:
    from orchestrator.account.plan_json import load, require_fresh  # noqa: PLC0415
    from orchestrator.assembly import recovery_settings  # noqa: PLC0415

    try:
        saved = load(file)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    app.settings.instance(saved.instance)  # it may have gone from the configuration
    await require_fresh(app.database, saved, recovery_settings(app.settings).allow)
    if not saved.join_ids:
        raise UsageError(f"{file}: this plan joins no group", hint="rejoin plan shows what stands in the way")
    return saved


async def _confirm(app: App, call: Call, order: Order, told: RecoverySettings, *, yes: bool) -> None:
    if yes or not call.may_ask:
        said = announcement(order.meant, order.instance)
        if said is not None:
            call.out.say(said)
        return
    from orchestrator.account.plan_making import make_plan  # noqa: PLC0415

    meant = order.meant
    made = await make_plan(app.database, order.instance, meant.scope, settings=told, only=meant.only)
    call.out.say(plan_summary(made, app.settings.timezone))
    call.confirm(question(meant, order.instance), yes=False)
