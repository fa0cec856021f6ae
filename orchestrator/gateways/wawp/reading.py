"""Reading what Wawp's good answers hold: groups, the session, invite codes, message ids, webhooks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from orchestrator.domain.outcomes import GatewayAnswer, InstanceState, Outcome, SessionAnswer, WebhookTarget
from orchestrator.domain.redaction import looks_like_code
from orchestrator.gateways.whatsapp_bodies import (
    ENGINES,
    GroupNames,
    GroupReader,
    by_index,
    clean,
    own_ids,
    restricted_until,
    serialized,
)
from orchestrator.redact import scrub

GROUPS = GroupReader(
    GroupNames(
        jid=(*ENGINES.jid, "groupJid", "group_jid", "groupId", "group_id", "chatId"),
        description=("description", *ENGINES.description, "topic"),
        owner=("owner_pn", *ENGINES.owner),
        size=(*ENGINES.size, "participant_count", "participantsCount", "total_participants"),
        announce=(*ENGINES.announce, "isAnnounce", "is_announce"),
        approval=(*ENGINES.approval, "isJoinApprovalRequired", "newMembersApprovalRequired"),
        community=(*ENGINES.community, "is_parent"),
        parent=(*ENGINES.parent, "linked_parent_jid"),
        wrappers=("groupInfo", "data", "group", "result", "results", "response", "groupMetadata"),
        lists=("groups", "data", "results", "result", "items", "response"),
        pending=("pending_approval", "pendingApproval", "requiresApproval", "membership_approval_request"),
        accepted=("accepted", "success", "result", "ok", "joined"),
    )
)
"""Wawp documents one body (https://api.wawp.net/en/docs/v2/groups/join: id, subject, description). Which
engine is behind it is not known, and the names that gateways of its kind use are read as well.
"""

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

_CODE = re.compile(r"[A-Za-z0-9_-]{20,24}", re.ASCII)
_CODE_KEYS = (
    "inviteCode", "invite_code", "code", "inviteUrl", "invite_url", "invite_link", "inviteLink", "link",
    "url", "data", "result", "results", "response", "invite",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9_.:=+@/-]{1,100}", re.ASCII)  # as an event's
_SWITCHES = ("is_active", "active", "enabled")
_FINE = GatewayAnswer(Outcome.OK)
_SHORTEST = 6
"""Characters: a shorter text of a webhook is no secret, and would blot out half of an error."""


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
    """Wawp's own name of a session, such as `wawp-84729105`, by which events name the account
    (https://api.wawp.net/en/docs/v2/session/info). "default" is what all of them are called.
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
    inner = (message_id(body.get(key), depth - 1) for key in ("key", "_data", "data", "result"))
    return next((found for found in inner if found), None)


def webhooks(body: Any) -> tuple[WebhookTarget, ...] | None:
    """The webhooks, wherever in the answer they stand. None if there is no list of them."""
    found = _webhook_list(body)
    if found is None:
        return None
    return tuple(_target(item) for item in found if item)


def webhook_fields(target: WebhookTarget) -> Any:
    """What to send for a webhook. One of somebody else's goes back exactly as it came.

    `hmac` is the signing secret (https://api.wawp.net/en/docs/v2/webhook/set).
    """
    if target.raw is not None and target == _target(target.raw):
        return target.raw
    kept: dict[str, Any] = target.raw if isinstance(target.raw, dict) else {}
    switch = next((key for key in _SWITCHES if key in kept), _SWITCHES[0])
    fields = {**kept, "url": target.url, "events": list(target.events), switch: target.active}
    return fields if target.secret is None else {**fields, "hmac": target.secret}


def webhook_secrets(target: WebhookTarget) -> set[str]:
    """Every text of a webhook that an error must not repeat: its URL, its secret, what is not known."""
    known = {**target.raw, "events": None, "name": None} if isinstance(target.raw, dict) else {}
    return {text for text in (target.url, target.secret, *_texts(known)) if text and len(text) >= _SHORTEST}


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


def _webhook_list(body: Any) -> list[Any] | None:
    body = by_index(body)
    if isinstance(body, list):
        return body
    if not isinstance(body, dict):
        return None
    hooks = body.get("webhooks")
    if isinstance(hooks, dict):
        return [hooks] if isinstance(hooks.get("url"), str) else list(hooks.values())
    if isinstance(hooks, list):
        return hooks
    if "webhooks" in body and hooks is None:
        return []
    inner = (_webhook_list(body.get(key)) for key in ("data", "config", "result", "response"))
    return next((found for found in inner if found is not None), None)


def _target(item: Any) -> WebhookTarget:
    """Also of what is no webhook to us: it must not get lost when the list is written back."""
    given: dict[str, Any] = item if isinstance(item, dict) else {}
    url = item if isinstance(item, str) else given.get("url")
    events, secret = by_index(given.get("events")), given.get("hmac")
    if isinstance(secret, dict):  # WAHA's form
        secret = secret.get("key")
    return WebhookTarget(
        url=url if isinstance(url, str) else "",
        events=tuple(one for one in events if isinstance(one, str)) if isinstance(events, list) else (),
        active=not any(_switched_off(given[key]) for key in _SWITCHES if key in given),
        secret=secret if isinstance(secret, str) and secret else None,
        raw=item,
    )


def _switched_off(value: Any) -> bool:
    """`is_active`: "boolean or number 0/1" (https://api.wawp.net/en/docs/v2/session/webhook), or its text."""
    if isinstance(value, str):
        return value.strip().lower() in {"0", "false", "off", "no"}
    return isinstance(value, int | float) and value == 0


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
