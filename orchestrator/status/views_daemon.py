"""What the read model shows of the daemon: itself, the accounts it lost sight of, its letters.

Instants are seconds since 1970. Texts that came from outside are foreign and scrubbed of secrets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.store.events import EventTotals
from orchestrator.store.outbox import OutboxTotals

if TYPE_CHECKING:
    from orchestrator.domain.loss_evidence import LossEvidence
    from orchestrator.domain.loss_judgement import LossState
    from orchestrator.store.daemons import Trouble


class DaemonView(NamedTuple):
    """The daemon of this database. `heartbeat_at` stays after it is gone; None: none ever ran."""

    running: bool
    heartbeat_at: float | None
    host: str | None = None
    pid: int | None = None
    version: str | None = None
    listen: str | None = None
    started_at: float | None = None
    stopping: bool = False
    troubles: tuple[Trouble, ...] = ()

    @property
    def works(self) -> bool:
        """Whether what waits for a daemon is taken up by this one."""
        return self.running and not self.stopping


NO_DAEMON = DaemonView(running=False, heartbeat_at=None)


class LossView(NamedTuple):
    """An account that is suspected to be lost, is lost, or has returned after that.

    `decided_by`: how it was decided, in a sentence; None while it is only suspected.
    """

    instance: str
    state: LossState
    since: float
    decided_at: float | None
    ended_at: float | None
    decided_by: str | None
    evidence: tuple[LossEvidence, ...]
    action: str | None
    recovery: int | None
    to: str | None
    detail: str | None


NOTHING_TO_TELL = OutboxTotals()


NO_EVENTS = EventTotals()
