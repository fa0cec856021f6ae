"""What WhatsApp answers, by number and by text, and what each answer means to each kind of call.

Every gateway passes these on, in a wrapping of its own: a vendor's folder finds the number and the text in
its bodies and knows the errors of its own; what they mean stands here, once for all vendors.

Sources: whatsmeow (tulir/whatsmeow @33cfac5, `errors.go`, `group.go`, `request.go`), wa-rust
(`GroupJoinError`, `InviteInfoError`) and WhatsApp Web's WAWebGroupJoinModalUtils. A number can mean different
things to different calls, so each meaning has one outcome for each kind of call.

`text` is all that an answer says, its parts joined by ` | `.
"""

from __future__ import annotations

import re
from enum import StrEnum

from orchestrator.domain.outcomes import Outcome


class Call(StrEnum):
    """The kinds of call that read an answer differently."""

    JOIN = "join"
    PROBE = "probe"
    READ = "read"
    ACT = "act"  # leave, send, revoke, set: not safe to repeat blind


class Meaning(StrEnum):
    """What was understood, before it is known what was asked. The second half is what only gateways say."""

    REQUEST_SENT = "request_sent"
    BAD_REQUEST = "bad_request"
    NOT_AUTHORIZED = "not_authorized"
    FORBIDDEN = "forbidden"
    NO_SUCH_GROUP = "no_such_group"
    NOT_ALLOWED = "not_allowed"
    NOT_ACCEPTABLE = "not_acceptable"
    MEMBER = "member"
    REVOKED = "revoked"
    FULL = "full"
    LOCKED = "locked"
    UPGRADE = "upgrade"
    OVERLIMIT = "overlimit"
    GROWTH_LOCKED = "growth_locked"
    RESTRICTED = "restricted"
    UPSTREAM_TROUBLE = "upstream_trouble"
    NO_ANSWER = "no_answer"
    SUBMITTED = "submitted"
    NOT_INSIDE = "not_inside"
    NO_PERMISSION = "no_permission"
    CONNECTION_CLOSED = "connection_closed"

    NOT_FOUND = "not_found"
    CODE_DOUBTED = "code_doubted"
    SESSION = "session"
    NO_INSTANCE = "no_instance"
    CREDENTIALS = "credentials"
    PLAN = "plan"
    GATEWAY_BUSY = "gateway_busy"
    NO_ROUTE = "no_route"
    NO_METHOD = "no_method"
    WRONG_PARAMETER = "wrong_parameter"
    REDIRECT = "redirect"
    DENIED = "denied"
    UNCLEAR = "unclear"


def _row(join: Outcome, probe: Outcome | None = None, read: Outcome | None = None) -> dict[Call, Outcome]:
    """One row of the table. Left out: probe as join, read and act as probe."""
    seen = join if probe is None else probe
    rest = seen if read is None else read
    return {Call.JOIN: join, Call.PROBE: seen, Call.READ: rest, Call.ACT: rest}


def _unsure() -> dict[Call, Outcome]:
    """It may have taken effect: what changes something must be looked up, what reads may be repeated."""
    return {
        Call.JOIN: Outcome.UNKNOWN,
        Call.PROBE: Outcome.TRANSIENT,
        Call.READ: Outcome.TRANSIENT,
        Call.ACT: Outcome.UNKNOWN,
    }


