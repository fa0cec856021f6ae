"""`rejoin plan`: what a run would do, group by group. It joins nothing."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from orchestrator.cli import exit_codes
from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import flag
from orchestrator.cli.next_step import say_next
from orchestrator.cli.pause_resume import TO, instance_of
from orchestrator.cli.render import clean
from orchestrator.domain.commands import Command, Operation, run_command
from orchestrator.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from orchestrator.account.plan_probes import Probing
    from orchestrator.account.plan_result import Plan
    from orchestrator.bootstrap import App
    from orchestrator.store.recoveries import Scope

FROM = flag("from", "Only groups recorded for this lost instance.", metavar="INSTANCE")
LABELS = flag("label", "Only groups with this label; several times: with any of them.", metavar="LABEL")


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
    from orchestrator.bootstrap import open_app  # noqa: PLC0415
    from orchestrator.cli.scope import scope_of  # noqa: PLC0415

    settings = call.settings()
    call.start_logs(settings)
    async with open_app(settings) as app:
        name = await instance_of(app, None, to, to_run=True)
        asked = await scope_of(app, from_, label)
        scope, only = await _chosen(app, call, name, asked)
        probing = None if no_probe else await _probing(app, call, name)
        made = await make_plan(
            app.database, name, scope, settings=recovery_settings(settings), probing=probing, only=only
        )
    if out is not None:
        _save(made, out)
    _tell(call, made, out, app)
    say_next(call, _next(made, out, [one.name for one in settings.backups]))
    return exit_codes.NOT_FINISHED if exit_code and made.has_work else exit_codes.DONE


def _next(made: "Plan", out: Path | None, backups: "Sequence[str]") -> Command | None:
    from orchestrator.account.plan_result import Decision  # noqa: PLC0415
    from orchestrator.domain.commands import named  # noqa: PLC0415

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


async def _chosen(
    app: "App", call: Call, name: str, asked: "Scope"
) -> "tuple[Scope, Collection[int] | None]":
    """What a run with these words would be about: without any it goes on with the open recovery."""
    from orchestrator.account import requests  # noqa: PLC0415
    from orchestrator.cli.scope import announcement  # noqa: PLC0415

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


async def _probing(app: "App", call: Call, name: str) -> "Probing":
    from orchestrator.account.plan_probes import Probing  # noqa: PLC0415
    from orchestrator.cli.render_plan import ProbingTalk  # noqa: PLC0415

    cipher = await app.cipher()
    return Probing(
        gateway=app.gateway(app.settings.instance(name)),
        clock=app.clock,
        reveal=lambda code: cipher.decrypt(code.ciphertext, code.key_id),
        actor=app.actor,
        progress=ProbingTalk(call.out),
    )


def _save(made: "Plan", out: Path) -> None:
    from orchestrator.account.saved_plan import save  # noqa: PLC0415

    try:
        save(made, out)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from error


def _tell(call: Call, made: "Plan", out: Path | None, app: "App") -> None:
    if call.json:
        from orchestrator.account.saved_plan import to_json  # noqa: PLC0415

        call.out.answer_json(to_json(made))
        return
    from orchestrator.cli.render_plan import plan_rows, plan_summary  # noqa: PLC0415

    call.out.table(plan_rows(made, app.settings.timezone), "", "GROUP", "WHY", lead=2)
    saved = f" Saved to {clean(out)}." if out else ""
    call.out.answer(("\n" if made.lines else "") + plan_summary(made, app.settings.timezone) + saved)
