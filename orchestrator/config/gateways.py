"""The gateways by their names in the configuration, and what a person must know of each to fill it in."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points

from pydantic_core import PydanticCustomError


@dataclass(frozen=True, slots=True)
class GatewayFacts:
    """`address`: where its vendor serves it, or where it listens by default. `account`, `token`: what the
    gateway calls `instance_id` and `access_token`. `needs_token`: it answers nobody without one.
    """

    address: str
    account: str
    token: str
    needs_token: bool = True


GATEWAYS: dict[str, GatewayFacts] = {
    "wawp": GatewayFacts("https://api.wawp.net", "instance id", "access token"),
    "waha": GatewayFacts("http://127.0.0.1:3000", "session name", "API key", needs_token=False),
    "evolution": GatewayFacts("http://127.0.0.1:8080", "instance name", "API key"),
    "gowa": GatewayFacts("http://127.0.0.1:3000", "device id", "user:password", needs_token=False),
}


def check_gateway(name: str) -> str:
    """One of those above, or one that another package brings (`gateways/vendors.py`)."""
    if name not in GATEWAYS:
        known = [*GATEWAYS, *sorted({one.name for one in entry_points(group="rejoin.gateways")})]
        if name not in known:
            expected = ", ".join(map(repr, known))
            raise PydanticCustomError("literal_error", "must be one of {expected}", {"expected": expected})
    return name
