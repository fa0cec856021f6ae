"""One configured instance as the daemon's parts see it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.outcomes import ReadEvent
from orchestrator.gateways.base import Gateway


@dataclass(frozen=True, slots=True)
class Account:
    """A row of `instances`, the gateway that speaks for it, and what reads that gateway's webhooks.

    `role` is `primary` or `backup`.
    """

    id: int
    name: str
    role: str
    gateway: Gateway
    read_event: ReadEvent
    gateway_id: str = ""  # how the gateway names this account; empty: not known
