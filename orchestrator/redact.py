"""Foreign text made fit to store and to show: no tokens, no invite codes, no control characters, short.

What is too long is cut before anything looks at it, and every pattern takes time in proportion to its text.
"""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, quote_plus

from orchestrator.domain.redaction import hide_codes, last_four, looks_like_code, reduce_words, whole_links

LONGEST = 300
HIDDEN = "[hidden]"
SHORTEST_SECRET = 6
"""Characters: a shorter one is hidden only where a name says that it is one (`token=abc`)."""

_WINDOW = 4 * LONGEST  # of the text as it came: what is hidden in it makes it shorter
_LONGEST_WORD = 32  # of anything that a pattern below hides and no name announces
_WHOLE_WORDS = 8  # a secret with fewer characters may be part of a word that means something else

_NAMES = (
    r"access[_-]?token|refresh[_-]?token|auth[_-]?token|token|x-api-key|api[_-]?key"
    r"|client[_-]?secret|secret|password|passwd|authorization"
)
# name=value, name: value, "name":"value", \"name\":\"value\"
_NAMED = re.compile(
    rf"(?P<name>\b(?:{_NAMES}))(?P<between>\\?[\"']?\s*+[=:]\s*+\\?[\"']?)(?!\[hidden\])"
    r"(?P<value>[^\s\"'\\&,;}\])]+)",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(?P<scheme>bearer|basic)(?P<between>\s+|%20|\+)[A-Za-z0-9._~+/=%-]+", re.IGNORECASE)
# What a JSON Web Token is, with what stands before it.
_DOTTED = re.compile(r"(?<![\w.-])[\w-]++(?:\.[\w-]*+)++")
_WEB_TOKEN = re.compile(r"\beyJ[\w-]")
_NAMED_CODE = re.compile(
    r"(?P<head>\b(?:invite[_-]?code|code)\\?[\"']?\s*+[=:]\s*+\\?[\"']?)(?P<code>[A-Za-z0-9_-]{16,})",
    re.IGNORECASE,
)

_known: set[str] = set()


def learn(secrets: Iterable[str]) -> None:
    """Secrets that no scrubbed text of this process may hold from now on: the configured ones."""
    _known.update(secret for secret in secrets if secret)


def learned() -> frozenset[str]:
    return frozenset(_known)


def forget() -> None:
    """As in a new process; for tests."""
    _known.clear()


def scrub(text: str, *, secrets: Iterable[str] = (), codes: Iterable[str] = ()) -> str:
    """At most 300 characters on one line. `secrets` and all that are learned vanish, in every form in which
    a gateway may echo them; `codes` and whatever looks like an invite code or link keep their last four.
    """
    return scrub_with(hider(secrets), text, codes=codes)


def scrub_with(hide: Hider, text: str, *, codes: Iterable[str] = ()) -> str:
    """The same for many texts of one sender."""
    window = _WINDOW + hide.longest
    line = one_line(whole_links(text[:window]))
    line = hide(line)
    for code in sorted(_written(codes), key=len, reverse=True):
        line = line.replace(code, last_four(code))
    line = _patterns(line)
    if len(text) > window:  # what was cut through stands at the very end, and is no more to be recognised
        return line[: min(max(0, len(line) - hide.longest), LONGEST - 1)] + "…"
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def scrub_lines(text: str) -> str:
    """Each line scrubbed, its indentation kept: a traceback stays readable."""
    return "\n".join(line[: len(line) - len(line.lstrip(" "))] + scrub(line) for line in text.split("\n"))


def hide(text: str) -> str:
    """The same text, of any length and with its lines as they are, without what is learned and without the
    codes of links: for what is written without having been scrubbed.
    """
    hidden = hider(())
    return "\n".join(hide_codes(hidden(line)) for line in text.split("\n"))


def one_line(text: str) -> str:
    """Without control, format (bidi) and surrogate characters; every run of white space is one space."""
    if text.isprintable():
        return " ".join(text.split())
    kept = (" " if unicodedata.category(c) in {"Zl", "Zp", "Zs"} or c in "\t\n\r\f\v" else c for c in text)
    return " ".join("".join(c for c in kept if unicodedata.category(c) not in {"Cc", "Cf", "Cs"}).split())


class Hider:
    """Hides the given secrets. `longest`: characters of the longest thing that it, or a pattern, hides."""

    def __init__(self, secrets: frozenset[str]) -> None:
        forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
        self._anywhere = [form for form in forms if len(form) >= _WHOLE_WORDS]
        words = "|".join(re.escape(form) for form in forms if len(form) < _WHOLE_WORDS)
        self._words = re.compile(rf"(?<![^\W_])(?:{words})(?![^\W_])") if words else None
        self._shortest = len(forms[-1]) if forms else 0
        self.longest = max(_LONGEST_WORD, len(forms[0]) if forms else 0)

    def __call__(self, line: str) -> str:
        if not self._shortest or len(line) < self._shortest:
            return line
        for form in self._anywhere:
            if form in line:
                line = line.replace(form, HIDDEN)
        return self._words.sub(HIDDEN, line) if self._words else line


def hider(secrets: Iterable[str]) -> Hider:
    """What hides these secrets, and all that are learned."""
    return _hider(frozenset(_known.union(secrets)))


@lru_cache(maxsize=64)
def _hider(secrets: frozenset[str]) -> Hider:
    return Hider(secrets)


@lru_cache(maxsize=512)
def _forms(secret: str) -> frozenset[str]:
    """Every way in which a secret may come back: as it is, in a URL or a form, in JSON, HTML, base64, and as
    Python shows a text or bytes in an error.
    """
    import html  # noqa: PLC0415 - brings the table of every named character

    plain = one_line(secret)
    encoded = {quote(plain), quote(plain, safe=""), quote_plus(plain)}
    encoded |= {_lower_percents(form) for form in encoded}
    encoded |= {html.escape(plain), json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]}
    encoded |= set(_as_shown(plain))
    if len(plain) >= _WHOLE_WORDS:
        encoded |= set(_in_base64(plain))
    return frozenset(form for form in {plain, *encoded} if len(form) >= SHORTEST_SECRET)


