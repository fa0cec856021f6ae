"""Comparing what people and gateways write: two texts that look the same to people fold to the same.

What people wrote is stored as it was written, names and subjects folded beside it: whoever changes a fold
writes a migration that fills these anew. Case, white space, Unicode form and invisible characters do not
count. Joiners count where they change what is seen (inside emoji and in scripts that join their letters), and
so do tags in flags and overrides of the direction.

The result does not depend on the interpreter's Unicode version: every table is either written here or that of
Unicode 3.2, which Python keeps for ever. A character that is newer stays as it is. Source of the invisible
ones: Default_Ignorable_Code_Point in unicode.org's DerivedCoreProperties.txt, version 17.0.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Literal

_INVISIBLE = (
    "\u00ad"  # soft hyphen
    "\u034f"  # combining grapheme joiner
    "\u061c\u200e\u200f"  # direction marks
    "\u202a-\u202c\u2066-\u2069"  # embeddings and isolates; overrides (202D, 202E) turn the text visibly
    "\u17b4\u17b5"  # Khmer inherent vowels
    "\u180b-\u180f"  # Mongolian selectors
    "\u200b\u2060\ufeff"  # zero-width space, word joiner, byte order mark
    "\u2061-\u2065\u206a-\u206f"  # invisible operators, deprecated format characters
    "\ufe0e\ufe0f"  # text and emoji presentation
    "\ufff0-\ufffb"  # annotations
    "\U0001d173-\U0001d17a"  # musical format characters
)
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"  # letters by category, blanks to the eye
_FLAG = "\U0001f3f4[\U000e0020-\U000e007f]+"
_TAG = "[\U000e0000-\U000e007f]"
_DROPPED = re.compile(f"({_FLAG})|[{_INVISIBLE}]|{_TAG}")
# Signs of emoji and of scripts that join their letters; all of them stand behind Cyrillic in Unicode.
_JOINED = "[\u0590-\u1fff\u2100-\u2fff\u3001-\U0010ffff]"
_JOINER = re.compile(f"((?<={_JOINED})[\u200c\u200d](?={_JOINED}))|[\u200c\u200d]")
_BLANKS = re.compile(f"[\\s{_BLANK}]+")
# Presentation forms look like the letters that they stand for; an enclosed or raised digit does not, nor does
# the calligraphy of a whole phrase (FDFA, FDFB).
_PRESENTATION = re.compile("[\u2026\uf900-\ufdf9\ufdfc-\ufdff\ufe30-\uffee]+")
_UNSEEN = re.compile(
    "[\u0600-\u0605\u06dd\u070f\u202d\u202e\ue000-\uf8ff\U000e0000-\U000e007f\U000f0000-\U0010ffff]"
)
_UNICODE = unicodedata.ucd_3_2_0
_PART = 1000


def fold(text: str) -> str:
    """The form in which names and subjects are compared. It is its own fold."""
    if text.isascii():
        return " ".join(text.casefold().split())
    plain = _PRESENTATION.sub(_letters, _DROPPED.sub(_kept, text))
    composed = normalized("NFC", plain, table=_UNICODE)
    lower = _JOINER.sub(_kept, composed.translate(_LOWER))
    if lower != composed:
        lower = normalized("NFC", lower, table=_UNICODE)
    return _BLANKS.sub(" ", lower).strip()


def visible(text: str) -> str:
    """The same letters without invisible signs, for words that are stored to be compared whole."""
    return text if text.isascii() else " ".join(_JOINER.sub(_kept, _DROPPED.sub(_kept, text)).split())


def spelt(text: str) -> str:
    """With what tells two texts apart and is shown by no screen written out: `<U+202E>`."""
    return text if text.isascii() else _UNSEEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)


def normalized(
    form: Literal["NFC", "NFKC", "NFKD"], text: str, *, table: unicodedata.UCD | None = None
) -> str:
    """`unicodedata.normalize`, 1,000 characters at a time. `table`: that of another Unicode version.

    CPython sorts a run of combining marks by insertion: 100,000 of them, in a cell or a subject, take ten
    seconds at once, and a tenth of one in parts. A longer text may keep what stands across a border apart.
    """
    normalize = unicodedata.normalize if table is None else table.normalize
    if len(text) <= _PART:
        return normalize(form, text)
    return "".join(normalize(form, text[at : at + _PART]) for at in range(0, len(text), _PART))


def _kept(found: re.Match[str]) -> str:
    return found[1] or ""


@lru_cache(4096)
def _plain(character: str) -> str:
    return _UNICODE.normalize("NFKC", character)


def _letters(found: re.Match[str]) -> str:
    return "".join(map(_plain, found[0]))


class _Lower(dict[int, str]):
    """Folds of characters that Unicode 3.2 has do not differ between the versions of today's interpreters."""

    def __missing__(self, number: int) -> str:
        character = chr(number)
        self[number] = folded = character if _UNICODE.category(character) == "Cn" else character.casefold()
        return folded


_LOWER = _Lower()
