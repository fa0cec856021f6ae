"""Invite codes in foreign text, reduced to their last four characters.

Whoever has a code can enter the group, and people write links into subjects, names and notes. This is applied
where such text enters (`outcomes.py`, the import), so that nothing behind it holds a code.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING

from orchestrator.domain.normal_forms import normalized

if TYPE_CHECKING:
    from collections.abc import Container

# A slash may be escaped (JSON) or percent-encoded, even twice.
_SLASH = r"(?:[\\/]|%(?:25)*2F)+"
LINK = re.compile(
    rf"(?P<head>chat\.whatsapp\.com{_SLASH}(?:invite{_SLASH})?|(?:[?&;]|%(?:25)*(?:3F|26))code(?:=|%(?:25)*3D))"
    r"(?P<code>[A-Za-z0-9_-]+)",
    re.IGNORECASE,
)
WORD = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{20,24}(?![A-Za-z0-9_-])")
"""What a gateway accepts as a bare code."""
_USUAL = 22
_CHANGES = 8


def hide_codes(text: str, *, ours: Container[str] = ()) -> str:
    """The same text, of any length, with every code of a link and every bare word that is a code reduced.

    A bare word counts if it is one of `ours`, or looks like a code of WhatsApp beyond doubt (names of groups
    have long words, too). A text that hides a code behind full-width letters or invisible signs comes
    back in plain ones.
    """
    if not text.isascii():
        plain = _plain(text)
        hidden = _hide(plain, ours)
        return text if hidden == plain else hidden
    return _hide(text, ours)


def may_be_codes(text: str) -> set[str]:
    """The bare words that a gateway would accept as a code."""
    return set(WORD.findall(text if text.isascii() else _plain(text)))


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
    hidden = LINK.sub(lambda m: m["head"] + last_four(m["code"]), text)
    return WORD.sub(lambda m: last_four(m[0]) if m[0] in ours or is_surely_a_code(m[0]) else m[0], hidden)


def _plain(text: str) -> str:
    signs = normalized("NFKC", text)
    return signs if signs.isprintable() else "".join(c for c in signs if unicodedata.category(c) != "Cf")


def _kind(sign: str) -> int:
    return 0 if sign.isdigit() else 1 if sign.isupper() else 2
