"""What the configuration's defaults become: for tests that say only in what theirs differ."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.assembly import recovery_settings
from orchestrator.config import Settings, WawpOptions
from orchestrator.gateways.calls import Timeouts
from orchestrator.gateways.wawp.opening import routes_of
from orchestrator.status import group_status, read

if TYPE_CHECKING:
    from orchestrator.account.recovery_settings import GreetingPolicy, RecoverySettings
    from orchestrator.domain.answer_reactions import RetryPolicy
    from orchestrator.domain.pacing import PacingPolicy
    from orchestrator.domain.verification import AllowList
    from orchestrator.gateways.wawp import WawpRoutes
    from orchestrator.status.group_status import Explanation
    from orchestrator.status.views import StatusView
    from orchestrator.store.engine import Database

_SETTINGS = recovery_settings(Settings())
TIMEOUTS = Timeouts(
    connect=10.0, read=90.0, join=100.0
)  # some tests let a gateway hang for more than a minute
_ROUTES = replace(routes_of(WawpOptions().model_dump()), keeps_limits=False)


def recovery(**changes: Any) -> RecoverySettings:
    return replace(_SETTINGS, **changes)


def pacing(
    joins_per_minute: float = _SETTINGS.policy.joins_per_minute,
    jitter: float = _SETTINGS.policy.jitter,
    **changes: Any,
) -> PacingPolicy:
    return replace(_SETTINGS.policy, joins_per_minute=joins_per_minute, jitter=jitter, **changes)


def greeting(**changes: Any) -> GreetingPolicy:
    return replace(_SETTINGS.greeting, **changes)


def retrying(**changes: Any) -> RetryPolicy:
    return replace(_SETTINGS.retry, **changes)


def allowing(**changes: Any) -> AllowList:
    return replace(_SETTINGS.allow, **changes)


def routes(**changes: Any) -> WawpRoutes:
    """Nobody is asked for limits, which most tests do not answer."""
    return replace(_ROUTES, **changes)


async def read_status(database: Database, **more: Any) -> StatusView:
    return await read.read_status(database, _SETTINGS.policy, **more)


async def explain(database: Database, group: str, **more: Any) -> Explanation:
    return await group_status.explain(database, group, _SETTINGS.policy, **more)
