"""Whose move it is for a group, given who is there: what happens by itself needs somebody who does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.domain.commands import Command, run_command
from orchestrator.domain.hints import Mover, group_hint
from orchestrator.domain.memberships import Status

if TYPE_CHECKING:
    from orchestrator.domain.hints import Hint
    from orchestrator.domain.memberships import Reason
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
