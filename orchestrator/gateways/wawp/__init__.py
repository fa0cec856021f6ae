"""Wawp (https://api.wawp.net), and whatever speaks as it does."""

from orchestrator.gateways.base import Vendor
from orchestrator.gateways.wawp.adapter import WawpGateway
from orchestrator.gateways.wawp.event_reading import SIGNATURE_HEADERS, SUBSCRIBED, read_event
from orchestrator.gateways.wawp.opening import forms, open_gateway
from orchestrator.gateways.wawp.routes import WawpRoutes

__all__ = [
    "SIGNATURE_HEADERS",
    "SUBSCRIBED",
    "VENDOR",
    "WawpGateway",
    "WawpRoutes",
    "forms",
    "open_gateway",
    "read_event",
]

VENDOR = Vendor(open_gateway, read_event, events=SUBSCRIBED, signature_headers=SIGNATURE_HEADERS, forms=forms)
