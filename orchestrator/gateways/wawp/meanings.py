"""What an answer of Wawp means: tables, read from top to bottom; the first row that fits wins.

WhatsApp's own numbers and texts ("IQ codes") are those of whatsmeow `errors.go`, wa-rust `GroupJoinError`
and `InviteInfoError`, and WhatsApp Web's WAWebGroupJoinModalUtils. The same number can mean different
things on different calls, so each meaning has one outcome per kind of call.

whatsmeow (tulir/whatsmeow @33cfac5, `errors.go`, `group.go`, `request.go`) puts sentences of its own in place
of some numbers: `SENTENCE_RULES`. Its sentences about profile pictures, pairing, media, polls, app state and
messages to single people cannot answer a call of ours, and have no row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.domain.outcomes import Outcome

if TYPE_CHECKING:
    from orchestrator.gateways.wawp.evidence import Evidence


class Call(StrEnum):
    """The kinds of call that read an answer differently."""

    JOIN = "join"
    PROBE = "probe"
    READ = "read"
    ACT = "act"  # leave, send, revoke, set: not safe to repeat blind


class Meaning(StrEnum):
    """What was understood, before it is known what was asked."""

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
    NOT_FOUND = "not_found"
    NO_PERMISSION = "no_permission"
    CODE_DOUBTED = "code_doubted"
    CONNECTION_CLOSED = "connection_closed"
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
    # Gateways say "Group not found" of codes that lead nowhere, and of groups that the account is not in.
    Meaning.NOT_FOUND: _row(O.BAD_REQUEST, O.BAD_REQUEST, O.FORBIDDEN),
    Meaning.NO_PERMISSION: _row(O.FORBIDDEN),
    Meaning.CODE_DOUBTED: _row(O.BAD_REQUEST),
    # Baileys gives "Connection Closed" (428) to queries that were on their way as well.
    Meaning.CONNECTION_CLOSED: {
        Call.JOIN: O.UNKNOWN,
        Call.PROBE: O.SESSION_DOWN,
        Call.READ: O.SESSION_DOWN,
        Call.ACT: O.UNKNOWN,
    },
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

THE_GATEWAYS_OWN = frozenset(
    {
        Meaning.BAD_REQUEST, Meaning.CODE_DOUBTED, Meaning.NOT_FOUND, Meaning.SESSION, Meaning.NO_INSTANCE,
        Meaning.CREDENTIALS, Meaning.PLAN, Meaning.GATEWAY_BUSY, Meaning.NO_ROUTE, Meaning.NO_METHOD,
        Meaning.WRONG_PARAMETER,
    }
)  # fmt: skip
"""What a gateway says without WhatsApp. Sure to be without effect where HTTP calls it a refusal as well."""

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
"""IQ numbers, only ever taken from the inner fields of an answer."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: all that it names must hold. `status` is the gateway's HTTP status, empty for any."""

    meaning: Meaning
    status: frozenset[int] = frozenset()
    words: frozenset[str] = frozenset()
    text: re.Pattern[str] | None = None
    page: bool = False  # the body is no JSON (an HTML page, nothing at all)
    silent: bool = False  # the body says nothing beyond the HTTP reason phrase
    own: bool = False  # nothing from behind the gateway is in it

    def fits(self, seen: Evidence) -> bool:
        return (
            (not self.status or seen.status in self.status)
            and (not self.words or bool(self.words & seen.words))
            and (self.text is None or self.text.search(seen.text) is not None)
            and (seen.page or not self.page)
            and (seen.silent or not self.silent)
            and not (self.own and seen.upstream)
        )


def _rule(meaning: Meaning, pattern: str = "", *status: int, own: bool = False) -> Rule:
    text = re.compile(pattern, re.IGNORECASE) if pattern else None
    return Rule(meaning, status=frozenset(status), text=text, own=own)


def _words(meaning: Meaning, *words: str) -> Rule:
    return Rule(meaning, words=frozenset(words))


def _alone(words: str) -> str:
    """The words as WhatsApp says them, alone or after a colon: not `database is locked`."""
    return rf"(?:^|[:|] ?)(?:{words})(?: ?\||$)"


_TOKEN = r"(?:access[_ -]?token|api[_ -]?key)"  # noqa: S105 - a pattern
_WRONG = r"(?:missing|invalid|wrong|expired|unknown|not valid|revoked)"

_WHOSE = r"(?:instance|session)(?:[ _-]?id)?\b"
_NO_INSTANCE = (
    rf"\b(?:unknown|wrong|no such) {_WHOSE}"
    r"|\binvalid (?:instance(?:[ _-]?id)?|session[ _-]?id)\b"
    r"|\binstance[ _-]?id\b.{0,20}\b(?:is not valid|is invalid)"
    rf"|\b{_WHOSE}.{{0,40}}\b(?:does not exist|is unknown)"
    r"|\binstance(?:[ _-]?id)?\b.{0,40}\bnot found|didn.t find a session with name"
)
"""Wawp's own words for it are not known. These are Evolution's, WAHA's (`manager.abc.ts`) and GOWA's."""

