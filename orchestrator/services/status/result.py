"""What the status means to a script: one number (docs/json.md and the table of exit codes)."""

from __future__ import annotations

from orchestrator.domain.memberships import Bucket, Reason
from orchestrator.domain.outcomes import InstanceState
from orchestrator.services.status.views import Phase, StatusView

ALL_ACTIVE = 0
NEEDS_YOU = 3
CREDENTIALS = 4
BACKUP_LOST = 7
NOT_FINISHED = 8

_LOST = frozenset({InstanceState.LOST.value, InstanceState.NEEDS_LOGIN.value})


def result(view: StatusView) -> int:
    """The account's trouble first. A recovery that still goes on is not finished, whoever must act; one that
    ended says first that a person must act, and only then that some groups come later.
    """
    if view.recovery is None:
        return NOT_FINISHED
    if _lost(view):
        return BACKUP_LOST
    if _refused(view):
        return CREDENTIALS
    needs_you = view.buckets[Bucket.NEEDS_YOU] > 0
    if needs_you and (view.recovery.phase is Phase.FINISHED or not view.unfinished):
        return NEEDS_YOU
    return NOT_FINISHED if view.unfinished else ALL_ACTIVE


def _lost(view: StatusView) -> bool:
    if view.recovery is not None and view.recovery.outcome == "instance_lost" and view.unfinished:
        return True
    return view.target is not None and view.target.state in _LOST


def _refused(view: StatusView) -> bool:
    pause = view.target.pause if view.target is not None else None
    return pause is not None and pause.reason == Reason.CREDENTIALS_REFUSED.value
