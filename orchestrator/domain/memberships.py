"""The membership's state machine: where one (instance, group) pair stands, and which moves exist.

Rule: everything that decides whether a move is legal stands in `TRANSITIONS`. The diagram in the docs is made
from it, the store asks it before every write, and a move that is not in it raises.
"""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from orchestrator.domain.errors import IllegalMoveError


class Status(StrEnum):
    """Stored, and stable in JSON."""

    PENDING = "pending"  # waits for its turn
    READY = "ready"  # probed and verified a moment ago
    JOINING = "joining"  # a slot is reserved; the join may be on its way
    CONFIRMING = "confirming"  # answered or unknown; being looked up
    AWAITING_APPROVAL = "awaiting_approval"  # an admin must let us in; looked at now and then
    ACTIVE = "active"  # in, with JID and evidence
    DEFERRED = "deferred"  # later, always with a reason and a time
    BLOCKED = "blocked"  # a person must act, always with a reason
    SKIPPED = "skipped"  # a person said: not this one
    LEFT = "left"  # was in, is no more


class Bucket(StrEnum):
    """The coarse word for people and scripts."""

    DONE = "done"
    WORKING = "working"
    WAITING = "waiting"
    NEEDS_YOU = "needs_you"
    SKIPPED = "skipped"


class Reason(StrEnum):
    """Why something waits or is blocked: a closed list."""

    CODE_REVOKED = "code_revoked"
    CODE_INVALID = "code_invalid"
    CODE_MISSING = "code_missing"
    NOT_ON_ALLOW_LIST = "not_on_allow_list"
    IDENTITY_MISMATCH = "identity_mismatch"
    DUPLICATE_GROUP = "duplicate_group"
    GROUP_FULL = "group_full"
    REMOVED_BY_ADMIN = "removed_by_admin"
    APPROVAL_PENDING = "approval_pending"
    RATE_LIMITED = "rate_limited"
    RESTRICTED = "restricted"
    INSTANCE_UNAVAILABLE = "instance_unavailable"
    CREDENTIALS_REFUSED = "credentials_refused"
    PLAN_LIMIT = "plan_limit"
    GATEWAY_LIMIT = "gateway_limit"  # the gateway's own limit of calls, not WhatsApp's
    NOT_SUPPORTED = "not_supported"  # the gateway has no such call, or not these parameters
    NEEDS_UPGRADE = "needs_upgrade"
    GATEWAY_ERROR = "gateway_error"
    OUTCOME_UNKNOWN = "outcome_unknown"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    PROBE_FAILED = "probe_failed"
    GROUP_GONE = "group_gone"
    GROUP_LOCKED = "group_locked"
    FORBIDDEN = "forbidden"
    IDENTITY_CHANGED = "identity_changed"  # it was the membership of another number
    IDENTITY_UNKNOWN = "identity_unknown"  # the session does not say which number it is
    SAME_ACCOUNT = "same_account"  # an earlier instance is the same number
    SLOTS_FILE_UNWRITABLE = "slots_file_unwritable"
    INTERNAL_ERROR = "internal_error"  # a loop of ours died: a defect
    OPERATOR = "operator"


_REASONS = {reason.value: reason for reason in Reason}


def known_reason(word: str | None) -> Reason | None:
    """The reason as a member of the closed list; a newer version's word, which we do not know, is None."""
    return _REASONS.get(word or "")


class MembershipEvidence(StrEnum):
    """What proves a membership."""

    PARTICIPANT = "participant"  # our own id stands among the group's members
    LISTED = "listed"  # the account's own group list has it, and the members could not be compared
    EVENT = "event"  # the join event named us
    RECEIPT = "receipt"  # the operator configured that this gateway's receipt is proof


class Greeting(StrEnum):
    """Where the greeting of one membership stands; it never changes the membership."""

    NONE = "none"
    PENDING = "pending"
    SENDING = "sending"  # may have left: never sent again
    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"


_S = Status