O = Outcome  # noqa: E741 - the table below is for reading in columns
OUTCOMES: dict[Meaning, dict[Call, Outcome]] = {
    #                               join                probe               read and act
    Meaning.REQUEST_SENT: _row(O.APPROVAL_PENDING, O.APPROVAL_PENDING, O.TRANSIENT),
    Meaning.BAD_REQUEST: _row(O.BAD_REQUEST),
    Meaning.NOT_AUTHORIZED: _row(O.REMOVED, O.REMOVED, O.FORBIDDEN),
    Meaning.FORBIDDEN: _row(O.FORBIDDEN),
    Meaning.NO_SUCH_GROUP: _row(O.GROUP_GONE),
    Meaning.NOT_ALLOWED: _row(O.REMOVED, O.REMOVED, O.FORBIDDEN),
    Meaning.NOT_ACCEPTABLE: _row(O.CODE_INVALID, O.CODE_INVALID, O.BAD_REQUEST),
    Meaning.MEMBER: _row(O.ALREADY_MEMBER),
    Meaning.REVOKED: _row(O.CODE_REVOKED),
    Meaning.FULL: _row(O.GROUP_FULL),
    Meaning.LOCKED: _row(O.GROUP_LOCKED),
    Meaning.UPGRADE: _row(O.NEEDS_UPGRADE),
    Meaning.OVERLIMIT: _row(O.JOIN_LIMITED, O.THROTTLED),
    Meaning.GROWTH_LOCKED: _row(O.GROWTH_LOCKED),
    Meaning.RESTRICTED: _row(O.RESTRICTED),
    Meaning.UPSTREAM_TROUBLE: _unsure(),
    Meaning.NO_ANSWER: _unsure(),
    Meaning.SUBMITTED: {**_unsure(), Call.JOIN: O.SUBMITTED},
    # A gateway that looks at the group right after a join finds us outside while an admin has to decide.
    Meaning.NOT_INSIDE: _row(O.UNKNOWN, O.TRANSIENT, O.FORBIDDEN),
    Meaning.NO_PERMISSION: _row(O.FORBIDDEN),
    # Baileys gives "Connection Closed" (428) to queries that were on their way as well.
    Meaning.CONNECTION_CLOSED: {
        Call.JOIN: O.UNKNOWN,
        Call.PROBE: O.SESSION_DOWN,
        Call.READ: O.SESSION_DOWN,
        Call.ACT: O.UNKNOWN,
    },
    # Gateways say "Group not found" of codes that lead nowhere, and of groups that the account is not in.
    Meaning.NOT_FOUND: _row(O.BAD_REQUEST, O.BAD_REQUEST, O.FORBIDDEN),
    Meaning.CODE_DOUBTED: _row(O.BAD_REQUEST),
    Meaning.SESSION: _row(O.SESSION_DOWN),
    Meaning.NO_INSTANCE: _row(O.BAD_CREDENTIALS),  # a person must put it right, as with a token
    Meaning.CREDENTIALS: _row(O.BAD_CREDENTIALS),
    Meaning.PLAN: _row(O.PLAN_LIMIT),
    Meaning.GATEWAY_BUSY: _row(O.GATEWAY_LIMITED),
    Meaning.NO_ROUTE: _row(O.NOT_SUPPORTED),
    Meaning.NO_METHOD: _row(O.NOT_SUPPORTED),
    Meaning.WRONG_PARAMETER: _row(O.NOT_SUPPORTED),
    Meaning.REDIRECT: _row(O.NOT_SUPPORTED),
    Meaning.DENIED: _unsure(),
    Meaning.UNCLEAR: _unsure(),
}

NUMBERS: dict[int, Meaning] = {
    304: Meaning.REQUEST_SENT,
    400: Meaning.BAD_REQUEST,
    401: Meaning.NOT_AUTHORIZED,
    403: Meaning.FORBIDDEN,
    404: Meaning.NO_SUCH_GROUP,
    405: Meaning.NOT_ALLOWED,
    406: Meaning.NOT_ACCEPTABLE,
    408: Meaning.NO_ANSWER,
    409: Meaning.MEMBER,
    410: Meaning.REVOKED,
    412: Meaning.FULL,
    416: Meaning.LOCKED,
    419: Meaning.FULL,
    423: Meaning.LOCKED,
    426: Meaning.UPGRADE,
    428: Meaning.CONNECTION_CLOSED,
    429: Meaning.OVERLIMIT,
    436: Meaning.GROWTH_LOCKED,
    463: Meaning.RESTRICTED,
    500: Meaning.UPSTREAM_TROUBLE,
    503: Meaning.UPSTREAM_TROUBLE,
    530: Meaning.UPSTREAM_TROUBLE,
}
"""The numbers of WhatsApp's own answers ("IQ codes"). An HTTP status is never one of them."""

_WHATSMEOW = re.compile(r"(?:info query returned status|server returned error) (\d{3})\b", re.IGNORECASE)
"""whatsmeow `errors.go` (IQError) and `send.go` (ErrServerReturnedError)."""
_STATUS = re.compile(r"(?<!http )\bstatus (\d{3}):", re.IGNORECASE)

Table = tuple[tuple[Meaning, re.Pattern[str]], ...]


def _table(*rows: tuple[Meaning, str]) -> Table:
    return tuple((meaning, re.compile(pattern, re.IGNORECASE)) for meaning, pattern in rows)


def alone(words: str) -> str:
    """The words as WhatsApp says them, alone or after a colon: not `database is locked`."""
    return rf"(?:^|[:|] ?)(?:{words})(?: ?\||$)"


