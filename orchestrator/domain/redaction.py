"""Invite codes in foreign text, reduced to their last four characters.

Whoever has a code can enter the group, and people write links into subjects, names and notes. This is applied
where such text enters (`outcomes.py`, the import), so that nothing behind it holds a code.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Container
from itertools import pairwise
from urllib.parse import unquote

# What stands in an address may be escaped: percent-encoded, even twice, or as in JSON and HTML.
_DOT = r"(?:[.\u3002]|%(?:25)*2E|&#0*46;|&#x0*2E;|&period;)"
_SLASH = r"(?:[\\/]|%(?:25)*2F|&#0*47;|&#x0*2F;|&sol;)+"
_HOST = rf"chat{_DOT}whatsapp{_DOT}com{_DOT}?(?::[0-9]{{1,5}})?{_SLASH}(?:invite{_SLASH})?"
_SIGN = r"(?:[A-Za-z0-9_-]|%(?:25)*(?:3[0-9]|[46][1-9A-F]|[57][0-9A]|5F|2D))"
LINK = re.compile(
    rf"(?P<head>{_HOST}|(?:[?&;]|%(?:25)*(?:3F|26))code(?:=|%(?:25)*3D))(?P<code>{_SIGN}+)", re.IGNORECASE
)
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]"
_BROKEN = re.compile(
    rf"(?P<head>{_HOST})(?P<code>(?:[A-Za-z0-9_-]{{1,23}}{_CONTROL}{{1,2}}){{1,8}}[A-Za-z0-9_-]{{1,24}})",
    re.IGNORECASE,
)
_BETWEEN = re.compile(rf"({_CONTROL}+)")
_RUN = re.compile(r"[A-Za-z0-9_-]{20,}")
_PIECE = re.compile(r"[A-Za-z0-9]{20,}")
_SHORTEST, _LONGEST = 20, 24  # characters of what a gateway accepts as a bare code
# Marks, selectors and fillers that nobody sees; signs of the category Cf are the others.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_USUAL = 22
_CHANGES = 8


def hide_codes(text: str, *, ours: Container[str] = ()) -> str:
    """The same text, of any length, with every code of a link and every bare word that is a code reduced.

    A bare word counts if it is one of `ours`, or looks like a code of WhatsApp beyond doubt (names of groups
    have long words, too); where WhatsApp is named, if it looks like one at all. A text that hides a code
    behind full-width letters or invisible signs comes back in plain ones.
    """
    plain = whole_links(text if text.isascii() else _plain(text))
    hidden = _hide(plain, ours)
    return text if hidden == plain else hidden


def may_be_codes(text: str) -> set[str]:
    """The bare words that a gateway would accept as a code."""
    found: set[str] = set()

    def collected(word: str) -> bool:
        found.add(word)
        return False

    reduce_words(text if text.isascii() else _plain(text), collected)
    return found


def whole_links(text: str) -> str:
    """The same text, with the codes in links that ends of lines or control characters break put together."""
    return text if text.isprintable() else _BROKEN.sub(lambda m: m["head"] + _joined(m["code"]), text)


def reduce_words(text: str, is_code: Callable[[str], bool]) -> str:
    """The same text, with all bare words reduced that may be codes and are: `_CODE_` and `old-CODE`, too."""

    def reduced(match: re.Match[str]) -> str:
        run = match[0]
        core = run.strip("_-")
        for word in (run, core):
            if _SHORTEST <= len(word) <= _LONGEST and is_code(word):
                return run.replace(word, last_four(word))
        return _PIECE.sub(piece, run) if len(core) > _SHORTEST else run

    def piece(match: re.Match[str]) -> str:
        word = match[0]
        return last_four(word) if len(word) <= _LONGEST and is_code(word) else word

    return _RUN.sub(reduced, text)


def last_four(code: str) -> str:
    """How an invite code is shown: `…ozql`; nothing of a code too short to hide the rest."""
    return "…" + code[-4:] if len(code) >= 12 else "…"


def looks_like_code(word: str) -> bool:
    """Upper and lower case, or digits among letters: not `internal-server-error`."""
    mixed = any(c.isupper() for c in word) and any(c.islower() for c in word)
    return mixed or (any(c.isdigit() for c in word) and any(c.isalpha() for c in word))


def is_surely_a_code(word: str) -> bool:
    """Whether nobody wrote this word: 22 letters and digits, whose kind changes at every other step.

    Codes are random in 62 signs, with 13 changes among 21 steps on average; one in forty looks like people's
    words (`SalesTeamNorthEastGate` changes seven times and has no digit inside), and is let through.
    """
    if len(word) != _USUAL or not word.isalnum():
        return False
    changes = sum(_kind(one) != _kind(other) for one, other in pairwise(word))
    inner_digits = any(c.isdigit() for c in word.rstrip("0123456789"))
    return changes >= _CHANGES + (0 if inner_digits else 4)


def _hide(text: str, ours: Container[str]) -> str:
    hidden = LINK.sub(lambda m: m["head"] + last_four(_decoded(m["code"])), text)
    surely = looks_like_code if "whatsapp" in text.lower() else is_surely_a_code
    return reduce_words(hidden, lambda word: word in ours or surely(word))


def _decoded(code: str) -> str:
    """As far as two encodings of an address go. What was encoded more often shows no letter of the code."""
    return unquote(unquote(code)) if "%" in code else code


def _joined(broken: str) -> str:
    """The pieces that are a code together as one word, and what follows them as it is."""
    parts = _BETWEEN.split(broken)  # words, and what stands between them
    code = ""
    for number in range(0, len(parts), 2):
        code += parts[number]
        if len(code) >= _SHORTEST:
            return code + "".join(parts[number + 1 :]) if len(code) <= _LONGEST else broken
    return broken


def _plain(text: str) -> str:
    from orchestrator.domain.folding import normalized  # noqa: PLC0415 - brings tables: for text that is not ASCII

    signs = _UNSEEN.sub("", normalized("NFKC", text))
    return signs if signs.isprintable() else "".join(c for c in signs if unicodedata.category(c) != "Cf")


def _kind(sign: str) -> int:
    return 0 if sign.isdigit() else 1 if sign.isupper() else 2
