"""Invite codes: what people paste, made into the one thing that a gateway wants.

Forms seen in the wild (whatsmeow and whatsapp-rust sources, Evolution API's check, public code search):
`https://chat.whatsapp.com/CODE`, `/invite/CODE`, a trailing slash, any query (`?mode=ac_t`, `?fbclid=...`),
`https://web.whatsapp.com/accept?code=CODE`, `whatsapp://chat?code=CODE`, and the bare code. A code is 22
letters and digits; 20 to 24 of `[A-Za-z0-9_-]` are let through with a warning. Case matters.

A link is looked for in the whole text: shared messages put words, emoji or markup around it, and redirecting
sites put it, percent-encoded, into a link of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from orchestrator.domain.errors import UsageError
from orchestrator.domain.folding import normalized, visible

_USUAL = re.compile(r"[A-Za-z0-9]{22}")
_ACCEPTED = re.compile(r"[A-Za-z0-9_-]{20,24}")
_V4 = re.compile(r"[\x21-\x7e]{16}")  # from an invitation message; may hold other symbols
_COMMON = re.compile(  # nearly every cell of a table: decided at once
    r"(?:https?://chat\.whatsapp\.com/(?:invite/)?)?([A-Za-z0-9_-]{20,24})(?:/?\?[A-Za-z0-9_=&-]*)?"
)
_SIGN = r"[A-Za-z0-9_+=.!~$@%^-]"
_PARAMETERS = r"(?:[^\s&]{0,100}&){0,10}?"  # of an address, before its code
_LINK = re.compile(
    r"(?i:(?<![a-z0-9.-])(?:www\.)?chat\.whatsapp\.com\.?(?::[0-9]{1,5})?/+(?:invite/+)?"
    rf"|(?<![a-z0-9.-])web\.whatsapp\.com/+accept(?:/*\?{_PARAMETERS}code=)?"
    rf"|whatsapp:/*chat(?:/*\?{_PARAMETERS}code=)?)"
    rf"(?P<code>{_SIGN}*)(?P<more>/+{_SIGN}+)?",
    re.ASCII,
)
_CHANNEL = re.compile(r"(?<![a-z0-9.-])(?:www\.)?whatsapp\.com/+channel\b", re.IGNORECASE)
_PERSON = re.compile(r"(?<![a-z0-9.-])(?:(?:www\.)?wa\.me|api\.whatsapp\.com)\b", re.IGNORECASE)
_LONGEST = 2000  # characters of a pasted text with its link
_ENCODED = 3  # redirects through redirects encode a link more than once
_QUOTED = 12
_AROUND = "<>()[]{}\"'`*«»‹›“”„‘’‚ \t\r\n"  # brackets, quotes and WhatsApp's own bold and code marks
_AFTER = ".,;:!?"
_FROM_A_MESSAGE = (
    "code has 16 characters: it comes from an invitation message and works for its receiver only;"
    " ask for the group's invite link"
)


class InvalidInviteError(UsageError):
    """That is not an invite code."""

    code = "invalid_invite"


@dataclass(frozen=True, slots=True)
class InviteCode:
    """A code that lets anyone into a group: it hides itself wherever it is shown."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """The code itself, for the gateway and the cipher only."""
        return self._value

    @property
    def last4(self) -> str:
        return self._value[-4:]

    @property
    def usual(self) -> bool:
        """Whether it has the form of every code seen so far: 22 letters and digits."""
        return _USUAL.fullmatch(self._value) is not None

    def __str__(self) -> str:
        return f"…{self.last4}"

    def __repr__(self) -> str:
        return f"InviteCode(…{self.last4})"


def parse_invite(text: str) -> InviteCode:
    """The code of the one link in a text, or a bare code. Raises InvalidInviteError, which quotes no code."""
    if common := _COMMON.fullmatch(text):
        return InviteCode(common[1])
    if len(text) > _LONGEST:
        raise InvalidInviteError(f"code is too long: {len(text)} characters")
    pasted = visible(normalized("NFKC", text)).replace("\u3002", ".").strip()
    if links := list(_LINK.finditer(_decoded(pasted))):
        return _from_links(links)
    return _bare(pasted.strip(_AROUND).rstrip(_AFTER).strip(_AROUND), text.strip())


def holds_link(text: str) -> bool:
    """Whether there is a link to a group in a text, usable or not."""
    return len(text) <= _LONGEST and _LINK.search(_decoded(normalized("NFKC", text))) is not None


def _decoded(text: str) -> str:
    for _ in range(_ENCODED):
        if "%" not in text:
            break
        text = unquote(text)
    return text


def _from_links(links: list[re.Match[str]]) -> InviteCode:
    found = {(_unmarked(link["code"]), bool(link["more"])) for link in links}
    if len(found) > 1:
        raise InvalidInviteError(
            f"code holds {len(found)} different invite links; keep the one of this group"
        )
    code, more = found.pop()
    if not more and _ACCEPTED.fullmatch(code):
        return InviteCode(code)
    raise InvalidInviteError(_bad_code_in_link(code, more=more))


def _unmarked(code: str) -> str:
    """Without the sentence's or the mark-up's signs behind it; `_` may belong to a code."""
    plain = code.rstrip(".!~")
    return plain if _ACCEPTED.fullmatch(plain) else plain.rstrip("._!~")


def _bad_code_in_link(code: str, *, more: bool) -> str:
    if not code or (more and not _ACCEPTED.fullmatch(code)):
        return "code is a WhatsApp link without a code in it"
    if more:
        return "code in the link is followed by something that does not belong to it"
    if _V4.fullmatch(code):
        return _FROM_A_MESSAGE
    return f"code in the link has {len(code)} characters; a code has 22 letters and digits"


def _bare(word: str, pasted: str) -> InviteCode:
    if not word:
        raise InvalidInviteError("code is empty")
    if _ACCEPTED.fullmatch(code := word.rstrip("/")):
        return InviteCode(code)
    if _CHANNEL.search(word):
        raise InvalidInviteError("code is a link to a channel, not to a group")
    if _PERSON.search(word):
        raise InvalidInviteError("code is a link to a person or a business (wa.me), not to a group")
    if _V4.fullmatch(word) and "." not in word and ":" not in word:
        raise InvalidInviteError(_FROM_A_MESSAGE)
    raise InvalidInviteError(f"code is not a chat.whatsapp.com link or a bare code: {shorten(pasted)}")


def shorten(pasted: str) -> str:
    """A quotation too short to be a code, even one with a sign too many in it."""
    shown = "".join(c if c.isprintable() else "?" for c in pasted)
    return f'"{shown}"' if len(shown) <= _QUOTED else f'"{shown[:_QUOTED]}…"'
