"""A whole stage for tests: a simulated network behind Wawp's face, a real database, one backup instance."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from orchestrator.account import lease
from orchestrator.account.context import Context
from orchestrator.account.loop import Ended, Job, run
from orchestrator.account.recovery_settings import RecoverySettings
from orchestrator.clock import AcceleratedClock
from orchestrator.domain.memberships import Status
from orchestrator.gateways.base import Endpoint
from orchestrator.gateways.http import HttpClient, open_session
from orchestrator.gateways.vendors import VENDORS
from orchestrator.gateways.wawp import WawpGateway
from orchestrator.simulator import scenario, server
from orchestrator.simulator.simtime import SimTime
from orchestrator.store import instances, schema
from orchestrator.store.engine import Database, DatabaseTime
from orchestrator.store.groups import keys_of
from orchestrator.store.recoveries import Scope
from orchestrator.store.tables import group_instances, groups, invite_codes, memberships, meta
from tests.support.defaults import TIMEOUTS, greeting, pacing, recovery, routes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from orchestrator.gateways.base import Gateway
    from orchestrator.simulator.scenario import Row
    from orchestrator.simulator.server import Running

SMOOTH = """
name = "test"
seed = 5

[[accounts]]
name = "sales-main"
instance_id = "100"
phone = "15550100001"
state = "FAILED"

[[accounts]]
name = "backup-1"
instance_id = "200"
phone = "15550100002"
lid = "900000000000002"

[gateway]
latency = 0.2

[import]
instances = ["sales-main"]

[generate]
groups = {groups}
members = [6, 60]
owner = "15550100001"
admins = ["sales-main"]
"""


def plain_code(code: Any) -> str:
    """The stage stores codes in clear: encryption has its own tests."""
    return bytes(code.ciphertext).decode()


@dataclass(slots=True)
class Stage:
    """One test's world."""

    url: str
    database: Database
    clock: AcceleratedClock
    world: scenario.World
    running: Running
    speed: float
    anchor: float
    ended: list[Ended] = field(default_factory=list)

    @property
    def log(self) -> Any:
        return self.running.log

    def gateway(self, clock: AcceleratedClock | None = None, account: str = "backup-1") -> Gateway:
        found = self.world.network.account(account)
        if found.gateway == "wawp":
            return WawpGateway(
                http=HttpClient(open_session(), clock=clock or self.clock),
                base_url=self.running.base_url,
                instance_id=found.instance_id,
                access_token=found.access_token,
                options=routes(),
                timeouts=TIMEOUTS,
            )
        return VENDORS[found.gateway].open(
            Endpoint(
                self.running.base_url,
                found.instance_id,
                found.access_token,
                {},
                connect_timeout=TIMEOUTS.connect,
                timeout=TIMEOUTS.read,
                join_timeout=TIMEOUTS.join,
                clock=clock or self.clock,
            )
        )

    async def context(self, settings: RecoverySettings, **more: Any) -> Context:
        async with self.database.read() as connection:
            record = await instances.get(connection, "backup-1")
        return Context(
            database=self.database,
            gateway=self.gateway(),
            clock=self.clock,
            settings=settings,
            reveal=plain_code,
            instance_id=record.id,
            instance_name=record.name,
            actor="test",
            boot_id=lease.boot_id(),
            rng=random.Random(7),
            **more,
        )

    async def recover(self, settings: RecoverySettings, *, scope: Scope | None = None, **more: Any) -> Ended:
        context = await self.context(settings, **more)
        try:
            return await run(context, Job(scope or Scope()))
        finally:
            await context.gateway.close()

    async def statuses(self) -> dict[str, tuple[Status, str | None]]:
        """(status, reason) by the group's name."""
        query = select(groups.c.name, memberships.c.status, memberships.c.reason).join(
            memberships, memberships.c.group_id == groups.c.id
        )
        async with self.database.read() as connection:
            rows = (await connection.execute(query)).all()
        return {name: (Status(status), reason) for name, status, reason in rows}


@asynccontextmanager
async def set_stage(
    url: str, *, content: str | None = None, groups: int = 12, speed: float = 120.0
) -> AsyncIterator[Stage]:
    """Serve the network, make the database and import the organisation's list."""
    database = Database(url)
    await schema.upgrade(database)
    async with database.read() as connection:
        anchor = float(str(await connection.scalar(select(meta.c.value).where(meta.c.key == "created_at"))))
    anchor -= 120.0  # the first window is over
    database.clock = DatabaseTime(speed, anchor)
    world = scenario.parse(content or SMOOTH.format(groups=groups), clock=SimTime(speed, anchor))
    await seed(database, world.rows)
    async with server.serve(world.network, world.faults) as running:
        stage = Stage(url, database, AcceleratedClock(speed, anchor), world, running, speed, anchor)
        try:
            yield stage
        finally:
            await stage.database.close()


async def seed(database: Database, rows: Sequence[Row]) -> None:
    """What an import would leave behind, in clear."""
    async with database.write() as connection:
        now = await database.now(connection)
        await instances.sync(
            connection,
            [
                instances.Configured("sales-main", "primary", "wawp", "sim#100"),
                instances.Configured("backup-1", "backup", "wawp", "sim#200"),
            ],
            now,
        )
        for number, row in enumerate(rows, 1):
            described = {"name": row.name, "subject": row.subject or None}
            await connection.execute(
                insert(groups).values(
                    id=number,
                    slug=f"group-{number}",
                    **described,
                    **keys_of(described),
                    jid=row.jid or None,
                    owner=row.owner or None,
                    priority=row.priority,
                    created_at=now,
                    updated_at=now,
                )
            )
            for name in row.instances:
                await connection.execute(insert(group_instances).values(group_id=number, instance_name=name))
            await connection.execute(
                insert(invite_codes).values(
                    group_id=number,
                    ciphertext=row.code.encode(),
                    key_id="clear",
                    fingerprint=f"fp-{number}",
                    last4=row.code[-4:],
                    current=True,
                    source="import",
                    created_at=now,
                )
            )


def brisk(joins_per_minute: float = 5.0, **more: Any) -> RecoverySettings:
    """Settings for tests in accelerated time: everything at its usual size, without greetings."""
    chosen: dict[str, Any] = {
        "policy": pacing(joins_per_minute=joins_per_minute),
        "greeting": greeting(enabled=False),
    } | more
    return recovery(**chosen)
