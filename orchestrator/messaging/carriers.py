"""What every receiver of messages is: something with a name that takes a parcel and says how it went."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message on its way. `uid` stays the same over all attempts; `at` is when the fact came about."""

    uid: str
    kind: str
    at: float
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt went. `text` holds no address and no secret.

    `final`: trying again is of no use. `retry_after`: seconds that the receiver asked for.
    """

    ok: bool
    text: str = ""
    final: bool = False
    retry_after: float | None = None


class Receiver(Protocol):
    """A sink. Its name is shown to people; its address never is."""

    @property
    def name(self) -> str:
        """What its deliveries are stored under."""

    async def deliver(self, parcel: Parcel) -> Answer:
        """Try once, within a time-out. Never raises for what the other side or the network does."""


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds from a Retry-After header, a number or a date (RFC 9110, 10.2.3); None if it is neither."""
    if header is None:
        return None
    if _SECONDS.fullmatch(header.strip()):
        return max(0.0, float(header))
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
