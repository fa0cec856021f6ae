"""`rejoin pause`, `resume` and `stop`."""

from typing import TYPE_CHECKING, Annotated

from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.durations import seconds
from orchestrator.cli.flags import flag, positional
from orchestrator.cli.next_step import WATCH, next_command, say_next, who_takes_up
from orchestrator.cli.render import clean, clock_with_offset, rfc3339
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import NotFoundError

if TYPE_CHECKING:
    from datetime import tzinfo

    from orchestrator.bootstrap import App
    from orchestrator.operations.pausing import Paused

TO = flag("to", "The backup instance (else the latest recovery's, else the only one).", metavar="INSTANCE")
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
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.operations.pausing import pause as act  # noqa: PLC0415

    length = seconds("--for", duration)
    settings = call.settings()
    async with open_app(settings) as app:
        name = await instance_of(app, recovery, to)
        now = await _now(app)
        until = None if length is None else now + length
        done = await act(app.database, name, actor=app.actor, because=because, until=until)
    if call.json:
        fields = {"reason": done.pause.reason, "by": done.pause.by, "until": rfc3339(done.pause.until)}
        call.out.answer_json({"instance": done.instance, "changed": done.changed, "paused": True, **fields})
        return
    end = done.pause.until
    until_text = "you resume" if end is None else clock_with_offset(end, settings.timezone, now=now)
    call.out.answer(f"{clean(done.sentence)}, until {until_text}.")
    _warn_of_other(call, done, settings.timezone, now)
    if end is None:
        say_next(call, Command(Operation.RESUME, instance=name))


def _warn_of_other(call: Call, done: "Paused", zone: "tzinfo", now: float) -> None:
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
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.operations.pausing import resume as act  # noqa: PLC0415

    settings = call.settings()
    async with open_app(settings) as app:
        name = await instance_of(app, recovery, to)
        done = await act(app.database, name, actor=app.actor)
        now = await _now(app)
        driven = (await who_takes_up(app, name, ())).driven
        after = WATCH if driven else await next_command(app)
    if call.json:
        slow = {"paused": False, "slow_until": rfc3339(done.slow_until)}
        call.out.answer_json({"instance": done.instance, "changed": done.changed, **slow})
        return
    half = ""
    if done.slow_until is not None:
        half = f", at half pace until {clock_with_offset(done.slow_until, settings.timezone, now=now)}"
    call.out.answer(f"{clean(done.sentence)}{half}.")
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
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.operations.stopping import stop as act  # noqa: PLC0415

    async with open_app(call.settings()) as app:
        done = await act(app.database, recovery, actor=app.actor)
    if call.json:
        what = {"recovery": done.recovery_id, "instance": done.instance}
        call.out.answer_json({**what, "changed": done.changed, "ended": done.ended})
    else:
        call.out.answer(f"{clean(done.sentence)}.")
        say_next(call, Command(Operation.STATUS))


async def instance_of(app: "App", recovery: int | None, to: str | None, *, to_run: bool = False) -> str:
    """The backup that a call is about, its row in place. `to_run`: as choose_instance has it.

    Raises NotFoundError and UsageError.
    """
    from orchestrator.account.instance_choice import choose_instance  # noqa: PLC0415
    from orchestrator.store import recoveries  # noqa: PLC0415

    await app.sync_instances()
    if recovery is not None:
        async with app.database.read() as connection:
            row = await recoveries.get_or_latest(connection, recovery)
        if row is None:
            raise NotFoundError(f"there is no recovery {recovery}", hint="rejoin history lists them")
        return row.to_name
    backups = [one.name for one in app.settings.backups]
    return await choose_instance(app.database, to, backups, to_run=to_run)


async def _now(app: "App") -> float:
    async with app.database.read() as connection:
        return await app.database.now(connection)
