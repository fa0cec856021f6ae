"""One life of the daemon: from taking its seat with one configuration until it is told to end."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

import orchestrator
from orchestrator.daemon.equipment import Equipment
from orchestrator.daemon.supervisor import Supervisor
from orchestrator.daemon.tidings import Tidings
from orchestrator.domain.errors import first_of
from orchestrator.store import reads
from orchestrator.store.engine import DatabaseGoneError

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.bootstrap import App
    from orchestrator.daemon.drivers import Drivers
    from orchestrator.daemon.notify_socket import NotifySocket
    from orchestrator.daemon.seat import Seat

GRACE = 5.0  # real seconds that the parts have to end their steps
FEED_EVERY = 10.0  # real seconds at most between two words to the service manager

_log = logging.getLogger(__name__)


class Heart:
    """The sign of life: for other daemons in the database, for the service manager by its watchdog."""

    name = "heartbeat"

    def __init__(self, seat: Seat, supervisor: Supervisor) -> None:
        self._seat, self._supervisor = seat, supervisor

    async def step(self) -> float:
        await self._seat.beat(self._supervisor.troubles())
        return self._seat.every


class Life:
    """All parts together, under one configuration."""

    def __init__(self, app: App, seat: Seat, service: NotifySocket) -> None:
        self._app, self._seat, self._service = app, seat, service
        self._supervisor = Supervisor(app.clock)
        self._drivers: Drivers | None = None
        self._ends = asyncio.Event()
        self._hurry = asyncio.Event()

    def end(self) -> None:
        """Drain: joins under way end and are recorded, nothing new begins."""
        self._ends.set()

    def hurry(self) -> None:
        """End at once. What was under way is looked up by whoever comes next."""
        self._ends.set()
        self._hurry.set()

    async def live(self, *, began: Callable[[], None]) -> None:
        """Until `end`; `began` is called when all is in place. Raises LeaseLostError if another took over."""
        async with AsyncExitStack() as closing:
            equipment = await Equipment.open(self._app, closing, alive=self._is_alive, woken=self._wake)
            self._drivers = drivers = equipment.drivers()
            tidings = Tidings(
                self._app.database,
                self._app.clock,
                acted=lambda: self._somebody_acted(*equipment.telling),
                moved=drivers.ring,
                heard=lambda: self._wake("events"),
                to_tell=lambda: self._wake(*equipment.telling),
            )
            self._supervisor.add(drivers, tidings, *equipment.parts(self._supervisor.failing))
            self._supervisor.add(Heart(self._seat, self._supervisor))
            await self._seat.tell(listen=equipment.listens_at)
            began()
            await self._say_hello(equipment)
            self._service.ready("watching")
            try:
                await self._until_the_end(drivers)
            except BaseExceptionGroup as group:
                raise first_of(group) from None
            finally:
                await drivers.cancel()  # after a drain there are none

    async def _say_hello(self, equipment: Equipment) -> None:
        settings = self._app.settings
        async with self._app.database.read() as connection:
            stored = await reads.catalogue(connection)
        _log.info(
            "rejoin %s watches %s accounts, with %s groups in %s; webhooks come in at %s",
            orchestrator.__version__,
            len(equipment.accounts),
            stored.groups,
            settings.database.safe_url,
            equipment.listens_at,
        )
        if not stored.groups:
            _log.warning("no groups are stored: a recovery would bring nothing back (rejoin groups import)")

    async def _until_the_end(self, drivers: Drivers) -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self._supervisor.run(), name="parts")
            feeding = tasks.create_task(self._feed(drivers), name="watchdog")
            ending = tasks.create_task(self._ends.wait(), name="end")
            await asyncio.wait((running, ending), return_when=asyncio.FIRST_COMPLETED)
            ending.cancel()
            if not running.done():
                await self._wind_down(drivers)
                await self._end(running)
            feeding.cancel()

    async def _end(self, running: asyncio.Task[None]) -> None:
        """Parts may end their step; one that waits for a slow gateway or receiver is cut off."""
        self._supervisor.stop()
        hurry = asyncio.create_task(self._hurry.wait(), name="hurry")
        await asyncio.wait((running, hurry), timeout=GRACE, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not running.done():
            running.cancel()
            await asyncio.wait((running,))

    async def _wind_down(self, drivers: Drivers) -> None:
        """Loops first, while everything else goes on; a second signal does not wait for them."""
        with suppress(DatabaseGoneError):
            await self._seat.tell(stopping=True)
        draining = asyncio.create_task(drivers.drain(), name="drain")
        hurry = asyncio.create_task(self._hurry.wait(), name="hurry")
        await asyncio.wait((draining, hurry), return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
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

    def _somebody_acted(self, *telling: str) -> None:
        if self._drivers is not None:
            self._drivers.ring()
        self._supervisor.wake("recoveries", "watching", "events", "tending", *telling)
