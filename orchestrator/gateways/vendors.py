"""The gateways that Rejoin can speak to, by their names in the configuration: one row each."""

from __future__ import annotations

from orchestrator.gateways import wawp
from orchestrator.gateways.base import Vendor

VENDORS: dict[str, Vendor] = {
    "wawp": Vendor(
        wawp.open_gateway,
        wawp.read_event,
        events=wawp.SUBSCRIBED,
        signature_headers=wawp.SIGNATURE_HEADERS,
        forms=wawp.forms,
    ),
}
