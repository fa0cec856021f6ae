"""What the daemon is made of."""

from __future__ import annotations

from typing import Protocol


class Part(Protocol):
    """A loop of the daemon, one step at a time; its supervisor drives it, wakes it and outlives its errors."""

    name: str

    async def step(self) -> float:
        """Do all that is due. Returns seconds (of the clock port) until it should be asked again at the latest.

        DatabaseGoneError may pass: the supervisor says so once, waits and asks again. Any other error is
        logged, shown in the status as a trouble of this part, and the part is asked again after a back-off.
        """
