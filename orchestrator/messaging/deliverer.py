"""Carrying messages from the outbox to one receiver, with retries; what waits there, for people and scripts.

In order within a subject, side by side otherwise, until each is delivered or parked. There is one `Deliverer`
for each receiver, so that none ever waits for another.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from orchestrator.clock import Clock
from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import DatabaseReplacedError
from orchestrator.domain.times import instant
from orchestrator.messaging import routing
from orchestrator.messaging.routing import Answer, Parcel, Receiver, Routes
from orchestrator.store import outbox
from orchestrator.store.engine import Database, DatabaseGoneError
from orchestrator.store.journal import Entry, append
from orchestrator.store.outbox import Due, Failed, Listed, OutboxTotals

_log = logging.getLogger(__name__)

MINUTE, HOUR = 60.0, 3600.0
WAITS = (5.0, 5 * MINUTE, *(HOUR * n for n in (0.5, 2, 5, 10, 14, 20, 24)))
"""After each failed attempt; the one after the last of them is the end. Standard Webhooks suggests these."""
WAITS_FOR_PEOPLE = (5.0, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, *[HOUR] * 24)
"""A notice that waits holds up the next one, which may be more urgent; and after a day it is no news."""
LONGEST_WAIT = 24 * HOUR  # whatever a receiver asks for
JITTER = 0.1
IN_FLIGHT = 20
STARTED_IN_A_STEP = 500
BEGINS_FOR = 20.0  # seconds: what is still due then is for the next step, so that this one comes to its end
REAL_BEGINS_FOR = 1.0  # real seconds; more only in accelerated time
LONGEST_ATTEMPT = 35.0  # real seconds: longer than every receiver's own time-out
LOOK_AGAIN = 1.0  # seconds until a step that waits for answers looks for new messages
IDLE = 60.0  # news wakes the part; this is for news that was not heard
FAILURES_UNTIL_REST = 3
LONGEST_REST = 300.0
NOT_CONFIGURED = "this receiver is no longer configured"


@dataclass(slots=True)
class _Trouble:
    """A sink that fails again and again is asked one message at a time, with growing rests between."""

    failures: int = 0  # in a row
    until: float = float("-inf")  # boot time

    def failed(self, boottime: float, retry_after: float | None) -> None:
        self.failures += 1
        rest = min(LONGEST_REST, 5.0 * 2.0 ** max(0, self.failures - FAILURES_UNTIL_REST))
        if self.failures < FAILURES_UNTIL_REST:
            rest = 0.0
        self.until = boottime + max(rest, min(retry_after or 0.0, LONGEST_REST))


@dataclass(slots=True)
class Deliverer:
    """The part that serves one receiver."""

    database: Database
    clock: Clock
    receiver: Receiver
    routes: Routes
    waits: tuple[float, ...] = WAITS
    rng: random.Random = field(default_factory=random.SystemRandom)
    name: str = field(init=False)
    _trouble: _Trouble = field(default_factory=_Trouble)
    _parked_strangers: bool = False

    def __post_init__(self) -> None:
        self.name = f"outbox {self.receiver.name}"

    async def step(self) -> float:
        """Deliver all that is due. Returns seconds until the next delivery is."""
        try:
            if not self._parked_strangers:
                await self._park_strangers()
            return await self._deliver()
        except BaseExceptionGroup as group:
            gone, rest = group.split(DatabaseGoneError)
            if gone is None or rest is not None:
                raise
        raise DatabaseGoneError

    async def _park_strangers(self) -> None:
        """What waits for a receiver that was taken out of the configuration would wait for ever."""
        async with self.database.write() as connection:
            parked = await outbox.park_others(connection, self.routes.sinks, NOT_CONFIGURED)
        if parked:
            _log.warning("%d messages are parked: %s", parked, NOT_CONFIGURED)
        self._parked_strangers = True

    async def _deliver(self) -> float:
        flights: dict[asyncio.Task[Answer], Due] = {}
        started, until = 0, self.clock.boottime() + max(BEGINS_FOR, REAL_BEGINS_FOR / self.clock.real(1.0))
        async with asyncio.TaskGroup() as tasks:
            while True:
                line, now = await self._look(len(flights))
                more = started < STARTED_IN_A_STEP and self.clock.boottime() < until
                for due in self._chosen(line, now, flights) if more else []:
                    flights[tasks.create_task(self._attempt(due))] = due
                    started += 1
                if not flights:
                    return self._wait(line, now)
                await self._land(flights)

    async def _look(self, flying: int) -> tuple[list[Due], float]:
        await routing.fan_out(self.database, self.routes)
        async with self.database.read() as connection:
            line = await outbox.first_in_line(connection, self.receiver.name, limit=IN_FLIGHT + flying)
            return line, await self.database.now(connection)

    def _chosen(self, line: list[Due], now: float, flights: dict[asyncio.Task[Answer], Due]) -> list[Due]:
        if self.clock.boottime() < self._trouble.until:
            return []
        room = (IN_FLIGHT if not self._trouble.failures else 1) - len(flights)
        flying = {due.id for due in flights.values()}
        due = [one for one in line if one.id not in flying and (one.next_attempt_at or 0.0) <= now]
        return due[: max(0, room)]

    def _wait(self, line: list[Due], now: float) -> float:
        if not line:
            return IDLE
        rest = self._trouble.until - self.clock.boottime()
        return max(0.0, min(IDLE, max((line[0].next_attempt_at or 0.0) - now, rest)))

    async def _attempt(self, due: Due) -> Answer:
        message = due.message
        try:
            async with asyncio.timeout(LONGEST_ATTEMPT):
                return await self.receiver.deliver(
                    Parcel(message.uid, message.kind, message.at, message.data)
                )
        except (DatabaseGoneError, DatabaseReplacedError):
            raise
        except TimeoutError:
            return Answer(ok=False, text="did not answer in time")
        except Exception as error:  # noqa: BLE001 - one message that breaks its receiver must not keep back others
            return Answer(ok=False, text=f"failed unexpectedly: {type(error).__name__}")

    async def _land(self, flights: dict[asyncio.Task[Answer], Due]) -> None:
        """Wait for some answers, and write them down together."""
        done, _ = await asyncio.wait(
            flights, timeout=self.clock.real(LOOK_AGAIN), return_when=asyncio.FIRST_COMPLETED
        )
        landed = [(flights.pop(task), task.result()) for task in done]
        if not landed:
            return
        async with self.database.write() as connection:
            now = await self.database.now(connection)
            await outbox.mark_delivered(connection, [due.id for due, one in landed if one.ok], now)
            for due, answer in landed:
                if not answer.ok:
                    await outbox.mark_failed(connection, self._failed(due, answer, now))
        for due, answer in landed:
            self._remember(due, answer)

    def _failed(self, due: Due, answer: Answer, now: float) -> Failed:
        if answer.final or due.attempts >= len(self.waits):
            return Failed(due.id, answer.text, None)
        wait = self.waits[due.attempts] * self.rng.uniform(1.0 - JITTER, 1.0 + JITTER)
        wanted = min(answer.retry_after or 0.0, LONGEST_WAIT)
        return Failed(due.id, answer.text, now + max(wait, wanted))

    def _remember(self, due: Due, answer: Answer) -> None:
        """One line when a sink begins to fail and one when it works again; one for each that is given up."""
        if answer.ok:
            if self._trouble.failures >= FAILURES_UNTIL_REST:
                _log.info("messages get through again", extra={"sink": self.receiver.name})
            self._trouble = _Trouble()
            return
        self._trouble.failed(self.clock.boottime(), answer.retry_after)
        said = {"sink": self.receiver.name, "uid": due.message.uid, "why": answer.text}
        if answer.final or due.attempts >= len(self.waits):
            _log.warning("a message is parked: %s", Operation.LIST_PARKED, extra=said)
        elif self._trouble.failures == 1:
            _log.warning("a message did not get through; tried again later", extra=said)


NAME = "outbox"


@dataclass(slots=True)
class OutboxDrain:
    """The part that drains an outbox which has no receiver."""

    database: Database
    routes: Routes  # to nowhere
    name: str = NAME
    _parked_strangers: bool = False

    async def step(self) -> float:
        if not self._parked_strangers:
            async with self.database.write() as connection:
                await outbox.park_others(connection, (), NOT_CONFIGURED)
            self._parked_strangers = True
        while await routing.fan_out(self.database, self.routes):
            pass
        return IDLE


@dataclass(frozen=True, slots=True)
class Outbox:
    """How it stands at one moment."""

    now: float
    totals: OutboxTotals
    deliveries: tuple[Listed, ...]


async def read_outbox(database: Database, *, parked_only: bool = False, limit: int = 100) -> Outbox:
    async with database.read() as connection:
        found = await outbox.listed(connection, parked_only=parked_only, limit=limit)
        totals = await outbox.totals(connection)
        return Outbox(await database.now(connection), totals, tuple(found))


async def try_again(database: Database, *, actor: str, ids: Collection[int] | None = None) -> int:
    """Put parked deliveries back in line, all of them without ids; how many it were."""
    async with database.write() as connection:
        changed = await outbox.retry_parked(connection, ids)
        if changed:
            line = Entry("act.outbox_retry", actor, {"deliveries": changed})
            await append(connection, await database.now(connection), [line])
    return changed


def outbox_json(outbox: Outbox) -> dict[str, Any]:
    """The object that `rejoin outbox list --json` prints."""
    return {
        "schema": 1,
        "at": instant(outbox.now),
        "unsorted": outbox.totals.unsorted,
        "pending": outbox.totals.pending,
        "oldest_pending_at": instant(outbox.totals.oldest_pending_at),
        "parked": outbox.totals.parked,
        "deliveries": [_delivery(one) for one in outbox.deliveries],
    }


def _delivery(one: Listed) -> dict[str, Any]:
    return {
        "id": one.id,
        "message": one.uid,
        "type": one.kind,
        "receiver": one.sink,
        "subject": one.subject,
        "at": instant(one.at),
        "state": one.state.value,
        "attempts": one.attempts,
        "next_attempt_at": instant(one.next_attempt_at),
        "error": one.error,
    }
