"""Killing recoveries: starting them as processes, ending them, and carrying on until everything is done."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.recoveries import End
from orchestrator.operations import retry_skip
from orchestrator.simulator.truth import Effect
from orchestrator.store import schema
from orchestrator.store.engine import Database
from tests.support.migrated import make_original
from tests.support.worlds import ACCOUNT, judge_rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.postgres import PostgresServer
    from tests.support.stage import Stage

ROOT = Path(__file__).parents[2]
KILLED = -signal.SIGKILL
LOCKED = 11
PATIENCE = 300  # seconds, real ones


@dataclass(slots=True)
class Driver:
    """One recovery in a process of its own."""

    name: str
    out: Path
    pid: int = 0
    started: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 0

    def send(self, what: signal.Signals) -> None:
        if not self.ended.is_set():
            try:
                os.kill(self.pid, what)
            except ProcessLookupError:
                return

    def kill(self) -> None:
        self.send(signal.SIGKILL)

    async def wait(self) -> int:
        try:
            await asyncio.wait_for(self.ended.wait(), PATIENCE)
        except TimeoutError:
            self.send(signal.SIGCONT)
            self.send(signal.SIGUSR1)
            await asyncio.sleep(5)
            raise AssertionError(f"{self.name} does not end:\n{self._tasks()}") from None
        return self.status

    def _tasks(self) -> str:
        told = Path(f"{self.out}.tasks")
        return told.read_text() if told.exists() else "it says nothing"

    def said(self) -> dict[str, Any]:
        return dict(json.loads(self.out.read_text()))


class Nursery:
    """Starts drivers quickly: see tests/support/driver.py."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._drivers: dict[str, Driver] = {}
        self._numbers = count(1)

    async def start(
        self, stage: Stage, *, kill_at: str | None = None, instance: str = ACCOUNT, host: str = "127.0.0.1"
    ) -> Driver:
        """`instance`: the row to drive; the simulated account is the same one, at whichever `host`."""
        number = next(self._numbers)
        driver = Driver(f"driver-{number}", self._folder / f"driver-{number}.json")
        self._drivers[driver.name] = driver
        account = stage.world.network.account(ACCOUNT)
        order = {
            "name": driver.name, "out": str(driver.out), "seed": number, "kill_at": kill_at,
            "url": stage.url, "speed": stage.speed, "anchor": stage.anchor,
            "base_url": stage.running.base_url.replace("127.0.0.1", host), "instance": instance,
            "instance_id": account.instance_id, "access_token": account.access_token,
        }  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()
        await driver.started.wait()
        return driver

    async def listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            word, name, number = line.decode().split()
            driver = self._drivers[name]
            if word == "started":
                driver.pid = int(number)
                driver.started.set()
            else:
                driver.status = int(number)
                driver.ended.set()

    async def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


@asynccontextmanager
async def nursery(folder: Path) -> AsyncIterator[Nursery]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.driver",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    made = Nursery(process, folder)
    listener = asyncio.create_task(made.listen())
    try:
        yield made
    finally:
        await made.close()
        await listener


@dataclass(slots=True)
class Databases:
    """Fresh databases with the schema in place, many of them."""

    folder: Path
    server: PostgresServer | None
    template: str = ""
    _numbers: count[int] = field(default_factory=lambda: count(1))

    async def fresh(self) -> str:
        if not self.template:
            await self._prepare()
        if self.server is not None:
            return self.server.url(self.server.create_database(template=self.template))
        copy = self.folder / f"rejoin-{next(self._numbers)}.db"
        shutil.copyfile(self.template, copy)
        make_original(copy)
        return f"sqlite+aiosqlite:///{copy}"

    async def _prepare(self) -> None:
        if self.server is not None:
            self.template = self.server.create_database()
            url = self.server.url(self.template)
        else:
            self.template = str(self.folder / "template.db")
            url = f"sqlite+aiosqlite:///{self.template}"
        database = Database(url)
        await schema.upgrade(database)
        await database.close()  # SQLite: the last one out empties the write-ahead log into the file


async def finish(home: Nursery, stage: Stage, *, runs: int = 6) -> int:
    """Run on to the end, putting back what rightly needs a person; how many groups that were."""
    helped = 0
    for _ in range(runs):
        driver = await home.start(stage)
        assert await driver.wait() == 0, driver.said()
        said = driver.said()
        if said["end"] == End.COMPLETE:
            return helped
        statuses = await stage.statuses()
        stuck = [name for name, found in statuses.items() if found[0] is Status.BLOCKED]
        assert all(statuses[name][1] == Reason.OUTCOME_UNKNOWN for name in stuck), statuses
        helped += len(stuck)
        if stuck:
            await retry_skip.retry(stage.database, ACCOUNT, actor="test", reason=Reason.OUTCOME_UNKNOWN)
    raise AssertionError(f"not done after {runs} runs: {await stage.statuses()}")


async def judge_crashes(stage: Stage) -> None:
    """Everything is in, everything happened once, and nothing was sent blind."""
    log = stage.log
    assert log.worst_window(ACCOUNT) <= 5
    assert log.double_effects() == []
    assert log.needless_joins() == []
    assert log.joins_without_probe() == []
    assert log.joins_repeated_without_look() == []
    assert {status for status, _ in (await stage.statuses()).values()} == {Status.ACTIVE}
    await judge_rows(stage.database, stage.world.network.groups)
    inside = {jid for jid, group in stage.world.network.groups.items() if ACCOUNT in group.inside}
    assert set(log.effects(Effect.JOINED, ACCOUNT)) <= inside
    for group in stage.world.network.groups.values():
        assert sum(account == ACCOUNT for _, account, _ in group.messages) <= 1
