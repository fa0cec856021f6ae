"""What an answer of a gateway holds that speaks of an error: read carefully, never trusted, never raising.

Gateways word errors in many ways: `{"status","message","error"}`, `{"code","message"}`, an engine's
`exception` or something `…_upstream_error` around it, HTTP 200 with a `code`, with `error` or `result:false`.
Errors are texts, objects, or lists of either, in JSON, plain text or XML. Numbers of WhatsApp stand only in
inner fields; the outer HTTP status, `status` and `statusCode` are the gateway's own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from http import HTTPStatus
from itertools import chain
from typing import Any

from orchestrator.domain.redaction import looks_like_code
from orchestrator.domain.strict_json import InvalidJsonError, parse_json
from orchestrator.gateways.answers import ParsedAnswer
from orchestrator.gateways.whatsapp_answers import number_after_status, number_in_whatsmeow

_DEEP = 8
_MANY = 400
_LONG = 4000
# Echoes of our request, and texts that people wrote.
_IGNORED_KEYS = frozenset(
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
        "message", "messages", "msg", "error", "errors", "error_description", "error_message", "errormessage",
        "details", "detail", "data", "exception", "text", "reason", "cause", "title", "code", "error_code",
        "errorcode", "response",
    }
)  # fmt: skip
_ERROR_KEYS = frozenset({"error", "errors", "exception", "cause"})
"""Keys of objects that are errors: there a `name` is an exception's, and all that `errors` holds is text."""
_WORD_KEYS = frozenset({"code", "error", "error_code", "errorcode"})
_UPSTREAM = "upstream_error"  # how the names end of what comes from behind the gateway
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_PAGE_PHRASES = frozenset({*(phrase.casefold() for phrase in _PHRASES.values()), "page not found", "error"})
_FINE_CODES = frozenset({"200", "201", "0", "success", "ok"})
_YES_OR_NO = ("success", "ok", "accepted", "sent", "joined")
_REFUSED_WORDS = frozenset({"false", "error", "fail"})
_HTML = re.compile(r"<(?:!doctype html|html|head|body|title|center|div|pre|br|h[1-6]|p)\b", re.IGNORECASE)
_WAIT_KEYS = {
    "retryafter": 1.0, "retryafterseconds": 1.0, "expiration": 1.0, "retryafterms": 0.001,
}  # fmt: skip
_WAIT_SAID = re.compile(
    r"\b(?:retry|try again|wait)(?: again)?(?: after| in| for)? (\d{1,6})"
    r" ?(seconds?|secs?|s|minutes?|mins?|hours?)\b",
    re.IGNORECASE,
)
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_DECIMAL = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")
_ATTRIBUTE = re.compile(r"(?<![\w:-])([\w:-]++)=[\"']([^\"'<>]*+)[\"']")


def read_json(body: bytes) -> tuple[Any, bool]:
    """The JSON value and True; (None, False) for anything else, however malformed or deep."""
    try:
        return parse_json(body), True
    except InvalidJsonError:
        return None, False


def parse_answer(status: int, body: bytes) -> ParsedAnswer:
    """Everything that one answer says about an error, whether or not it is one."""
    value, is_json = read_json(body)
    said = value if is_json else _without_json(body)
    outer = _status(status, value)
    found = list(_walk(said))
    texts = [
        text for _, text in found if isinstance(text, str) and not _is_phrase(outer, text, page=not is_json)
    ]
    upstream = _wraps(said, found)
    return ParsedAnswer(
        status=outer,
        body=value,
        page=not is_json,
        markup=not is_json and body.lstrip()[:1] == b"<",
        iq=_number(said, texts, outer, upstream=upstream, page=not is_json),
        words=frozenset(text.lower() for key, text in found if _is_word(key, text)),
        text=" | ".join(dict.fromkeys(texts))[:_LONG],
        upstream=upstream,
        refuses=isinstance(value, dict) and _refuses(value),
        denies=_says_no(value),
        wait=_wait(said, texts),
    )


