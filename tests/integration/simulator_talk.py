"""A bare client for the simulator's own tests: one account, one healthy group, real HTTP on loopback."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp

from orchestrator.simulator.faults import Faults
from orchestrator.simulator.model import Account, Group
from orchestrator.simulator.network import Network
from orchestrator.simulator.server import Running, serve
from orchestrator.simulator.simtime import SimTime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CODE = "A1b2C3d4E5f6G7h8I9j0Kl"
JID = "120363000000000001@g.us"
KEYS = {"instance_id": "210", "access_token": "token-b"}


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: Any  # JSON, else bytes
    headers: dict[str, str]


class Talk:
    """Speaks to a running simulator."""

    def __init__(self, running: Running, session: aiohttp.ClientSession) -> None:
        self.running = running
        self.network = running.network
        self.group = running.network.groups[JID]
        self.account = running.network.accounts["backup"]
        self._session = session

    async def get(self, path: str, *, keys: dict[str, str] | None = None, **params: str) -> Answer:
        return await self._ask("GET", path, params={**(KEYS if keys is None else keys), **params})

    async def post(self, path: str, *, keys: dict[str, str] | None = None, **body: Any) -> Answer:
        return await self._ask("POST", path, json={**(KEYS if keys is None else keys), **body})

    async def raw(self, method: str, path: str, **how: Any) -> Answer:
        return await self._ask(method, path, **how)

    async def probe(self) -> Answer:
        return await self.get("/v2/groups/join", code=CODE)

    async def join(self) -> Answer:
        return await self.post("/v2/groups/join", code=CODE)

    async def _ask(self, method: str, path: str, **how: Any) -> Answer:
        async with self._session.request(method, path, **how) as response:
            body = await response.read()
            is_json = response.content_type == "application/json"
            return Answer(response.status, json.loads(body) if is_json else body, dict(response.headers))


@asynccontextmanager
async def talk(*, speed: float = 1.0, patience: float = 10.0, **knobs: Any) -> AsyncIterator[Talk]:
    """One network of its own, served for the length of the block."""
    time = SimTime(speed)
    network = Network(now=time.now, sleep=time.sleep)
    network.add_account(Account("backup", "210", "token-b", phone="15550002", lid="188002"))
    network.add_account(Account("admin", "211", "token-a", phone="15550001"))
    network.add_group(
        Group(
            JID, "Support", "Help", owner="15550001", strangers=3, inside={"admin": True}, codes={CODE: True}
        )
    )
    limit = aiohttp.ClientTimeout(total=patience)
    async with (
        serve(network, Faults(**knobs)) as running,
        aiohttp.ClientSession(running.base_url, timeout=limit) as session,
    ):
        yield Talk(running, session)
