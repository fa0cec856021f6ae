"""Reading what is no group: the session's state and the account's own ids, an invite code, the id of a
message. Shared by all vendors.

Nothing here raises; None means "not readable".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from orchestrator.domain.outcomes import GatewayAnswer, InstanceState, Outcome, SessionAnswer
from orchestrator.domain.redaction import looks_like_code
from orchestrator.gateways.whatsapp_bodies import by_index, clean, own_ids, restricted_until, serialized
from orchestrator.redact import scrub

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
"""What gateways and engines call the state of a session, in our words."""

_CODE = re.compile(r"[A-Za-z0-9_-]{20,24}", re.ASCII)
_CODE_KEYS = (
    "inviteCode", "invite_code", "code", "inviteUrl", "invite_url", "invite_link", "inviteLink", "link",
    "url", "data", "result", "results", "response", "invite",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9_.:=+@/-]{1,100}", re.ASCII)  # as an event's
_FINE = GatewayAnswer(Outcome.OK)


def session(body: Any, *, now: float, answer: GatewayAnswer = _FINE) -> SessionAnswer | None:
    """`now` dates a restriction that has no end of its own. None if there is no status in it."""
    layers = list(_layers(body))
    layer = _with_status(layers)
    if layer is None:
        return None
    word = scrub(layer["status"])[:60]
    me: dict[str, Any] = next((one["me"] for one in (layer, *layers) if isinstance(one.get("me"), dict)), {})
    ids = own_ids(me)
    return SessionAnswer(
        answer,
        state=STATES.get(word.lower(), InstanceState.UNKNOWN),
        word=word,
        phone=ids.phone,
        lid=ids.lid,
        restricted_until=restricted_until(me.get("reachoutTimelock"), now=now),
        name=session_name(layer.get("name")) or session_name(layer.get("session_name")),
    )


def session_name(value: Any) -> str | None:
    """The gateway's own name of a session, by which events name the account. "default" is what all of them
    are called.
    """
    good = isinstance(value, str) and _NAME.fullmatch(value) and value != "default"
    return value if good else None


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
    inner = (message_id(body.get(key), depth - 1) for key in ("key", "_data", "data", "result", "results"))
    return next((found for found in inner if found), None)


def _layers(body: Any, depth: int = 4) -> Iterator[dict[str, Any]]:
    """The object and what its wrappers hold, from the outside in. A list of one is that one."""
    body = by_index(body)
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if isinstance(body, dict) and depth:
        yield body
        for key in ("data", "session", "result", "response"):
            yield from _layers(body.get(key), depth - 1)


def _with_status(layers: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The one that tells a state; `{"status": "success", "data": …}` speaks of the call."""
    told = [layer for layer in layers if isinstance(layer.get("status"), str) and layer["status"].strip()]
    told = [layer for layer in told if not _speaks_of_the_call(layer)]
    known = (layer for layer in told if layer["status"].strip().lower() in STATES)
    return next(known, told[-1] if told else None)


def _speaks_of_the_call(layer: dict[str, Any]) -> bool:
    """`{"status": "failed", "message": …}` is no session that failed: that one shows a session."""
    refused = layer["status"].strip().lower() == "failed" and "message" in layer
    return refused and not {"me", "name", "config", "engine"} & layer.keys()