def _without_json(body: bytes) -> Any:
    """What plain text or XML says, in the shape in which JSON would say it. None for an HTML page.

    XML is not parsed but cut at its brackets: no entity is resolved, and whatever is malformed is text.
    """
    text = body[: 4 * _LONG].decode("utf-8", "replace").strip()
    if not text.startswith("<"):
        return text
    if _HTML.search(text):
        return None
    parts = (piece.partition(">") for piece in text.split("<")[1:])
    return [_element(inside, after.strip()) for inside, _, after in parts][:_MANY]


def _element(inside: str, text: str) -> dict[str, str]:
    """One tag with its attributes and the text behind it, under the tag's name or as `text`."""
    tag = inside.split(maxsplit=1)[0].rstrip("/").lower() if inside.strip() else ""
    said = {tag if _may_tell(tag) else "text": text} if text else {}
    return {name.lower(): value for name, value in _ATTRIBUTE.findall(inside)} | said


def _refuses(body: dict[str, Any]) -> bool:
    """Whether it is an error, also under HTTP 200."""
    if any(map(_is_upstream, body)) or body.get("error") or body.get("errors"):
        return True
    if body.get("result") is False or body.get("success") is False:
        return True
    if str(body.get("status")).lower() in ("error", "fail"):
        return True
    return _said_status(body) is not None or (_error_code(body.get("code")) and not body.get("id"))


def _says_no(body: Any) -> bool:
    """Whether it is a plain no, also in a wrapper or in a list: `{"status": false}`, `{"success": 0}`."""
    layers = [body, *_wrapped(body)]
    return any(isinstance(layer, dict) and _denies(layer) for layer in layers)


def _wrapped(body: Any) -> list[Any]:
    if isinstance(body, dict):
        return [body.get(key) for key in ("data", "result", "response")]
    return body[:1] if isinstance(body, list) else []


def _denies(layer: dict[str, Any]) -> bool:
    if any(layer.get(key) in (0, "0") for key in _YES_OR_NO if not isinstance(layer.get(key), bool)):
        return True
    answers = (layer.get(key) for key in ("status", "result", *_YES_OR_NO))
    return any(str(answer).lower() in {*_REFUSED_WORDS, "failed", "failure"} for answer in answers)


def _error_code(code: Any) -> bool:
    """Whether a `code` names an error: not if it means "fine", and not if it is an invite code."""
    if code is None or str(code).lower() in _FINE_CODES:
        return False
    return not (isinstance(code, str) and 20 <= len(code) <= 24 and looks_like_code(code))


def _status(status: int, value: Any) -> int:
    said = _said_status(value) if 200 <= status < 300 and isinstance(value, dict) else None
    return status if said is None else said


def _said_status(body: dict[str, Any]) -> int | None:
    """The HTTP status that a body names, if it is one of failure: failures come as HTTP 200, too.

    It may stand one level down: an answer of HTTP 200 whose `error` has a `code` speaks of itself.
    """
    if body.get("id"):
        return None
    inner = (body.get(key) for key in ("error", "data"))
    layers = [body, *(layer for layer in inner if isinstance(layer, dict) and not layer.get("id"))]
    named = (_three_digits(layer.get(key)) for layer in layers for key in ("status", "statusCode", "code"))
    return next((code for code in named if code is not None and code >= 400), None)


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    """(key, value) of all that may speak of an error, from the outside in. A body may be the text."""
    yield from (("text", item) for item in _flat(value) if isinstance(item, str))
    for under, node in _nodes(value):
        for key, inner in node.items():
            if _may_tell(key.lower()) or (_names_errors(under) and key == "name"):
                yield from ((key.lower(), item) for item in _flat(inner))
            elif under == "errors":
                yield from (("message", item) for item in _flat(inner))


def _flat(value: Any, depth: int = 4) -> Iterator[Any]:
    """The items of lists and of objects with index keys, however nested; anything else as it is."""
    inner = _items(value) if depth else None
    if inner is None:
        yield value
        return
    for item in inner[:_MANY]:
        yield from _flat(item, depth - 1)


def _items(value: Any) -> list[Any] | None:
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and value and all(key.isdigit() for key in value):
        return list(value.values())
    return None


