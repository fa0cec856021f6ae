"""GOWA's webhooks (its docs/webhook-payload.md and event_group.go).

`device_id` is the account's own JID, `session_id` the device as it is configured. An event has no id of its
own. The session's state is told by none. Nothing here raises; None means "no event".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from orchestrator.domain.identity import group_jid, user_id
from orchestrator.domain.outcomes import EventKind, GatewayEvent, MemberChange, Participant
from orchestrator.gateways.account_bodies import session_name
from orchestrator.gateways.whatsapp_bodies import affected, clean, member_change
from orchestrator.redact import scrub

_KINDS = {"group.joined": EventKind.JOINED, "group.participants": EventKind.MEMBERS}


def read_event(body: Mapping[str, Any]) -> GatewayEvent | None:
    """The body of one webhook in our words."""
    name = scrub(clean(body.get("event")) or "")[:60]
    if not name:
        return None
    kind = _KINDS.get(name, EventKind.OTHER)
    given = body.get("payload")
    payload: Mapping[str, Any] = given if isinstance(given, dict) else {}
    members = kind is EventKind.MEMBERS
    return GatewayEvent(
        kind=kind,
        name=name,
        sent_at=_instant(body.get("timestamp")),
        me=_me(body.get("device_id")),
        session=session_name(body.get("session_id")),
        jid=group_jid(payload.get("chat_id")),
        ours=kind is EventKind.JOINED,
        members=affected(payload.get("jids")) if members else (),
        change=(member_change([payload.get("type")]) or MemberChange.OTHER) if members else None,
    )


def _me(device: Any) -> Participant | None:
    found = user_id(device)
    return None if found is None else Participant(phone=found.phone, lid=found.lid)


def _instant(text: Any) -> float | None:
    """RFC 3339, in the server's zone."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return None if moment is None or moment.tzinfo is None else moment.timestamp()
    except (ValueError, OverflowError):
        return None
