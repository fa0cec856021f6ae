"""The one command that a person should type next, as far as anything is left for a person to do."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.hints import Mover
from orchestrator.status.views import NeedsYouView, Phase, RecoveryView, StatusView


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
