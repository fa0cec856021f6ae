"""The errors that are Wawp's own: tokens, plans, sessions, routes.

Wawp's words for many of them are not known. It is built on WAHA, whose words come through, and words itself
like gateways of its kind: so the words of Evolution and GOWA stand here as well.
"""

from __future__ import annotations

from orchestrator.gateways.answers import Rule, Wording, on_status, on_text, on_words
from orchestrator.gateways.error_bodies import parse_answer
from orchestrator.gateways.whatsapp_answers import Meaning, alone

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
"""The words of Evolution, WAHA (`manager.abc.ts`) and GOWA."""

_NOT_AT_WORK = (
    r"\b(?:session|instance|client|device|account|whatsapp)\b.{0,20}\b(?:disconnected|logged out"
    r"|(?:not|isn.t)(?: yet)?"
    r" (?:connected|ready|active|running|started|working|authenticated|logged in|linked))\b"
    r"|\binvalid session\b|\bsession (?:is (?:not valid|invalid)|has expired|expired)\b"
)

_WORDS: tuple[Rule, ...] = (
    on_words(Meaning.PLAN, "subscription_required", "quota_reached", "plan_limit_reached"),
    on_words(
        Meaning.NO_INSTANCE, "session_not_found", "instance_not_found", "invalid_instance", "device_not_found"
    ),
    on_words(Meaning.SESSION, "invalid_session", "authentication_error"),
    on_words(Meaning.CREDENTIALS, "missing_access_token", "invalid_access_token", "rest_forbidden"),
)

_ERRORS: tuple[Rule, ...] = (
    on_status(Meaning.PLAN, 402),
    on_text(Meaning.PLAN, r"\bplus version\b", 422),
    on_text(Meaning.PLAN, r"\b(?:subscription|quota|your plan|paid plan|current plan)\b", 403),
    on_text(Meaning.NO_INSTANCE, _NO_INSTANCE, 200, 400, 401, 403, 404, 422, 500, 502),
    # HTTP says these words with a capital letter, and WhatsApp without.
    on_text(Meaning.NOT_AUTHORIZED, r"^(?:error: ?)?not-authorized$", 401),
    on_text(Meaning.FORBIDDEN, r"^(?:error: ?)?forbidden$", 403),
    on_status(Meaning.CREDENTIALS, 401, own=True),
    on_text(Meaning.CREDENTIALS, alone("unauthorized")),
    on_text(Meaning.CREDENTIALS, rf"\b{_WRONG} {_TOKEN}|\b{_TOKEN}\b.{{0,12}}\b{_WRONG}"),
    on_status(Meaning.UNCLEAR, 403, page=True),  # a page of something in between
    on_status(Meaning.CREDENTIALS, 403, own=True),
    on_words(Meaning.NO_ROUTE, "rest_no_route", "route_not_found"),
    on_words(Meaning.NO_METHOD, "not_supported", "unsupported", "not_implemented", "method_not_implemented"),
    on_text(Meaning.SESSION, _NOT_AT_WORK),
    on_text(Meaning.NO_ROUTE, r"\bcannot (get|post|put|delete)\b|\broute\b|\bendpoint\b", 404),
    on_text(Meaning.SESSION, r"\b(session|instance)\b", 404, 422),
    on_text(Meaning.NO_METHOD, r"method is not implemented"),
    on_text(Meaning.SESSION, r"session status is not as expected|session \S+ does not exist"),
)

WORDING = Wording(
    parse_answer,
    words=_WORDS,
    errors=_ERRORS,
    notes={
        Meaning.WRONG_PARAMETER: (
            "the gateway refuses the parameters of this call: check code_parameter and auth"
        )
    },
)
