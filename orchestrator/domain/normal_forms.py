"""Unicode's normal forms in linear time."""

from __future__ import annotations

import unicodedata
from typing import Literal

_PART = 1000


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
