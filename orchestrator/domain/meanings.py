"""What the answer of a gateway can mean, and what it says of an instance: the closed lists."""

from __future__ import annotations

from enum import StrEnum


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
