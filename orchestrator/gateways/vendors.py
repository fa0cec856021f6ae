"""The gateways that Rejoin can speak to, by their names in the configuration: one row each, and those that
other packages bring by an entry point.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from orchestrator.gateways import evolution, gowa, waha, wawp
from orchestrator.gateways.base import Vendor

ENTRY_POINTS = "rejoin.gateways"
"""The group of entry points. Each names a gateway and leads to its `Vendor`; docs/write-a-gateway.md."""

VENDORS: dict[str, Vendor] = {
    "wawp": wawp.VENDOR,
    "waha": waha.VENDOR,
    "evolution": evolution.VENDOR,
    "gowa": gowa.VENDOR,
}


def vendor_called(name: str) -> Vendor | None:
    """None where there is none. Raises ValueError with a sentence for a package that does not bring one."""
    if name in VENDORS:
        return VENDORS[name]
    for found in entry_points(group=ENTRY_POINTS, name=name):
        try:
            vendor = found.load()
        except Exception as error:  # noqa: BLE001 - whatever somebody else's package raises
            raise ValueError(f"{found.value} cannot be loaded: {type(error).__name__}: {error}") from None
        if not isinstance(vendor, Vendor):
            sentence = f"{found.value} is no Vendor of orchestrator.gateways.base"
            raise ValueError(sentence)  # noqa: TRY004 - as the other: a wrong package
        return vendor
    return None
