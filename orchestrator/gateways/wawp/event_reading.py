"""Wawp's webhooks: its envelope is one of those that all vendors share, and which events it is asked for.

Sources: https://api.wawp.net/en/docs/group.v2.join, group.v2.leave, group.v2.participants and session.status.
"""

from orchestrator.gateways.event_bodies import read_event

__all__ = ["SIGNATURE_HEADERS", "SUBSCRIBED", "read_event"]

SUBSCRIBED = ("group.v2.join", "group.v2.leave", "group.v2.participants", "session.status")
"""What to ask the gateway for: exactly what is used."""

SIGNATURE_HEADERS = ("X-Wawp-Signature", "X-Webhook-Hmac")
"""https://api.wawp.net/en/docs/v2/webhook/set; the second is that of WAHA, on which Wawp is built."""