def _as_shown(secret: str) -> Iterable[str]:
    """As `repr` writes a text, and bytes. Which quotation marks it escapes, what stands beside decides."""
    text = secret.replace("\\", "\\\\")
    as_bytes = text.encode("utf-8", "replace").decode("latin-1").encode("ascii", "backslashreplace").decode()
    for whole in (text, as_bytes):
        single = whole.replace("'", "\\'")
        yield from (whole, single, whole.replace('"', '\\"'), single.replace('"', '\\"'))


def _in_base64(secret: str) -> Iterable[str]:
    """The characters that encode nothing but the secret; `Basic` has a name of any length before it."""
    raw = secret.encode("utf-8", "replace")
    for before in range(3):
        whole = base64.b64encode(bytes(before) + raw).decode()
        middle = whole[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]
        yield from (middle, middle.replace("+", "-").replace("/", "_"), quote(middle, safe=""))


def _lower_percents(text: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda m: m[0].lower(), text)


def _written(words: Iterable[str]) -> set[str]:
    return {form for word in words if word for form in (word, quote(word, safe=""), quote_plus(word))}


def _patterns(line: str) -> str:
    line = _NAMED.sub(lambda m: m["name"] + m["between"] + HIDDEN, line)
    line = _SCHEME.sub(lambda m: m["scheme"] + m["between"] + HIDDEN, line)
    if "eyJ" in line:
        line = _DOTTED.sub(_without_web_token, line)
    line = hide_codes(line)
    line = _NAMED_CODE.sub(lambda m: m["head"] + _reduced(m["code"]), line)
    return reduce_words(line, looks_like_code)


def _without_web_token(match: re.Match[str]) -> str:
    word = match[0]
    found = _WEB_TOKEN.search(word)
    if found is None or not word[found.start() :].partition(".")[2]:
        return word
    return word[: found.start()] + HIDDEN


def _reduced(word: str) -> str:
    return last_four(word) if looks_like_code(word) else word
