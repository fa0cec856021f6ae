"""Reading what Wawp says of the account itself: session, own ids, invite codes, message ids, webhooks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.jids import user_id
from orchestrator.domain.outcomes import InstanceState, WebhookTarget
from orchestrator.gateways.redact import looks_like_code, one_line
from orchestrator.gateways.wawp.parsing import clean, finite, serialized

STATES: dict[str, InstanceState] = {
    "working": InstanceState.WORKING,
    "connected": InstanceState.WORKING,
    "open": InstanceState.WORKING,
    "ready": InstanceState.WORKING,
    "authenticated": InstanceState.WORKING,
    "starting": InstanceState.STARTING,
    "connecting": InstanceState.STARTING,
    "initializing": InstanceState.STARTING,
    "scan_qr_code": InstanceState.NEEDS_LOGIN,
    "passkey_required": InstanceState.NEEDS_LOGIN,
    "passkey_confirmation_required": InstanceState.NEEDS_LOGIN,
    "stopped": InstanceState.DISCONNECTED,
    "disconnected": InstanceState.DISCONNECTED,
    "close": InstanceState.DISCONNECTED,
    "closed": InstanceState.DISCONNECTED,
    "failed": InstanceState.LOST,
    "logged_out": InstanceState.LOST,
    "banned": InstanceState.LOST,
}
"""The gateway's words (https://api.wawp.net/en/docs/v2/session/info, and WAHA's) in ours."""

_UNTIL_UNKNOWN = 86400.0
"""Seconds that a restriction without an end is taken to last: reports speak of 24 to 72 hours."""
_MILLISECONDS = 1e11
_CODE = re.compile(r"[A-Za-z0-9_-]{20,24}", re.ASCII)
_CODE_KEYS = (
    "inviteCode", "invite_code", "code", "inviteUrl", "invite_url", "invite_link", "inviteLink", "link",
    "url", "data", "result", "results", "response", "invite",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Session:
    """What session/info says."""

    state: InstanceState
    word: str
    phone: str | None = None
    lid: str | None = None
    restricted_until: float | None = None


def session(body: Any, *, now: float) -> Session | None:
    """`now` dates a restriction that has no end of its own. None if there is no status in it."""
    layer = _with_status(body)
    if layer is None:
        return None
    word = one_line(layer["status"])[:60]
    given = layer.get("me")
    me: dict[str, Any] = given if isinstance(given, dict) else {}
    ids = [user_id(serialized(me.get(key))) for key in ("id", "jid", "lid")]
    return Session(
        state=STATES.get(word.lower(), InstanceState.UNKNOWN),
        word=word,
        phone=next((found.phone for found in ids if found and found.phone), None),
        lid=next((found.lid for found in ids if found and found.lid), None),
        restricted_until=restricted_until(me.get("reachoutTimelock"), now=now),
    )


def restricted_until(lock: Any, *, now: float) -> float | None:
    """The end of an active restriction (Baileys `reachoutTimeLock`): seconds since 1970, or None."""
    if not isinstance(lock, dict) or lock.get("isActive") is not True:
        return None
    end = finite(lock.get("timeEnforcementEnds"))
    if end is None or end <= 0:
        return now + _UNTIL_UNKNOWN
    return end / 1000 if end > _MILLISECONDS else end


def invite_code(body: Any, depth: int = 3) -> str | None:
    """The code in whatever shape: text, link, or an object that holds one of them."""
    if isinstance(body, str):
        last = body.strip().split("?")[0].rstrip("/").rpartition("/")[2]
        return last if _CODE.fullmatch(last) and looks_like_code(last) else None
    if not isinstance(body, dict) or not depth:
        return None
    found = (invite_code(body.get(key), depth - 1) for key in _CODE_KEYS)
    return next((code for code in found if code), None)


def message_id(body: Any, depth: int = 2) -> str | None:
    """The id of a message that was sent: `id` as text or object, or WAHA's `key.id`."""
    if not isinstance(body, dict) or not depth:
        return None
    for key in ("id", "message_id", "messageId"):
        found = serialized(body.get(key)) or message_id(body.get(key), depth - 1)
        if found:
            return (clean(found) or "")[:200] or None
    inner = (message_id(body.get(key), depth - 1) for key in ("key", "_data", "data", "result"))
    return next((found for found in inner if found), None)


def webhooks(body: Any) -> tuple[WebhookTarget, ...] | None:
    """The webhooks, wherever in the answer they stand. None if there is no list of them."""
    found = _webhook_list(body)
    if found is None:
        return None
    targets = (_target(item) for item in found)
    return tuple(target for target in targets if target is not None)


def _with_status(body: Any) -> dict[str, Any] | None:
    if not isinstance(body, dict):
        return None
    if isinstance(body.get("status"), str) and body["status"]:
        return body
    inner = (_with_status(body.get(key)) for key in ("data", "session", "result"))
    return next((layer for layer in inner if layer is not None), None)


def _webhook_list(body: Any) -> list[Any] | None:
    if isinstance(body, list):
        return body
    if not isinstance(body, dict):
        return None
    hooks = body.get("webhooks")
    if isinstance(hooks, dict):
        return list(hooks.values())
    if isinstance(hooks, list):
        return hooks
    inner = (_webhook_list(body[key]) for key in ("data", "config") if isinstance(body.get(key), dict))
    return next((found for found in inner if found is not None), None)


def _target(item: Any) -> WebhookTarget | None:
    if not isinstance(item, dict) or not isinstance(item.get("url"), str):
        return None
    events = item.get("events")
    names = tuple(event for event in events if isinstance(event, str)) if isinstance(events, list) else ()
    active = item.get("is_active", item.get("active", True))
    return WebhookTarget(url=item["url"], events=names, active=active is not False)
