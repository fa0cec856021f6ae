"""What was refused, told at most once a minute and only as numbers: nothing of a stranger's is written."""

from __future__ import annotations

import asyncio
from collections import Counter
from enum import StrEnum

import structlog

EVERY = 60.0  # real seconds

_log = structlog.get_logger(__name__)


class Refusal(StrEnum):
    """Why a delivery was not taken."""

    NOTHING_SET = "no secret is configured"
    NOT_PROVEN = "wrong or missing secret"
    UNKNOWN_INSTANCE = "unknown instance"
    TOO_LARGE = "too large"
    NOT_JSON = "not a JSON object"
    BROKEN_OFF = "broken off"
    BUSY = "no room or no database"


class Refusals:
    """Counts, and logs the counts."""

    def __init__(self) -> None:
        self.total: Counter[Refusal] = Counter()
        self._untold: Counter[Refusal] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def note(self, why: Refusal) -> None:
        """The first after a quiet minute is told at once, what follows when the minute is over."""
        self.total[why] += 1
        self._untold[why] += 1
        if self._timer is None:
            self._tell()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._write()

    def _tell(self) -> None:
        self._timer = None
        if self._write():
            self._timer = asyncio.get_running_loop().call_later(EVERY, self._tell)

    def _write(self) -> bool:
        if not self._untold:
            return False
        count, reasons = self._untold.total(), {why.value: n for why, n in sorted(self._untold.items())}
        self._untold.clear()
        _log.warning("webhooks were refused", count=count, reasons=reasons)
        return True
