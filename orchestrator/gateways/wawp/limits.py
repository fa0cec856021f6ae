"""What Wawp's rate-limit policy allows (https://api.wawp.net/en/docs/v2/session/rate-limit).

The page names `policies`, each with an `available` flag and `limits`, a current policy and a `policy_slug`,
but shows no answer: the current policy is taken as an object, or as the name of one of the list. What names
no current policy says nothing.
"""

from __future__ import annotations

from typing import Any

from orchestrator.domain.outcomes import GatewayLimits
from orchestrator.gateways.redact import scrub
from orchestrator.gateways.wawp.parsing import finite

_CURRENT = ("current_policy", "current", "policy", "active_policy", "policy_slug", "current_policy_slug")
_NAMES = ("slug", "policy_slug", "name", "id")
_MARKS = ("current", "is_current", "selected", "is_selected")


def limits(body: Any) -> GatewayLimits | None:
    """None if it does not say which policy is in force, or nothing about groups."""
    layers = [body, body.get("data"), body.get("session")] if isinstance(body, dict) else []
    found = (_of(layer) for layer in layers if isinstance(layer, dict))
    return next((one for one in found if one is not None), None)


def _of(layer: dict[str, Any]) -> GatewayLimits | None:
    policies = _policies(layer.get("policies"))
    current = next((layer[key] for key in _CURRENT if layer.get(key)), None)
    if isinstance(current, str):
        named = next((one for one in policies if current in _names(one)), {"slug": current})
        return _read(named) or _read(layer)
    if isinstance(current, dict):
        same = next((one for one in policies if set(_names(one)) & set(_names(current))), {})
        return _read(current) or _read(same)
    marked = next((one for one in policies if any(one.get(key) is True for key in _MARKS)), layer)
    return _read(marked)


def _policies(given: Any) -> list[dict[str, Any]]:
    if isinstance(given, dict):
        return [{"slug": slug, **one} for slug, one in given.items() if isinstance(one, dict)]
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def _names(policy: dict[str, Any]) -> list[str]:
    return [str(policy[key]) for key in _NAMES if policy.get(key)]


def _read(policy: dict[str, Any]) -> GatewayLimits | None:
    given = policy.get("limits")
    values: dict[str, Any] = given if isinstance(given, dict) else policy
    if not {"group_req_per_minute", "group_daily_cap"} & values.keys():
        return None
    per_day = _positive(values.get("group_daily_cap"))
    return GatewayLimits(
        per_minute=_positive(values.get("group_req_per_minute")),
        per_day=None if per_day is None else int(per_day),
        policy=scrub(next(iter(_names(policy)), ""))[:60],
    )


def _positive(value: Any) -> float | None:
    """0, null and -1 set no limit: Wawp has policies without one."""
    text = value.strip() if isinstance(value, str) else ""
    number = finite(float(text) if text.isascii() and text.isdecimal() else value)
    return number if number is not None and number > 0 else None
