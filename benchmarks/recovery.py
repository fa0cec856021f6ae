"""What durability costs: a recovery with the pace off, against a bare aiohttp loop on the same simulator.

`python -m benchmarks.recovery [GROUPS] [RUNS]`. Each run: a fresh gateway process, GROUPS groups, probe and
join for each (and nothing else counted at the gateway); every join is checked there to have happened once.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from sqlalchemy import insert

from orchestrator.account import lease
from orchestrator.account.context import Context
from orchestrator.account.loop import Job, run
from orchestrator.account.recovery_settings import ConfirmMethod
from orchestrator.clock import SystemClock
from orchestrator.gateways.http import HttpClient, open_session
from orchestrator.gateways.wawp import WawpGateway
from orchestrator.store import instances, schema
from orchestrator.store.engine import Database
from orchestrator.store.recoveries import Scope
from orchestrator.store.tables import groups, invite_codes
from tests.support.defaults import TIMEOUTS, greeting, pacing, recovery, routes
from tests.support.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BARE_IN_FLIGHT = 16
WIDTH = 64  # without a pace the stages take many groups at once; with one they take one
UNPACED = pacing(joins_per_minute=float("inf"), limit=10**9, min_spacing=0.0, jitter=0.0)
SETTINGS = recovery(
    policy=UNPACED,
    confirm=ConfirmMethod.RECEIPT,  # the bare loop does not look either
    greeting=greeting(enabled=False),
    probe_gap=0.0,
    look_gap=0.0,
    width=WIDTH,
)


@dataclass(slots=True)
class Peer:
    """The gateway process."""

    process: asyncio.subprocess.Process
    base_url: str
    instance_id: str
    access_token: str
    rows: list[list[str]]

    async def finish(self) -> dict[str, int]:
        """Stop it; what it counted."""
        stdout, _ = await self.process.communicate(b"done\n")
        counted: dict[str, int] = json.loads(stdout.decode().splitlines()[-1])
        return counted


@asynccontextmanager
async def peer(number: int) -> AsyncIterator[Peer]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.peer",
        str(number),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 26,
    )
    if process.stdout is None:
        raise RuntimeError("the gateway process has no output")
    told = json.loads(await process.stdout.readline())
    try:
        yield Peer(process, **told)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def bare(number: int) -> float:
    """Probe and join with aiohttp alone; groups per second."""
    async with peer(number) as gateway, aiohttp.ClientSession(gateway.base_url) as session:
        auth = {"instance_id": gateway.instance_id, "access_token": gateway.access_token}
        codes = iter([row[1] for row in gateway.rows])

        async def work() -> None:
            for code in codes:
                async with session.get("/v2/groups/join", params={**auth, "code": code}) as answer:
                    await answer.json()
                async with session.post("/v2/groups/join", json={**auth, "code": code}) as answer:
                    await answer.json()

        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(BARE_IN_FLIGHT)))
        seconds = time.perf_counter() - began
        check(await gateway.finish(), number)
    return number / seconds


async def durable(number: int, url: str) -> float:
    """The whole loop with its transactions; groups per second."""
    async with peer(number) as gateway:
        database = Database(url)
        await schema.upgrade(database)
        await fill(database, gateway.rows)
        context = await context_for(database, gateway)
        began = time.perf_counter()
        ended = await run(context, Job(Scope()))
        seconds = time.perf_counter() - began
        await context.gateway.close()
        await database.close()
        if ended.counts["active"] != number:
            raise RuntimeError(f"only {ended.counts} of {number}")
        check(await gateway.finish(), number)
    return number / seconds


def check(counted: dict[str, int], number: int) -> None:
    if counted != {"probes": number, "joins": number, "groups": number}:
        raise RuntimeError(f"the gateway counted {counted}, not {number} of each")


async def context_for(database: Database, gateway: Peer) -> Context:
    clock = SystemClock()
    async with database.read() as connection:
        record = await instances.get(connection, "backup-1")
    async with database.write() as connection:  # the first minute's hold has nothing to do with the cost
        await instances.set_values(connection, record.id, known_since=0.0)
    return Context(
        database=database,
        gateway=WawpGateway(
            http=HttpClient(open_session(), clock=clock),
            base_url=gateway.base_url,
            instance_id=gateway.instance_id,
            access_token=gateway.access_token,
            options=routes(),
            timeouts=TIMEOUTS,
        ),
        clock=clock,
        settings=SETTINGS,
        reveal=lambda code: bytes(code.ciphertext).decode(),
        instance_id=record.id,
        instance_name="backup-1",
        actor="benchmark",
        boot_id=lease.boot_id(),
    )


async def fill(database: Database, rows: list[list[str]]) -> None:
    async with database.write() as connection:
        now = await database.now(connection)
        await instances.sync(connection, [instances.Configured("backup-1", "backup", "wawp", "sim#200")], now)
        made = [
            {"id": n, "slug": f"g{n}", "name": name, "jid": jid, "created_at": now, "updated_at": now}
            for n, (name, _, jid) in enumerate(rows, 1)
        ]
        codes: list[dict[str, Any]] = [
            {
                "group_id": n,
                "ciphertext": code.encode(),
                "key_id": "clear",
                "fingerprint": f"f{n}",
                "last4": code[-4:],
                "current": True,
                "source": "import",
                "created_at": now,
            }
            for n, (_, code, _) in enumerate(rows, 1)
        ]
        await connection.execute(insert(groups), made)
        await connection.execute(insert(invite_codes), codes)


async def main(number: int, runs: int) -> None:
    figures: dict[str, list[float]] = {"bare": [], "sqlite": [], "postgresql": []}
    with tempfile.TemporaryDirectory() as folder:
        server = PostgresServer.start(durable=True)
        try:
            for turn in range(runs):
                figures["bare"].append(await bare(number))
                path = Path(folder) / f"{turn}.db"
                figures["sqlite"].append(await durable(number, f"sqlite+aiosqlite:///{path}"))
                name = server.create_database()
                figures["postgresql"].append(await durable(number, server.url(name)))
                server.drop_database(name)
        finally:
            server.stop()
    report(figures, number)


def report(figures: dict[str, list[float]], number: int) -> None:
    bare_rate = statistics.median(figures["bare"])
    print(f"{number} groups, probe and join each, pace off; median of {len(figures['bare'])}")
    for name, rates in figures.items():
        rate = statistics.median(rates)
        print(
            f"{name:12} {rate:8.0f} groups/s   ratio to bare {rate / bare_rate:6.3f}"
            f"   at a bare loop of 4,000/s: {4000 * rate / bare_rate:6.0f}"
        )
    print(
        "asked: at least 130 on SQLite and 350 on PostgreSQL where the bare loop does 4,000; aim beyond 763"
    )


if __name__ == "__main__":
    asyncio.run(
        main(
            int(sys.argv[1]) if len(sys.argv) > 1 else 2000,
            int(sys.argv[2]) if len(sys.argv) > 2 else 3,
        )
    )
