"""What an answer of the gateway holds that speaks of an error: read carefully, never trusted, never raising.

Wawp words errors in many ways: `{"status","message","error"}`, `{"code","message"}`, HTTP 200 with `code`,
with the key `wawp_upstream_error`, with `error` or `result:false`, and with WAHA's exception inside
(WAHA AllExceptionsFilter.ts). Numbers of WhatsApp stand only in inner fields; the outer HTTP status,
`status` and `statusCode` are the gateway's own.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from orchestrator.gateways.redact import looks_like_code

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEEP = 8
_MANY = 400
_LONG = 4000
# Echoes of our request, and texts that people wrote.
_NOT_EVIDENCE = frozenset(
    {
        "request",
        "stack",
        "version",
        "subject",
        "name",
        "description",
        "desc",
        "participants",
        "timestamp",
        "url",
        "path",
    }
)
_TEXT_KEYS = frozenset(
    {
        "message", "msg", "error", "errors", "error_description", "details", "detail", "data", "exception",
        "text", "reason", "cause", "title", "code", "error_code", "response", "wawp_upstream_error",
    }
)  # fmt: skip
_WORD_KEYS = frozenset({"code", "error", "error_code"})
_UPSTREAM_KEYS = frozenset({"exception", "wawp_upstream_error"})
_IN_TEXT = re.compile(r"info query returned status (\d{3})|(?<!http )\bstatus (\d{3}):", re.IGNORECASE)
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_FINE_CODES = frozenset({"200", "201", "0", "success", "ok"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """`iq` is WhatsApp's number, `words` the gateway's machine words in lower case, `text` all it says.

    `status` is the HTTP status, or the one that a body under HTTP 200 says instead. `page` is True when the
    body is no JSON, `upstream` when it wraps an answer from behind the gateway.
    """

    status: int
    body: Any = None
    page: bool = False
    iq: int | None = None
    words: frozenset[str] = frozenset()
    text: str = ""
    upstream: bool = False
    wait: float | None = None  # seconds, as the body says

    @property
    def silent(self) -> bool:
        """Whether it says nothing beyond the HTTP reason phrase."""
        return not (self.page or self.text or self.words)


def read_json(body: bytes) -> tuple[Any, bool]:
    """The JSON value and True; (None, False) for anything else, however malformed."""
    try:
        return json.loads(body, parse_constant=_no_constant), True
    except (ValueError, RecursionError):
        return None, False


def _no_constant(word: str) -> Any:
    raise ValueError(word)


def gather(status: int, body: bytes) -> Evidence:
    """Everything that one answer says about an error, whether or not it is one."""
    value, is_json = read_json(body)
    if not is_json:
        return Evidence(status=status, page=True)
    status = _status(status, value)
    found = list(_walk(value))
    texts = [text for _, text in found if isinstance(text, str) and not _is_phrase(status, text)]
    upstream = _wraps(value, found)
    return Evidence(
        status=status,
        body=value,
        iq=_number(value, texts, upstream=upstream),
        words=frozenset(text.lower() for key, text in found if key in _WORD_KEYS and _is_word(text)),
        text=" | ".join(dict.fromkeys(texts))[:_LONG],
        upstream=upstream,
        wait=_wait(value),
    )


def is_error(evidence: Evidence) -> bool:
    """Whether a readable 2xx answer is an error all the same."""
    body = evidence.body
    if not isinstance(body, dict):
        return False
    if "wawp_upstream_error" in body or body.get("error") or "exception" in body:
        return True
    if body.get("result") is False or body.get("success") is False:
        return True
    if str(body.get("status")).lower() in ("error", "fail"):
        return True
    return _said_status(body) is not None or (_error_code(body.get("code")) and not body.get("id"))


def _error_code(code: Any) -> bool:
    """Whether a `code` names an error: not if it means "fine", and not if it is an invite code."""
    if code is None or str(code).lower() in _FINE_CODES:
        return False
    return not (isinstance(code, str) and 20 <= len(code) <= 24 and looks_like_code(code))


def _status(status: int, value: Any) -> int:
    said = _said_status(value) if 200 <= status < 300 and isinstance(value, dict) else None
    return status if said is None else said


def _said_status(body: dict[str, Any]) -> int | None:
    """The HTTP status that a body names, if it is one of failure: failures come as HTTP 200, too."""
    if body.get("id"):
        return None
    named = (body.get(key) for key in ("status", "statusCode", "code"))
    return next((code for code in named if type(code) is int and 400 <= code <= 599), None)


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    """(key, value) of all that may speak of an error, from the outside in."""
    for node in _nodes(value):
        for key, inner in node.items():
            if key in _TEXT_KEYS:
                yield from ((key, item) for item in (inner if isinstance(inner, list) else [inner]))


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """All objects, breadth first, bounded; JSON inside a string counts as what it is."""
    queue: list[tuple[int, Any]] = [(0, value)]
    for depth, item in queue:
        inner = _unpacked(item)
        if isinstance(inner, dict):
            yield inner
        if depth < _DEEP and len(queue) < _MANY:
            queue.extend((depth + 1, child) for child in _children(inner))


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [inner for key, inner in value.items() if key not in _NOT_EVIDENCE]
    return value[:_MANY] if isinstance(value, list) else []


def _unpacked(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip()[:1] == "{" and len(value) < 10 * _LONG:
        return read_json(value.encode("utf-8", "replace"))[0]
    return value


def _is_phrase(status: int, text: str) -> bool:
    """HTTP's own words ("Gone", "Conflict", "Locked") are the gateway's, not WhatsApp's ("gone")."""
    return text in {_PHRASES.get(status), "Internal Server Error", "Error"}


def _is_word(text: Any) -> bool:
    return isinstance(text, str) and 0 < len(text) < 60 and " " not in text


def _wraps(value: Any, found: list[tuple[str, Any]]) -> bool:
    named = any(key in _WORD_KEYS and text == "wawp_upstream_error" for key, text in found)
    return named or any(_UPSTREAM_KEYS & node.keys() for node in _nodes(value))


def _number(value: Any, texts: list[str], *, upstream: bool) -> int | None:
    """WhatsApp's number: `data` of an exception, then `status N` in a text, then a three-digit `code`
    (the outermost one only where it is said to come from upstream: else it is the gateway's status).
    """
    nodes = list(_nodes(value))
    for node in nodes:
        number = _three_digits(node.get("data"))
        if number is not None:
            return number
    for text in texts:
        match = _IN_TEXT.search(text)
        if match:
            return int(match[1] or match[2])
    for node in nodes:
        number = _three_digits(node.get("code"))
        if number is not None and (upstream or node is not value):
            return number
    return None


def _three_digits(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[3-5][0-9]{2}", value):
        return int(value)
    return value if type(value) is int and 300 <= value <= 599 else None


def _wait(value: Any) -> float | None:
    for node in _nodes(value):
        for key in ("retry_after", "retryAfter", "expiration"):
            seconds = node.get(key)
            if isinstance(seconds, int | float) and not isinstance(seconds, bool) and math.isfinite(seconds):
                return max(0.0, float(seconds))
    return None
