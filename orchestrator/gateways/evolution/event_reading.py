"""Evolution's webhooks (its webhook.controller.ts, whatsapp.baileys.service.ts, and Baileys' events).

`{"event", "instance", "data", "sender", "apikey"}`, without an id and unsigned; `apikey` may be the
instance's token. `groups.upsert` tells of several groups at once, and members are texts or objects. Nothing
here raises; None means "no event".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.domain.identity import group_jid, user_id
from orchestrator.domain.outcomes import EventKind, GatewayEvent, InstanceState, MemberChange, Participant
from orchestrator.gateways.account_bodies import STATES, session_name
from orchestrator.gateways.whatsapp_bodies import affected, clean, member_change
from orchestrator.redact import scrub

_KINDS = {
    "groups.upsert": EventKind.JOINED,
    "group-participants.update": EventKind.MEMBERS,
    "connection.update": EventKind.SESSION,
    "status.instance": EventKind.SESSION,
    "logout.instance": EventKind.SESSION,
}
_LOGGED_OUT = frozenset({401, 402, 403, 406})
"""Baileys' reasons of a close after which Evolution does not connect again."""


def split(body: Any) -> list[dict[str, Any]]:
    """One body for each group that a delivery tells of, and no API key in any."""
    if not isinstance(body, dict):
        return [one for one in body if isinstance(one, dict)] if isinstance(body, list) else []
    plain = {key: value for key, value in body.items() if key != "apikey"}
    groups = body.get("data")
    if body.get("event") != "groups.upsert" or not isinstance(groups, list):
        return [plain]
    return [{**plain, "data": group} for group in groups if isinstance(group, dict)]


def read_event(body: Mapping[str, Any]) -> GatewayEvent | None:
    """The body of one webhook in our words."""
    name = scrub(clean(body.get("event")) or "")[:60]
    if not name:
        return None
    given = body.get("data")
    data: Mapping[str, Any] = given if isinstance(given, dict) else {}
    event = GatewayEvent(
        kind=_KINDS.get(name, EventKind.OTHER),
        name=name,
        me=_me(body.get("sender")),
        session=session_name(body.get("instance")),
        jid=group_jid(data.get("id")),
    )
    if event.kind is EventKind.JOINED:
        return replace(event, ours=True)
    if event.kind is EventKind.MEMBERS:
        change = member_change([data.get("action")]) or MemberChange.OTHER
        return replace(event, members=affected(data.get("participants")), change=change)
    return _session(event, data) if event.kind is EventKind.SESSION else event


def _session(event: GatewayEvent, data: Mapping[str, Any]) -> GatewayEvent:
    """A close that is told is one after which nothing connects again; the reasons say which."""
    if event.name == "logout.instance":
        return replace(event, jid=None, state=InstanceState.LOST, word="logout")
    word = scrub(clean(data.get("state")) or clean(data.get("status")) or "")[:60]
    reason = data.get("statusReason", data.get("disconnectionReasonCode"))
    lost = word in ("close", "closed") and is_final(reason)
    state = InstanceState.LOST if lost else STATES.get(word.lower(), InstanceState.UNKNOWN)
    return replace(event, jid=None, state=state, word=word)


def is_final(reason: Any) -> bool:
    """Whether Evolution does not connect again after a close for that reason."""
    return type(reason) is int and reason in _LOGGED_OUT


def _me(sender: Any) -> Participant | None:
    found = user_id(sender)
    return None if found is None else Participant(phone=found.phone, lid=found.lid)
