"""Reading webhooks in the envelope `{"id", "event", "session", "me", "payload"}` that several vendors share.

Two payloads are known: with `payload.group.id`, where `group.v2.join` and `group.v2.leave` mean the account
itself, and with `payload.chatId` and `participants`, where they mean anybody. Nothing here raises; None means
"no event".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.domain.identity import group_jid
from orchestrator.domain.outcomes import EventKind, GatewayEvent, InstanceState, MemberChange, Participant
from orchestrator.gateways.account_bodies import STATES
from orchestrator.gateways.whatsapp_bodies import (
    affected,
    clean,
    instant,
    member_change,
    own_ids,
    serialized,
)
from orchestrator.redact import scrub

_KINDS = {
    "group.v2.join": EventKind.JOINED,
    "group.join": EventKind.JOINED,
    "group.v2.leave": EventKind.LEFT,
    "group.leave": EventKind.LEFT,
    "group.v2.participants": EventKind.MEMBERS,
    "group.participants.update": EventKind.MEMBERS,
    "session.status": EventKind.SESSION,
}
_JID_KEYS = ("chatId", "id", "JID", "jid", "groupId", "group_id", "groupJid")
_MEMBER_KEYS = ("participants", "Participants", "recipientIds")
_CHANGE_KEYS = ("type", "action", "reason")
_SAFE_ID = re.compile(r"[A-Za-z0-9_.:=+@/-]{1,100}", re.ASCII)


def read_event(body: Mapping[str, Any]) -> GatewayEvent | None:
    """The body of one webhook in our words."""
    name = _name(body)
    if name is None:
        return None
    given = body.get("payload")
    payload: Mapping[str, Any] = given if isinstance(given, dict) else body
    event = GatewayEvent(
        kind=_KINDS.get(name.lower(), EventKind.OTHER),
        name=name,
        id=_id(body.get("id")),
        sent_at=_sent_at(body, payload),
        me=_me(body),
        session=_account(body),
    )
    if event.kind is EventKind.OTHER:
        return event
    return _session(event, payload) if event.kind is EventKind.SESSION else _group(event, payload)


def _session(event: GatewayEvent, payload: Mapping[str, Any]) -> GatewayEvent:
    word = scrub(clean(payload.get("status")) or "")[:60]
    return replace(event, state=STATES.get(word.lower(), InstanceState.UNKNOWN), word=word)


def _group(event: GatewayEvent, payload: Mapping[str, Any]) -> GatewayEvent:
    kind, group = event.kind, payload.get("group")
    named = next((payload[key] for key in _MEMBER_KEYS if payload.get(key)), None)
    inner = _jid(group) if isinstance(group, dict) else group_jid(group)
    change = member_change(payload.get(key) for key in _CHANGE_KEYS)
    if kind is EventKind.LEFT and change is MemberChange.REMOVE:
        kind = EventKind.REMOVED
    return replace(
        event,
        kind=kind,
        jid=inner or _jid(payload),
        ours=kind is not EventKind.MEMBERS and inner is not None and named is None,
        members=affected(named),
        change=(change or MemberChange.OTHER) if kind is EventKind.MEMBERS else None,
    )


def _name(body: Mapping[str, Any]) -> str | None:
    """Older deliveries of a session's state name no event: `{"instance_id", "status", "qr", "ts"}`."""
    name = scrub(clean(body.get("event")) or "")[:60]
    if name:
        return name
    bare = isinstance(body.get("status"), str) and "instance_id" in body and "event" not in body
    return "session.status" if bare else None


def _id(value: Any) -> str | None:
    """Only what is fit to be a key: everything else is told by the digest of the whole."""
    return value if isinstance(value, str) and _SAFE_ID.fullmatch(value) else None


def _sent_at(body: Mapping[str, Any], payload: Mapping[str, Any]) -> float | None:
    """The payload's own time goes before the envelope's."""
    times = map(instant, (payload.get("timestamp"), body.get("timestamp"), body.get("ts")))
    return next((time for time in times if time is not None), None)


def _account(body: Mapping[str, Any]) -> str | None:
    """`instance_id` of older deliveries, else `session`; "default" is what all of them are called.

    What scrubbing has shortened is no name any more.
    """
    for value in (body.get("instance_id"), body.get("session")):
        whole = isinstance(value, int) and not isinstance(value, bool)
        found = _id(str(value) if whole and len(f"{value:x}") < 32 else value)
        if found is not None:
            return None if found == "default" else found
    return None


def _me(body: Mapping[str, Any]) -> Participant | None:
    ids = own_ids(body.get("me"))
    return Participant(phone=ids.phone, lid=ids.lid) if ids.phone or ids.lid else None


def _jid(layer: Mapping[str, Any]) -> str | None:
    found = (group_jid(serialized(layer.get(key))) for key in _JID_KEYS)
    return next((jid for jid in found if jid), None)
