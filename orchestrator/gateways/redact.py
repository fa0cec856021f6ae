"""Foreign text made fit to store and to show: no tokens, no invite codes, no control characters, short.

What is too long is cut before anything looks at it, and every pattern takes time in proportion to its text.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 300
_EXAMINED = 4 * LONGEST  # characters of the text as it came: what is hidden or left out makes it shorter
_LONGEST_WORD = 32  # of what a pattern hides and no name announces
HIDDEN = "[hidden]"

_NAMES = (
    r"access[_-]?token|refresh[_-]?token|auth[_-]?token|token|x-api-key|api[_-]?key"
    r"|client[_-]?secret|secret|password|passwd|authorization"
)
# name=value, name: value, "name":"value", \"name\":\"value\"
_NAMED = re.compile(
    rf"(?P<name>\b(?:{_NAMES}))(?P<between>\\?[\"']?\s*[=:]\s*\\?[\"']?)(?P<value>[^\s\"'\\&,;}}\])]+)",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(?P<scheme>bearer|basic)(?P<between>\s+|%20|\+)[A-Za-z0-9._~+/=%-]+", re.IGNORECASE)
_DOTTED = re.compile(
    r"(?<![\w.-])[\w-]++(?:\.[\w-]*+)++"
)  # what a JSON Web Token is, with what stands before it
_WEB_TOKEN = re.compile(r"\beyJ[\w-]")
_LINK = re.compile(
    r"(?P<head>chat\.whatsapp\.com(?:/|%2F)(?:invite(?:/|%2F))?|[?&]code=|%3Fcode%3D)(?P<code>[A-Za-z0-9_-]+)",
    re.IGNORECASE,
)
_NAMED_CODE = re.compile(
    r"(?P<head>\b(?:invite[_-]?code|code)\\?[\"']?\s*[=:]\s*\\?[\"']?)(?P<code>[A-Za-z0-9_-]{16,})",
    re.IGNORECASE,
)
# WhatsApp's codes have 22 letters and digits; both upper and lower case, or a digit among letters, tells
# them from words such as internal-server-error.
_BARE_CODE = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{20,24}(?![A-Za-z0-9_-])")


def scrub(text: str, *, secrets: Iterable[str] = (), codes: Iterable[str] = ()) -> str:
    """At most 300 characters on one line. `secrets` vanish; `codes` and whatever looks like an invite code
    or link keep their last four characters.
    """
    forms = _longest_first(secrets)
    longest = max(_LONGEST_WORD, len(forms[0]) if forms else 0)
    line = one_line(text[: _EXAMINED + longest])
    for secret in forms:
        line = line.replace(secret, HIDDEN)
    for code in _longest_first(codes):
        line = line.replace(code, last_four(code))
    line = _NAMED.sub(lambda m: m["name"] + m["between"] + HIDDEN, line)
    line = _SCHEME.sub(lambda m: m["scheme"] + m["between"] + HIDDEN, line)
    line = _DOTTED.sub(_without_web_token, line) if "eyJ" in line else line
    line = _LINK.sub(lambda m: m["head"] + last_four(m["code"]), line)
    line = _NAMED_CODE.sub(_code_named, line)
    line = _BARE_CODE.sub(lambda m: last_four(m[0]) if looks_like_code(m[0]) else m[0], line)
    if len(text) > _EXAMINED + longest:  # at its end stands what was cut through, and so not recognised
        return line[: max(0, min(len(line) - longest, LONGEST - 1))] + "…"
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def hide_links(text: str) -> str:
    """The same text, of any length, with the codes of invite links reduced to their last four characters."""
    return _LINK.sub(lambda m: m["head"] + last_four(m["code"]), text)


def one_line(text: str) -> str:
    """Without control, format (bidi) and surrogate characters; every run of white space is one space."""
    kept = (" " if unicodedata.category(c) in {"Zl", "Zp", "Zs"} or c in "\t\n\r\f\v" else c for c in text)
    return " ".join("".join(c for c in kept if unicodedata.category(c) not in {"Cc", "Cf", "Cs"}).split())


def last_four(code: str) -> str:
    """How an invite code is shown: `…ozql`; nothing of a code too short to hide the rest."""
    return "…" + code[-4:] if len(code) >= 12 else "…"


def looks_like_code(word: str) -> bool:
    mixed = any(c.isupper() for c in word) and any(c.islower() for c in word)
    return mixed or (any(c.isdigit() for c in word) and any(c.isalpha() for c in word))


def _without_web_token(match: re.Match[str]) -> str:
    word = match[0]
    found = _WEB_TOKEN.search(word)
    if found is None or not word[found.start() :].partition(".")[2]:
        return word
    return word[: found.start()] + HIDDEN


def _code_named(match: re.Match[str]) -> str:
    return match["head"] + last_four(match["code"]) if looks_like_code(match["code"]) else match[0]


def _longest_first(words: Iterable[str]) -> list[str]:
    known = {form for word in words if word for form in (word, quote(word, safe=""), quote_plus(word))}
    return sorted(known, key=len, reverse=True)
