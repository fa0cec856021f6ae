"""Foreign JSON made fit to store: `redact` for every text, and for values by the name they stand under."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from orchestrator.domain.redaction import last_four
from orchestrator.redact import HIDDEN, LONGEST, hider, scrub_with

DROPPED = frozenset({"_data", "environment"})
"""The engine's own object and its version: nobody reads them, and they hold anything."""
MOST_VALUES = 20_000
MOST_CHARACTERS = 256 * 1024
"""Of all texts and names together: more is cut off, and no body costs more time or room than that."""
DEEPEST = 12
CUT = "[cut]"

_LONGEST_NAME = 60  # characters at its end, which say what it is a name of
_SECRET_NAMES = re.compile(
    r"(?:.*[_-])?(?:token|api[_-]?key|apikey|secret|password|passwd|authorization|qr|jwt)", re.IGNORECASE
)
_CODE_NAMES = re.compile(r"invite(?:[_-]?(?:code|link|url))?|code|link", re.IGNORECASE)
# An id or a single lower-case word cannot hold a code; most texts of an event are one.
_HARMLESS = re.compile(r"[0-9.:-]{1,40}@[a-z.]{1,20}|[a-z_.]{1,19}|[0-9]{1,19}", re.ASCII)


def scrub_object(body: Mapping[str, Any], *, secrets: Collection[str] = ()) -> dict[str, Any]:
    """A copy without tokens and invite codes, its texts short, not deeper than 12 levels."""
    return _Scrubber(secrets).object(body, DEEPEST)


class _Scrubber:
    def __init__(self, secrets: Collection[str]) -> None:
        self._hide = hider(secrets)
        self._left = MOST_VALUES
        self._characters = MOST_CHARACTERS

    def object(self, value: Mapping[str, Any], levels: int) -> dict[str, Any]:
        return {
            self._text(key): self._named(key, inner, levels - 1)
            for key, inner in value.items()
            if key not in DROPPED
        }

    def _named(self, name: str, value: Any, levels: int) -> Any:
        if value and _SECRET_NAMES.fullmatch(name[-_LONGEST_NAME:]):
            return HIDDEN
        if isinstance(value, str) and len(value) >= 12 and _CODE_NAMES.fullmatch(name):
            return last_four(value.rstrip("/").partition("?")[0])
        return self._value(value, levels)

    def _value(self, value: Any, levels: int) -> Any:
        self._left -= 1
        if self._left < 0:
            return CUT
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict | list):
            if levels <= 0:
                return CUT
            if isinstance(value, dict):
                return self.object(value, levels)
            return [self._value(inner, levels - 1) for inner in value[: self._left + 1]]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    def _text(self, text: str) -> str:
        self._characters -= min(len(text), 4 * LONGEST)
        if self._characters < 0:
            return CUT
        return self._hide(text) if _HARMLESS.fullmatch(text) else scrub_with(self._hide, text)
