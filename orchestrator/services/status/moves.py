"""Whose move it is for a group, given who is there: what happens by itself needs somebody who does it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.domain.hints import Mover, group_hint
from orchestrator.domain.memberships import Status

if TYPE_CHECKING:
    from orchestrator.domain.hints import Hint
    from orchestrator.domain.memberships import Reason

_RUN = "rejoin run"


def group_move(status: Status, reason: Reason | None, slug: str, *, driven: bool, daemon: bool) -> Hint:
    """`driven`: a recovery works on the group's instance; `daemon`: a daemon hears events and looks.

    A daemon confirms what was asked for, but only a recovery joins.
    """
    hint = group_hint(status, reason, slug)
    if status is Status.AWAITING_APPROVAL and daemon:
        return replace(hint, move="ask an admin to approve; confirms by itself")
    if driven:
        return hint
    match status:
        case Status.AWAITING_APPROVAL:
            return replace(hint, move="ask an admin to approve; the next run confirms it", command=_RUN)
        case Status.JOINING | Status.CONFIRMING if not daemon:
            move = "start a run: it looks up whether we are in, and joins nothing blind"
            return replace(hint, mover=Mover.YOU, move=move, command=_RUN)
        case Status.DEFERRED:
            move = "no recovery is running; the next one tries it again then"
            return replace(hint, mover=Mover.YOU, move=move, command=_RUN)
        case _:
            return hint
