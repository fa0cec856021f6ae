"""Accounts for the watcher: gateways that answer as told, clocks in the test's hand, a real database."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from orchestrator.account.accounts import Account
from orchestrator.domain.loss_judgement import Debounce
from orchestrator.domain.outcomes import (
    GatewayAnswer,
    GroupListAnswer,
    InstanceState,
    Outcome,
    Participant,
    ParticipantsAnswer,
    SeenGroup,
    SessionAnswer,
)
from orchestrator.failover.watch_settings import Watch, WatchSettings
from orchestrator.failover.watcher import Watcher
from orchestrator.gateways.wawp.event_reading import read_event
from orchestrator.store import instances, losses, schema
from orchestrator.store.engine import Database
from orchestrator.store.tables import group_instances, groups, journal, messages, recoveries
from tests.support.fake_gateway import HandTime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.store.losses import Loss

GOOD = GatewayAnswer(Outcome.OK)
WORKING, LOGGED_OUT, STARTING = InstanceState.WORKING, InstanceState.NEEDS_LOGIN, InstanceState.STARTING


@dataclass
class Scripted:
    """The part of a gateway that the watcher uses. `away`: nothing comes back; `hangs`: not even that."""

    number: int
    state: InstanceState = WORKING
    call: Outcome = Outcome.OK
    away: bool = False
    hangs: bool = False
    asked: int = 0
    called: list[str] = field(default_factory=list)

    async def _answer(self) -> GatewayAnswer | None:
        if self.hangs:
            await asyncio.Event().wait()
        return GatewayAnswer(Outcome.TRANSIENT, "no route to host") if self.away else None

    async def session(self) -> SessionAnswer:
        self.asked += 1
        failed = await self._answer()
        if failed is not None:
            return SessionAnswer(failed)
        return SessionAnswer(GOOD, self.state, self.state.value.upper(), phone=f"1555010{self.number:04}")

    async def participants(self, jid: str) -> ParticipantsAnswer:
        self.called.append(jid)
        answer = await self._answer() or GatewayAnswer(self.call)
        found = (Participant(phone="15550000000"),) if answer.outcome is Outcome.OK else ()
        return ParticipantsAnswer(answer, found)

    async def groups(self) -> GroupListAnswer:
        self.called.append("list")
        answer = await self._answer() or GatewayAnswer(self.call)
        found = (SeenGroup("120363000000000001@g.us"),) if answer.outcome is Outcome.OK else ()
        return GroupListAnswer(answer, found)

    def log_out(self, *, told: bool = True) -> None:
        """Its calls fail from now on; the state says so unless it lies."""
        self.call = Outcome.SESSION_DOWN
        if told:
            self.state = LOGGED_OUT

    def log_in(self) -> None:
        self.call, self.state = Outcome.OK, WORKING


@dataclass
class Lookout:
    """One test's world."""

    database: Database
    time: HandTime
    gateways: dict[str, Scripted]
    accounts: list[Account]
    settings: WatchSettings
    watcher: Watcher

    def again(self, **changes: Any) -> Watcher:
        """As after a restart: nothing is remembered but what is on disk."""
        known = {
            name: getattr(self.settings, name) for name in ("debounce", "on_loss", "on_backup_lost", "pace")
        }
        self.settings = WatchSettings(**(known | changes))
        self.watcher = Watcher(Watch(self.database, self.time, self.accounts, self.settings, "daemon@test"))
        return self.watcher

    async def watch(self, seconds: float) -> None:
        """Let the watcher step as often as it wants to for so long."""
        end = self.time.true + seconds
        while True:
            wait = await self.watcher.step()
            if self.time.true + wait > end:
                self.time.true = end
                return
            self.time.true += max(wait, 0.001)

    def id(self, name: str) -> int:
        return next(account.id for account in self.accounts if account.name == name)

    async def loss(self, name: str) -> Loss | None:
        async with self.database.read() as connection:
            return (await losses.latest(connection)).get(self.id(name))

    async def rows(self, table: Any, *where: Any) -> list[Any]:
        async with self.database.read() as connection:
            return list((await connection.execute(select(table).where(*where).order_by(table.c.id))).all())

    async def told(self, kind: str) -> list[Any]:
        return await self.rows(messages, messages.c.kind == kind)

    async def lines(self, kind: str) -> list[Any]:
        return await self.rows(journal, journal.c.kind == kind)

    async def recoveries(self) -> list[Any]:
        return await self.rows(recoveries)

    async def set(self, name: str, **values: Any) -> None:
        async with self.database.write() as connection:
            await instances.set_values(connection, self.id(name), **values)


@asynccontextmanager
async def lookout(
    url: str,
    *,
    backups: int = 2,
    primaries: tuple[str, ...] = ("sales-main",),
    number_of_groups: int = 6,
    every: float = 120.0,
    lost_after: float = 480.0,
    **settings: Any,
) -> AsyncIterator[Lookout]:
    """`sales-main` and its backups `backup-1`, ...; each gateway at an address of its own."""
    time = HandTime()
    database = Database(url, time)
    await schema.upgrade(database)
    names = [
        *((name, "primary") for name in primaries),
        *((f"backup-{n + 1}", "backup") for n in range(backups)),
    ]
    async with database.write() as connection:
        configured = [
            instances.Configured(name, role, "wawp", f"http://{name}.test#{n}")
            for n, (name, role) in enumerate(names)
        ]
        await instances.sync(connection, configured, time.now())
        known = {name: (await instances.get(connection, name)).id for name, _role in names}
        for n in range(1, number_of_groups + 1):
            await connection.execute(
                insert(groups).values(
                    id=n,
                    slug=f"group-{n}",
                    name=f"Group {n}",
                    jid=f"12036300000000{n:04}@g.us",
                    created_at=time.now(),
                    updated_at=time.now(),
                )
            )
            await connection.execute(insert(group_instances).values(group_id=n, instance_name=primaries[0]))
    gateways = {name: Scripted(n) for n, (name, _role) in enumerate(names)}
    accounts = [
        Account(known[name], name, role, gateways[name], read_event, address=f"http://{name}.test")  # type: ignore[arg-type]
        for name, role in names
    ]
    usual: dict[str, Any] = {"on_loss": "notify", "on_backup_lost": "stop", "pace": 4.0}
    chosen = WatchSettings(debounce=Debounce(every, lost_after), **(usual | settings))
    watcher = Watcher(Watch(database, time, accounts, chosen, "daemon@test"))
    world = Lookout(database, time, gateways, accounts, chosen, watcher)
    try:
        yield world
    finally:
        await world.watcher.close()
        await database.close()
