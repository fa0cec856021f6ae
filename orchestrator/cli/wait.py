"""`rejoin wait`: stay until a recovery is over."""

import asyncio
from typing import Annotated

from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.durations import seconds
from orchestrator.cli.flags import flag, positional
from orchestrator.cli.next_step import WATCH, say_next
from orchestrator.cli.render import scope_of_groups

EVERY = 1.0  # a person's seconds between two looks
NOT_YET = 8


async def wait(
    recovery: Annotated[int | None, positional("RECOVERY", "Its number (else the latest).")] = None,
    /,
    *,
    timeout: Annotated[  # noqa: ASYNC109 - what the person says on the line
        str | None, flag("timeout", "Give up after so long, with exit code 8.", metavar="1h")
    ] = None,
    call: Call = NOTHING_SAID,
) -> int:
    """Stays until a recovery is over, whoever drives it, and exits with its result.

    0 all active, 3 some need you, 4 the gateway refuses the token, 7 the backup is lost, 8 not finished.

    Examples:
      rejoin wait
      rejoin wait 12 --timeout 1h
    """
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings the database's library
    from orchestrator.status.as_json import to_json  # noqa: PLC0415
    from orchestrator.status.next_step import next_step  # noqa: PLC0415
    from orchestrator.status.read import read_status  # noqa: PLC0415
    from orchestrator.status.result import result  # noqa: PLC0415
    from orchestrator.status.views import Phase  # noqa: PLC0415

    longest = seconds("--timeout", timeout)
    async with open_app(call.settings()) as app:
        loop = asyncio.get_running_loop()
        give_up_at = None if longest is None else loop.time() + app.clock.real(longest)
        while True:
            view = await read_status(app.database, recovery_id=recovery, policy=app.pace)
            over = view.recovery is None or view.recovery.phase in (Phase.FINISHED, Phase.STOPPED)
            if over or (give_up_at is not None and loop.time() >= give_up_at):
                break
            recovery = recovery or (view.recovery.id if view.recovery else None)
            await asyncio.sleep(EVERY)
    code = result(view) if over else NOT_YET
    if call.json:
        call.out.answer_json({"over": over, "exit_code": code, **to_json(view)})
    elif view.recovery is None:
        call.out.answer("There was no recovery yet.")
        say_next(call, next_step(view))
    else:
        one = view.recovery
        said = f"ended: {one.outcome}" if over else "is not over yet"
        groups = f"groups{scope_of_groups(one.from_name, one.labels, chosen=one.chosen)}"
        call.out.answer(f"Recovery {one.id} {said}. {view.active} of {view.total} {groups} are back.")
        say_next(call, next_step(view) if over else WATCH)
    return code
