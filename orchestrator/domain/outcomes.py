"""What a gateway's answer means, in our words. Adapters map to these; nobody above sees a status code.

Foreign text enters here and loses the invite codes in it: whoever stores, shows or sends it on needs no care.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from orchestrator.domain.redaction import hide_codes


class Outcome(StrEnum):
    """The meaning of one answer to a probe, a join, a look or any other call."""

    OK = "ok"  # a read or an act that is no join answered well
    JOINED = "joined"  # a receipt with the group's JID; not yet membership
    ACCEPTED = "accepted"  # a receipt without a JID: joined, awaiting approval or timed out upstream
    APPROVAL_PENDING = "approval_pending"  # an admin must let us in
    SUBMITTED = (
        "submitted"  # WhatsApp was asked, and the gateway could not read its answer: a request, mostly
    )
    ALREADY_MEMBER = "already_member"  # says we are in: look, then active
    CODE_REVOKED = "code_revoked"  # IQ 410
    CODE_INVALID = "code_invalid"  # IQ 406
    BAD_REQUEST = "bad_request"  # IQ 400: once more after a while, then the code is invalid
    GROUP_GONE = "group_gone"  # IQ 404
    REMOVED = "removed"  # IQ 401/405: an admin removed this account
    FORBIDDEN = "forbidden"  # IQ 403
    GROUP_FULL = "group_full"  # IQ 419/412
    GROUP_LOCKED = "group_locked"  # IQ 423/416
    GROWTH_LOCKED = "growth_locked"  # IQ 436: the link rests for a while
    NEEDS_UPGRADE = "needs_upgrade"  # IQ 426: the gateway's WhatsApp client is too old
    JOIN_LIMITED = "join_limited"  # IQ 429 on a join: the account's limit
    THROTTLED = "throttled"  # IQ 429 on a read: slow down
    GATEWAY_LIMITED = "gateway_limited"  # the gateway's own limit (HTTP 429): surely without effect
    RESTRICTED = "restricted"  # IQ 463: the account is restricted
    SESSION_DOWN = "session_down"  # not connected, or logged out
    BAD_CREDENTIALS = "bad_credentials"  # the gateway refuses the token, or does not know the instance_id
    PLAN_LIMIT = "plan_limit"  # the gateway's subscription does not allow it
    NOT_SUPPORTED = "not_supported"  # the gateway has no such call
    UNKNOWN = "unknown"  # it may or may not have taken effect: look before anything else
    TRANSIENT = "transient"  # surely without effect, and worth another try


ACCOUNT_TROUBLE = frozenset(
    {
        Outcome.JOIN_LIMITED,
        Outcome.RESTRICTED,
        Outcome.SESSION_DOWN,
        Outcome.BAD_CREDENTIALS,
        Outcome.PLAN_LIMIT,
    }
)
"""Outcomes that speak of the account, not of the group: they pause the instance and cost no attempt."""


class InstanceState(StrEnum):
    """What the gateway says of an instance, in our words."""

    STARTING = "starting"
    NEEDS_LOGIN = "needs_login"
    WORKING = "working"
    DISCONNECTED = "disconnected"
    LOST = "lost"
    UNKNOWN = "unknown"


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
