"""Phone numbers as people and gateways write them, read by Google's libphonenumber tables (`phonenumbers`).

A number is stored as its digits with the country code. It is compared by `phone_key`, because WhatsApp's ids
are of other forms than people write: a 1 behind 52 (Mexico), a 9 behind 54 (Argentina), and in Brazil with or
without the ninth digit, which no rule by area code foretells
(faq.whatsapp.com/1294841057948784; github.com/wwebjs/whatsapp-web.js/issues/596).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from orchestrator.domain.folding import fold

_WRITTEN = re.compile(r"\+?[0-9](?:[0-9 ().\-/]*[0-9)])?")
_FLOAT = re.compile(r"([0-9]{7,})\.0+")  # a number in a spreadsheet that was read as one
_DASHES = re.compile("[\u2010-\u2015\u2212]")
_LONGEST = 60  # characters, with all their punctuation
_BRAZIL, _MEXICO, _ARGENTINA = 55, 52, 54


def read_phone(text: str) -> str | None:
    """The digits with the country code; None for what is no whole international number.

    Punctuation, `+`, `00` and the `.0` of a spreadsheet's number go. Nothing is guessed: a number without its
    country code is not read.
    """
    if len(text) > _LONGEST:
        return None
    plain = _DASHES.sub("-", "".join(map(_ascii_digit, fold(text))))
    if number := _FLOAT.fullmatch(plain):
        plain = number[1]
    if not _WRITTEN.fullmatch(plain):
        return None
    digits = re.sub(r"[^0-9]", "", plain)
    if not plain.startswith("+"):
        digits = digits.removeprefix("00")
    parsed = _parse(digits)
    return None if parsed is None else f"{parsed[0]}{parsed[1]}"


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
    if not old_mexican and not phonenumbers.is_possible_number(found):
        return None
    return int(found.country_code or 0), national
