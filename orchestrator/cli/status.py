"""`rejoin status` and `rejoin explain`: they read the database only, and work with no runner alive."""

from typing import TYPE_CHECKING, Annotated

from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import flag, positional
from orchestrator.domain.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.bootstrap import App
    from orchestrator.cli.look import Look
    from orchestrator.status.schedule_view import Entry

SHORTEST_POLL = 1.0


async def status(
    recovery: Annotated[int | None, positional("RECOVERY", "Its number (else the latest).")] = None,
    /,
    *,
    watch: Annotated[
        float | None,
        flag("watch", "Stay until it ends, looking again every so many seconds (2).", metavar="SEC"),
    ] = None,
    check: Annotated[
        bool, flag("check", "Exit with the state: 0 all active, 3 needs you, 7 backup lost, 8 not finished.")
    ] = False,
    call: Call = NOTHING_SAID,
) -> int:
    """Where the recovery stands: how many groups are back, when it is done, who needs you, what waits.

    Reads the database only; nothing needs to run. With --watch it exits with the recovery's result.

    Examples:
      rejoin status
      rejoin status --watch
      rejoin status --check --json
    """
    if watch is not None and watch < SHORTEST_POLL:
        raise UsageError("--watch: at least 1 second", hint="rejoin status --watch 2")
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings the database's library
    from orchestrator.status.read import read_status  # noqa: PLC0415

    async with open_app(call.settings(), brief=watch is None) as app:
        if watch is not None:
            from orchestrator.cli.watch import watch_recovery  # noqa: PLC0415 - brings rich on a terminal

            return await watch_recovery(app, call, recovery, every=watch)
        view = await read_status(
            app.database,
            recovery_id=recovery,
            policy=app.pace,
            schedule=configured_schedule(app),
        )
    if call.json:
        from orchestrator.status.as_json import to_json  # noqa: PLC0415

        call.out.answer_json(to_json(view))
    else:
        from orchestrator.cli.render_status import status_text  # noqa: PLC0415

        call.out.show(status_text(view, look_of(app, call)))
    if not check:
        return 0
    from orchestrator.status.result import result  # noqa: PLC0415

    return result(view)


async def explain(
    group: Annotated[str, positional("GROUP", "The group's short name, JID or exact name.")],
    /,
    *,
    instance: Annotated[
        str | None, flag("instance", "For this instance (else the one that worked on it last).")
    ] = None,
    call: Call = NOTHING_SAID,
) -> None:
    """Why a group stands where it stands, until when, and whose move it is.

    Examples:
      rejoin explain suppliers-north
      rejoin explain 120363041234567890@g.us --json
    """
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings the database's library
    from orchestrator.status.explain_group import explain as read  # noqa: PLC0415

    async with open_app(call.settings(), brief=True) as app:
        found = await read(app.database, group, instance=instance, policy=app.pace)
    if call.json:
        from orchestrator.status.as_json_groups import explanation_json  # noqa: PLC0415

        call.out.answer_json(explanation_json(found))
        return
    from orchestrator.cli.render_explain import explanation_text  # noqa: PLC0415

    call.out.show(explanation_text(found, look_of(app, call)))


def configured_schedule(app: "App") -> "tuple[Entry, ...]":
    from orchestrator.status.schedule_view import entries_of  # noqa: PLC0415

    return entries_of(app.settings.schedule.model_dump(), app.settings.timezone)


def look_of(app: "App", call: Call) -> "Look":
    from orchestrator.cli.look import Look  # noqa: PLC0415

    out = call.out
    return Look(app.settings.timezone, out.width, out.height, out.style, out.config)
