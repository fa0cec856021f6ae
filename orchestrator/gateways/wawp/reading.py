"""Reading what Wawp's good answers hold: groups, the session, invite codes, message ids, webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.domain.outcomes import WebhookTarget
from orchestrator.gateways.account_bodies import invite_code, message_id, session, session_name
from orchestrator.gateways.whatsapp_bodies import ENGINES, GroupNames, GroupReader, by_index

__all__ = [
    "GROUPS",
    "invite_code",
    "message_id",
    "session",
    "session_name",
    "webhook_fields",
    "webhook_secrets",
    "webhooks",
]

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

_SWITCHES = ("is_active", "active", "enabled")
_SHORTEST = 6
"""Characters: a shorter text of a webhook is no secret, and would blot out half of an error."""


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
