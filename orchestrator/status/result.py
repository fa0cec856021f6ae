"""What the status means to a script: one number (docs/json.md and the table of exit codes)."""

from __future__ import annotations

from orchestrator.domain.meanings import InstanceState
from orchestrator.domain.memberships import Bucket, Reason
from orchestrator.status.views import InstanceView, Phase, StatusView

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
        return _before_the_first(view)
    if _lost(view):
        return BACKUP_LOST
    if _refused(view):
        return CREDENTIALS
    needs_you = view.buckets[Bucket.NEEDS_YOU] > 0
    if needs_you and (view.recovery.phase is Phase.FINISHED or not view.unfinished):
        return NEEDS_YOU
    return NOT_FINISHED if view.unfinished else ALL_ACTIVE


def _before_the_first(view: StatusView) -> int:
    """A run that could not begin leaves no recovery behind, but what it found of the backup."""
    backups = [one for one in view.instances if one.role == "backup"]
    if backups and all(one.state in _LOST for one in backups):
        return BACKUP_LOST
    return CREDENTIALS if backups and all(map(_is_refused, backups)) else NOT_FINISHED


def _lost(view: StatusView) -> bool:
    if view.recovery is not None and view.recovery.outcome == "instance_lost" and view.unfinished:
        return True
    return view.target is not None and view.target.state in _LOST


def _refused(view: StatusView) -> bool:
    return view.target is not None and _is_refused(view.target)


def _is_refused(instance: InstanceView) -> bool:
    return instance.pause is not None and instance.pause.reason == Reason.CREDENTIALS_REFUSED.value