_NOT_AT_WORK = (
    r"\b(?:session|instance|client|device|account|whatsapp)\b.{0,20}\b(?:disconnected|logged out"
    r"|(?:not|isn.t)(?: yet)?"
    r" (?:connected|ready|active|running|started|working|authenticated|logged in|linked))\b"
    r"|\binvalid session\b|\bsession (?:is (?:not valid|invalid)|has expired|expired)\b"
)
_MISSING = (
    r"\b(missing|required|parameter|unknown field|not provided)\b|\bshould not (?:be empty|exist)\b"
    r"|\bmust be (?:an? )?(?:string|text|object|number|array|not empty)\b"
    r"|\b(?:must not|cannot|can.t) be (?:empty|null|blank)\b"
)
"""Also in the words of NestJS's validation, which WAHA uses."""

REFUSAL_RULES: tuple[Rule, ...] = (
    # The gateway's own words, before anything that stands for WhatsApp.
    _rule(Meaning.REDIRECT, "", 301, 302, 307, 308),
    _words(Meaning.PLAN, "subscription_required", "quota_reached", "plan_limit_reached"),
    _words(
        Meaning.NO_INSTANCE, "session_not_found", "instance_not_found", "invalid_instance", "device_not_found"
    ),
    _words(Meaning.SESSION, "invalid_session", "authentication_error"),
    _words(Meaning.CREDENTIALS, "missing_access_token", "invalid_access_token", "rest_forbidden"),
)

SENTENCE_RULES: tuple[Rule, ...] = (
    # Whole sentences that no gateway says of itself, whatever the HTTP status.
    # wa-js throws the first where WhatsApp answers a join without a group; whatsmeow says the second.
    _rule(Meaning.SUBMITTED, r"UnexpectedJoinGroupViaInviteResponse|element in response to group link join"),
    _rule(Meaning.REVOKED, r"that group invite link has been revoked"),
    _rule(Meaning.NOT_ACCEPTABLE, r"that group invite link is not valid"),
    _rule(
        Meaning.NOT_INSIDE,
        r"not participating in (that|the|this) group"
        r"|\b(not|no longer) (a |an )?(member|participant) (of|in) (that|the|this) group"
        r"|\byou.{1,6}(not|no longer) (in|inside|part of) (that|the|this) group",
    ),
    _rule(Meaning.NO_SUCH_GROUP, r"that group does not exist"),
    _rule(Meaning.NOT_FOUND, r"\b(?:group|chat)(?: was)? not found\b|\bno such (?:group|chat)\b"),
    _rule(Meaning.NO_PERMISSION, r"permission to get the group.s invite link"),
    _rule(Meaning.NO_ANSWER, r"info query timed out|message send response|missing <\w+> element in response"),
    _rule(Meaning.CONNECTION_CLOSED, r"websocket (is )?(not connected|disconnected)"),
    _rule(Meaning.SESSION, r"the store doesn.t contain a device JID|\bclient is nil\b"),
)

GATEWAY_RULES: tuple[Rule, ...] = (
    # The gateway's own refusals, unless WhatsApp's number is in the answer.
    _rule(Meaning.PLAN, "", 402),
    _rule(Meaning.PLAN, r"\bplus version\b", 422),
    _rule(Meaning.PLAN, r"\b(?:subscription|quota|your plan|paid plan|current plan)\b", 403),
    _rule(Meaning.NO_INSTANCE, _NO_INSTANCE, 200, 400, 401, 403, 404, 422, 500, 502),
    # HTTP says these words with a capital letter, and WhatsApp without.
    _rule(Meaning.NOT_AUTHORIZED, r"^(?:error: ?)?not-authorized$", 401),
    _rule(Meaning.FORBIDDEN, r"^(?:error: ?)?forbidden$", 403),
    _rule(Meaning.CREDENTIALS, "", 401, own=True),
    _rule(Meaning.CREDENTIALS, _alone("unauthorized")),
    _rule(Meaning.CREDENTIALS, rf"\b{_WRONG} {_TOKEN}|\b{_TOKEN}\b.{{0,12}}\b{_WRONG}"),
    Rule(Meaning.UNCLEAR, status=frozenset({403}), page=True),  # a page of something in between
    _rule(Meaning.CREDENTIALS, "", 403, own=True),
    _words(Meaning.NO_ROUTE, "rest_no_route", "route_not_found"),
    _words(Meaning.NO_METHOD, "not_supported", "unsupported", "not_implemented", "method_not_implemented"),
    _rule(Meaning.SESSION, _NOT_AT_WORK),
    _rule(Meaning.NO_ROUTE, r"\bcannot (get|post|put|delete)\b|\broute\b|\bendpoint\b", 404),
    _rule(Meaning.SESSION, r"\b(session|instance)\b", 404, 422),
    _rule(Meaning.NO_METHOD, r"method is not implemented"),
    _rule(Meaning.SESSION, r"session status is not as expected|session \S+ does not exist"),
    _rule(
        Meaning.CONNECTION_CLOSED,
        r"connection (was )?(closed|lost|terminated)|connection failure|stream errored",
    ),
)

