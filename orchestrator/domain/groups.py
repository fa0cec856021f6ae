"""What people write about a group, made fit to store: names, owners, priorities, lists, slugs. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from orchestrator.domain.jids import group_jid, user_id
from orchestrator.domain.normal_forms import normalized
from orchestrator.domain.redaction import WORD, hide_codes, last_four, looks_like_code

if TYPE_CHECKING:
    from collections.abc import Container, MutableMapping

NAME_LONGEST = 200
SUBJECT_LONGEST = 200  # WhatsApp: 100; counted differently by different clients
NOTES_LONGEST = 2000
LABEL_LONGEST = 64
LABELS_MOST = 50
PRIORITY_MOST = 1_000_000
_SLUG_LONGEST = 60
_SEPARATORS = re.compile(r"[;,|]")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_PUNCTUATION_OF_PHONES = re.compile(r"[\s().\-/]+")
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}(?:\.0+)?", re.ASCII)
_ROUNDED = re.compile(r"[0-9][.,][0-9]+E\+?[0-9]+", re.IGNORECASE)


class InvalidValueError(ValueError):
    """A value that cannot stand; its text is the rest of a sentence that begins with the field's name."""


def clean(text: str) -> str:
    """Without control, bidi and invisible formatting characters; white space as single blanks."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return " ".join("".join(map(_visible, normalized("NFC", text))).split())


def clean_notes(text: str) -> str:
    """The same, but lines stay lines."""
    return "\n".join(clean(line) for line in text.splitlines()).strip()


def name_key(name: str) -> str:
    """Two names with the same key are the same to people: case, width and white space do not count."""
    plain = clean(normalized("NFKC", name)).casefold()
    return plain if plain.isascii() else "".join(c for c in plain if c not in _JOINERS)


def parse_text(text: str, longest: int) -> str:
    found = clean(text)
    if len(found) > longest:
        raise InvalidValueError(f"is too long: {len(found)} characters, at most {longest}")
    return found


def parse_notes(text: str) -> str:
    found = clean_notes(text)
    if len(found) > NOTES_LONGEST:
        raise InvalidValueError(f"are too long: {len(found)} characters, at most {NOTES_LONGEST}")
    return found


def parse_jid(text: str) -> str:
    """The group JID. Lenient in its digits, because gateways' own examples are."""
    if (found := group_jid(text)) is not None:
        return found
    written = clean(text)
    if (found := group_jid(written.lower())) is not None:
        return found
    if _ROUNDED.fullmatch(written):
        raise InvalidValueError("was rounded by the spreadsheet; format the column as text")
    if re.fullmatch(r"[0-9-]+", written):
        raise InvalidValueError("has no @g.us at its end")
    raise InvalidValueError(f"is not a group's JID (digits@g.us): {quote(written)}")


@lru_cache(1024)
def parse_owner(text: str) -> str:
    """The digits of a phone number, given as people write it or as a user JID."""
    written = clean(text)
    if _ROUNDED.fullmatch(written):
        raise InvalidValueError("was rounded by the spreadsheet; format the column as text")
    plain = written if "@" in written else _PUNCTUATION_OF_PHONES.sub("", written)
    user = user_id(plain)
    if user is None:
        raise InvalidValueError(f"is not a phone number: {quote(written)}")
    if user.phone is None:
        raise InvalidValueError("is a LID; give the phone number")
    return user.phone


@lru_cache(1024)
def parse_priority(text: str) -> int:
    """A whole number; higher comes back first."""
    written = clean(text)
    if not _INTEGER.fullmatch(written):
        raise InvalidValueError(f"is not a whole number: {quote(written)}")
    priority = int(written.split(".", 1)[0])
    if abs(priority) > PRIORITY_MOST:
        raise InvalidValueError(f"is beyond {PRIORITY_MOST:,}")
    return priority


@lru_cache(1024)
def parse_list(text: str) -> tuple[str, ...]:
    """Several short words, separated by `;`, `,` or `|`; each once, sorted."""
    found = sorted({word for part in _SEPARATORS.split(text) if (word := clean(part))})
    if len(found) > LABELS_MOST:
        raise InvalidValueError(f"are too many: {len(found)}, at most {LABELS_MOST}")
    for word in found:
        if len(word) > LABEL_LONGEST:
            raise InvalidValueError(f"has an entry of {len(word)} characters, at most {LABEL_LONGEST}")
    return tuple(found)


def slug(name: str) -> str:
    """ASCII letters and digits with hyphens; "group" when a name has none."""
    plain = normalized("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return _NOT_SLUG.sub("-", plain)[:_SLUG_LONGEST].strip("-") or "group"


def unique_slug(name: str, taken: Container[str], last_numbers: MutableMapping[str, int]) -> str:
    """The slug of a name, numbered if it is taken. `last_numbers` remembers where the counting stood."""
    base = slug(name)
    found = base
    while found in taken:
        last_numbers[base] = last_numbers.get(base, 1) + 1
        found = f"{base}-{last_numbers[base]}"
    return found


def quote(text: str) -> str:
    """Foreign text in a sentence, short; what may be an invite code shows its last four characters."""
    shown = WORD.sub(lambda m: last_four(m[0]) if looks_like_code(m[0]) else m[0], hide_codes(text))
    return f'"{shown}"' if len(shown) <= 40 else f'"{shown[:39]}…"'


def _visible(character: str) -> str:
    kind = unicodedata.category(character)
    if kind in {"Cf", "Cs", "Co", "Cn"} and character not in _JOINERS:
        return ""
    return " " if kind in {"Cc", "Zl", "Zp"} else character


_JOINERS = frozenset("\u200c\u200d")  # part of some scripts' spelling and of emoji
