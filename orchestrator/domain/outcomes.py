"""What a gateway answers, and what it tells by itself, in our words. Adapters map to these; nobody above sees
a status code or a vendor's shape.

Foreign text enters here and loses the invite codes in it: whoever stores, shows or sends it on needs no care.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from orchestrator.domain.meanings import ACCOUNT_TROUBLE, InstanceState, Outcome
from orchestrator.domain.redaction import hide_codes

__all__ = [
    "ACCOUNT_TROUBLE",
    "CodeAnswer",
    "GatewayAnswer",
    "GatewayLimits",
    "GroupAnswer",
    "GroupListAnswer",
    "GroupPreview",
    "InstanceState",
    "JoinReceipt",
    "LimitsAnswer",
    "Outcome",
    "Participant",
    "ParticipantsAnswer",
    "ProbeAnswer",
    "SeenGroup",
    "SendAnswer",
    "SessionAnswer",
    "WebhookTarget",
    "WebhooksAnswer",
]


def _hide(answer: object, *fields: str) -> None:
    for name in fields:
        text = getattr(answer, name)
        if text and (hidden := hide_codes(text)) is not text:
            object.__setattr__(answer, name, hidden)


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """The part that every answer has. `text` is foreign and scrubbed of tokens and codes."""

    outcome: Outcome
    text: str = ""
    iq_code: int | None = None
    http_status: int | None = None
    retry_after: float | None = None  # seconds
    sent: bool = True  # whether the request may have left this machine
    certain: bool = True  # False: refused in an answer that is none of a refusal: it may be in effect

    def __post_init__(self) -> None:
        _hide(self, "text")


@dataclass(frozen=True, slots=True)
class GroupPreview:
    """What a probe shows of the group behind a code. None where the gateway does not say."""

    jid: str | None
    subject: str | None = None
    description: str | None = None
    owner: str | None = None  # as the gateway gives it: a JID or digits
    members: int | None = None
    announce: bool | None = None  # only admins may write
    approval: bool | None = None  # an admin must approve who joins
    community: bool | None = None  # no group but a community, the parent of groups
    parent: str | None = None  # JID of the community to which the group belongs

    def __post_init__(self) -> None:
        _hide(self, "subject", "description", "owner")


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """Answer to a probe; `preview` is there exactly when the outcome is OK."""

    answer: GatewayAnswer
    preview: GroupPreview | None = None


@dataclass(frozen=True, slots=True)
class JoinReceipt:
    """Answer to a join: a receipt, never yet membership."""

    answer: GatewayAnswer
    jid: str | None = None


@dataclass(frozen=True, slots=True)
class Participant:
    """One member. `phone` and `lid` are bare digits; never compare one kind with the other."""

    phone: str | None = None
    lid: str | None = None
    admin: bool = False


@dataclass(frozen=True, slots=True)
class SeenGroup:
    """A group as the account's own list or a look shows it. `participants` is None where not given."""

    jid: str
    subject: str | None = None
    owner: str | None = None
    members: int | None = None
    announce: bool | None = None
    participants: tuple[Participant, ...] | None = None

    def __post_init__(self) -> None:
        _hide(self, "subject", "owner")


@dataclass(frozen=True, slots=True)
class GroupListAnswer:
    """The account's own groups. An empty list proves nothing (gateways are known to lie so)."""

    answer: GatewayAnswer
    groups: tuple[SeenGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class ParticipantsAnswer:
    """The members of one group, as far as this account may see them."""

    answer: GatewayAnswer
    participants: tuple[Participant, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupAnswer:
    """One group in full."""

    answer: GatewayAnswer
    group: SeenGroup | None = None


@dataclass(frozen=True, slots=True)
class SessionAnswer:
    """State of the instance's session. `word` is the gateway's own word for it (foreign text)."""

    answer: GatewayAnswer
    state: InstanceState = InstanceState.UNKNOWN
    word: str = ""
    phone: str | None = None  # own id, bare digits
    lid: str | None = None  # own id in the other naming, bare digits
    restricted_until: float | None = None
    name: str | None = None  # the gateway's own name of the session; its events may carry it

    def __post_init__(self) -> None:
        _hide(self, "word", "name")


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """How many calls about groups a gateway lets one account make. None: as many as it likes."""

    per_minute: float | None = None
    per_day: int | None = None
    policy: str = ""  # the gateway's name for it: foreign text

    @property
    def gap(self) -> float:
        """Seconds from one call to the next, an hour at most; 0 without a limit."""
        return 0.0 if self.per_minute is None else min(3600.0, 60.0 / self.per_minute)


@dataclass(frozen=True, slots=True)
class LimitsAnswer:
    """What the gateway says of its limits; None where it sets none or tells none."""

    answer: GatewayAnswer
    limits: GatewayLimits | None = None


@dataclass(frozen=True, slots=True)
class CodeAnswer:
    """An invite code that the gateway gave. The code is a secret: `repr` hides it."""

    answer: GatewayAnswer
    code: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SendAnswer:
    """Answer to a text message."""

    answer: GatewayAnswer
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """One webhook as the gateway keeps it. The URL may carry a secret: `repr` hides it.

    `secret` is what the gateway signs with, None where it shows none. `raw` is the gateway's own form of it:
    a webhook that is written back keeps every field that we do not know.
    """

    url: str = field(repr=False)
    events: tuple[str, ...] = ()
    active: bool = True
    secret: str | None = field(default=None, repr=False)
    raw: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class WebhooksAnswer:
    """The webhooks that are set at the gateway."""

    answer: GatewayAnswer
    webhooks: tuple[WebhookTarget, ...] = ()


class EventKind(StrEnum):
    """What an event is about."""

    JOINED = "joined"  # we (`ours`), or `members`, joined a group or were added to it
    LEFT = "left"  # we (`ours`), or `members`, left a group: by ourselves or not, it does not say
    REMOVED = "removed"  # the same, and it says that somebody else did it
    MEMBERS = "members"  # the group's list of members changed; `change` says how
    SESSION = "session"  # the state of the account's session
    OTHER = "other"  # an event that is not used


class MemberChange(StrEnum):
    """What happened to the members that a MEMBERS event names."""

    JOIN = "join"
    LEAVE = "leave"
    REMOVE = "remove"  # by somebody else
    OTHER = "other"  # promoted, demoted, or a word that nobody knows


USED = frozenset(EventKind) - {EventKind.OTHER}
"""The kinds that are kept and processed."""


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """One event. Nothing in it is proof by itself; what it may prove is decided elsewhere.

    `ours`: the shape itself means the account that it was sent for (WAHA's `group.v2.join` and `leave`), and
    `members` is empty then. Otherwise `members` are those to whom it happened, whoever they are.
    """

    kind: EventKind
    name: str  # the gateway's word, such as group.v2.join
    id: str | None = None  # the event's own id, the same in each delivery
    sent_at: float | None = None  # the gateway's time of what happened: seconds since 1970
    me: Participant | None = None  # the account that it was sent for, as the event says
    session: str | None = None  # the gateway's own name of that account, if the event has one
    jid: str | None = None  # of the group
    ours: bool = False
    members: tuple[Participant, ...] = ()
    change: MemberChange | None = None  # of a MEMBERS event
    state: InstanceState | None = None  # of a SESSION event
    word: str = ""  # the gateway's own word for that state (foreign text)


ReadEvent = Callable[[Mapping[str, Any]], GatewayEvent | None]
"""One vendor's reader: the body of a webhook in our words; None if it is no event. It never raises."""
