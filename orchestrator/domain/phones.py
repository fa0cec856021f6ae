"""Phone numbers as people and gateways write them, read by Google's libphonenumber tables (`phonenumbers`).

A number is stored as its digits with the country code. It is compared by `phone_key`, because WhatsApp's ids
are of other forms than people write: a 1 behind 52 (Mexico), a 9 behind 54 (Argentina), and in Brazil with or
without the ninth digit, which no rule by area code foretells
(faq.whatsapp.com/1294841057948784; github.com/wwebjs/whatsapp-web.js/issues/596).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from orchestrator.domain.folding import fold

_WRITTEN = re.compile(r"\+?[0-9](?:[0-9 ().\-/]*[0-9)])?")
_SCHEME = re.compile(r"^(?:tel:\+|(?:https?://)?wa\.me/\+?)")
_FLOAT = re.compile(r"([0-9]{7,})\.0+")  # a number in a spreadsheet that was read as one
_DASHES = re.compile("[\u2010-\u2015\u2212]")
_LONGEST = 60  # characters, with all their punctuation
_BRAZIL, _MEXICO, _ARGENTINA = 55, 52, 54
# Where people often leave the country code out, and numbers have few forms: Germany's would fit any digits.
_AT_HOME = (55, 52, 54, 57, 51, 56, 34, 351, 91, 92, 62, 966, 971, 20, 212, 213, 33, 44, 1)


def read_phone(text: str) -> str | None:
    """The digits with the country code; None for what is no whole international number.

    Punctuation, `+`, `00`, `tel:+`, `wa.me/` and the `.0` of a spreadsheet's number go. Nothing is guessed: a
    number without its country code is not read, nor are digits that no country uses so and one of `_AT_HOME`
    does at home. With `+` or `00` before them they count as they stand.
    """
    if len(text) > _LONGEST:
        return None
    plain = _SCHEME.sub("+", _DASHES.sub("-", "".join(map(_ascii_digit, fold(text)))))
    if number := _FLOAT.fullmatch(plain):
        plain = number[1]
    if not _WRITTEN.fullmatch(plain):
        return None
    digits = re.sub(r"[^0-9]", "", plain)
    written_whole = plain.startswith(("+", "00"))
    if not plain.startswith("+"):
        digits = digits.removeprefix("00")
    parsed = _parse(digits)
    if parsed is None or not (
        written_whole or _is_in_use(digits) or not any(map(_is_in_use, _abroad(digits)))
    ):
        return None
    return f"{parsed[0]}{parsed[1]}"


def written_phone(digits: str) -> str:
    """The digits as `read_phone` takes them back: with `00` where they would not be read alone."""
    return f"00{digits}" if read_phone(digits) != digits == read_phone(f"00{digits}") else digits


def _abroad(digits: str) -> Iterator[str]:
    """The same with each country code that people may have left out."""
    return (f"{code}{digits}" for code in _AT_HOME)


def _is_in_use(digits: str) -> bool:
    import phonenumbers  # noqa: PLC0415 - only where numbers are read

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits}", None))
    except phonenumbers.NumberParseException:
        return False


def _ascii_digit(character: str) -> str:
    return str(unicodedata.decimal(character)) if character.isdecimal() else character


@lru_cache(4096)
def phone_key(digits: str) -> str:
    """Two numbers with the same key reach the same person. Digits that are no number are their own key."""
    parsed = _parse(digits)
    if parsed is None:
        return digits
    country, national = parsed
    if country == _MEXICO and len(national) == 11:
        national = national.removeprefix("1")
    elif country == _ARGENTINA and len(national) == 11:
        national = national.removeprefix("9")
    elif country == _BRAZIL and len(national) == 10 and national[2] in "6789":
        national = f"{national[:2]}9{national[2:]}"
    return f"{country}{national}"


def _parse(digits: str) -> tuple[int, str] | None:
    """Country code, and the national number with the zeros that belong to it."""
    import phonenumbers  # noqa: PLC0415 - only where numbers are read

    try:
        found = phonenumbers.parse(f"+{digits}", None)
    except phonenumbers.NumberParseException:
        return None
    national = phonenumbers.national_significant_number(found)
    old_mexican = found.country_code == _MEXICO and len(national) == 11 and national.startswith("1")
    possible = phonenumbers.is_possible_number_with_reason(found) == phonenumbers.ValidationResult.IS_POSSIBLE
    if not old_mexican and not possible:
        return None
    return int(found.country_code or 0), national
