"""The demo can be won: a plain, careful client gets in wherever the truth sheet says that one can."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from orchestrator.simulator import sheets
from orchestrator.simulator.scenario import built_in
from orchestrator.simulator.server import simulate
from orchestrator.simulator.truth import Effect

if TYPE_CHECKING:
    from orchestrator.simulator.scenario import Row
    from orchestrator.simulator.server import Running

SPEED = 3000.0
PACE = 12.0  # simulated seconds between two joins: five a minute


class Careful:
    """Looks, probes, verifies, joins at five a minute, and never joins twice without a look."""

    def __init__(self, running: Running, session: aiohttp.ClientSession) -> None:
        self.network = running.network
        self.account = running.network.account("backup-1")
        self.session = session
        self.keys = {"instance_id": self.account.instance_id, "access_token": self.account.access_token}

    async def call(self, method: str, path: str, **data: str) -> Any:
        """The JSON, or None for whatever is no good answer."""
        how: dict[str, Any] = {"json" if method == "POST" else "params": {**self.keys, **data}}
        try:
            async with self.session.request(method, path, **how) as response:
                return await response.json() if response.status == 200 else None
        except aiohttp.ClientError:
            return None

    async def mine(self) -> set[str]:
        return {group["id"] for group in await self.call("GET", "/v2/groups") or []}

    async def recover(self, row: Row) -> None:
        probe = await self.call("GET", "/v2/groups/join", code=row.code)
        expected = {"id": row.jid} if row.jid else {"subject": row.subject}
        if probe and expected.items() <= probe.items():
            await self.call("POST", "/v2/groups/join", code=row.code)
            await self.network.sleep(PACE)


@pytest.mark.parametrize("name", ["demo", "smooth"])
async def test_a_careful_client_ends_where_the_truth_sheet_says(name: str) -> None:
    running = await simulate("127.0.0.1:0", built_in(name), speed=SPEED)
    assert running.world is not None
    rows = running.world.rows
    backup = running.network.account("backup-1")
    fates = {row.name: sheets.fate(running.network, row, backup).status for row in rows}
    async with aiohttp.ClientSession(running.base_url) as session:
        client = Careful(running, session)
        for _ in range(2):
            inside = await client.mine()
            for row in rows:
                if row.group.jid not in inside and "backup-1" not in row.group.pending:
                    await client.recover(row)
        await asyncio.sleep(300 / SPEED)
        await client.mine()
    await running.close()
    assert {row.name for row in rows if "backup-1" in row.group.inside} == {
        name for name, status in fates.items() if status == "active"
    }
    assert running.log.double_effects() == []
    assert running.log.needless_joins() == []
    assert running.log.joins_without_probe() == []
    assert running.log.joins_repeated_without_look() == []
    assert running.log.worst_window() <= 5
    assert running.log.effects(Effect.SIDE_JOINED).total() == (2 if name == "demo" else 0)
