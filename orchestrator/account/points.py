"""Named points of the loop, so that a test can kill the process exactly there."""

from __future__ import annotations

from typing import Protocol

POINTS = (
    "lease.taken",
    "recovery.opened",
    "list.answered",
    "list.recorded",
    "probe.answered",
    "probe.recorded",
    "slot.reserved",
    "join.connected",
    "join.answered",
    "join.recorded",
    "look.answered",
    "look.recorded",
    "greeting.marked",
    "greeting.answered",
    "greeting.recorded",
    "recovery.finished",
)


class Points(Protocol):
    """Told when a point is passed. Production passes them in silence."""

    def reach(self, name: str) -> None:
        """The loop stands at `name` now."""


class Silent:
    """Nothing happens at any point."""

    def reach(self, name: str) -> None:
        del name
