"""The greeting: which text for which size of group, and when there is none."""

from __future__ import annotations

from dataclasses import dataclass

MAX_LENGTH = 4096  # characters: what every gateway takes in one text


@dataclass(frozen=True, slots=True)
class GreetingPolicy:
    """Templates in Jinja's language, run in a sandbox."""

    enabled: bool
    default: str
    small: str
    small_group_members: int

    def template(self, members: int | None) -> str:
        """The small groups' tone only where the member count is known to be small."""
        if members is not None and members < self.small_group_members and self.small:
            return self.small
        return self.default
