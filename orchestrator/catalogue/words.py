"""Sentences about foreign words: quoted without leaking a code, corrected where the meaning is near."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.domain.group_fields import clean, quote
from orchestrator.domain.invites import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

UNNAMED = "which the header does not name"
_MAY_BE_A_CODE = re.compile(r"[A-Za-z0-9_-]{16}")


def quoted(text: str) -> str:
    """Foreign text in quotation marks; cut short if it may be an invite code."""
    plain = clean(text)
    return shorten(plain) if may_hold_code(plain) else quote(plain)


def may_hold_code(text: str) -> bool:
    return _MAY_BE_A_CODE.search(text) is not None


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one that is much like it, if there is one."""
    import difflib  # noqa: PLC0415 - needed only when something is wrong

    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean code?`, with its leading blank, or nothing."""
    near = nearest(word, known)
    return "" if near is None else f" Did you mean {near}?"


def counted(number: int, one: str, several: str = "") -> str:
    """`1 row`, `2 rows`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"
