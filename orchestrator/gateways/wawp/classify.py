"""From what came back to what it means: the tables of `meanings` applied to the `evidence`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from orchestrator.domain.outcomes import GatewayAnswer, Outcome
from orchestrator.gateways.wawp.evidence import gather, is_error, says_no
from orchestrator.gateways.wawp.meanings import (
    GATEWAY_RULES,
    NOTES,
    NUMBERS,
    OUTCOMES,
    REFUSAL_RULES,
    SENTENCE_RULES,
    STATUS_RULES,
    THE_GATEWAYS_OWN,
    WHATSAPP_RULES,
    Call,
    Meaning,
)
from orchestrator.redact import scrub

if TYPE_CHECKING:
    from orchestrator.gateways.http import HttpFailure, HttpResult
    from orchestrator.gateways.wawp.evidence import Evidence
    from orchestrator.gateways.wawp.meanings import Rule

_SAID_IN_TEXT = SENTENCE_RULES + GATEWAY_RULES + WHATSAPP_RULES
_LONGEST_WAIT = 30 * 86400.0
_NO_METHOD = 501
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?", re.ASCII)
_AN_INSTANT = 1e9
"""A wait above this is no duration but an instant: seconds since 1970."""


def failure(call: Call, failed: HttpFailure) -> GatewayAnswer:
    """No answer came. Without effect for sure only when nothing was sent, or when the call only reads."""
    outcome = OUTCOMES[Meaning.UNCLEAR][call] if failed.sent else Outcome.TRANSIENT
    return GatewayAnswer(outcome, text=failed.text, sent=failed.sent)


@dataclass(frozen=True, slots=True)
class Hidden:
    """What must not stand in a text: secrets vanish, codes keep their last four characters."""

    secrets: tuple[str, ...] = field(default=(), repr=False)
    codes: tuple[str, ...] = field(default=(), repr=False)

    def scrub(self, text: str) -> str:
        return scrub(text, secrets=self.secrets, codes=self.codes)


def refusal(call: Call, result: HttpResult, *, now: float, hidden: Hidden) -> GatewayAnswer | None:
    """The answer, if it is an error; None if it may be what was asked for. `now` dates a Retry-After."""
    evidence = gather(result.status, result.body)
    if 200 <= result.status < 300 and not _is_error(call, evidence):
        return None
    meaning = meaning_of(evidence)
    text = " ".join(part for part in (NOTES.get(meaning, ""), _said(evidence)) if part)
    return GatewayAnswer(
        OUTCOMES[meaning][call],
        text=hidden.scrub(text),
        iq_code=evidence.iq,
        http_status=result.status,
        certain=_is_certain(call, meaning, evidence, result.status),
        retry_after=_retry_after(result.retry_after, evidence.wait, now),
    )


def _is_certain(call: Call, meaning: Meaning, evidence: Evidence, http: int) -> bool:
    """Whether a refused call is sure to be without effect. WhatsApp's word is clear, and so is a 4xx; what a
    gateway says on its own in a 200 or a 500 may come from behind what it did.
    """
    if (
        call in (Call.PROBE, Call.READ)
        or meaning not in THE_GATEWAYS_OWN
        or 300 <= http < 500
        or http == _NO_METHOD
    ):
        return True
    return NUMBERS.get(evidence.iq or 0) is meaning or _first(SENTENCE_RULES, evidence) is meaning


def _is_error(call: Call, evidence: Evidence) -> bool:
    """Whether a 2xx is one all the same. A page has done nothing, and neither have words that refuse it; an
    answer that shows something is read for what it shows.
    """
    if is_error(evidence, changes=call in (Call.JOIN, Call.ACT)):
        return True
    if call is not Call.ACT or isinstance(evidence.body, dict):
        return False
    return evidence.markup or _first(REFUSAL_RULES + _SAID_IN_TEXT, evidence) is not None


def unreadable(call: Call, result: HttpResult, what: str, *, hidden: Hidden) -> GatewayAnswer:
    """A good status with a body that does not say what was asked for; what it says may still be known."""
    evidence = gather(result.status, result.body)
    meaning = _first(_SAID_IN_TEXT, evidence) or Meaning.UNCLEAR
    text = f"the gateway answered HTTP {result.status}, but {what}: {evidence.text}".rstrip(": ")
    return GatewayAnswer(
        OUTCOMES[meaning][call],
        text=hidden.scrub(text),
        http_status=result.status,
        certain=_is_certain(call, meaning, evidence, result.status),
    )


def good(outcome: Outcome, result: HttpResult) -> GatewayAnswer:
    return GatewayAnswer(outcome, http_status=result.status)


def without_route(answer: GatewayAnswer) -> bool:
    """Whether the gateway has no such path or method, so that another one may be tried."""
    return answer.outcome is Outcome.NOT_SUPPORTED and answer.http_status in (404, 405)


def meaning_of(evidence: Evidence) -> Meaning:
    """The gateway's own words, WhatsApp's number, whatsmeow's sentences, the gateway's refusals, WhatsApp's
    text, the status.
    """
    known = NUMBERS.get(evidence.iq) if evidence.iq is not None else None
    found = _first(REFUSAL_RULES, evidence) or known
    found = found or _first(_SAID_IN_TEXT + STATUS_RULES, evidence)
    return found or (Meaning.DENIED if says_no(evidence.body) else Meaning.UNCLEAR)


def _first(rules: tuple[Rule, ...], evidence: Evidence) -> Meaning | None:
    return next((rule.meaning for rule in rules if rule.fits(evidence)), None)


def _said(evidence: Evidence) -> str:
    return f"(HTTP {evidence.status}) {evidence.text}".rstrip()


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
