"""The gateways that Rejoin can speak to, by their names in the configuration: one row each."""

from __future__ import annotations

from orchestrator.gateways import waha, wawp
from orchestrator.gateways.base import Vendor

VENDORS: dict[str, Vendor] = {"wawp": wawp.VENDOR, "waha": waha.VENDOR}
