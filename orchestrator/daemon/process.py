"""The process: signals, standing by, one runtime after the other, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from orchestrator import stop_signals
from orchestrator.bootstrap import App, open_app
from orchestrator.config import ConfigError, Settings
from orchestrator.daemon.daemon_lease import ASK_AGAIN, DaemonLease
from orchestrator.daemon.notify_socket import NotifySocket
from orchestrator.daemon.runtime import Runtime
from orchestrator.domain.errors import DatabaseReplacedError, LeaseLostError, RejoinError
from orchestrator.store.engine import DatabaseGoneError
from orchestrator.tasks import to_its_end

AFTER_AN_OUTAGE = 5.0  # real seconds

_log = logging.getLogger(__name__)


class Process:
    """The daemon as a process. `reread` loads the configuration anew and may raise RejoinError."""

    def __init__(self, settings: Settings, reread: Callable[[], Settings], service: NotifySocket) -> None:
        self._settings, self._reread, self._service = settings, reread, service
        self._proven = settings  # the last configuration that a runtime began with
        self._missing = False  # the database, and it has been said
        self._replaced = False  # its file, since the last runtime began
        self._runtime: Runtime | None = None
        self._stop = asyncio.Event()
        self.signals: list[int] = []  # that asked it to stop

    async def run(self) -> None:
        """Until a signal. The first start needs a database that answers; later outages are waited out."""
        with self._listening():
            runs = 0
            while not self._stop.is_set():
                try:
                    await self._run_once()
                except LeaseLostError as error:
                    _log.warning("%s; standing by", error.message)
                except DatabaseGoneError as error:
                    if not runs:
                        raise
                    if not self._fall_back(error, unless_same_database=True):
                        await self._wait_for_the_database(error)
                except DatabaseReplacedError as error:
                    self._replaced = True
                    _log.error("%s; this daemon begins anew with what stands there", error.message)
                except RejoinError as error:
                    if self._replaced:  # a restore that is not finished yet
                        await self._wait_for_the_database(error)
                    elif not runs or not self._fall_back(error):
                        raise
                runs += 1

    async def _run_once(self) -> None:
        settings = self._settings  # a reload in the middle of this is for the next runtime
        async with open_app(settings) as app:
            await app.sync_instances()
            lease = DaemonLease(app.database, app.clock, [one.name for one in settings.instances])
            if not await self._take_lease(app, lease, settings):
                return
            await app.sync_instances()  # others may have brought the rows in line with theirs before
            self._runtime = Runtime(app, lease, self._service)
            try:
                if not self._stop.is_set() and self._settings is settings:
                    await self._runtime.run(began=lambda: self._prove(settings))
            finally:
                self._runtime = None
                await to_its_end(_release(lease))

    def _prove(self, settings: Settings) -> None:
        self._proven, self._missing, self._replaced = settings, False, False

    def _fall_back(self, error: RejoinError, *, unless_same_database: bool = False) -> bool:
        """Whether there is another configuration to go back to, and it is the new one's fault."""
        new, proven = self._settings, self._proven
        if new is proven or (unless_same_database and new.database.url == proven.database.url):
            return False
        _log.error("the new configuration does not work: %s; going on with the last one", error)
        self._settings = proven
        return True

    async def _wait_for_the_database(self, error: RejoinError) -> None:
        if not self._missing:
            _log.warning("%s; waiting for it", error.message)
        self._missing = True
        self._service.watchdog()
        await self._pause(AFTER_AN_OUTAGE)

    async def _take_lease(self, app: App, lease: DaemonLease, settings: Settings) -> bool:
        """Stand by until the lease is free; False when told to stop, or to read the configuration anew."""
        away = False
        while not self._stop.is_set() and self._settings is settings:
            try:
                if await lease.take():
                    return True
                away = False
                self._service.ready("standing by: another daemon works on this database")
            except DatabaseGoneError as error:
                if not away:
                    _log.warning("%s; waiting for it", error.message)
                away = True
            self._service.watchdog()
            await self._pause(app.clock.real(ASK_AGAIN))
        return False

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        before = signal.signal(signal.SIGHUP, lambda *_: loop.call_soon_threadsafe(self._on_reload))
        try:
            with stop_signals.delivered(loop, self._on_stop, most=2):
                yield
        finally:
            signal.signal(signal.SIGHUP, before)

    def _on_stop(self, number: int) -> None:
        self.signals.append(number)
        self._stop.set()
        self._service.stopping()
        if len(self.signals) == 1:
            _log.info("ending what is under way; once more stops at once")
            if self._runtime is not None:
                self._runtime.stop()
        elif self._runtime is not None:
            self._runtime.stop_now()

    def _on_reload(self) -> None:
        """A configuration that does not hold changes nothing: the daemon goes on with the one it has."""
        self._service.reloading()
        try:
            self._settings = self._reread()
        except (RejoinError, ConfigError) as error:
            _log.error("the configuration was not reloaded: %s", error)
            self._service.ready("watching; the new configuration does not hold, see the log")
            return
        _log.info("the configuration is reloaded: every part begins anew with it")
        if self._runtime is not None:
            self._runtime.stop()


async def _release(lease: DaemonLease) -> None:
    """Free the lease for the next daemon. Where that fails, it waits until the last heartbeat is old."""
    try:
        await lease.release()
    except DatabaseGoneError as error:
        _log.warning("%s: the next daemon takes over when this one's last sign of life is old", error.message)
    except DatabaseReplacedError:
        _log.warning("the lease was in a database that is not in place any more")
