"""The receivers that are not hooks: people, and the watchdog's ping at a recovery's start and end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.domain.recoveries import EXIT_CODES, End
from orchestrator.messaging import people_texts, routing
from orchestrator.messaging.carriers import Answer
from orchestrator.store import outgoing_messages

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from datetime import tzinfo

    from orchestrator.messaging.apprise_people import Service
    from orchestrator.messaging.carriers import Parcel
    from orchestrator.messaging.ping_carrier import Ping
    from orchestrator.store.engine import Database


@dataclass(slots=True)
class PeopleReceiver:
    """One service for people as a receiver. What needs a person is read at the moment of telling."""

    service: Service
    database: Database
    backups: Collection[str]
    zone: tzinfo

    @property
    def name(self) -> str:
        return self.service.name

    async def deliver(self, parcel: Parcel) -> Answer:
        async with self.database.read() as connection:
            now = await self.database.now(connection)
            needs = await people_texts.read_needs(connection, self.backups, now)
        notice = people_texts.compose(parcel, needs, self.zone)
        if notice is None:
            return Answer(ok=True, text="there is nothing to say any more")
        return await self.service.send(notice)


@dataclass(slots=True)
class PingReceiver:
    """The ping as a receiver of recoveries' starts and ends. Best effort: it is never tried twice."""

    ping: Ping
    name: str = routing.PING

    async def deliver(self, parcel: Parcel) -> Answer:
        data = parcel.data
        what = f"recovery {data['recovery']} onto {data['to']}"
        if parcel.kind == outgoing_messages.RECOVERY_STARTED:
            await self.ping.started(f"{what} has begun")
        else:
            outcome = str(data.get("outcome"))
            known = outcome in {end.value for end in End}
            code = EXIT_CODES[End(outcome)] if known else 1
            await self.ping.ended(code, f"{what} ended: {outcome}")
        return Answer(ok=True)


@dataclass(frozen=True, slots=True)
class Health:
    """How the daemon is, in one sentence."""

    ok: bool
    sentence: str


@dataclass(slots=True)
class HealthPing:
    """The part that tells the watchdog every `every` seconds how the daemon is."""

    ping: Ping
    health: Callable[[], Awaitable[Health]]
    every: float
    name: str = "ping"

    async def step(self) -> float:
        health = await self.health()
        await (self.ping.well if health.ok else self.ping.unwell)(health.sentence)
        return self.every
