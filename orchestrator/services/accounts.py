"""One configured instance as the daemon's parts see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.gateways.base import Gateway


@dataclass(frozen=True, slots=True)
class Account:
    """A row of `instances` with the gateway that speaks for it. `role` is `primary` or `backup`."""

    id: int
    name: str
    role: str
    gateway: Gateway
    gateway_id: str = ""  # how the gateway names this account; empty: not known
