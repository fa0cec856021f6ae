"""The errors that are WAHA's own: keys, sessions, engines, routes. NestJS words the rest.

Sources: WAHA's guards, `manager.abc.ts`, `exceptions.ts`, `AllExceptionsFilter.ts`; its pages on security
and sessions. What an engine throws stands under `exception` of an HTTP 500.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.gateways.answers import ParsedAnswer, Rule, Wording, on_status, on_text
from orchestrator.gateways.error_bodies import parse_answer
from orchestrator.gateways.whatsapp_answers import Meaning

_ERRORS: tuple[Rule, ...] = (
    on_text(Meaning.PLAN, r"\bplus version\b", 422),  # before 2026.6.1
    on_text(Meaning.SESSION, r"session status is not as expected", 422),
    on_text(
        Meaning.NO_INSTANCE,
        r"session .{1,80} does not exist|didn.t find a session with name|^session not found",
        404,
        422,
    ),
    on_status(Meaning.UNCLEAR, 403, page=True),  # a page of something in between
    on_status(Meaning.CREDENTIALS, 401, 403, own=True),
    on_status(Meaning.NO_METHOD, 501),
    # The browser's page has changed, so that the engine calls what is not there any more (waha#2266).
    on_text(Meaning.NO_METHOD, r"cannot read properties of undefined \(reading '\w*invite\w*'\)", 500),
    on_text(Meaning.NO_ROUTE, r"\bcannot (get|post|put|delete)\b", 404),
)


def _parse(status: int, body: bytes) -> ParsedAnswer:
    """A session that FAILED is no failed call: NestJS tells those by the HTTP status."""
    return replace(parse_answer(status, body), denies=False)


WORDING = Wording(
    _parse,
    errors=_ERRORS,
    notes={
        Meaning.CREDENTIALS: "WAHA refuses the API key, or the key has no right to this call (read, send)",
        Meaning.NO_INSTANCE: "WAHA has no session of this name: check instance_id in the configuration",
        Meaning.SESSION: "the session at WAHA is not connected",
        Meaning.NO_METHOD: "the engine of this session does not implement this call",
    },
)
