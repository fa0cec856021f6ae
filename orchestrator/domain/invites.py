"""Invite codes: what people paste, made into the one thing that a gateway wants.

Forms seen in the wild (whatsmeow and whatsapp-rust sources, Evolution API's check, public code search):
`https://chat.whatsapp.com/CODE`, `/invite/CODE`, a trailing slash, any query (`?mode=ac_t`, `?fbclid=...`),
`https://web.whatsapp.com/accept?code=CODE`, `whatsapp://chat?code=CODE`, and the bare code. A code is 22
letters and digits; 20 to 24 of `[A-Za-z0-9_-]` are let through with a warning. Case matters.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, urlsplit

from orchestrator.domain.errors import UsageError
from orchestrator.domain.normal_forms import normalized

_USUAL = re.compile(r"[A-Za-z0-9]{22}")
_ACCEPTED = re.compile(r"[A-Za-z0-9_-]{20,24}")
_V4 = re.compile(r"[\x21-\x7e]{16}")  # from an invitation message; may hold other symbols
_COMMON = re.compile(  # nearly every cell of a table: decided at once
    r"(?:https?://chat\.whatsapp\.com/(?:invite/)?)?([A-Za-z0-9_-]{20,24})(?:/?\?[A-Za-z0-9_=&-]*)?"
)
_LINK = re.compile(r"chat\.whatsapp\.com/", re.IGNORECASE)
_LONGEST = 2000  # characters of a pasted link with tracking parameters
_QUOTED = 12
_AROUND = "<>()[]{}\"'`*«»‹›“”„‘’‚ \t\r\n"  # brackets, quotes and WhatsApp's own bold and code marks
_AFTER = ".,;:!?"
_HOSTS = frozenset({"chat.whatsapp.com", "www.chat.whatsapp.com"})
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
    """The code in a link or a bare code. Raise InvalidInviteError, which never quotes a code."""
    if common := _COMMON.fullmatch(text):
        return InviteCode(common[1])
    pasted = _clean(text)
    if not pasted:
        raise InvalidInviteError("code is empty")
    if len(pasted) > _LONGEST:
        raise InvalidInviteError(f"code is too long: {len(pasted)} characters")
    if _ACCEPTED.fullmatch(bare := pasted.rstrip("/")):
        return InviteCode(bare)
    if _V4.fullmatch(pasted) and "." not in pasted and ":" not in pasted:
        raise InvalidInviteError(_FROM_A_MESSAGE)
    return _from_link(_only_link(pasted), text.strip())


def _clean(text: str) -> str:
    """Full-width forms made plain, invisible characters dropped, brackets and quotes around it stripped."""
    plain = normalized("NFKC", text)
    visible = "".join(c for c in plain if unicodedata.category(c) not in {"Cf", "Cc"} or c in "\t\r\n")
    return visible.lstrip(_AROUND).rstrip(_AROUND + _AFTER)


def _only_link(pasted: str) -> str:
    """The one link of a pasted invitation ("Open this link to join my group: ..."), else all of it."""
    links = [word.strip(_AROUND).rstrip(_AFTER) for word in pasted.split() if _LINK.search(word)]
    return links[0] if len(links) == 1 else pasted


def _from_link(link: str, pasted: str) -> InviteCode:
    url = _split(link)
    host = (url.hostname or "").removesuffix(".") if url else ""
    if url is None or not host:
        raise _neither(pasted)
    _refuse_other_links(host, url.path)
    if (url.scheme == "whatsapp" and host == "chat") or (host == "web.whatsapp.com" and "accept" in url.path):
        candidate = (parse_qs(url.query).get("code") or [""])[0].strip("/")
    elif url.scheme in {"http", "https"} and host in _HOSTS:
        candidate = _last_of(url.path)
    else:
        raise _neither(pasted)
    if _ACCEPTED.fullmatch(candidate):
        return InviteCode(candidate)
    raise InvalidInviteError(_bad_code_in_link(candidate))


def _split(pasted: str) -> SplitResult | None:
    with_scheme = pasted if "://" in pasted else f"https://{pasted}"
    try:
        url = urlsplit(with_scheme)
        _ = url.hostname
    except ValueError:
        return None
    return url


def _refuse_other_links(host: str, path: str) -> None:
    if host in {"whatsapp.com", "www.whatsapp.com"} and path.lower().startswith("/channel"):
        raise InvalidInviteError("code is a link to a channel, not to a group")
    if host in {"wa.me", "www.wa.me", "api.whatsapp.com"}:
        raise InvalidInviteError("code is a link to a person or a business (wa.me), not to a group")


def _last_of(path: str) -> str:
    parts = [part for part in path.split("/") if part]
    if parts and parts[0].lower() == "invite":
        parts = parts[1:]
    return parts[0] if len(parts) == 1 else ""


def _bad_code_in_link(candidate: str) -> str:
    if not candidate:
        return "code is a WhatsApp link without a code in it"
    if _V4.fullmatch(candidate):
        return _FROM_A_MESSAGE
    return f"code in the link has {len(candidate)} characters; a code has 22 letters and digits"


def _neither(pasted: str) -> InvalidInviteError:
    return InvalidInviteError(f"code is not a chat.whatsapp.com link or a bare code: {shorten(pasted)}")


def shorten(pasted: str) -> str:
    """A quotation too short to be a code, even one with a sign too many in it."""
    shown = "".join(c if c.isprintable() else "?" for c in pasted)
    return f'"{shown}"' if len(shown) <= _QUOTED else f'"{shown[:_QUOTED]}…"'
