"""JSON from outside: the one way in for answers, webhooks and files, made harmless for all behind it."""

from __future__ import annotations

import json
import math
from typing import Any

SCHEMA = 1
"""Of the JSON that Rejoin writes: fields are only ever added under one number."""
DEEPEST = 64
"""Levels: gateways nest about ten; a recursive reader stands some hundreds."""
LONGEST_WHOLE = 38
"""Digits: every 127-bit number. No JID or time stamp has more, and arithmetic with more may overflow."""
_NO_NUMBER = 1000  # digits: nobody means that, and reading it takes time with the square of its length


class InvalidJsonError(ValueError):
    """No JSON, or JSON that nothing here can use. Its text quotes nothing of it."""


def parse_json(data: bytes | str) -> Any:
    """The value. Raise InvalidJsonError for what is not UTF-8, no JSON (NaN is none), or over 64 levels deep.

    A number beyond 38 digits or beyond a double is None; one beyond 1,000 digits is refused. NUL characters
    are dropped, because PostgreSQL refuses them in text; lone surrogates become `?`, because UTF-8 has none.
    Of two members of one name the last counts (RFC 8259, section 4, leaves it open).
    """
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        value = json.loads(text, parse_constant=_no_constant, parse_int=_whole, parse_float=_finite)
    except (ValueError, RecursionError):
        raise InvalidJsonError("not JSON") from None
    if text.count("[") + text.count("{") > DEEPEST and not _is_shallow(value):
        raise InvalidJsonError(f"nested over {DEEPEST} levels deep")
    # Only an escape brings a NUL or, into bytes, a surrogate.
    suspect = "\\u0000" in text or "\\ud" in text or "\\uD" in text or not _encodable(text, data)
    return _storable(value) if suspect else value


def _no_constant(word: str) -> Any:
    raise ValueError(word)


def _whole(digits: str) -> int | None:
    if len(digits) > _NO_NUMBER:
        raise ValueError
    return int(digits) if len(digits) <= LONGEST_WHOLE else None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _is_shallow(value: Any) -> bool:
    """Level by level, without recursion."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _children(outer) if isinstance(inner, dict | list)]
        if not level:
            return True
    return False


def _children(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _encodable(text: str, data: bytes | str) -> bool:
    if isinstance(data, bytes) or text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _storable(value: Any) -> Any:
    """Recursive: the depth is bounded by now."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "")
    if isinstance(value, dict):
        return {_storable(key): _storable(inner) for key, inner in value.items()}
    return [_storable(inner) for inner in value] if isinstance(value, list) else value
