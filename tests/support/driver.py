"""A process that runs recoveries and dies where it is told to.

It is a nursery: it loads everything once and forks a child for each order that it reads from its standard
input, one JSON object a line. A child is a process of its own in every respect that matters here (its own
event loop, connections, pid and death); only the imports are shared. It says `started <order> <pid>` and
`ended <order> <status>` on its standard output; what a child has to say goes into the order's `out` file.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.account import lease
from orchestrator.account.context import POINTS, Context
from orchestrator.account.loop import Ended, Job, run
from orchestrator.account.recovery_settings import RecoverySettings
from orchestrator.clock import AcceleratedClock
from orchestrator.domain.errors import RejoinError
from orchestrator.gateways.http import HttpClient, open_session
from orchestrator.gateways.wawp import WawpGateway
from orchestrator.store import instances
from orchestrator.store.engine import Database, DatabaseTime
from orchestrator.store.recoveries import Scope
from tests.support.defaults import TIMEOUTS, greeting, pacing, recovery, routes

if TYPE_CHECKING:
    from collections.abc import Iterator

REAL_LEASE = 1.5  # real seconds: short enough for a test to see one end
lease.REAL_LEASE = REAL_LEASE


class Deadly:
    """Points that kill the process, without a chance to say anything, at the n-th passing of one of them."""

    def __init__(self, where: str | None) -> None:
        name, _, number = (where or "").partition(":")
        if name and name not in POINTS:
            raise ValueError(f"there is no point called {name}")
        self._name, self._left = name, int(number or 1)

    def reach(self, name: str) -> None:
        if name == self._name:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def settings(speed: float) -> RecoverySettings:
    return recovery(
        policy=pacing(joins_per_minute=5.0),
        greeting=greeting(),
        lease=REAL_LEASE * speed,
    )


def tell_tasks(out: Path) -> None:
    """On SIGUSR1: where every task stands, for a test that waits in vain."""
    with out.open("w") as file:
        for task in asyncio.all_tasks():
            task.print_stack(file=file)


async def recover(order: dict[str, Any]) -> Ended:
    """One recovery, as the command makes it."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell_tasks, Path(order["out"] + ".tasks"))
    speed, anchor = order["speed"], order["anchor"]
    clock = AcceleratedClock(speed, anchor)
    database = Database(order["url"], DatabaseTime(speed, anchor))
    gateway = WawpGateway(
        http=HttpClient(open_session(), clock=clock),
        base_url=order["base_url"],
        instance_id=order["instance_id"],
        access_token=order["access_token"],
        options=routes(),
        timeouts=TIMEOUTS,
    )
    async with database.read() as connection:
        record = await instances.get(connection, order["instance"])
    context = Context(
        database=database,
        gateway=gateway,
        clock=clock,
        settings=settings(speed),
        reveal=lambda code: bytes(code.ciphertext).decode(),
        instance_id=record.id,
        instance_name=record.name,
        actor="driver",
        boot_id=lease.boot_id(),
        points=Deadly(order.get("kill_at")),
        rng=random.Random(order["seed"]),
    )
    try:
        return await run(context, Job(Scope()))
    finally:
        await gateway.close()
        await database.close()


def child(order: dict[str, Any]) -> int:
    """Exit status: 0 and the end in the file, or the error's own exit code and its text."""
    try:
        ended = asyncio.run(recover(order))
        said, status = {"end": ended.end.value, "counts": ended.counts}, 0
    except RejoinError as error:
        said, status = {"error": type(error).__name__, "text": str(error)}, error.exit_code
    except BaseException:  # noqa: BLE001 - the end of the process: whatever it was stands in the file
        said, status = {"error": "traceback", "text": traceback.format_exc()}, 70
    Path(order["out"]).write_text(json.dumps(said))
    return status


def nursery() -> None:
    """Fork for every order until the standard input ends; then the children die with us."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever else a child prints (its log, say) is no answer
    names: dict[int, str] = {}
    while True:
        readable, _, _ = select.select([sys.stdin], [], [], 0.005)
        if readable:
            line = sys.stdin.readline()
            if not line:
                break
            order = json.loads(line)
            pid = os.fork()
            if pid == 0:
                os._exit(child(order))
            names[pid] = order["name"]
            print("started", order["name"], pid, file=answers)
        for name, status in reap(names):
            print("ended", name, status, file=answers)
    for pid in names:
        os.kill(pid, signal.SIGKILL)


def reap(names: dict[int, str]) -> Iterator[tuple[str, int]]:
    for pid in list(names):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            yield names.pop(pid), os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    nursery()
