"""The truth log of webhooks: what was told to whom, when, how often, and whether it was true."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class Copy(StrEnum):
    """Which of the copies of one event it is."""

    FIRST = "first"
    DOUBLE = "double"
    REPLAY = "replay"  # of an event that was sent before
    FORGED = "forged"  # with a wrong signature
    UNSIGNED = "unsigned"


class About(StrEnum):
    """What an event tells of."""

    US = "us"  # the account itself and a group of the network
    STRANGER = "stranger"  # another member
    UNKNOWN = "unknown"  # a group that is nobody's
    SESSION = "session"
    GROUP = "group"  # its subject


class Try(NamedTuple):
    """One POST. Status 0: there was no answer, and `error` says why."""

    at: float  # simulated seconds, when it was sent
    real: float  # time.monotonic(), when its answer was there
    status: int
    error: str = ""


@dataclass(slots=True)
class Delivery:
    """One copy of one event for one address. A lost one is here too, without a try."""

    number: int
    event_id: str
    event: str
    about: About
    account: str
    group: str | None
    data: dict[str, Any]  # the network's own words: effect, joined, status
    shape: str
    at: float  # the event's own instant, simulated seconds
    copy: Copy
    url: str = field(repr=False)  # may hold a secret in its path
    lost: bool = False
    over: bool = False  # no further try will be made
    tries: list[Try] = field(default_factory=list)

    @property
    def genuine(self) -> bool:
        """Whether it carried what the receiver may trust."""
        return self.copy not in (Copy.FORGED, Copy.UNSIGNED)

    @property
    def accepted_at(self) -> float | None:
        """When the receiver took it: the instant of the first 2xx's try."""
        return next((one.at for one in self.tries if 200 <= one.status < 300), None)

    def as_json(self) -> dict[str, Any]:
        """For the remote control."""
        tries = [one._asdict() for one in self.tries]
        return asdict(self) | {"tries": tries, "genuine": self.genuine, "accepted_at": self.accepted_at}


class WebhookLog:
    """Append-only; every question is answered by reading it."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []

    def add(self, **fields: Any) -> Delivery:
        delivery = Delivery(number=len(self.deliveries), **fields)
        self.deliveries.append(delivery)
        return delivery

    @staticmethod
    def tried(delivery: Delivery, at: float, status: int, error: str = "") -> None:
        delivery.tries.append(Try(at, time.monotonic(), status, error))

    def of(self, event: str | None = None, *, account: str | None = None) -> list[Delivery]:
        """The deliveries of one event's name (of one account), in order of their making."""
        return [d for d in self.deliveries if event in (None, d.event) and account in (None, d.account)]

    def under_way(self) -> list[Delivery]:
        """What may still be posted."""
        return [d for d in self.deliveries if not d.over]

    def forgeries_accepted(self) -> list[Delivery]:
        """Wrongly signed or unsigned copies that were answered with 2xx. Must be empty."""
        return [d for d in self.deliveries if not d.genuine and d.accepted_at is not None]

    def told(self, account: str, group: str, *, joined: bool = True) -> list[Delivery]:
        """Genuine deliveries that were accepted and say that this account joined (or left) that group."""
        names = ("group.v2.join", "group.join") if joined else ("group.v2.leave", "group.leave")
        about = (d for d in self.deliveries if (d.account, d.group, d.about) == (account, group, About.US))
        return [d for d in about if d.genuine and d.accepted_at is not None and d.event in names]

    def verdict(self) -> dict[str, Any]:
        """Counts for a person and for a test in another process."""
        copies = Counter(d.copy for d in self.deliveries if not d.lost)
        return {
            "events": len({d.event_id for d in self.deliveries}),
            "lost": sum(d.lost for d in self.deliveries),
            **{copy.value: copies[copy] for copy in Copy},
            "accepted": sum(d.accepted_at is not None for d in self.deliveries),
            "forgeries_accepted": len(self.forgeries_accepted()),
            "under_way": len(self.under_way()),
        }
