"""From one configuration to all the parts of the daemon; closed again in reverse."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from orchestrator.account import lease
from orchestrator.account.accounts import Account, Share
from orchestrator.account.context import Context
from orchestrator.account.event_processor import EventProcessor
from orchestrator.account.read_lane import ReadLanes
from orchestrator.account.reconciler import Reconciler
from orchestrator.account.recovery_settings import ConfirmMethod, RecoverySettings
from orchestrator.assembly import recovery_settings, watch_settings
from orchestrator.bootstrap import App, vendor_of
from orchestrator.daemon.drivers import Drivers
from orchestrator.daemon.sharing import OneAtATime
from orchestrator.failover.scheduler import Recover, Scheduler
from orchestrator.failover.watch_settings import Watch
from orchestrator.failover.watcher import Watcher
from orchestrator.messaging.webhooks_and_pings import Health
from orchestrator.operations.retention import Keep, Retention
from orchestrator.receivers import Receivers, open_receivers
from orchestrator.status.read import read_status
from orchestrator.status.schedule_view import entries_of
from orchestrator.store import daemons, instances, losses
from orchestrator.store.daemons import Trouble
from orchestrator.store.recoveries import Recovery
from orchestrator.store.secrets import CodeCipher
from orchestrator.tasks import Part
from orchestrator.web.hook_server import HookServer

LEASE = 60.0  # seconds; a daemon's loops are many, and a dead one on this machine is replaced at once
FOR_EVER = float("inf")


@dataclass(slots=True)
class Components:
    """What one runtime is made of."""

    app: App
    accounts: dict[int, Account]
    receivers: Receivers
    server: HookServer
    cipher: CodeCipher
    settings: RecoverySettings
    actor: str
    wake: Callable[..., None]
    closing: AsyncExitStack
    share: Share = field(default_factory=Share)

    @classmethod
    async def open(
        cls, app: App, closing: AsyncExitStack, *, alive: Callable[[], bool], wake: Callable[..., None]
    ) -> Components:
        """Raises ConfigurationError for what a person must put right first: key file, port, Apprise."""
        accounts = await _accounts(app)
        names = {account.name: account.id for account in accounts.values()}
        server = HookServer(app.settings, app.database, names, alive=alive, on_event=lambda: wake("events"))
        return cls(
            app,
            accounts,
            receivers=await closing.enter_async_context(open_receivers(app.settings, app.clock)),
            server=await closing.enter_async_context(server),
            cipher=await app.cipher(),
            settings=endless(recovery_settings(app.settings), events=server.hooks.secrets.configured),
            actor=f"daemon@{app.actor.rpartition('@')[2]}",
            wake=wake,
            closing=closing,
        )

    @property
    def listens_at(self) -> str:
        host = self.app.settings.web.listen.rpartition(":")[0]
        return f"{host}:{self.server.port}"

    @property
    def agreed(self) -> str:
        """Stands for what all daemons on one database must have alike: one of them acts by it for all."""
        configured = self.app.settings
        alike = {
            "receivers": sorted(self.receivers.routes.sinks),
            "schedule": configured.schedule.model_dump(mode="json"),
            "timezone": str(configured.timezone),
            "watch": configured.watch.model_dump(mode="json"),
            "backups": [one.name for one in configured.backups],
        }
        return hashlib.sha256(json.dumps(alike, sort_keys=True).encode()).hexdigest()

    @property
    def carriers(self) -> tuple[str, ...]:
        """The names of the parts that carry messages."""
        return self.receivers.carriers

    def drivers(self) -> Drivers:
        app = self.app
        return Drivers(
            app.database,
            app.clock,
            known=self.accounts,
            context_for=self._recovery_context,
            actor=self.actor,
            on_end=lambda: self.wake("recoveries", "watching", Reconciler.name),
            share=self.share,
        )

    def parts(self, troubles: Callable[[], Sequence[Trouble]]) -> list[Part]:
        """Everything but the loops of recoveries."""
        app, configured = self.app, self.app.settings
        accounts = tuple(self.accounts.values())
        watched = watch_settings(configured)
        watcher = Watcher(Watch(app.database, app.clock, accounts, watched, self.actor, self.share))
        lanes = ReadLanes(app.database, app.clock, self.accounts, self._context, self.share)
        events, reconciler = (
            EventProcessor(lanes),
            Reconciler(lanes, every=configured.watch.memberships_every),
        )
        for part in (watcher, events, reconciler):
            self.closing.push_async_callback(part.close)  # they ask slow gateways between their steps
        backups = [one.name for one in configured.backups]
        kept = Keep(**configured.retention.model_dump())
        of_one: list[Part] = [
            Scheduler(
                app.database,
                entries_of(configured.schedule.model_dump(), configured.timezone),
                {"recover": Recover(backups, self.actor)},
                ran=lambda: self.wake("recoveries"),
            ),
            Retention(app.database, kept),
            *self.receivers.parts(app.database, app.clock, lambda: self._health(troubles)),
        ]
        return [
            watcher,
            events,
            reconciler,
            self.server.quota,
            *(OneAtATime(part, self.share, app.clock) for part in of_one),
        ]

    def _context(self, account: Account) -> Context:
        """For work that joins nothing."""
        return Context(
            database=self.app.database,
            gateway=account.gateway,
            clock=self.app.clock,
            settings=self.settings,
            reveal=lambda code: self.cipher.decrypt(code.ciphertext, code.key_id),
            instance_id=account.id,
            instance_name=account.name,
            actor=self.actor,
            boot_id=lease.boot_id(),
            fence=None,
            share=self.share,
            under_daemon=True,
        )

    async def _recovery_context(self, one: Recovery) -> Context:
        context = self._context(self.accounts[one.to_instance_id])
        if one.pace is not None:
            policy = replace(self.settings.policy, joins_per_minute=one.pace)
            context.settings = replace(self.settings, policy=policy)
        return context

    async def _health(self, troubles: Callable[[], Sequence[Trouble]]) -> Health:
        """For the watchdog outside: well as long as nothing here fails and no account is lost."""
        async with self.app.database.read() as connection:
            now = await self.app.database.now(connection)
            rows = [row for row in await daemons.rows(connection) if row.alive(now)]
            lost = await losses.lost_ids(connection)
        others = [one for row in rows if row.fence != self.share.fence for one in daemons.troubles_of(row)]
        failing = [f"{one.part} fails: {one.text}" for one in (*troubles(), *others)]
        named = [self.accounts[one].name for one in sorted(lost) if one in self.accounts]
        wrong = [*failing, *(f"{name} is lost" for name in named)]
        if wrong:
            return Health(ok=False, sentence="; ".join(wrong))
        view = await read_status(self.app.database, self.settings.policy)
        return Health(ok=True, sentence=f"{view.active} of {view.total} groups are in place")


def endless(settings: RecoverySettings, *, events: bool) -> RecoverySettings:
    """A daemon has all the time: it waits for whatever comes back, and the watcher decides what is lost.

    Where gateways may tell by webhook, a join's event is waited for before anybody looks.
    """
    expected = events and settings.confirm in (ConfirmMethod.AUTO, ConfirmMethod.EVENT)
    return replace(settings, patience=FOR_EVER, lost_after=FOR_EVER, lease=LEASE, events_expected=expected)


async def _accounts(app: App) -> dict[int, Account]:
    """The configured instances by the id of their rows. Raises ConfigurationError for an unknown gateway."""
    found = {}
    async with app.database.read() as connection:
        for one in app.settings.instances:
            record = await instances.get(connection, one.name)
            gateway, reader = app.gateway(one), vendor_of(one).read_event
            address = record.account.rpartition("#")[0]
            found[record.id] = Account(
                record.id, one.name, one.role, gateway, reader, one.instance_id, address
            )
    return found
