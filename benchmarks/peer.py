"""The simulated gateway in a process of its own: `python -m benchmarks.peer GROUPS`, answers on loopback."""

from __future__ import annotations

import asyncio
import json
import sys

from orchestrator.simulator import scenario, server
from orchestrator.simulator.truth import Effect, Kind

WORLD = """
seed = 3

[[accounts]]
name = "backup-1"
instance_id = "200"
phone = "15550100002"

[generate]
groups = {groups}
members = [6, 60]
"""


async def main(groups: int) -> None:
    world = scenario.parse(WORLD.format(groups=groups))
    async with server.serve(world.network, world.faults) as running:
        account = running.accounts[0]
        told = {
            "base_url": running.base_url,
            "instance_id": account.instance_id,
            "access_token": account.access_token,
            "rows": [[row.name, row.code, row.jid] for row in world.rows],
        }
        print(json.dumps(told), flush=True)
        await asyncio.to_thread(sys.stdin.readline)  # until the benchmark says that it is done
        joined = {h.group for h in running.log.happenings if h.effect is Effect.JOINED}
        counts = {
            "probes": len(running.log.of(Kind.PROBE)),
            "joins": len(running.log.of(Kind.JOIN)),
            "groups": len(joined),
        }
        print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
