"""The body of a webhook of GOWA (docs/webhook-payload.md)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from orchestrator.simulator.model import Account


def event_body(account: Account, name: str, jid: str | None, who: list[str], kind: str, at: float) -> Any:
    """One webhook. `device_id` is the account's JID, `session_id` the device."""
    return {
        "event": name,
        "device_id": f"{account.phone}@s.whatsapp.net",
        "session_id": account.instance_id,
        "timestamp": datetime.fromtimestamp(int(at), UTC).isoformat(),
        "payload": {"chat_id": jid, "type": kind, "jids": who},
    }
