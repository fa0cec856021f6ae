"""From what a gateway sent back to a `GatewayAnswer`, for every vendor: what is known of an answer, the order
in which it is judged, what HTTP alone says, whether the call may have taken effect, and how long to wait.

A vendor brings its `Wording`: how to parse its bodies, and the errors that are its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from orchestrator.domain.outcomes import GatewayAnswer, Outcome
from orchestrator.gateways.http import HttpFailure, HttpResult
from orchestrator.gateways.whatsapp_answers import (
    OUTCOMES,
    Call,
    Meaning,
    by_number,
    by_sentence,
    by_text,
)
from orchestrator.redact import scrub

_LONGEST_WAIT = 30 * 86400.0
_NO_METHOD = 501
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?", re.ASCII)
_AN_INSTANT = 1e9
"""A wait above this is no duration but an instant: seconds since 1970."""


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What one answer says of an error, whether or not it is one.

    `iq` is WhatsApp's number, `words` the gateway's machine words in lower case, `text` all it says, its
    parts joined by ` | `. `status` is the HTTP status, or the one that a body under HTTP 200 says instead.
    `page` is True when the body is no JSON (then `text` is that of plain text or XML; an HTML page has none),
    `markup` when it is XML or an HTML page, `upstream` when it wraps an answer from behind the gateway.
    `refuses`: a readable body is an error whatever its status says. `denies`: it is a plain no, which is a
    refusal of what changes something, while in an answer to a read the same words may describe what was asked
    for.
    """

    status: int
    body: Any = None
    page: bool = False
    markup: bool = False
    iq: int | None = None
    words: frozenset[str] = frozenset()
    text: str = ""
    upstream: bool = False
    refuses: bool = False
    denies: bool = False
    wait: float | None = None  # seconds, as the body says

    @property
    def silent(self) -> bool:
        """Whether it says nothing beyond the HTTP reason phrase."""
        return not (self.page or self.text or self.words)


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

    def fits(self, seen: ParsedAnswer) -> bool:
        return (
            (not self.status or seen.status in self.status)
            and (not self.words or bool(self.words & seen.words))
            and (self.text is None or self.text.search(seen.text) is not None)
            and (seen.page or not self.page)
            and (seen.silent or not self.silent)
            and not (self.own and seen.upstream)
        )


def on_text(meaning: Meaning, pattern: str, *status: int, own: bool = False) -> Rule:
    return Rule(meaning, status=frozenset(status), text=re.compile(pattern, re.IGNORECASE), own=own)


def on_status(
    meaning: Meaning, *status: int, own: bool = False, page: bool = False, silent: bool = False
) -> Rule:
    return Rule(meaning, status=frozenset(status), own=own, page=page, silent=silent)


def on_words(meaning: Meaning, *words: str) -> Rule:
    return Rule(meaning, words=frozenset(words))


_REDIRECTS = (on_status(Meaning.REDIRECT, 301, 302, 307, 308),)
_MISSING = (
    r"\b(missing|required|parameter|unknown field|not provided)\b|\bshould not (?:be empty|exist)\b"
    r"|\bmust be (?:an? )?(?:string|text|object|number|array|not empty)\b"
    r"|\b(?:must not|cannot|can.t) be (?:empty|null|blank)\b"
)
"""Also in the words of NestJS's validation, which WAHA uses."""
_BY_STATUS = (
    # Nothing of WhatsApp in it: the HTTP status is all that is left, and only clear refusals count.
    on_status(Meaning.GATEWAY_BUSY, 429),
    on_words(Meaning.GATEWAY_BUSY, "rate_limited", "too_many_requests"),
    on_status(Meaning.NO_ROUTE, 405, own=True),
    on_status(Meaning.NO_ROUTE, 404, page=True),
    on_status(Meaning.NO_ROUTE, 404, silent=True),
    on_status(Meaning.NO_METHOD, 501),
    on_text(Meaning.WRONG_PARAMETER, _MISSING, 400, 422, own=True),
    on_status(Meaning.BAD_REQUEST, 400, silent=True),
    on_text(Meaning.BAD_REQUEST, r".", 400, 422, own=True),
)

_THE_GATEWAYS_OWN = frozenset(
    {
        Meaning.BAD_REQUEST, Meaning.CODE_DOUBTED, Meaning.NOT_FOUND, Meaning.SESSION, Meaning.NO_INSTANCE,
        Meaning.CREDENTIALS, Meaning.PLAN, Meaning.GATEWAY_BUSY, Meaning.NO_ROUTE, Meaning.NO_METHOD,
        Meaning.WRONG_PARAMETER,
    }
)  # fmt: skip
"""What a gateway says without WhatsApp. Sure to be without effect where HTTP calls it a refusal as well."""

_NOTES: dict[Meaning, str] = {
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
    Meaning.WRONG_PARAMETER: "the gateway refuses the parameters of this call",
    Meaning.REDIRECT: "the gateway answered with a redirect, which is not followed: base_url must be final",
    Meaning.DENIED: "the gateway says no",
    Meaning.NOT_FOUND: "the gateway finds no such group",
    Meaning.UNCLEAR: "the gateway's answer is not understood",
}
"""Said in front of the gateway's own text where that alone would not be clear."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What must not stand in a text: secrets vanish, codes keep their last four characters."""

    secrets: tuple[str, ...] = field(default=(), repr=False)
    codes: tuple[str, ...] = field(default=(), repr=False)

    def scrub(self, text: str) -> str:
        return scrub(text, secrets=self.secrets, codes=self.codes)


