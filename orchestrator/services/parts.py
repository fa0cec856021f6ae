"""What the daemon is made of."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class Part(Protocol):
    """A loop of the daemon, one step at a time; driven, woken and outlived by a supervisor."""

    name: str

    async def step(self) -> float:
        """Do all that is due. Returns seconds (of the clock port) until it wants to be asked again.

        DatabaseGoneError may pass: the supervisor says so once, waits and asks again. Any other error is
        logged, shown in the status as a trouble of this part, and the part is asked again after a back-off.
        """


@runtime_checkable
class HasNotice(Protocol):
    """A part that works and still has something to tell: shown in the status beside those that fail."""

    def notice(self) -> tuple[float, str] | None:
        """Since when (seconds since 1970) and a sentence, or nothing."""
