"""When calls were made, as the account's own clock has it.

A gateway's log tells when they came in, which accelerated time blurs: a millisecond on the way is a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.account.gateway_calls import Gap

if TYPE_CHECKING:
    from types import ModuleType

    import pytest


def note_gaps(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> list[float]:
    """The instants (boot time) of the calls that are made behind a gap of this module, in order."""
    made: list[float] = []

    class Noted(Gap):
        def taken(self) -> None:
            made.append(self._clock.boottime())
            super().taken()

    monkeypatch.setattr(module, "Gap", Noted)
    return made
