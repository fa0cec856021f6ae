"""Gateways that do not answer: said once, and once more when they do."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

_log = logging.getLogger(__name__)
UNREACHABLE, ANSWERS = "gateway.unreachable", "gateway.answers"
SILENT_POLLS = 3


@dataclass(slots=True)
class Address:
    """One gateway. A boot time."""

    silent_since: float | None = None
    said: bool = False


@dataclass(slots=True)
class Reach:
    """By the gateway's address. `news`: what is to be written into the journal, and then cleared."""

    every: float  # seconds between two polls
    addresses: dict[str, Address] = field(default_factory=dict)
    news: dict[str, str] = field(default_factory=dict)

    def heard(self, address: str, *, answered: bool, boottime: float) -> None:
        """One more try. One account's answer is enough to show that the gateway is there."""
        known = self.addresses.setdefault(address, Address())
        if answered:
            known.silent_since = None
            if known.said:
                known.said = False
                self.news[address] = ANSWERS
                _log.info("the gateway answers again: %s", address)
            return
        if known.silent_since is None:
            known.silent_since = boottime
        if not known.said and boottime - known.silent_since >= SILENT_POLLS * self.every:
            known.said = True
            self.news[address] = UNREACHABLE
            _log.warning("the gateway does not answer: %s. It is asked again all the while", address)
