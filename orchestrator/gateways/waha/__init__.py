"""WAHA (https://waha.devlike.pro), with its engines NOWEB, GOWS and WEBJS."""

from orchestrator.gateways.base import Vendor
from orchestrator.gateways.waha.adapter import open_gateway
from orchestrator.gateways.waha.webhook_bodies import SIGNATURE_HEADERS, SUBSCRIBED, hooks_by_hand, read_event

VENDOR = Vendor(
    open_gateway,
    read_event,
    events=SUBSCRIBED,
    signature_headers=SIGNATURE_HEADERS,
    hooks_by_hand=hooks_by_hand,
)
