"""The truth log: what really reached the gateway and what it did, what was told to webhooks, and whether that
was true. Tests judge by it alone.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any, NamedTuple


class Kind(StrEnum):
    """What a request asked for."""

    PROBE = "probe"
    JOIN = "join"
    LIST = "list"
    GROUP = "group"
    PARTICIPANTS = "participants"
    LEAVE = "leave"
    CODE = "code"
    REVOKE = "revoke"
    SEND = "send"
    SESSION = "session"
    WEBHOOKS = "webhooks"
    SET_WEBHOOKS = "set_webhooks"
    RESTART = "restart"
    RATE_LIMIT = "rate_limit"
    TIMELOCK = "timelock"
    CAPPING = "capping"
    OWN_NUMBER = "own_number"
    OTHER = "other"  # unknown path, or not let in


LOOKS = frozenset({Kind.LIST, Kind.GROUP, Kind.PARTICIPANTS})
GROUP_CALLS = LOOKS | {Kind.PROBE, Kind.JOIN, Kind.CODE}
"""What the gateway's own limit of group calls counts."""


class Effect(StrEnum):
    """What a request changed in the network."""

    NONE = "none"
    JOINED = "joined"
    ALREADY = "already"  # a join of a group that the account was in
    REQUESTED = "requested"  # a request to join was filed
    ALREADY_REQUESTED = "already_requested"
    APPROVED = "approved"  # an admin let the account in, or added it
    SIDE_JOINED = "side_joined"  # taken along into a community
    LEFT = "left"
    REMOVED = "removed"  # by an admin
    SENT = "sent"
    CODE_RESET = "code_reset"


@dataclass(slots=True)
class Request:
    """One request that reached the gateway, in order of arrival."""

    number: int
    kind: Kind
    account: str | None
    group: str | None  # JID, where the request names a group or a known code
    code: str | None = field(repr=False)
    at: float  # simulated seconds, on arrival
    real: float  # time.monotonic() on arrival
    effect: Effect = Effect.NONE
    iq: int = 0  # what WhatsApp refused with
    trouble: str = ""  # the fault that was played
    status: int = 0  # the HTTP status given; 0: none
    spoiled: bool = False  # the right answer did not get through to whoever asked

    @property
    def refused(self) -> bool:
        """Whether whoever asked was told for certain that nothing happened, however late."""
        return self.effect is Effect.NONE and self.status != 0 and not self.spoiled


class Happening(NamedTuple):
    """One change of the network. `request` is the number of its cause, None if nobody of ours asked."""

    at: float
    real: float
    effect: Effect
    account: str
    group: str
    request: int | None


