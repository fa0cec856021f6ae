"""Serving a network over HTTP: in a test, as `rejoin simulate`, or for a benchmark."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.simulator.control import ControlFace
from orchestrator.simulator.faults import Faults
from orchestrator.simulator.http import HttpServer
from orchestrator.simulator.wawp import WawpFace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.simulator.model import Account
    from orchestrator.simulator.network import Network
    from orchestrator.simulator.truth import TruthLog


class SimTime:
    """Simulated time: one real second is `speed` seconds. Both clocks agree at `anchor` (unix seconds)."""

    def __init__(self, speed: float = 1.0, anchor: float | None = None) -> None:
        self.speed = speed
        self._anchor = time.time() if anchor is None else anchor

    def now(self) -> float:
        return self._anchor + (time.time() - self._anchor) * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self.speed)


@dataclass(slots=True)
class Running:
    """A network that is being served."""

    base_url: str
    network: Network
    faults: Faults
    _server: HttpServer = field(repr=False)

    @property
    def log(self) -> TruthLog:
        """What really happened."""
        return self.network.log

    @property
    def accounts(self) -> list[Account]:
        """The accounts, with their instance ids and access tokens."""
        return list(self.network.accounts.values())

    async def close(self) -> None:
        """Stop serving and end every call under way."""
        await self._server.close()


async def start(
    network: Network, faults: Faults | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> Running:
    """Serve the network on loopback. Port 0: the system chooses. `ValueError` if the host is not loopback."""
    if not is_loopback(host):
        raise ValueError(f"{host} is not on loopback: the simulator serves 127.0.0.1 or ::1 only")
    faults = Faults() if faults is None else faults
    server = HttpServer(ControlFace(WawpFace(network, faults)))
    port = await server.start(host, port)
    shown = f"[{host}]" if ":" in host else host
    return Running(f"http://{shown}:{port}", network, faults, server)


@asynccontextmanager
async def serve(
    network: Network, faults: Faults | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Running]:
    """The same for the length of a `with` block."""
    running = await start(network, faults, host=host, port=port)
    try:
        yield running
    finally:
        await running.close()


def is_loopback(host: str) -> bool:
    """Whether that host is this machine by name or number."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
