"""The network's remote control under /_sim: for people at a demo and for tests in another process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from orchestrator.simulator.http import HttpRequest, Reply
    from orchestrator.simulator.wawp import WawpFace


class ControlFace:
    """Answers /_sim itself and hands everything else on."""

    def __init__(self, face: WawpFace) -> None:
        self._face = face

    def __call__(self, request: HttpRequest) -> Reply | Awaitable[Reply]:
        return self._face(request)