class TruthLog:
    """Append-only; every question is answered by reading it, never by a counter kept beside it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.requests: list[Request] = []
        self.happenings: list[Happening] = []
        self.watchers: list[Callable[[Request], None]] = []  # told of each request when it was answered

    def arrived(self, kind: Kind, account: str | None, group: str | None, code: str | None) -> Request:
        request = Request(len(self.requests), kind, account, group, code, self._now(), time.monotonic())
        self.requests.append(request)
        return request

    def answered(self, request: Request, status: int) -> None:
        request.status = status
        for watcher in self.watchers:
            watcher(request)

    def happened(self, effect: Effect, account: str, group: str, *, request: Request | None) -> None:
        number = None if request is None else request.number
        if request is not None:
            request.effect = effect
        self.happenings.append(Happening(self._now(), time.monotonic(), effect, account, group, number))

    def of(self, kind: Kind, account: str | None = None) -> list[Request]:
        """The requests of one kind (of one account), in order of arrival."""
        return [r for r in self.requests if r.kind is kind and account in (None, r.account)]

    def joins(self, account: str | None = None) -> list[Request]:
        """Every join that reached the gateway, whatever came of it."""
        return self.of(Kind.JOIN, account)

    def worst_window(self, account: str | None = None, *, seconds: float = 60.0) -> int:
        """The most joins of one account that arrived within any window of so many simulated seconds."""
        return max((_worst(times, seconds) for times in self._join_times(account)), default=0)

    def closest_joins(self, account: str | None = None) -> float:
        """The shortest time between two joins of one account, in simulated seconds; inf if there are none."""
        gaps = (b - a for times in self._join_times(account) for a, b in pairwise(times))
        return min(gaps, default=float("inf"))

    def _join_times(self, account: str | None) -> Iterator[list[float]]:
        times: dict[str | None, list[float]] = defaultdict(list)
        for request in self.joins(account):
            times[request.account].append(request.at)
        return iter(times.values())

    def effects(self, effect: Effect, account: str | None = None) -> Counter[str]:
        """How often that happened, by group JID."""
        return Counter(
            h.group for h in self.happenings if h.effect is effect and account in (None, h.account)
        )

    def double_effects(self) -> list[tuple[str, str]]:
        """(account, group) that were joined or requested again without having left. Must be empty."""
        held: set[tuple[str, str]] = set()
        doubles: list[tuple[str, str]] = []
        for happening in self.happenings:
            pair = (happening.account, happening.group)
            if happening.effect in (Effect.LEFT, Effect.REMOVED):
                held.discard(pair)
            elif happening.effect in (Effect.JOINED, Effect.REQUESTED):
                if pair in held:
                    doubles.append(pair)
                held.add(pair)
        return doubles

    def needless_joins(self) -> list[Request]:
        """Joins sent for a group that the account was in, or had asked to be let into."""
        return [r for r in self.joins() if r.effect in (Effect.ALREADY, Effect.ALREADY_REQUESTED)]

    def joins_without_probe(self, *, within: float = float("inf")) -> list[Request]:
        """Joins with no probe of that code by that account since its last join, or within so many seconds."""
        probed: dict[tuple[str | None, str | None], float] = {}
        bare: list[Request] = []
        for request in self.requests:
            key = (request.account, request.code)
            if request.kind is Kind.PROBE:
                probed[key] = request.at
            elif request.kind is Kind.JOIN:
                seen = probed.pop(key, None)
                if seen is None or request.at - seen > within:
                    bare.append(request)
        return bare

    def joins_repeated_without_look(self) -> list[Request]:
        """Second and later joins of a group with no look (list, group, participants) since the last one."""
        blind: set[tuple[str | None, str | None]] = set()
        repeated: list[Request] = []
        for request in self.requests:
            key = (request.account, request.group or request.code)
            if request.kind is Kind.JOIN:
                if key in blind:
                    repeated.append(request)
                blind.add(key)
            elif request.kind is Kind.LIST:
                blind = {k for k in blind if k[0] != request.account}
            elif request.kind in LOOKS:
                blind.discard(key)
        return repeated

    def blind_repeats(self) -> list[Request]:
        """Of those, the ones whose last join was not refused for certain: what it did was unknown."""
        suspects = {request.number for request in self.joins_repeated_without_look()}
        before: dict[tuple[str | None, str | None], Request] = {}
        found: list[Request] = []
        for join in self.joins():
            key = (join.account, join.group or join.code)
            if join.number in suspects and not before[key].refused:
                found.append(join)
            before[key] = join
        return found

    def worst_minute_of_group_calls(self, account: str) -> int:
        """The most calls about groups in any 60 s, as they arrived."""
        return _worst([r.at for r in self.requests if r.account == account and r.kind in GROUP_CALLS], 60.0)

    def between(self, start: float, end: float, account: str | None = None) -> list[Request]:
        """The requests that arrived in [start, end), in simulated seconds."""
        return [r for r in self.requests if start <= r.at < end and account in (None, r.account)]


def _worst(times: list[float], seconds: float) -> int:
    """The most of `times` (ascending) in any half-open window of that length."""
    return max((bisect_left(times, start + seconds) - i for i, start in enumerate(times)), default=0)


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