WHATSAPP_RULES: tuple[Rule, ...] = (
    # Texts of WhatsApp, for the answers that carry no number.
    _rule(Meaning.RESTRICTED, r"reachout|\b(code|error|status)[ :=]{1,3}463\b"),
    _rule(Meaning.OVERLIMIT, r"rate-overlimit|reached the limit for the number of groups"),
    _rule(Meaning.REVOKED, _alone("gone") + r"|(link|invite|code)\b.{0,30}\brevoked|invite link was reset"),
    _rule(Meaning.NOT_ACCEPTABLE, r"not-acceptable"),
    _rule(
        Meaning.CODE_DOUBTED,  # a gateway's own words, which some say of a session that is not ready, too
        r"invalid[ _-](group[ _-])?invite|(invite|link|code)\b.{0,30}\b(not valid|invalid|expired)",
    ),
    _rule(Meaning.NO_SUCH_GROUP, r"item-not-found|group no longer exists"),
    _rule(Meaning.NOT_AUTHORIZED, r"not-authorized|you were removed"),
    _rule(Meaning.NOT_ALLOWED, r"not-allowed"),
    _rule(
        Meaning.MEMBER,
        _alone("conflict") + r"|already (a |been a )?(member|participant)|already in the group",
    ),
    _rule(Meaning.REQUEST_SENT, _alone("not-modified")),
    _rule(Meaning.FULL, r"resource-limit|(group|community) is full"),
    _rule(Meaning.GROWTH_LOCKED, r"growth[-_ ]?lock|invite link is unavailable"),
    _rule(Meaning.LOCKED, _alone("locked")),
    _rule(Meaning.UPGRADE, r"upgrade-required|update your app"),
    _rule(Meaning.BAD_REQUEST, _alone("bad-request")),
    _rule(Meaning.FORBIDDEN, _alone("forbidden")),
    _rule(Meaning.UPSTREAM_TROUBLE, r"internal-server-error|service-unavailable|partial-server-error"),
    _rule(Meaning.NO_ANSWER, r"timed[ -]?out|\btime-?out\b|missing <\w+>"),
)

STATUS_RULES: tuple[Rule, ...] = (
    # Nothing of WhatsApp in it: the HTTP status is all that is left, and only clear refusals count.
    _rule(Meaning.GATEWAY_BUSY, "", 429),
    _words(Meaning.GATEWAY_BUSY, "rate_limited", "too_many_requests"),
    _rule(Meaning.NO_ROUTE, "", 405, own=True),
    Rule(Meaning.NO_ROUTE, status=frozenset({404}), page=True),
    Rule(Meaning.NO_ROUTE, status=frozenset({404}), silent=True),
    _rule(Meaning.NO_METHOD, "", 501),
    _rule(Meaning.WRONG_PARAMETER, _MISSING, 400, 422, own=True),
    Rule(Meaning.BAD_REQUEST, status=frozenset({400}), silent=True),
    _rule(Meaning.BAD_REQUEST, r".", 400, 422, own=True),
)

NOTES: dict[Meaning, str] = {
    Meaning.REQUEST_SENT: "WhatsApp answered 304: asked earlier, or in already; a look decides",
    Meaning.NO_ANSWER: "WhatsApp did not answer the gateway in time",
    Meaning.SUBMITTED: "the gateway could not read WhatsApp's answer; the request may have been submitted",
    Meaning.CODE_DOUBTED: "the gateway does not take the invite code",
    Meaning.UPSTREAM_TROUBLE: "WhatsApp's servers had trouble",
    Meaning.CONNECTION_CLOSED: "the gateway lost its connection to WhatsApp",
    Meaning.SESSION: "the gateway has no connected session under this instance_id",
    Meaning.NO_INSTANCE: "the gateway does not know this instance_id: check it in the configuration",
    Meaning.GATEWAY_BUSY: "the gateway's own limit, not WhatsApp's",
    Meaning.NO_ROUTE: "the gateway has no such call at this path: check base_url and the paths",
    Meaning.NO_METHOD: "the gateway's engine does not implement this call",
    Meaning.WRONG_PARAMETER: "the gateway refuses the parameters of this call: check code_parameter and auth",
    Meaning.REDIRECT: "the gateway answered with a redirect, which is not followed: base_url must be final",
    Meaning.DENIED: "the gateway says no",
    Meaning.NOT_FOUND: "the gateway finds no such group",
    Meaning.UNCLEAR: "the gateway's answer is not understood",
}
"""Said in front of the gateway's own text where that alone would not be clear."""