TRANSITIONS: dict[Status, frozenset[Status]] = {
    _S.PENDING: frozenset({_S.READY, _S.ACTIVE, _S.DEFERRED, _S.BLOCKED, _S.SKIPPED, _S.CONFIRMING}),
    _S.READY: frozenset({_S.JOINING, _S.PENDING, _S.ACTIVE, _S.DEFERRED, _S.BLOCKED, _S.SKIPPED}),
    _S.JOINING: frozenset(
        {_S.CONFIRMING, _S.ACTIVE, _S.AWAITING_APPROVAL, _S.READY, _S.PENDING, _S.DEFERRED, _S.BLOCKED}
        | {_S.LEFT}  # here and below: another number stands behind the instance
    ),
    _S.CONFIRMING: frozenset({_S.ACTIVE, _S.AWAITING_APPROVAL, _S.DEFERRED, _S.BLOCKED, _S.LEFT}),
    _S.AWAITING_APPROVAL: frozenset({_S.ACTIVE, _S.BLOCKED, _S.PENDING, _S.SKIPPED, _S.CONFIRMING, _S.LEFT}),
    _S.ACTIVE: frozenset({_S.LEFT}),
    _S.DEFERRED: frozenset({_S.PENDING, _S.ACTIVE, _S.BLOCKED, _S.SKIPPED}),
    # A person's retry after a join that may have taken effect: look first.
    _S.BLOCKED: frozenset({_S.PENDING, _S.ACTIVE, _S.SKIPPED, _S.CONFIRMING, _S.LEFT}),
    _S.SKIPPED: frozenset({_S.PENDING, _S.ACTIVE, _S.CONFIRMING}),
    _S.LEFT: frozenset({_S.PENDING, _S.ACTIVE, _S.SKIPPED}),
}

CURED_BY_CODE = (Reason.CODE_REVOKED, Reason.CODE_INVALID, Reason.CODE_MISSING, Reason.GROUP_GONE)
CURED_BY_IDENTITY = (Reason.IDENTITY_MISMATCH, Reason.NOT_ON_ALLOW_LIST, Reason.DUPLICATE_GROUP)
"""Reasons that a new code cures, as well as a new expectation does."""

REASON_REQUIRED = frozenset({_S.DEFERRED, _S.BLOCKED})
UNFINISHED = frozenset({_S.PENDING, _S.READY, _S.JOINING, _S.CONFIRMING, _S.DEFERRED})
"""Statuses from which a membership can still move by itself, soon or late."""

IN_FLIGHT = frozenset({_S.JOINING, _S.CONFIRMING})
"""A join may have taken effect: only a look leads out of here."""


def check_move(source: Status, target: Status, reason: Reason | None, next_attempt_at: float | None) -> None:
    """Raise IllegalMoveError unless the move exists and carries what its target needs.

    Staying in one's status is always legal: it only updates reason, time or attempts.
    """
    if target != source and target not in TRANSITIONS[source]:
        raise IllegalMoveError(f"a membership cannot go from {source} to {target}")
    if target in REASON_REQUIRED and reason is None:
        raise IllegalMoveError(f"{target} needs a reason")
    if target is Status.DEFERRED and next_attempt_at is None:
        raise IllegalMoveError("deferred needs the time of the next attempt")


def sources_of(target: Status) -> frozenset[Status]:
    """All statuses from which `target` can be reached in one move."""
    return frozenset(source for source, targets in TRANSITIONS.items() if target in targets)


def bucket(status: Status, reason: Reason | None = None) -> Bucket:
    """The coarse word for a status (and, for `left`, for whose doing it was)."""
    match status:
        case Status.ACTIVE:
            return Bucket.DONE
        case Status.READY | Status.JOINING | Status.CONFIRMING:
            return Bucket.WORKING
        case Status.PENDING | Status.DEFERRED:
            return Bucket.WAITING
        case Status.BLOCKED | Status.AWAITING_APPROVAL:
            return Bucket.NEEDS_YOU
        case Status.SKIPPED:
            return Bucket.SKIPPED
        case Status.LEFT:
            return Bucket.SKIPPED if reason is Reason.OPERATOR else Bucket.NEEDS_YOU
        case _:
            assert_never(status)


def diagram() -> str:
    """The table as a mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2", "    [*] --> pending"]
    lines += [f"    {s} --> {t}" for s in Status for t in Status if t in TRANSITIONS[s]]
    return "\n".join(lines)
