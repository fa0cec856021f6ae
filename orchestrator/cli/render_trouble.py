"""What stands in the way of a recovery, and what is in none: the lines below the headline of `status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.look import moment, move
from orchestrator.cli.next_step import to_paste
from orchestrator.cli.render import clean, plural
from orchestrator.cli.render_daemon import loss_lines, parked_line
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.hints import OWN_WORDS, identity_changed_hint
from orchestrator.domain.loss_judgement import LossState
from orchestrator.domain.memberships import Reason
from orchestrator.status.views import Phase

if TYPE_CHECKING:
    from orchestrator.cli.look import Look
    from orchestrator.status.views import InstanceView, PauseView, RecoveryView, StatusView

_SILENT_FOR = 150.0  # seconds
_DOUBTED = (
    "This database may not know every join that was sent (a restored copy, or another one):"
    " the next run waits first, and looks at each group before it joins it."
)


def trouble(view: StatusView, look: Look) -> list[str]:
    """What stands in the way."""
    target = view.target
    lost = {one.instance for one in view.losses if one.state is LossState.LOST}
    # A first run that the gateway refused left no recovery behind, but a pause.
    looked_at = view.instances if view.recovery is None else () if target is None else (target,)
    lines = _untried(view)
    if view.history_in_doubt:
        lines.append(look.style(_DOUBTED, "yellow"))
    lines += [
        look.style(_paused(one.name, one.pause, view, look), "yellow") for one in looked_at if one.pause
    ]
    lines += [look.style(_stepped(one), "yellow") for one in looked_at if one.clock_steps]
    lines += [look.style(line, "red") for line in loss_lines(view, look.zone)]
    if target is not None and _is_silent(target, view):
        since = moment(target.checked_at, view, look)
        lines.append(
            look.style(f"The gateway of {clean(target.name)} has not answered since {since}.", "red")
        )
    if target is not None and target.name not in lost and target.state in ("lost", "needs_login"):
        lines.append(
            look.style(
                f"{clean(target.name)} is not logged in to WhatsApp: link it again at the gateway.", "red"
            )
        )
    lines += [look.style(line, "red") for line in _other_numbers(view, look)]
    parked = parked_line(view)
    if parked is not None:
        lines.append(look.style(parked, "yellow"))
    return lines


def _untried(view: StatusView) -> list[str]:
    """A recovery is not everything: groups may have come in since, or lie outside its scope."""
    one = view.recovery
    if one is None:
        return []
    lines = []
    if one.never_tried:
        were = plural(one.never_tried, "group was", "groups were")
        lines.append(f"{were} never tried{_how_to_try(one)}")
    if one.beyond:
        are = plural(one.beyond, "group outside its scope is", "groups outside its scope are")
        lines.append(f"{are} in no recovery.")
    if one.left_behind:
        are = plural(one.left_behind, "group is", "groups are")
        command = to_paste(Command(Operation.LIST_GROUPS, instance=one.to_name))
        lines.append(f"{are} not in place on {clean(one.to_name)} and not in this recovery: {command}")
    return lines


def _how_to_try(one: RecoveryView) -> str:
    """A recovery takes up what came into its scope when a run begins; one of chosen groups never does."""
    if one.phase in (Phase.STOPPED, Phase.FINISHED):
        return f": {to_paste(one.command)}"
    if one.chosen:
        return ", and this recovery takes up no others."
    if one.phase is Phase.INTERRUPTED and one.driver == "person":
        return f": {to_paste(one.command)}"
    return f"; when this is over: {to_paste(one.command)}"


def _other_numbers(view: StatusView, look: Look) -> list[str]:
    """Instances behind which another number stands, as long as what the old one was in waits for a person."""
    if not any(one.row.reason is Reason.IDENTITY_CHANGED for one in view.needs_you):
        return []
    return [
        f"{clean(one.name)} is another number since {moment(one.identity_changed_at, view, look)}:"
        f" {move(identity_changed_hint(one.name))}"
        for one in view.instances
        if one.identity_changed_at is not None
    ]


def _paused(name: str, pause: PauseView, view: StatusView, look: Look) -> str:
    until = "until a person resumes" if pause.until is None else f"until {moment(pause.until, view, look)}"
    said = f' ("{clean(pause.text)}")' if pause.text and pause.reason in OWN_WORDS else ""
    return f"{clean(name)} is paused {until}: {pause.hint.sentence}{said}; {move(pause.hint)}"


def _is_silent(target: InstanceView, view: StatusView) -> bool:
    """Whoever drives it asks for its session every minute."""
    driven = view.recovery is not None and view.recovery.phase is Phase.RUNNING and target.runner.running
    at = target.checked_at
    return driven and target.pause is None and at is not None and view.now - at > _SILENT_FOR


def _stepped(one: InstanceView) -> str:
    """Safe, but a clock that steps often leaves no time for joins."""
    times = plural(one.clock_steps, "time", "times")
    return (
        f"The database's clock stepped {times} while {clean(one.name)} was driven: each costs a minute"
        f" without joins. Let NTP slew it; {Operation.DOCTOR} watches it."
    )
