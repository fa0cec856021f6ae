"""What Wawp's rate-limit policy allows (https://api.wawp.net/en/docs/v2/session/rate-limit), and keeping it.

The page names `policies`, each with an `available` flag and `limits`, a current policy and a `policy_slug`,
but shows no answer: the current policy is taken as an object, or as the name of one of the list. What names
no current policy says nothing, unless there is only one limit in it.
"""

from __future__ import annotations

from typing import Any

from orchestrator.clock import Clock
from orchestrator.domain.outcomes import GatewayLimits
from orchestrator.gateways.whatsapp_bodies import finite
from orchestrator.redact import scrub

_CURRENT = (
    "current_policy", "current", "policy", "active_policy", "policy_slug", "current_policy_slug", "policy_id",
    "current_policy_id", "rate_limit_policy",
)  # fmt: skip
_NAMES = ("slug", "policy_slug", "name", "id")
_MARKS = ("current", "is_current", "selected", "is_selected", "active", "is_active")
_DEEPEST, _MOST = 8, 400
_MARGIN = 1.05
"""The way to the gateway varies: what leaves so much further apart arrives far enough apart."""


def limits(body: Any) -> GatewayLimits | None:
    """None if it does not say which policy is in force, or nothing about groups."""
    given = [body, body.get("data"), body.get("session")] if isinstance(body, dict) else []
    layers: list[dict[str, Any]] = [layer for layer in given if isinstance(layer, dict)]
    found = next((one for one in map(_of, layers) if one is not None), None)
    if found is None and any(layer.get("policies") and _current(layer) for layer in layers):
        return None  # the one that it names is not among those that it lists
    return found or _only_one(body)


def _current(layer: dict[str, Any]) -> Any:
    return next((layer[key] for key in _CURRENT if layer.get(key)), None)


def _of(layer: dict[str, Any]) -> GatewayLimits | None:
    policies = _policies(layer.get("policies"))
    current = _current(layer)
    if isinstance(current, dict):
        same = next((one for one in policies if _names(one) & _names(current)), {})
        return _read(current) or _read(same)
    if current is not None:
        named = next((one for one in policies if str(current).casefold() in _names(one)), {"slug": current})
        return _read(named) or _read(layer)
    marked = [one for one in policies if any(_is_set(one.get(key)) for key in _MARKS)]
    return _read(marked[0] if len(marked) == 1 else layer)


def _is_set(mark: Any) -> bool:
    return mark in (True, 1, "1") or str(mark).casefold() == "true"


def _only_one(body: Any) -> GatewayLimits | None:
    """Wherever it stands: an answer that names one limit names the one in force."""
    found, level = list[GatewayLimits](), [body]
    for _ in range(_DEEPEST):
        found += [one for one in map(_read, (inner for inner in level if isinstance(inner, dict))) if one]
        level = [inner for outer in level for inner in _inside(outer)][:_MOST]
    same = {(one.per_minute, one.per_day) for one in found}
    return found[0] if len(same) == 1 else None


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _policies(given: Any) -> list[dict[str, Any]]:
    if isinstance(given, dict):
        return [{"slug": slug, **one} for slug, one in given.items() if isinstance(one, dict)]
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def _names(policy: dict[str, Any]) -> set[str]:
    return {str(policy[key]).casefold() for key in _NAMES if policy.get(key)}


def _read(policy: dict[str, Any]) -> GatewayLimits | None:
    given = policy.get("limits")
    values: dict[str, Any] = given if isinstance(given, dict) else policy
    if not {"group_req_per_minute", "group_daily_cap"} & values.keys():
        return None
    per_day = _positive(values.get("group_daily_cap"))
    return GatewayLimits(
        per_minute=_positive(values.get("group_req_per_minute")),
        per_day=None if per_day is None else int(per_day),
        policy=scrub(next((str(policy[key]) for key in _NAMES if policy.get(key)), ""))[:60],
    )


def _positive(value: Any) -> float | None:
    """0, null and -1 set no limit: Wawp has policies without one."""
    text = value.strip() if isinstance(value, str) else ""
    number = finite(float(text) if text.isascii() and text.isdecimal() else value)
    return number if number is not None and number > 0 else None


class Spacing:
    """Lets calls through one after another. Until `follow` is called nothing waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gap = 0.0
        self._last = float("-inf")  # boot time of the latest call, which may be to come

    def follow(self, gap: float) -> None:
        """From now on at least `gap` seconds between two calls; 0: as they come."""
        self._gap = gap * _MARGIN

    async def turn(self) -> None:
        """Wait for the next turn. Whoever comes first is first."""
        wait = self._last + self._gap - self._clock.boottime()
        self._last = self._clock.boottime() + max(0.0, wait)
        if wait > 0:
            await self._clock.sleep(wait)

    def taken(self) -> None:
        """A call that waits for nobody is made now: those after it keep their distance all the same."""
        self._last = max(self._clock.boottime(), self._last + self._gap)
