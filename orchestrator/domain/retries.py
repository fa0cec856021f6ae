"""How often, and after which waits, something that failed is tried again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Caps and waits, in seconds."""

    attempts: int
    first_wait: float
    longest_wait: float
    pauses: tuple[float, ...]  # first, second, later pauses of an account
    read_tries: int = 3  # at once, for a read that failed on the way
    read_wait: float = 2.0

    def wait_after(self, attempts: int) -> float:
        """Seconds before attempt number `attempts` + 1 of one group: doubling, with a longest wait."""
        doublings = min(max(0, attempts - 1), 60)  # a float holds 1,023 of them
        return min(self.first_wait * 2.0**doublings, self.longest_wait)
