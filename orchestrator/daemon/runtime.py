"""One run of the daemon's parts: under the lease, with one configuration, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

import orchestrator
from orchestrator.bootstrap import App
from orchestrator.daemon.change_poller import ChangePoller
from orchestrator.daemon.components import Components
from orchestrator.daemon.daemon_lease import DaemonLease
from orchestrator.daemon.drivers import Drivers
from orchestrator.daemon.notify_socket import NotifySocket
from orchestrator.daemon.sharing import DIFFER, Sharing
from orchestrator.daemon.supervisor import Supervisor
from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import first_of
from orchestrator.store import progress
from orchestrator.store.engine import DatabaseGoneError

GRACE = 5.0  # real seconds that the parts have to end their steps
FEED_EVERY = 10.0  # real seconds at most between two words to the service manager

_log = logging.getLogger(__name__)


class Heartbeat:
    """Renews the daemon's lease, stores the troubles of its parts, and divides the accounts with others."""

    name = "heartbeat"

    def __init__(self, app: App, lease: DaemonLease, sharing: Sharing, supervisor: Supervisor) -> None:
        self._app, self._lease, self._sharing, self._supervisor = app, lease, sharing, supervisor

    async def step(self) -> float:
        await self._lease.renew(self._supervisor.troubles())
        changed = await self._sharing.divide()
        if self._sharing.others_left:
            await self._app.sync_instances()
        if changed:
            self._supervisor.wake_all()
        return self._lease.every

    def notice(self) -> tuple[float, str] | None:
        """That daemons on this database do not agree."""
        since = self._sharing.differs_since
        return None if since is None else (since, DIFFER)


class Runtime:
    """All parts together, under one configuration."""

    def __init__(self, app: App, lease: DaemonLease, service: NotifySocket) -> None:
        self._app, self._lease, self._service = app, lease, service
        self._supervisor = Supervisor(app.clock)
        self._drivers: Drivers | None = None
        self._stopping = asyncio.Event()
        self._at_once = asyncio.Event()

    def stop(self) -> None:
        """Drain: joins under way end and are recorded, nothing new begins."""
        self._stopping.set()

    def stop_now(self) -> None:
        """Stop at once. What was under way is looked up by whoever comes next."""
        self._stopping.set()
        self._at_once.set()

    async def run(self, *, began: Callable[[], None]) -> None:
        """Until `stop`; `began` is called when all is up. Raises LeaseLostError if another took over."""
        async with AsyncExitStack() as closing:
            components = await Components.open(self._app, closing, alive=self._is_alive, wake=self._wake)
            self._drivers = drivers = components.drivers()
            poller = ChangePoller(
                self._app.database,
                self._app.clock,
                on_act=lambda: self._somebody_acted(*components.carriers),
                on_revision=self._saw_revision,
                on_event=lambda: self._wake("events"),
                on_message=lambda: self._wake(*components.carriers),
            )
            self._supervisor.add(drivers, poller, *components.parts(self._supervisor.failing))
            sharing = Sharing(
                self._lease,
                components.share,
                names={one.id: one.name for one in components.accounts.values()},
                works_for=drivers.works_for,
            )
            self._supervisor.add(Heartbeat(self._app, self._lease, sharing, self._supervisor))
            await sharing.begin(components.agreed)
            await self._lease.record(listen=components.listens_at)
            began()
            await self._log_start(components)
            self._service.ready("watching")
            try:
                await self._until_stopped(drivers)
            except BaseExceptionGroup as group:
                raise first_of(group) from None
            finally:
                await drivers.cancel()  # after a drain there are none

    async def _log_start(self, components: Components) -> None:
        settings = self._app.settings
        async with self._app.database.read() as connection:
            stored = await progress.catalogue(connection)
        _log.info(
            "rejoin %s watches %s accounts, with %s groups in %s; webhooks come in at %s",
            orchestrator.__version__,
            len(components.accounts),
            stored.groups,
            settings.database.safe_url,
            components.listens_at,
        )
        if not stored.groups:
            _log.warning("no groups are stored: a recovery would bring nothing back (%s)", Operation.IMPORT)

    async def _until_stopped(self, drivers: Drivers) -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self._supervisor.run(), name="parts")
            feeding = tasks.create_task(self._feed(drivers), name="watchdog")
            ending = tasks.create_task(self._stopping.wait(), name="end")
            await asyncio.wait((running, ending), return_when=asyncio.FIRST_COMPLETED)
            ending.cancel()
            if not running.done():
                await self._wind_down(drivers)
                await self._stop_parts(running)
            feeding.cancel()

    async def _stop_parts(self, running: asyncio.Task[None]) -> None:
        """Parts may end their step; one that waits for a slow gateway or receiver is cut off."""
        self._supervisor.stop()
        at_once = asyncio.create_task(self._at_once.wait(), name="stop at once")
        await asyncio.wait((running, at_once), timeout=GRACE, return_when=asyncio.FIRST_COMPLETED)
        at_once.cancel()
        if not running.done():
            running.cancel()
            await asyncio.wait((running,))

    async def _wind_down(self, drivers: Drivers) -> None:
        """Loops first, while everything else goes on; a second signal does not wait for them."""
        with suppress(DatabaseGoneError):
            await self._lease.record(stopping=True)
        draining = asyncio.create_task(drivers.drain(), name="drain")
        at_once = asyncio.create_task(self._at_once.wait(), name="stop at once")
        await asyncio.wait((draining, at_once), return_when=asyncio.FIRST_COMPLETED)
        at_once.cancel()
        if not draining.done():
            await drivers.cancel()
        await draining

    def _is_alive(self) -> bool:
        """Whether every loop turns: what the watchdog and /healthz are told."""
        return not self._supervisor.stuck() and not (self._drivers and self._drivers.stuck())

    async def _feed(self, drivers: Drivers) -> None:
        every, said = min(FEED_EVERY, self._service.watchdog_every or FEED_EVERY), True
        while True:
            if self._is_alive():
                self._service.watchdog()
                said = True
            elif said:
                said = False
                stuck = [*self._supervisor.stuck(), *drivers.stuck()]
                _log.error("these loops do not turn any more: %s", ", ".join(stuck))
            count = drivers.running
            self._service.status(f"{count} recoveries under way" if count else "watching")
            await asyncio.sleep(every)

    def _wake(self, *names: str) -> None:
        self._supervisor.wake(*names)

    def _saw_revision(self, instance_id: int, revision: int) -> None:
        if self._drivers is not None and self._drivers.saw(instance_id, revision):
            self._wake("recoveries")

    def _somebody_acted(self, *carriers: str) -> None:
        if self._drivers is not None:
            self._drivers.wake()
        self._supervisor.wake("recoveries", "watching", "events", "reconciling", *carriers)
