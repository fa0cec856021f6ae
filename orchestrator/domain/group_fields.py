"""What people write about a group, made fit to store: names, owners, priorities, lists, slugs. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable, MutableMapping
from functools import lru_cache

from orchestrator.domain.errors import UsageError
from orchestrator.domain.folding import fold, normalized, visible
from orchestrator.domain.identity import group_jid, user_id
from orchestrator.domain.invites import shorten
from orchestrator.domain.phones import read_phone
from orchestrator.domain.redaction import hide_codes, looks_like_code, reduce_words

NAME_LONGEST = 200
SUBJECT_LONGEST = 200  # WhatsApp: 100; counted differently by different clients
NOTES_LONGEST = 2000
LABEL_LONGEST = 64
LABELS_MOST = 50
PRIORITY_MOST = 1_000_000
_SLUG_LONGEST = 60
_SEPARATORS = re.compile(r"[;,|]")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SURROGATES = re.compile("[\ud800-\udfff]+")
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}(?:\.0+)?", re.ASCII)
_MAY_BE_A_CODE = re.compile(r"[A-Za-z0-9_-]{16}")
_ROUNDED = re.compile(r"[0-9][.,][0-9]+E\+?[0-9]+", re.IGNORECASE)


class InvalidValueError(ValueError):
    """A value that cannot stand; its text is the rest of a sentence that begins with the field's name."""


def clean(text: str) -> str:
    """As it was written, on one line: control characters and ends of lines are blanks, which stand singly.

    Lone halves of a character, which no database takes, go. What cannot be seen stays: `fold` compares.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return " ".join(_CONTROL.sub(" ", _SURROGATES.sub("", text)).split())


def clean_notes(text: str) -> str:
    """The same, but lines stay lines."""
    return "\n".join(clean(line) for line in text.splitlines()).strip()


def name_key(name: str) -> str:
    """Two names with the same key are the same to people."""
    return fold(clean(name))


def called(known: Iterable[str], word: str) -> list[str]:
    """The known names and labels that a person means by a word: case does not count."""
    key = name_key(word)
    return [one for one in known if name_key(one) == key]


def instance_called(known: Collection[str], word: str) -> str | None:
    """The instance of that very name, else the only one that a person means by it. Raises UsageError."""
    if word in known:
        return word
    found = called(known, word)
    if len(found) > 1:
        sentence = f"Several instances are called {quote(word)}."
        raise UsageError(sentence, hint=f"say which: {', '.join(map(clean, found))}")
    return found[0] if found else None


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
    written = visible(clean(text))
    if (found := group_jid(written.lower())) is not None:
        return found
    if _ROUNDED.fullmatch(written):
        raise InvalidValueError("was rounded by the spreadsheet; format the column as text")
    if re.fullmatch(r"[0-9-]+", written):
        raise InvalidValueError("has no @g.us at its end")
    raise InvalidValueError(f"is not a group's JID (digits@g.us): {quote(written)}")


@lru_cache(1024)
def parse_owner(text: str) -> str:
    """The digits of a phone number with its country code, given as people write it or as a user JID."""
    written = clean(text)
    if _ROUNDED.fullmatch(written):
        raise InvalidValueError("was rounded by the spreadsheet; format the column as text")
    user = user_id(fold(written)) if "@" in written else None
    if user is not None and user.lid is not None:
        raise InvalidValueError("is a LID; give the phone number")
    number = read_phone(f"+{user.phone}" if user is not None and user.phone else written)
    if number is None:
        raise InvalidValueError(f"is not a phone number with its country code: {quote(written)}")
    return number


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
    found = sorted({word for part in _SEPARATORS.split(text) if (word := visible(clean(part)))})
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
    shown = reduce_words(hide_codes(text), looks_like_code)
    return f'"{shown}"' if len(shown) <= 40 else f'"{shown[:39]}…"'


def quoted(text: str) -> str:
    """Foreign text on one line and in quotation marks; cut short if it may be an invite code."""
    plain = clean(text)
    return shorten(plain) if may_hold_code(plain) else quote(plain)


def may_hold_code(text: str) -> bool:
    return _MAY_BE_A_CODE.search(text) is not None
