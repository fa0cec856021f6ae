"""What a fleet costs the daemon: `python -m benchmarks.fleet [INSTANCES] [GROUPS] [--minutes N] [--idle N]`.

One daemon on SQLite with a recovery of GROUPS groups for each of INSTANCES backups, in real time, against
one simulated network in a process of its own. Prints the pace at the gateway, how late joins left, the share
of one core, and what one join costs with all that belongs to it: processor and statements; then, with every
recovery stopped and the accounts merely watched, the share at rest.
Exit code 1 when it is more than asked.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.counted import VARIABLE, Statements
from orchestrator.bootstrap import open_app
from orchestrator.config import load
from orchestrator.operations.ordering import stop
from orchestrator.store import instances, orders
from orchestrator.store.engine import Database
from orchestrator.store.recoveries import Scope
from tests.support.daemon import Town, town

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WINDOW = 60.0  # seconds
MOST = 5  # joins in it
START_UP = 75.0  # seconds: one full window is held first, and then the first slots are spread
SETTLE = 90.0  # seconds after the last recovery was stopped: each account compares its groups once then
ALLOWED_LATE = 0.25  # seconds, at the 99th percentile
ALLOWED_IDLE = 0.01  # of a core
TICK = os.sysconf("SC_CLK_TCK")
CONFIG = """
[pacing]
joins_per_minute = {pace}
"""


def scenario(backups: int, number: int) -> str:
    accounts = [("sales-main", 0), *((f"backup-{n:03}", n) for n in range(1, backups + 1))]
    return "".join(
        f'[[accounts]]\nname = "{name}"\ninstance_id = "{100 + n}"\n'
        f'phone = "1555{n:07}"\nlid = "9000{n:011}"\n'
        for name, n in accounts
    ) + (
        '[gateway]\nlatency = [0.1, 0.6]\n[import]\ninstances = ["sales-main"]\n'
        f'[generate]\ngroups = {number}\nmembers = [6, 40]\nowner = "15550000000"\nadmins = ["sales-main"]\n'
    )


@dataclass(frozen=True, slots=True)
class Used:
    """A process at one moment: seconds of processor, MB of memory, real time."""

    cpu: float
    rss: float
    at: float
    statements: Statements

    @classmethod
    def by(cls, pid: int, counts: Path) -> Used:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{pid}/status").read_text()
        rss = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), None)
        if rss is None:
            raise RuntimeError(f"process {pid} has ended")
        return cls(
            (int(fields[11]) + int(fields[12])) / TICK, rss / 1024, time.monotonic(), Statements.read(counts)
        )

    def share_since(self, before: Used) -> float:
        """Of one core."""
        return (self.cpu - before.cpu) / (self.at - before.at)


def place_all(world: Town, backups: int, each: int) -> None:
    """One open recovery of its own groups for every backup, as `rejoin run --detach` would place it."""
    with (world.folder / "groups.csv").open(encoding="utf-8") as file:
        listed = sum(1 for _ in csv.DictReader(file))
    if listed != backups * each:
        raise RuntimeError(f"{listed} groups are listed, not {backups * each}")

    async def place() -> None:
        async with open_app(load(world.folder / "rejoin.toml", {})) as app:
            await app.sync_instances()
            for n in range(backups):
                async with app.database.write() as connection:
                    now = await app.database.now(connection)
                    record = await instances.get(connection, f"backup-{n + 1:03}")
                    await instances.lock(connection, record.id)
                    only = range(n * each + 1, (n + 1) * each + 1)
                    order = orders.Order(record.id, Scope("sales-main"), "benchmark", only=only)
                    await orders.place(connection, order, now)

    asyncio.run(place())


def stop_all(world: Town) -> None:
    """Ask every recovery to end, and wait until all have."""
    open_ones = "SELECT id FROM recoveries WHERE state = 'running'"

    async def ask() -> None:
        database = Database(f"sqlite+aiosqlite:///{world.folder}/rejoin.db")
        for (number,) in world.rows(open_ones):
            await stop(database, number, actor="benchmark")
        await database.close()

    asyncio.run(ask())
    end = time.monotonic() + 120.0
    while world.rows(open_ones):
        if time.monotonic() > end:
            raise RuntimeError("the recoveries do not stop")
        time.sleep(0.5)


def joins_by_account(world: Town) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for request in world.asks("/_sim/log")["requests"]:
        if request["kind"] == "join":
            found[request["account"]].append(request["at"])
    return found


def worst_window(times: Sequence[float]) -> int:
    return max((sum(1 for at in times if start <= at < start + WINDOW) for start in times), default=0)


def percentile(values: Sequence[float], share: float) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))] if ranked else float("nan")


def arrivals_late(world: Town, joins: dict[str, list[float]]) -> Iterator[float]:
    """From each slot to its arrival at the gateway, connecting and reading included."""
    sends: dict[str, list[float]] = defaultdict(list)
    query = (
        "SELECT i.name, s.send_at FROM slots s JOIN instances i ON i.id = s.instance_id"
        " WHERE s.sent_at IS NOT NULL OR s.finished_at IS NULL ORDER BY s.n"
    )
    for name, at in world.rows(query):
        sends[name].append(at)
    for name, times in joins.items():
        yield from (arrived - planned for planned, arrived in zip(sends[name], times, strict=False))


def report_busy(world: Town, *, began: float, ended: float, pace: float, used: tuple[Used, Used]) -> bool:
    joins = joins_by_account(world)
    worst = max(worst_window(times) for times in joins.values())
    minutes = (ended - began) / 60.0
    rates = [sum(began <= at < ended for at in times) / minutes for times in joins.values()]
    left = "SELECT sent_at - send_at FROM slots WHERE sent_at IS NOT NULL"
    late = [row[0] for row in world.rows(left)]
    dropped = world.rows("SELECT count(*) FROM slots WHERE finished_at IS NOT NULL AND sent_at IS NULL")[0][0]
    arrived = list(arrivals_late(world, joins))
    active = world.rows("SELECT count(*) FROM memberships WHERE status = 'active'")[0][0]
    print(f"joins               {sum(map(len, joins.values())):8}   {active} active, {dropped} slots dropped")
    print(f"worst 60 s          {worst:8}   at the gateway, of all instances; allowed: {MOST}")
    print(
        f"pace                {statistics.mean(rates) / pace:8.3f}   of {pace:g} a minute and instance;"
        f" lowest {min(rates) / pace:.3f}, median {statistics.median(rates) / pace:.3f}"
    )
    print(
        f"late p99            {percentile(late, 0.99) * 1000:8.1f} ms   p50"
        f" {percentile(late, 0.5) * 1000:.1f}, highest {max(late, default=0) * 1000:.1f};"
        f" allowed: {ALLOWED_LATE * 1000:g}"
    )
    print(
        f"arrived p99         {percentile(arrived, 0.99) * 1000:8.1f} ms   p50"
        f" {percentile(arrived, 0.5) * 1000:.1f}, from the slot to the gateway's log"
    )
    share = used[1].share_since(used[0])
    print(f"processor, busy     {share * 100:8.1f} %   of one core; {used[1].rss:.0f} MB")
    sent = sum(began <= at < ended for times in joins.values() for at in times)
    spent, said = used[1].cpu - used[0].cpu, used[1].statements.since(used[0].statements)
    print(f"processor, a join   {spent / sent * 1000:8.1f} ms   over {sent} joins")
    print(f"statements, a join  {said.all / sent:8.1f}      of which {said.writing / sent:.1f} write")
    return worst <= MOST and percentile(late, 0.99) < ALLOWED_LATE


def machine() -> str:
    return f"load {Path('/proc/loadavg').read_text().split()[0]} on {os.cpu_count()} cores"


def measure(world: Town, options: argparse.Namespace) -> bool:
    place_all(world, options.instances, options.groups)
    counts = world.folder / "statements"
    world.rejoin.forked, world.rejoin.module = False, "benchmarks.counted"  # a process of its own memory
    world.rejoin.variables[VARIABLE] = str(counts)
    process = world.start()
    time.sleep(START_UP)
    began, before = time.time(), Used.by(process.pid, counts)
    time.sleep(options.minutes * 60.0)
    used = (before, Used.by(process.pid, counts))
    print(f"{options.instances} instances of {options.groups} groups, {options.minutes:g} min; {machine()}")
    good = report_busy(world, began=began, ended=time.time(), pace=options.pace, used=used)
    stop_all(world)
    time.sleep(SETTLE)
    quiet = Used.by(process.pid, counts)
    time.sleep(options.idle)
    rest = Used.by(process.pid, counts)
    share = rest.share_since(quiet)
    print(
        f"processor, at rest  {share * 100:8.2f} %   of one core over {options.idle:g} s; {rest.rss:.0f} MB;"
        f" allowed: {ALLOWED_IDLE * 100:g} %; {machine()}"
    )
    if world.stop(signal.SIGTERM) or "Traceback" in world.log:
        raise RuntimeError(world.log[-2000:])
    return good and share < ALLOWED_IDLE


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.fleet")
    parser.add_argument("instances", type=int, nargs="?", default=100)
    parser.add_argument("groups", type=int, nargs="?", default=50)
    parser.add_argument("--minutes", type=float, default=3.0, help="measured, after the start-up")
    parser.add_argument("--idle", type=float, default=120.0, help="seconds at rest")
    parser.add_argument("--pace", type=float, default=4.5, help="joins a minute and instance")
    options = parser.parse_args()
    network = scenario(options.instances, options.instances * options.groups)
    with tempfile.TemporaryDirectory() as folder:
        config = CONFIG.format(pace=options.pace)
        with town(Path(folder), network, speed=1.0, config=config) as world:
            return 0 if measure(world, options) else 1


if __name__ == "__main__":
    sys.exit(main())
