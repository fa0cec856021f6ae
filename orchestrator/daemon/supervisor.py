"""Driving the parts: each in its own task, woken when there is work, tried again when it fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from orchestrator.clock import Clock, boottime
from orchestrator.domain.errors import DatabaseReplacedError, LeaseLostError
from orchestrator.redact import one_line, scrub
from orchestrator.store.daemons import Trouble
from orchestrator.store.engine import DatabaseGoneError
from orchestrator.tasks import HasNotice, Part

SHORTEST = 0.02  # real seconds between two steps of a part: a part that asks for no wait starves nobody
LONGEST = 300.0  # real seconds: an event loop falls behind the boot time on a machine that was suspended
STUCK_AFTER = 300.0  # real seconds in one step: longer than every time-out of a gateway together
BACKOFF = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)  # real seconds

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Driven:
    """One part and how it fares. Boot-time instants are real seconds."""

    part: Part
    wake_event: asyncio.Event = field(default_factory=asyncio.Event)
    failures: int = 0
    gone: bool = False  # the database, and it has been said
    since: float = 0.0  # on the clock port: of the trouble
    text: str = ""
    stepping_since: float | None = None


class Supervisor:
    """Runs parts until it is told to stop. An error in one is its own trouble, shown in the status."""

    def __init__(self, clock: Clock, parts: Iterable[Part] = ()) -> None:
        self._clock = clock
        self._driven: dict[str, Driven] = {}
        self.stopping = asyncio.Event()
        self.add(*parts)

    def add(self, *parts: Part) -> None:
        """Before it runs."""
        for part in parts:
            self._driven[part.name] = Driven(part)

    def wake(self, *names: str) -> None:
        """Something happened that these parts care about."""
        for name in names:
            if name in self._driven:
                self._driven[name].wake_event.set()

    def wake_all(self) -> None:
        """What these parts have to do may be something else now."""
        self.wake(*self._driven)

    def stop(self) -> None:
        """Let every step under way end, and begin none."""
        self.stopping.set()
        self.wake_all()

    def failing(self) -> list[Trouble]:
        """The parts that fail just now."""
        return [Trouble(one.part.name, one.since, one.text) for one in self._driven.values() if one.failures]

    def troubles(self) -> list[Trouble]:
        """These, and what other parts have to tell."""
        parts = [one.part for one in self._driven.values() if not one.failures]
        told = [(part.name, part.notice()) for part in parts if isinstance(part, HasNotice)]
        return self.failing() + [Trouble(name, *notice) for name, notice in told if notice is not None]

    def stuck(self) -> list[str]:
        """Parts that have been in one step for too long: the watchdog is not fed for them."""
        now = boottime()
        return [
            one.part.name
            for one in self._driven.values()
            if one.stepping_since is not None and now - one.stepping_since > STUCK_AFTER
        ]

    async def run(self) -> None:
        """Until `stop`. What no part can outlive ends all of them.

        Raises LeaseLostError when another daemon took over, DatabaseReplacedError for another file in place.
        """
        async with asyncio.TaskGroup() as tasks:
            for one in self._driven.values():
                tasks.create_task(self._drive(one), name=one.part.name)

    async def _drive(self, one: Driven) -> None:
        while not self.stopping.is_set():
            one.wake_event.clear()
            wait = await self._step(one)
            await self._wait(one, wait)

    async def _step(self, one: Driven) -> float:
        """Real seconds to wait."""
        one.stepping_since = boottime()
        try:
            wait = await one.part.step()
        except (LeaseLostError, DatabaseReplacedError):
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Of something inside: nobody asked this part to end.
            return self._failed(one, error, quietly=True)
        except DatabaseGoneError as error:
            return self._failed(one, error, quietly=one.gone or self._said_already())
        # Whatever happens in a part is its own trouble and not the daemon's end.
        except Exception as error:  # noqa: BLE001 - see above
            _log.exception("%s failed; it is tried again", one.part.name)
            return self._failed(one, error, quietly=True)
        finally:
            one.stepping_since = None
        self._works(one)
        return max(SHORTEST, self._clock.real(wait))

    def _failed(self, one: Driven, error: BaseException, *, quietly: bool) -> float:
        one.gone = isinstance(error, DatabaseGoneError)
        if not one.failures:
            one.since = self._clock.now()
        one.text = scrub(one_line(str(error) or type(error).__name__))[:300]
        if not quietly:
            _log.warning("%s; waiting for it", one.text)
        wait = BACKOFF[min(one.failures, len(BACKOFF) - 1)]
        one.failures += 1
        return min(wait, 5.0) if one.gone else wait  # a database that is back is noticed soon

    def _said_already(self) -> bool:
        """Once for all parts: they all miss the same database."""
        return any(other.gone for other in self._driven.values())

    def _works(self, one: Driven) -> None:
        if one.gone:
            one.gone = False
            if not self._said_already():
                _log.warning("the database answers again")
        one.failures, one.text = 0, ""

    async def _wait(self, one: Driven, wait: float) -> None:
        """Until the time has come, or there is news. A failing part is not woken: it has its back-off."""
        waiting: Callable[[], object] = self.stopping.wait if one.failures else one.wake_event.wait
        due = boottime() + wait
        while (left := due - boottime()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, LONGEST)):
                    await waiting()  # type: ignore[misc]
                    return
