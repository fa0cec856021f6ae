"""The bodies of webhooks of vendors that do not share WAHA's envelope: GOWA (docs/webhook-payload.md) and
Evolution (webhook.controller.ts, Baileys' events).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from orchestrator.simulator.model import Account

NAMES: dict[str, dict[str, str]] = {
    "gowa": {"group.v2.join": "group.joined", "group.v2.participants": "group.participants"},
    "evolution": {
        "group.v2.join": "groups.upsert",
        "group.v2.participants": "group-participants.update",
        "session.status": "connection.update",
    },
}
"""Which of WAHA's events they have, by their own names."""

SUBSCRIBED = {
    "groups.upsert": "GROUPS_UPSERT",
    "group-participants.update": "GROUP_PARTICIPANTS_UPDATE",
    "connection.update": "CONNECTION_UPDATE",
}
"""What Evolution calls its events where they are asked for."""


class Happened(NamedTuple):
    """What is told. `who`: the member's JIDs; `status` of a session, in WAHA's words."""

    account: Account
    name: str  # the vendor's own
    jid: str | None
    subject: str
    who: list[str]
    joined: bool
    removed: bool
    status: str
    at: float


def body(vendor: str, told: Happened) -> dict[str, Any] | None:
    """None: this vendor does not tell it."""
    return _gowa(told) if vendor == "gowa" else _evolution(told)


def _gowa(told: Happened) -> dict[str, Any]:
    """`device_id` is the account's JID, `session_id` the device."""
    return {
        "event": told.name,
        "device_id": f"{told.account.phone}@s.whatsapp.net",
        "session_id": told.account.instance_id,
        "timestamp": datetime.fromtimestamp(int(told.at), UTC).isoformat(),
        "payload": {"chat_id": told.jid, "type": "join" if told.joined else "leave", "jids": told.who[:1]},
    }


def _evolution(told: Happened) -> dict[str, Any] | None:
    data: Any
    if told.name == "groups.upsert":
        data = [{"id": told.jid, "subject": told.subject, "participants": []}]
    elif told.name == "connection.update":
        state = {"WORKING": "open", "STARTING": "connecting", "SCAN_QR_CODE": "close", "FAILED": "close"}
        if told.status not in state:
            return None
        reason = 401 if state[told.status] == "close" else 200
        data = {"instance": told.account.instance_id, "state": state[told.status], "statusReason": reason}
    else:
        person = {"id": told.who[0]} | ({"phoneNumber": told.who[1]} if len(told.who) > 1 else {})
        action = "add" if told.joined else "remove"
        data = {"id": told.jid, "author": "", "participants": [{**person, "admin": None}], "action": action}
    return {
        "event": told.name,
        "instance": told.account.instance_id,
        "data": data,
        "destination": "",
        "date_time": datetime.fromtimestamp(told.at, UTC).isoformat(timespec="milliseconds"),
        "sender": f"{told.account.phone}@s.whatsapp.net",
        "server_url": "http://localhost:8080",
        "apikey": told.account.access_token,
    }
