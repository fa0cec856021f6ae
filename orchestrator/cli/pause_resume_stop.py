"""`rejoin pause`, `resume` and `stop`."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated

from orchestrator.cli.call import NOTHING_SAID, TO, Call, flag, positional, seconds
from orchestrator.cli.formatting import clean, clock_with_offset, rfc3339
from orchestrator.cli.next_step import WATCH, next_command, say_next, who_takes_up
from orchestrator.cli.scope import instance_of
from orchestrator.domain.commands import Command, Operation

if TYPE_CHECKING:
    from orchestrator.bootstrap import App
    from orchestrator.operations.pausing import Paused


_RECOVERY = positional("RECOVERY", "Its number (else the latest).")


async def pause(
    recovery: Annotated[int | None, _RECOVERY] = None,
    /,
    *,
    to: Annotated[str | None, TO] = None,
    duration: Annotated[str | None, flag("for", "Go on by itself after so long.", metavar="2h")] = None,
    because: Annotated[str | None, flag("because", "Why; the journal keeps it.", metavar="TEXT")] = None,
    call: Call = NOTHING_SAID,
) -> None:
    """Sends no more joins, until you resume. A join on its way ends first; a running recovery waits.

    Examples:
      rejoin pause
      rejoin pause --for 2h --because "the phone is being looked at"
    """
    from orchestrator.operations.pausing import pause as act  # noqa: PLC0415

    length = seconds("--for", duration)
    async with call.open_app() as app:
        name = await instance_of(app, recovery, to)
        now = await _now(app)
        until = None if length is None else now + length
        done = await act(app.database, name, actor=app.actor, because=because, until=until)
    if call.json:
        fields = {"reason": done.pause.reason, "by": done.pause.by, "until": rfc3339(done.pause.until)}
        call.out.answer_json({"instance": done.instance, "changed": done.changed, "paused": True, **fields})
        return
    end = done.pause.until
    until_text = "you resume" if end is None else clock_with_offset(end, app.settings.timezone, now=now)
    call.out.answer(f"{clean(done.sentence)}, until {until_text}.")
    _warn_of_other(call, done, app.settings.timezone, now)
    if end is None:
        say_next(call, Command(Operation.RESUME, instance=name))


def _warn_of_other(call: Call, done: Paused, zone: tzinfo, now: float) -> None:
    before = done.before
    if done.changed and before is not None and before.reason != done.pause.reason:
        end_before = before.until
        until_before = "" if end_before is None else f" until {clock_with_offset(end_before, zone, now=now)}"
        call.out.warn(f"It was paused already ({before.reason}{until_before}): rejoin resume lifts that too.")


async def resume(
    recovery: Annotated[int | None, _RECOVERY] = None,
    /,
    *,
    to: Annotated[str | None, TO] = None,
    call: Call = NOTHING_SAID,
) -> None:
    """Lifts a pause, yours or an automatic one. After one that WhatsApp caused it goes on at half pace.

    Examples:
      rejoin resume
      rejoin resume --to backup-2
    """
    from orchestrator.operations.pausing import resume as act  # noqa: PLC0415

    async with call.open_app() as app:
        name = await instance_of(app, recovery, to)
        done = await act(app.database, name, actor=app.actor)
        now = await _now(app)
        driven = (await who_takes_up(app, name, ())).driven
        after = WATCH if driven else await next_command(app)
    half = ""
    if done.slow_until is not None:
        half = f", at half pace until {clock_with_offset(done.slow_until, app.settings.timezone, now=now)}"
    slow = {"paused": False, "slow_until": rfc3339(done.slow_until)}
    call.out.answer_either(
        {"instance": done.instance, "changed": done.changed, **slow}, f"{clean(done.sentence)}{half}."
    )
    say_next(call, after)


async def stop(
    recovery: Annotated[int | None, _RECOVERY] = None,
    /,
    *,
    call: Call = NOTHING_SAID,
) -> None:
    """Ends a recovery for good: a join on its way ends, nothing more is sent. What was done stays.

    Examples:
      rejoin stop
    """
    from orchestrator.operations.ordering import stop as act  # noqa: PLC0415

    async with call.open_app() as app:
        done = await act(app.database, recovery, actor=app.actor)
    what = {"recovery": done.recovery_id, "instance": done.instance}
    call.out.answer_either({**what, "changed": done.changed, "ended": done.ended}, f"{clean(done.sentence)}.")
    say_next(call, Command(Operation.STATUS))


async def _now(app: App) -> float:
    async with app.database.read() as connection:
        return await app.database.now(connection)