def _nodes(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """(key that it stands under, object): all objects, breadth first, bounded; JSON inside a text counts."""
    queue: list[tuple[int, str, Any]] = [(0, "", value)]
    for depth, under, item in queue:
        inner = _unpacked(item)
        if isinstance(inner, dict):
            yield under, inner
        if depth < _DEEP and len(queue) < _MANY:
            queue.extend((depth + 1, key, child) for key, child in _children(under, inner))


def _children(under: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        found = ((key.lower(), inner) for key, inner in value.items() if key not in _IGNORED_KEYS)
        return [(under if key.isdigit() else key, inner) for key, inner in found]
    return [(under, inner) for inner in value[:_MANY]] if isinstance(value, list) else []


def _unpacked(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip()[:1] == "{" and len(value) < 10 * _LONG:
        return read_json(value.encode("utf-8", "replace"))[0]
    return value


def _is_phrase(status: int, text: str, *, page: bool) -> bool:
    """HTTP's own words ("Gone", "Conflict", "Locked") are the gateway's, not WhatsApp's ("gone").

    A page may say them in any case and with any number: none of it is WhatsApp's.
    """
    if not page:
        return text in {_PHRASES.get(status), "Internal Server Error", "Error"}
    return text.strip().lstrip("0123456789").strip(" .:!").casefold() in _PAGE_PHRASES


def _is_word(key: str, text: Any) -> bool:
    """Whether it is a machine word: where one is expected, or anywhere if it is written as one."""
    if not isinstance(text, str) or not 0 < len(text) < 60 or " " in text:
        return False
    return key in _WORD_KEYS or "_" in text


def _wraps(value: Any, found: list[tuple[str, Any]]) -> bool:
    named = any(key in _WORD_KEYS and str(text).endswith(_UPSTREAM) for key, text in found)
    return named or any(_is_upstream(key) for _, node in _nodes(value) for key in node)


def _is_upstream(key: str) -> bool:
    """Whether what stands under it comes from behind the gateway."""
    return key == "exception" or key.endswith(_UPSTREAM)


def _may_tell(key: str) -> bool:
    return key in _TEXT_KEYS or key.endswith(_UPSTREAM)


def _names_errors(key: str) -> bool:
    return key in _ERROR_KEYS or key.endswith(_UPSTREAM)


def _number(value: Any, texts: list[str], status: int, *, upstream: bool, page: bool) -> int | None:
    """WhatsApp's number: `data` of an exception, then what whatsmeow says, then `status N` in a text, then a
    three-digit `code` that is not the outermost one.

    Where nothing is said to come from upstream, a page's `code`, one beside HTTP's own words for it, and a
    number that only repeats the HTTP status, are the gateway's own.
    """
    nodes = [node for _, node in _nodes(value)]
    inner = nodes if upstream else [node for node in nodes if node is not value and not page]
    inner = inner if upstream else [node for node in inner if not _in_words_of_http(node)]
    found: Iterator[tuple[int | None, bool]] = chain(
        ((_three_digits(node.get("data")), False) for node in nodes),
        ((number_in_whatsmeow(text), True) for text in texts),
        ((number_after_status(text), False) for text in texts),
        ((_three_digits(node.get("code")), False) for node in inner),
    )
    sure = (number for number, certain in found if number and (certain or upstream or number != status))
    return next(sure, None)


def _in_words_of_http(node: dict[str, Any]) -> bool:
    """`{"code": 404, "message": "Not Found"}`: WhatsApp says `item-not-found`."""
    phrase = _PHRASES.get(_three_digits(node.get("code")) or 0)
    return phrase is not None and phrase in node.values()


def _three_digits(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[3-5][0-9]{2}", value):
        return int(value)
    return value if type(value) is int and 300 <= value <= 599 else None


def _wait(value: Any, texts: list[str]) -> float | None:
    for _, node in _nodes(value):
        for key, inner in node.items():
            unit = _WAIT_KEYS.get(key.lower().replace("-", "").replace("_", ""))
            seconds = None if unit is None else _positive(inner)
            if unit is not None and seconds is not None:
                return seconds * unit
    said = next((match for match in map(_WAIT_SAID.search, texts) if match), None)
    return None if said is None else int(said[1]) * _UNITS[said[2][0].lower()]


def _positive(value: Any) -> float | None:
    """A number above or at 0, also as a text; a wait below 0 says nothing."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        value = float(value)
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if number and value >= 0 else None