@dataclass(frozen=True, slots=True)
class Wording:
    """How one vendor words errors. Of each tuple the first rule that fits wins.

    `parse` reads a status and a body. `words` stand for the gateway alone, whatever else is
    in the answer; `errors` only where neither WhatsApp's number nor an engine's sentence is in it. `notes`
    replace the usual ones where this vendor has more to say.
    """

    parse: Callable[[int, bytes], ParsedAnswer]
    words: tuple[Rule, ...] = ()
    errors: tuple[Rule, ...] = ()
    notes: Mapping[Meaning, str] = field(default_factory=dict)

    def refusal(self, call: Call, result: HttpResult, *, now: float, hidden: Hidden) -> GatewayAnswer | None:
        """The answer, if it is an error; None if it may be what was asked for. `now` dates a Retry-After."""
        parsed = self.parse(result.status, result.body)
        if 200 <= result.status < 300 and not self._is_error(call, parsed):
            return None
        meaning = self._meaning(parsed)
        said = f"(HTTP {parsed.status}) {parsed.text}".rstrip()
        note = self.notes.get(meaning) or _NOTES.get(meaning, "")
        return GatewayAnswer(
            OUTCOMES[meaning][call],
            text=hidden.scrub(f"{note} {said}".lstrip()),
            iq_code=parsed.iq,
            http_status=result.status,
            certain=_is_certain(call, meaning, parsed, result.status),
            retry_after=_retry_after(result.retry_after, parsed.wait, now),
        )

    def unreadable(self, call: Call, result: HttpResult, what: str, *, hidden: Hidden) -> GatewayAnswer:
        """A good status with a body that does not say what was asked for; what it says may still be known."""
        parsed = self.parse(result.status, result.body)
        meaning = self._said_in_text(parsed) or Meaning.UNCLEAR
        text = f"the gateway answered HTTP {result.status}, but {what}: {parsed.text}".rstrip(": ")
        return GatewayAnswer(
            OUTCOMES[meaning][call],
            text=hidden.scrub(text),
            http_status=result.status,
            certain=_is_certain(call, meaning, parsed, result.status),
        )

    def _meaning(self, parsed: ParsedAnswer) -> Meaning:
        """The gateway's own words, WhatsApp's number, what is said in the text, the status."""
        found = _first(_REDIRECTS + self.words, parsed) or by_number(parsed.iq)
        found = found or self._said_in_text(parsed) or _first(_BY_STATUS, parsed)
        return found or (Meaning.DENIED if parsed.denies else Meaning.UNCLEAR)

    def _said_in_text(self, parsed: ParsedAnswer) -> Meaning | None:
        """Engines' sentences, the gateway's refusals, WhatsApp's words."""
        said = parsed.text
        return by_sentence(said) or _first(self.errors, parsed) or by_text(said)

    def _is_error(self, call: Call, parsed: ParsedAnswer) -> bool:
        """Whether a 2xx is one all the same. A page has done nothing, and neither have words that refuse it;
        an answer that shows something is read for what it shows.
        """
        if parsed.refuses or (parsed.denies and call in (Call.JOIN, Call.ACT)):
            return True
        if call is not Call.ACT or isinstance(parsed.body, dict):
            return False
        refused = _first(self.words, parsed) or self._said_in_text(parsed)
        return parsed.markup or refused is not None


def failure(call: Call, failed: HttpFailure) -> GatewayAnswer:
    """No answer came. Without effect for sure only when nothing was sent, or when the call only reads."""
    outcome = OUTCOMES[Meaning.UNCLEAR][call] if failed.sent else Outcome.TRANSIENT
    return GatewayAnswer(outcome, text=failed.text, sent=failed.sent)


def good(outcome: Outcome, result: HttpResult) -> GatewayAnswer:
    return GatewayAnswer(outcome, http_status=result.status)


def without_route(answer: GatewayAnswer) -> bool:
    """Whether the gateway has no such path or method, so that another one may be tried."""
    return answer.outcome is Outcome.NOT_SUPPORTED and answer.http_status in (404, 405)


def _is_certain(call: Call, meaning: Meaning, parsed: ParsedAnswer, http: int) -> bool:
    """Whether a refused call is sure to be without effect. WhatsApp's word is clear, and so is a 4xx; what a
    gateway says on its own in a 200 or a 500 may come from behind what it did.
    """
    if (
        call in (Call.PROBE, Call.READ)
        or meaning not in _THE_GATEWAYS_OWN
        or 300 <= http < 500
        or http == _NO_METHOD
    ):
        return True
    return meaning in (by_number(parsed.iq), by_sentence(parsed.text))


def _first(rules: tuple[Rule, ...], parsed: ParsedAnswer) -> Meaning | None:
    return next((rule.meaning for rule in rules if rule.fits(parsed)), None)


def _retry_after(header: str | None, said: float | None, now: float) -> float | None:
    """Seconds to wait: the header (seconds or a date, RFC 9110 10.2.3), else what the body says."""
    wait = _header_seconds(header, now)
    if wait is None:
        wait = said if said is None or said < _AN_INSTANT else said - now
    return None if wait is None else min(max(0.0, wait), _LONGEST_WAIT)


def _header_seconds(header: str | None, now: float) -> float | None:
    if header is None:
        return None
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return float(text[:9])
    try:
        return parsedate_to_datetime(text).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