_SENTENCES = _table(
    # Whole sentences that no gateway says of itself: of whatsmeow, of Baileys, and of wa-js, which throws the
    # first where WhatsApp answers a join without a group. whatsmeow's sentences about profile pictures,
    # pairing, media, polls, app state and messages to single people answer no call of ours, and have no row.
    (Meaning.SUBMITTED, r"UnexpectedJoinGroupViaInviteResponse|element in response to group link join"),
    (Meaning.REVOKED, r"that group invite link has been revoked"),
    (Meaning.NOT_ACCEPTABLE, r"that group invite link is not valid"),
    (
        Meaning.NOT_INSIDE,
        (
            r"not participating in (that|the|this) group"
            r"|\b(not|no longer) (a |an )?(member|participant) (of|in) (that|the|this) group"
            r"|\byou.{1,6}(not|no longer) (in|inside|part of) (that|the|this) group"
        ),
    ),
    (Meaning.NO_SUCH_GROUP, r"that group does not exist"),
    (Meaning.NOT_FOUND, r"\b(?:group|chat)(?: was)? not found\b|\bno such (?:group|chat)\b"),
    (Meaning.NO_PERMISSION, r"permission to get the group.s invite link"),
    (Meaning.NO_ANSWER, r"info query timed out|message send response|missing <\w+> element in response"),
    (Meaning.CONNECTION_CLOSED, r"websocket (is )?(not connected|disconnected)"),
    (Meaning.SESSION, r"the store doesn.t contain a device JID|\bclient is nil\b"),
)

_TEXTS = _table(
    # WhatsApp's texts, for the answers that carry no number; the first row is Baileys' (Boom 428).
    (
        Meaning.CONNECTION_CLOSED,
        r"connection (was )?(closed|lost|terminated)|connection failure|stream errored",
    ),
    (Meaning.RESTRICTED, r"reachout|\b(code|error|status)[ :=]{1,3}463\b"),
    (Meaning.OVERLIMIT, r"rate-overlimit|reached the limit for the number of groups"),
    (Meaning.REVOKED, alone("gone") + r"|(link|invite|code)\b.{0,30}\brevoked|invite link was reset"),
    (Meaning.NOT_ACCEPTABLE, r"not-acceptable"),
    (
        Meaning.CODE_DOUBTED,  # a gateway's own words, which some say of a session that is not ready, too
        r"invalid[ _-](group[ _-])?invite|(invite|link|code)\b.{0,30}\b(not valid|invalid|expired)",
    ),
    (Meaning.NO_SUCH_GROUP, r"item-not-found|group no longer exists"),
    (Meaning.NOT_AUTHORIZED, r"not-authorized|you were removed"),
    (Meaning.NOT_ALLOWED, r"not-allowed"),
    (
        Meaning.MEMBER,
        alone("conflict") + r"|already (a |been a )?(member|participant)|already in the group",
    ),
    (Meaning.REQUEST_SENT, alone("not-modified")),
    (Meaning.FULL, r"resource-limit|(group|community) is full"),
    (Meaning.GROWTH_LOCKED, r"growth[-_ ]?lock|invite link is unavailable"),
    (Meaning.LOCKED, alone("locked")),
    (Meaning.UPGRADE, r"upgrade-required|update your app"),
    (Meaning.BAD_REQUEST, alone("bad-request")),
    (Meaning.FORBIDDEN, alone("forbidden")),
    (Meaning.UPSTREAM_TROUBLE, r"internal-server-error|service-unavailable|partial-server-error"),
    (Meaning.NO_ANSWER, r"timed[ -]?out|\btime-?out\b|missing <\w+>"),
)


def by_number(iq: int | None) -> Meaning | None:
    return None if iq is None else NUMBERS.get(iq)


def by_sentence(text: str) -> Meaning | None:
    """What an engine's own sentence means. It is as sure as a number: no gateway says it of itself."""
    return _first(_SENTENCES, text)


def by_text(text: str) -> Meaning | None:
    """What WhatsApp's words mean. A gateway may use some of them for errors of its own: ask it first."""
    return _first(_TEXTS, text)


def number_in_whatsmeow(text: str) -> int | None:
    """WhatsApp's number in a sentence that only whatsmeow says."""
    found = _WHATSMEOW.search(text)
    return None if found is None else int(found[1])


def number_after_status(text: str) -> int | None:
    """The number in `status 410: gone`, which may as well be an HTTP status that a gateway quotes."""
    found = _STATUS.search(text)
    return None if found is None else int(found[1])


def _first(table: Table, text: str) -> Meaning | None:
    return next((meaning for meaning, pattern in table if pattern.search(text)), None)
