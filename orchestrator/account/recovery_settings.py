"""What a recovery is told, in one frozen object. What is configured has its default in config.models."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from orchestrator.clock import SHORTEST_TIMEOUT
from orchestrator.domain.answer_reactions import RetryPolicy
from orchestrator.domain.pacing import PacingPolicy
from orchestrator.domain.verification import AllowList

REAL_LEAD = 0.25  # real seconds that a reservation may take
REAL_LIFE = 0.5  # real seconds that a loaded machine may be late with a send


def stretched(policy: PacingPolicy, second: float) -> PacingPolicy:
    """The policy for a clock whose second lasts `second` real ones: the machine's own work takes real time.

    With the machine's own clock it is the policy itself.
    """
    if second >= 1.0:
        return policy
    return replace(
        policy,
        lead=max(policy.lead, min(REAL_LEAD / second, policy.min_spacing / 2)),
        life=max(policy.life, REAL_LIFE / second),
        timeout=max(policy.timeout, SHORTEST_TIMEOUT / second),
    )


class ConfirmMethod(StrEnum):
    """What counts as evidence of membership."""

    AUTO = "auto"  # a look; events too, where something receives them
    EVENT = "event"
    LOOKUP = "lookup"
    RECEIPT = "receipt"  # the operator vouches that this gateway's receipt is proof


@dataclass(frozen=True, slots=True)
class GreetingPolicy:
    """Templates in Jinja's language, run in a sandbox."""

    enabled: bool
    default: str
    small: str
    small_group_members: int

    def template(self, members: int | None) -> str:
        """The small groups' tone only where the member count is known to be small."""
        if members is not None and members < self.small_group_members and self.small:
            return self.small
        return self.default


@dataclass(frozen=True, slots=True)
class RecoverySettings:
    """Everything that the stages need to know. Durations in seconds."""

    policy: PacingPolicy
    allow: AllowList
    confirm: ConfirmMethod
    greeting: GreetingPolicy
    retry: RetryPolicy
    probe_gap: float
    look_gap: float
    greeting_gap: float
    events_expected: bool = False  # webhooks come in: a receipt waits a while for its event before a look
    list_gap: float = 180.0  # gateways throttle frequent lists
    freshness: float = 300.0  # a verification older than this is made again before a join
    ahead: int = 3  # verified groups kept ready, so that a slot never waits for a probe
    width: int = 1  # how many groups a stage takes at once; more only makes sense without a pace
    patience: float = 900.0  # how long the run waits for something that may still move
    lease: float = 30.0
    session_every: float = 60.0
    session_every_when_down: float = 15.0
    lost_after: float = 30.0  # a log-out must be seen for so long
