"""Serving a network over HTTP: in a test, as `rejoin simulate`, or for a benchmark."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.simulator.control import ControlFace
from orchestrator.simulator.courier import Courier
from orchestrator.simulator.faces import DIALECTS, all_faces
from orchestrator.simulator.faults import Faults
from orchestrator.simulator.http_server import HttpServer, is_loopback
from orchestrator.simulator.model import Account
from orchestrator.simulator.network import Network
from orchestrator.simulator.scenario import World, built_in, load
from orchestrator.simulator.simtime import SimTime, Ticker
from orchestrator.simulator.truth import Effect, Request, TruthLog, WebhookLog


@dataclass(slots=True)
class Running:
    """A network that is being served."""

    base_url: str
    network: Network
    faults: Faults
    _server: HttpServer = field(repr=False)
    _courier: Courier = field(repr=False)
    _ticker: Ticker = field(repr=False)
    _closed: bool = field(default=False, repr=False)
    world: World | None = None  # where it came from a scenario

    @property
    def log(self) -> TruthLog:
        """What really happened."""
        return self.network.log

    @property
    def webhooks(self) -> WebhookLog:
        """What was told to webhooks, and how it was taken."""
        return self._courier.log

    @property
    def accounts(self) -> list[Account]:
        """The accounts, with their instance ids and access tokens."""
        return list(self.network.accounts.values())

    async def close(self) -> None:
        """Stop serving, end every call under way and post nothing more. A second time does nothing."""
        if self._closed:
            return
        self._closed = True
        await self._server.close()
        await self._courier.close()
        await self._ticker.close()


async def start(
    network: Network, faults: Faults | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> Running:
    """Serve the network on loopback. Port 0: the system chooses. `ValueError` if the host is not loopback."""
    if not is_loopback(host):
        raise ValueError(f"{host} is not on loopback: the simulator serves 127.0.0.1 or ::1 only")
    faults = Faults() if faults is None else faults
    courier = Courier(network, faults)
    server = HttpServer(ControlFace(all_faces(network, faults), courier.log))
    try:
        port = await server.start(host, port)
    except OSError:
        await courier.close()
        raise
    shown = f"[{host}]" if ":" in host else host
    return Running(f"http://{shown}:{port}", network, faults, server, courier, Ticker(network))


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


def address(listen: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:9100` or `[::1]:9100`; `ValueError` with a sentence otherwise."""
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError(f"{listen} is no address: write it as 127.0.0.1:9100")
    if not is_loopback(host):
        raise ValueError(f"{listen} is not on loopback: the simulator serves 127.0.0.1 or [::1] only")
    return host, int(port)


async def simulate(
    listen: str,
    scenario: Path | None = None,
    *,
    speed: float = 1.0,
    anchor: float | None = None,
    gateway: str | None = None,
    log: Callable[[str], None] | None = None,
) -> Running:
    """Serve a scenario (None: the demo) until `close`. Prints nothing; `log` gets a sentence per request.

    `speed` and `anchor` (unix seconds) as in an accelerated clock, so that both sides tell the same time.
    `gateway`: one of `faces.DIALECTS`, where all accounts are linked whatever the scenario says.
    Raises `ValueError` for an address off loopback, `ScenarioError` (also a `ValueError`) for a wrong
    scenario, and `OSError` if the port is taken.
    """
    host, port = address(listen)
    world = load(scenario or built_in("demo"), SimTime(speed, anchor))
    if gateway is not None:
        _link_all(world, gateway)
    if log is not None:
        told = log
        world.network.log.watchers.append(lambda request: told(sentence(request, world.network)))
    running = await start(world.network, world.faults, host=host, port=port)
    running.world = world
    return running


def _link_all(world: World, gateway: str) -> None:
    if gateway not in DIALECTS:
        raise ValueError(f"{gateway} is not spoken here; there are: {', '.join(DIALECTS)}")
    world.faults.vendor, world.faults.engine = DIALECTS[gateway]
    for account in world.network.accounts.values():
        account.link(world.faults.vendor)


def run_server(
    listen: str,
    scenario: Path | None = None,
    *,
    speed: float = 1.0,
    anchor: float | None = None,
    ready: Callable[[Running], None] | None = None,
) -> None:
    """Serve until the process is interrupted; `ready` is told once it listens. Raises as `simulate` does."""

    async def main() -> None:
        running = await simulate(listen, scenario, speed=speed, anchor=anchor)
        try:
            if ready is not None:
                ready(running)
            await asyncio.Event().wait()
        finally:
            await running.close()

    asyncio.run(main())


def sentence(request: Request, network: Network) -> str:
    """One request for a person to read; without its invite code."""
    at = time.strftime("%H:%M:%S", time.gmtime(request.at))
    group = network.groups.get(request.group or "")
    about = f" {group.subject}" if group else ""
    effect = "" if request.effect is Effect.NONE else f", {request.effect.replace('_', ' ')}"
    iq = f", IQ {request.iq}" if request.iq else ""
    trouble = f", played {request.trouble}" if request.trouble else ""
    status = request.status or "no answer"
    return f"{at} {request.account or 'unknown'}: {request.kind}{about}: {status}{effect}{iq}{trouble}"
