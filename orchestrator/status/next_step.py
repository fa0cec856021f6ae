"""Whose move it is for a group, given who is there, and the one command that a person should type next.

What happens by itself needs somebody who does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.domain.commands import Command, Operation, run_command
from orchestrator.domain.hints import Hint, Mover, group_hint
from orchestrator.domain.memberships import Reason, Status
from orchestrator.status.views import NeedsYouView, Phase, RecoveryView, StatusView

if TYPE_CHECKING:
    from orchestrator.store.recoveries import Recovery


class There(NamedTuple):
    """Who is there. `driven`: a recovery works on the group's instance; `daemon`: a daemon hears and looks.

    `run`: the command that goes on with the recovery; `to`: its instance, where a command must name it.
    """

    driven: bool
    daemon: bool
    run: Command
    to: str | None = None


def group_move(
    status: Status, reason: Reason | None, slug: str, there: There, *, jid: str | None = None
) -> Hint:
    """A daemon confirms what was asked for, but only a recovery joins."""
    hint = group_hint(status, reason, slug, to=there.to, jid=jid)
    if status is Status.AWAITING_APPROVAL and there.daemon:
        return hint._replace(move="ask an admin to approve; confirms by itself")
    if there.driven:
        return hint
    match status:
        case Status.AWAITING_APPROVAL:
            return hint._replace(move="ask an admin to approve; the next run confirms it", command=there.run)
        case Status.JOINING | Status.CONFIRMING if not there.daemon:
            move = "start a run: it looks up whether we are in, and joins nothing blind"
            return hint._replace(mover=Mover.YOU, move=move, command=there.run)
        case Status.DEFERRED:
            move = "no recovery is running; the next one tries it again then"
            return hint._replace(mover=Mover.YOU, move=move, command=there.run)
        case _:
            return hint


def command_of(row: Recovery, to: str | None) -> Command:
    """The command that goes on with a recovery: with its scope, and the instance if that is given."""
    is_open = row.state == "running"
    return run_command(row.from_name, row.scope.labels, to=to, chosen=row.fixed, is_open=is_open)


def next_step(view: StatusView) -> Command | None:
    """None where nothing is to do, or somebody else must do something first. Pure."""
    one = view.recovery
    paused = _resume(view)
    if paused is not None:
        return paused
    if one is None:
        return first_plan(view) if view.catalogue.groups else Command(Operation.IMPORT)
    if one.phase is Phase.INTERRUPTED:
        return Command(Operation.DAEMON) if one.driver == "daemon" else one.command
    if one.phase in (Phase.STOPPED, Phase.FINISHED) and _run_would_do_something(view, one):
        return one.command
    return _of_a_group(view.needs_you)


def plan_command(backups: Sequence[str]) -> Command:
    """Where there are several, a plan must be told which; the first is as good as any to begin with.

    Where there is none no plan can be made, and the doctor says what is missing.
    """
    if not backups:
        return Command(Operation.DOCTOR)
    return Command(Operation.PLAN, instance=backups[0] if len(backups) > 1 else None)


def first_plan(view: StatusView) -> Command:
    """The database may not know the configured backups yet: without any this is no reason to doubt them."""
    if not view.instances:
        return Command(Operation.PLAN)
    return plan_command([one.name for one in view.instances if one.role == "backup"])


def _resume(view: StatusView) -> Command | None:
    """The way out of a pause that only a person ends."""
    looked_at = view.instances if view.recovery is None else (view.target,)
    pauses = [one.pause for one in looked_at if one is not None and one.pause is not None]
    return next((one.hint.command for one in pauses if one.until is None and one.hint.command), None)


def _run_would_do_something(view: StatusView, one: RecoveryView) -> bool:
    """A group that is put off for long is no reason to type a command now."""
    far = sum(row.count for row in view.waiting if row.until is not None and row.until > view.now)
    return view.unfinished > far or one.never_tried > 0


def _of_a_group(needs_you: tuple[NeedsYouView, ...]) -> Command | None:
    """What a person at the keyboard can do goes before what an admin of a group must do first."""
    return next(
        (one.hint.command for one in needs_you if one.hint.mover is Mover.YOU and one.hint.command), None
    )
