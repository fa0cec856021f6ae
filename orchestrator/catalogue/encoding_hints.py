"""Which encoding a file that is not UTF-8 may have: those that decode it, each with what it would show.

Nothing is chosen: a wrong encoding reads without an error and stores nonsense. A person sees which is right.
"""

from __future__ import annotations

import codecs
import itertools
import re
import unicodedata

from orchestrator.catalogue.words import quoted

# What spreadsheets write where UTF-8 is not asked for: code pages of Windows, East Asia, the Mac and DOS.
_CANDIDATES = (
    "cp1252", "cp1256", "cp1251", "cp1250", "cp1254", "cp1253", "cp1255", "cp874",
    "gb18030", "cp932", "cp949", "big5", "mac_roman", "cp850",
)  # fmt: skip
_SHOWN = 4
SAMPLE = 64 * 1024  # bytes that are looked at
_WORD = re.compile(r"[^\W\d_]+")
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_EDGE = re.compile(r"[,;|\t\r\n\"]")
_AROUND = 30  # characters of the phrase on each side
_USUAL_SIGNS = frozenset("“”‘’«»–—…•°ºª€£¿¡©®™·\u00a0、。：，（）！？「」")


def encoding_hint(data: bytes) -> str:
    """What to type, for a file that is not UTF-8 and begins so; no suggestions where nothing decodes it."""
    if hint := utf_16_hint(data):
        return hint
    seen: dict[str, str] = {}
    for encoding in sorted(_CANDIDATES, key=lambda one: _faults(_decoded(data, one))):
        sample = _sample(_decoded(data, encoding))
        if sample:
            seen.setdefault(sample, encoding)
    if not seen:
        return "save it as CSV UTF-8, or give XLSX"
    shown = [f"--encoding {encoding} reads {sample}" for sample, encoding in list(seen.items())[:_SHOWN]]
    return f"take the one that reads right, or save it as CSV UTF-8: {'; '.join(shown)}"


def is_of_single_bytes(encoding: str) -> bool:
    """Whether each byte is a letter by itself: a code page, no encoding of Unicode or of East Asia."""
    pairs = b"\x88\x9f\xc3\xa3"  # one letter of UTF-8 among them, and two or three of East Asia
    try:
        letters = pairs.decode(encoding, "replace")
    except UnicodeError:  # punycode and the like, which know no replacement
        return False
    return len(letters) == len(pairs) and codecs.lookup(encoding).name != "utf-7"


def utf_8_sample(data: bytes) -> str:
    """A phrase of UTF-8 that is not ASCII; nothing where there is none, or it is not UTF-8."""
    return _sample(_decoded(data, "utf-8"))


def utf_16_hint(data: bytes) -> str:
    """What to type for UTF-16 without its mark, else nothing: ASCII has a zero in every second byte there."""
    start = data[:1000]
    for encoding, odd in (("utf-16-le", 1), ("utf-16-be", 0)):
        if start and start[odd::2].count(0) > len(start) / 4 and not start[1 - odd :: 2].count(0):
            return f"it is UTF-16 without its mark: --encoding {encoding}"
    return ""


def _decoded(data: bytes, encoding: str) -> str:
    """The beginning of the text; empty where it does not decode. A character may be cut at the end."""
    for end in range(SAMPLE, SAMPLE - 4, -1):
        try:
            return data[:end].decode(encoding)
        except UnicodeDecodeError:
            if len(data) <= SAMPLE:
                break
    return ""


def _faults(text: str) -> float:
    """How much of the text is unlike writing; a text that is not there is all faults."""
    if not text:
        return float("inf")
    signs = sum(1 for c in text if not c.isascii() and not c.isalpha() and not _is_usual(c))
    return signs + sum(map(_odd, _WORD.findall(text)))


def _is_usual(character: str) -> bool:
    return character in _USUAL_SIGNS or unicodedata.category(character) in ("Mn", "Mc", "Nd")


def _odd(word: str) -> int:
    """Letters of two scripts, a capital after a small letter, or many accents in a row."""
    if word.isascii():
        return 0
    scripts = {unicodedata.name(c, "?").split()[0] for c in word}
    japanese = {"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "CJK"}
    mixed = len(scripts) > 1 and not scripts <= japanese
    turned = any(a.islower() and b.isupper() for a, b in itertools.pairwise(word))
    accents = "LATIN" in scripts and re.search(r"[^\x00-\x7f]{3}", word) is not None
    halves = any("HALFWIDTH" in unicodedata.name(c, "") for c in word)
    return mixed + turned + accents + halves


def _sample(text: str) -> str:
    """The first phrase that is not ASCII."""
    found = _FOREIGN.search(text)
    if found is None:
        return ""
    before = _EDGE.split(text[max(0, found.start() - _AROUND) : found.start()])[-1]
    return quoted(before + _EDGE.split(text[found.start() : found.end() + _AROUND])[0])
