"""The last line of a command that leaves something to do: `Next:` and one command, as talk."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.cli.call import Call
from orchestrator.cli.formatting import clean
from orchestrator.cli.layout import whole
from orchestrator.domain.commands import Command, Operation, named
from orchestrator.domain.hints import Hint, Mover

if TYPE_CHECKING:
    from orchestrator.bootstrap import App


WATCH = Command(Operation.WATCH)
_WHOSE = {
    Mover.YOU: "yours",
    Mover.GROUP_ADMIN: "a group admin's",
    Mover.ACCOUNT_HOLDER: "the account holder's",
    Mover.REJOIN: "Rejoin's",
}


def to_paste(command: Command | str) -> str:
    """The command as it is shown: on one line, for foreign text may be in it."""
    return whole(clean(str(command)))


def next_line(command: Command | str) -> str:
    return f"Next: {to_paste(command)}"


def say_next(call: Call, command: Command | str | None) -> None:
    if command is not None and not call.json:
        call.out.say(next_line(command))


@dataclass(frozen=True, slots=True)
class TakenUp:
    """Who goes on with groups that are back in line: a run under way, or a command that has them in scope."""

    driven: bool
    command: Command | None


async def who_takes_up(app: App, instance: str, slugs: Collection[str]) -> TakenUp:
    """A plain run might be about others, too: the command is the latest recovery's."""
    from orchestrator.status.accounts_and_daemon import runner  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.status.next_step import command_of  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.store import instances, recoveries  # noqa: PLC0415

    async with app.database.read() as connection:
        record = await instances.get(connection, instance)
        latest = await recoveries.latest_onto(connection, record.id)
        known = latest is not None and await recoveries.goes_for(connection, latest, slugs)
        driven = known and runner(record, await app.database.now(connection)).running
    if latest is None or not known:
        return TakenUp(driven, None)
    return TakenUp(driven, command_of(latest, named(instance, [one.name for one in app.settings.backups])))


def say_taken_up(call: Call, found: TakenUp) -> None:
    if call.json:
        return
    if found.driven:
        call.out.say("The run that is under way goes on with it.")
    elif found.command is None:
        call.out.say("No recovery has them all in its scope.")
    say_next(call, WATCH if found.driven else found.command or Command(Operation.PLAN))


async def next_command(app: App) -> Command | None:
    """What the latest recovery leaves a person to do."""
    from orchestrator.status.next_step import next_step  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.status.read import read_status  # noqa: PLC0415

    return next_step(await read_status(app.database, app.pace))


def move(hint: Hint) -> str:
    command = f": {to_paste(hint.command)}" if hint.command else ""
    return f"{hint.move}{command}"


def move_text(hint: Hint) -> str:
    """Whose move it is, which, and the command."""
    return f"{_WHOSE[hint.mover]}: {move(hint)}"
