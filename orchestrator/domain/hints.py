"""Whose move it is, and which: for each place where a membership can stand, a sentence and a command."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.memberships import Reason, Status


class Mover(StrEnum):
    """Who can change where something stands."""

    REJOIN = "rejoin"  # it moves by itself
    YOU = "you"  # the person at the command line
    GROUP_ADMIN = "group_admin"  # an admin of the WhatsApp group
    ACCOUNT_HOLDER = "account_holder"  # who holds the phone, or the account at the gateway


class Hint(NamedTuple):
    """What happened, whose move it is, which move, and the command for it."""

    sentence: str
    mover: Mover
    move: str
    command: Command | None = None

    def as_json(self) -> dict[str, str | None]:
        """As the JSON contract and the messages have it."""
        return {
            "sentence": self.sentence,
            "mover": self.mover.value,
            "hint": self.move,
            "command": None if self.command is None else str(self.command),
        }


_M = Mover
_R = Reason

_SET_CODE = Command(Operation.SET_CODE)
_RETRY = Command(Operation.RETRY)
_EXPLAIN = Command(Operation.EXPLAIN)
_ACCEPT = Command(Operation.ACCEPT)
_SKIP_DUPLICATE = Command(Operation.SKIP, because="same group as another entry")
_SKIP_GONE = Command(Operation.SKIP, because="the group is gone")
_RESUME = Command(Operation.RESUME)
_DOCTOR = Command(Operation.DOCTOR)
_DOCTOR_OF_ALL = Command(Operation.DOCTOR_OF_ALL)
_DIAGNOSTICS = Command(Operation.DIAGNOSTICS)

_NOT_SUPPORTED = "the gateway does not know this call, or not with these parameters"
_CHECK_SETTINGS = (
    "check code_parameter, code_in, probe_path, auth and base_url of the instance: doctor --probe tries them"
)

_GROUP: dict[Reason, Hint] = {
    _R.CODE_REVOKED: Hint("the invite code was revoked", _M.YOU, "store a new code", _SET_CODE),
    _R.CODE_INVALID: Hint(
        "WhatsApp does not know the invite code", _M.YOU, "check the link and store a new code", _SET_CODE
    ),
    _R.CODE_MISSING: Hint("no invite code is stored", _M.YOU, "store a code", _SET_CODE),
    _R.NOT_ON_ALLOW_LIST: Hint(
        "the group behind the link is not on the allow-list; not joined",
        _M.YOU,
        "see what it opens; accept it if it is your group",
        _ACCEPT,
    ),
    _R.IDENTITY_MISMATCH: Hint(
        "the link opens another group than expected; not joined",
        _M.YOU,
        "see what it opens; if it is your group, renamed, accept it; else store the right code",
        _ACCEPT,
    ),
    _R.DUPLICATE_GROUP: Hint(
        "another entry of the list leads to the same group", _M.YOU, "keep one of the two", _SKIP_DUPLICATE
    ),
    _R.GROUP_FULL: Hint("the group is full", _M.GROUP_ADMIN, "ask an admin to make room, then retry", _RETRY),
    _R.REMOVED_BY_ADMIN: Hint(
        "an admin removed this account from the group",
        _M.GROUP_ADMIN,
        "ask an admin to add the account again, then retry",
        _RETRY,
    ),
    _R.APPROVAL_PENDING: Hint(
        "an admin must approve the request to join",
        _M.GROUP_ADMIN,
        "ask an admin to approve; it is then confirmed by itself",
    ),
    _R.RATE_LIMITED: Hint(
        "WhatsApp limits how many groups this account may join now", _M.YOU, "retry later", _RETRY
    ),
    _R.RESTRICTED: Hint(
        "WhatsApp has restricted the account",
        _M.ACCOUNT_HOLDER,
        "wait until WhatsApp lifts it, then retry",
        _RETRY,
    ),
    _R.INSTANCE_UNAVAILABLE: Hint(
        "the instance was not connected to WhatsApp",
        _M.ACCOUNT_HOLDER,
        "connect it again, then retry",
        _RETRY,
    ),
    _R.CREDENTIALS_REFUSED: Hint(
        "the gateway refused the access token or the instance_id",
        _M.YOU,
        "put the right ones in place, then retry",
        _RETRY,
    ),
    _R.PLAN_LIMIT: Hint(
        "the subscription at the gateway does not allow it",
        _M.ACCOUNT_HOLDER,
        "extend the subscription, then retry",
        _RETRY,
    ),
    _R.GATEWAY_LIMIT: Hint(
        "the gateway's own limit of calls was reached, not WhatsApp's", _M.YOU, "retry later", _RETRY
    ),
    _R.NOT_SUPPORTED: Hint(_NOT_SUPPORTED, _M.YOU, f"{_CHECK_SETTINGS}, then retry", _RETRY),
    _R.NEEDS_UPGRADE: Hint(
        "the gateway's WhatsApp client is too old for this group",
        _M.ACCOUNT_HOLDER,
        "have the gateway upgraded, then retry",
        _RETRY,
    ),
    _R.GATEWAY_ERROR: Hint("the gateway failed", _M.YOU, "look at its last answers, then retry", _RETRY),
    _R.OUTCOME_UNKNOWN: Hint(
        "a join may have left and no look could tell whether it worked",
        _M.YOU,
        "see on the phone whether the account is in, then retry",
        _RETRY,
    ),
    _R.ATTEMPTS_EXHAUSTED: Hint("every attempt failed", _M.YOU, "see why, then retry", _EXPLAIN),
    _R.PROBE_FAILED: Hint(
        "the gateway could not show the group behind the code", _M.YOU, "check the code, then retry", _RETRY
    ),
    _R.GROUP_GONE: Hint(
        "the group does not exist any more",
        _M.YOU,
        "leave it out, or store the code of its successor",
        _SKIP_GONE,
    ),
    _R.GROUP_LOCKED: Hint(
        "the group accepts nobody at the moment",
        _M.GROUP_ADMIN,
        "ask an admin to open it, then retry",
        _RETRY,
    ),
    _R.FORBIDDEN: Hint(
        "WhatsApp does not let this account into the group",
        _M.GROUP_ADMIN,
        "ask an admin to add the account by hand, then retry",
        _RETRY,
    ),
    _R.IDENTITY_CHANGED: Hint(
        "another number stands behind the instance; the old one was in the group",
        _M.YOU,
        "to bring the new number in, run or retry: it is looked up first",
        _RETRY,
    ),
    _R.IDENTITY_UNKNOWN: Hint(
        "the gateway does not say which number the instance is",
        _M.YOU,
        "see what it says, then retry",
        _RETRY,
    ),
    _R.SAME_ACCOUNT: Hint(
        "another instance is the same number", _M.YOU, "keep one of the two, then retry", _RETRY
    ),
    _R.INTERNAL_ERROR: Hint(
        "rejoin itself failed", _M.YOU, "report it with a bundle, then retry", _DIAGNOSTICS
    ),
    _R.SLOTS_FILE_UNWRITABLE: Hint(
        "the file beside the database that names the last join could not be written",
        _M.YOU,
        "make its folder writable, then retry",
        _RETRY,
    ),
    _R.OPERATOR: Hint("a person stopped it", _M.YOU, "retry when it may go on", _RETRY),
}

_ANOTHER_GROUP = Hint(
    "the link opens another group than expected; not joined",
    _M.YOU,
    "store the right code; only if your group was made anew, accept it with --other-group",
    _SET_CODE,
)

_ACCOUNT: dict[Reason, Hint] = {
    _R.RATE_LIMITED: Hint(
        "WhatsApp limits how many groups this account may join now",
        _M.REJOIN,
        "it goes on by itself at half pace; better not hurry it",
    ),
    _R.RESTRICTED: Hint(
        "WhatsApp has restricted the account",
        _M.ACCOUNT_HOLDER,
        "see on the phone how long it lasts; resume when it is lifted",
        _RESUME,
    ),
    _R.INSTANCE_UNAVAILABLE: Hint(
        "the instance is not connected to WhatsApp",
        _M.ACCOUNT_HOLDER,
        "link it again at the gateway, check it and its instance_id, then resume",
        _DOCTOR,
    ),
    _R.CREDENTIALS_REFUSED: Hint(
        "the gateway refuses the access token or the instance_id",
        _M.YOU,
        "put the right ones in place, check them, then resume",
        _DOCTOR,
    ),
    _R.PLAN_LIMIT: Hint(
        "the subscription at the gateway does not allow it",
        _M.ACCOUNT_HOLDER,
        "extend the subscription, then resume",
        _RESUME,
    ),
    _R.GATEWAY_LIMIT: Hint(
        "the gateway's own limit of calls was reached, not WhatsApp's", _M.REJOIN, "it goes on by itself then"
    ),
    _R.GATEWAY_ERROR: Hint(
        "the gateway does not answer", _M.REJOIN, "it goes on by itself then; see that the gateway runs"
    ),
    _R.NOT_SUPPORTED: Hint(_NOT_SUPPORTED, _M.YOU, f"{_CHECK_SETTINGS}, then resume", _DOCTOR),
    _R.NEEDS_UPGRADE: Hint(
        "the gateway's WhatsApp client is too old",
        _M.ACCOUNT_HOLDER,
        "have it upgraded, then resume",
        _RESUME,
    ),
    _R.SAME_ACCOUNT: Hint(
        "an earlier instance is the same number: two would join at twice the pace",
        _M.YOU,
        "remove one of the two from the configuration, or link another number; it goes on by itself then",
        _DOCTOR_OF_ALL,
    ),
    _R.IDENTITY_UNKNOWN: Hint(
        "the gateway does not say which number the instance is",
        _M.YOU,
        "see that its session info tells the own id (`me`); it goes on by itself then",
        _DOCTOR,
    ),
    _R.INTERNAL_ERROR: Hint(
        "rejoin itself failed: its loop for this account died",
        _M.YOU,
        f"report it with a bundle ({_DIAGNOSTICS}), then resume",
        _RESUME,
    ),
    _R.SLOTS_FILE_UNWRITABLE: Hint(
        "the file that names the last join cannot be written, and no join leaves without it",
        _M.YOU,
        "make its folder writable or make room; it is tried again by itself",
        _DOCTOR_OF_ALL,
    ),
    _R.OPERATOR: Hint("a person paused it", _M.YOU, "resume when it may go on", _RESUME),
}
_ACCOUNT_OTHER = Hint("the account is paused", _M.YOU, "see why in the log, then resume", _RESUME)

OWN_WORDS = frozenset(
    {
        _R.NOT_ON_ALLOW_LIST,
        _R.IDENTITY_MISMATCH,
        _R.IDENTITY_CHANGED,
        _R.IDENTITY_UNKNOWN,
        _R.DUPLICATE_GROUP,
        _R.SAME_ACCOUNT,
        _R.SLOTS_FILE_UNWRITABLE,
        _R.INTERNAL_ERROR,
        _R.OPERATOR,
    }
)
"""Reasons whose detail is ours, or a person's. That of the others may be a gateway's, raw."""

UNKNOWN_REASON = Hint("the reason is not known to this version", _M.YOU, "look at what happened", _EXPLAIN)


def group_hint(
    status: Status, reason: Reason | None, slug: str, *, to: str | None = None, jid: str | None = None
) -> Hint:
    """Whose move it is for one group. `slug` goes into the command.

    `to`: the instance, where it is one of several: without a name a command is about the latest recovery's.
    `jid`: the one that is expected. A new name is accepted; another JID is another group, which is refused.
    """
    if status is Status.BLOCKED and reason is _R.IDENTITY_MISMATCH and jid is not None:
        return _filled_in(_ANOTHER_GROUP, slug, to)
    return _filled_in(_by_status(status, reason), slug, to)


def account_hint(reason: Reason | None, until: float | None, instance: str) -> Hint:
    """Whose move it is for a paused account. `until` is None when only a person can end the pause."""
    return _filled_in(_of_account(reason, until), None, instance)


def _of_account(reason: Reason | None, until: float | None) -> Hint:
    found = _ACCOUNT.get(reason, _ACCOUNT_OTHER) if reason is not None else _ACCOUNT_OTHER
    if until is not None:
        return Hint(found.sentence, _M.REJOIN, "it goes on by itself then", None)
    if found.mover is _M.REJOIN:
        return Hint(found.sentence, _M.YOU, "resume when joins are allowed again", _RESUME)
    return found


def identity_changed_hint(name: str) -> Hint:
    """Another number stands behind an instance than before."""
    return Hint(
        "another number stands behind the instance: what the old one was in counts as left",
        _M.YOU,
        "link the old number again, or bring the new one into the groups",
        Command(Operation.RUN, instance=name),
    )


def explain_reason(reason: Reason | None) -> str:
    """The sentence alone, for places that list only causes."""
    return _GROUP[reason].sentence if reason is not None else "waits for its turn"


def _by_status(status: Status, reason: Reason | None) -> Hint:
    match status:
        case Status.BLOCKED:
            return _GROUP[reason] if reason is not None else UNKNOWN_REASON
        case Status.DEFERRED:
            return Hint(
                explain_reason(reason), _M.REJOIN, "tried again by itself then; to try sooner, retry", _RETRY
            )
        case Status.PENDING if reason is not None:
            return Hint(explain_reason(reason), _M.REJOIN, "goes on by itself when that is over")
        case Status.AWAITING_APPROVAL:
            return _GROUP[_R.APPROVAL_PENDING]
        case Status.LEFT if reason is not _R.OPERATOR:
            return _GONE if reason is None else _GROUP[reason]
        case _:
            return _PLAIN[status]


_PLAIN: dict[Status, Hint] = {
    Status.PENDING: Hint("waits for its turn", _M.REJOIN, "joined by itself, in the order of priority"),
    Status.READY: Hint(
        "probed and verified; waits for the next slot", _M.REJOIN, "joined by itself within minutes"
    ),
    Status.JOINING: Hint("a join is on its way", _M.REJOIN, "nothing to do"),
    Status.CONFIRMING: Hint(
        "the join was sent; being looked up whether we are in",
        _M.REJOIN,
        "nothing to do; never sent twice blind",
    ),
    Status.ACTIVE: Hint("in the group, with its JID and evidence on disk", _M.REJOIN, "nothing to do"),
    Status.SKIPPED: Hint(
        "a person said to leave it out", _M.YOU, "nothing to do; to take it up again, retry", _RETRY
    ),
    Status.LEFT: Hint("the account left the group", _M.YOU, "nothing to do; to join it again, retry", _RETRY),
}

_GONE = Hint(
    "the account is no longer in the group: an admin removed it, or somebody left on the phone",
    _M.YOU,
    "ask an admin of the group; to join it again, retry",
    _RETRY,
)


def _filled_in(hint: Hint, slug: str | None, to: str | None) -> Hint:
    command = None if hint.command is None else hint.command._replace(group=slug, instance=to)
    return hint._replace(command=command)
