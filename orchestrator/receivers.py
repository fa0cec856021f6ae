"""From the configuration to whoever is told: hooks, people and the watchdog; beside `bootstrap`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from orchestrator.clock import Clock
from orchestrator.config import Settings
from orchestrator.messaging import apprise_people as people
from orchestrator.messaging.apprise_people import Notice, Service
from orchestrator.messaging.deliverer import NAME as OUTBOX
from orchestrator.messaging.deliverer import WAITS_FOR_PEOPLE, Deliverer, OutboxDrain
from orchestrator.messaging.digesting import Digester
from orchestrator.messaging.routing import PING, Answer, Parcel, Routes
from orchestrator.messaging.telling_people import PeopleReceiver
from orchestrator.messaging.webhooks_and_pings import (
    Health,
    HealthPing,
    Ping,
    PingReceiver,
    Webhook,
    open_session,
)
from orchestrator.store.engine import Database
from orchestrator.store.outbox import new_uid
from orchestrator.tasks import Part

PEOPLE = "people"
TEST = "This is a test: Rejoin can reach you."


@dataclass(frozen=True, slots=True)
class Receivers:
    """Everyone who is told. Open as long as the session that made it."""

    settings: Settings
    hooks: tuple[Webhook, ...]
    services: tuple[Service, ...]
    ping: Ping | None

    @property
    def carriers(self) -> tuple[str, ...]:
        """The names of the parts that carry messages."""
        return tuple(f"outbox {sink}" for sink in self.routes.sinks) or (OUTBOX,)

    @property
    def routes(self) -> Routes:
        return Routes(
            hooks=tuple(hook.name for hook in self.hooks),
            people=tuple(service.name for service in self.services),
            level=self.settings.notify.level,
            ping=self.ping is not None,
        )

    def parts(self, database: Database, clock: Clock, health: Callable[[], Awaitable[Health]]) -> list[Part]:
        """What the daemon drives: one part for each receiver, the digests, and the ping."""
        routes = self.routes
        parts: list[Part] = [Deliverer(database, clock, hook, routes) for hook in self.hooks]
        parts += [
            Deliverer(database, clock, told, routes, WAITS_FOR_PEOPLE) for told in self._people(database)
        ]
        if self.ping is not None:
            parts.append(Deliverer(database, clock, PingReceiver(self.ping), routes))
            parts.append(HealthPing(self.ping, health, self.settings.notify.ping_every))
        if not parts:
            parts.append(OutboxDrain(database, routes))
        if self.services and routes.level != "failures":
            parts.append(Digester(database, self._backups))
        return parts

    def _people(self, database: Database) -> list[PeopleReceiver]:
        zone = self.settings.timezone
        return [PeopleReceiver(service, database, self._backups, zone) for service in self.services]

    async def try_out(self, name: str, now: float) -> Answer:
        """Send a test message to that sink of `routes`, past the outbox."""
        if self.ping is not None and name == PING:
            return await self.ping.well(TEST)
        for service in self.services:
            if service.name == name:
                return await service.send(Notice("Rejoin: test", TEST))
        hook = next(hook for hook in self.hooks if hook.name == name)
        return await hook.deliver(Parcel(new_uid(now), "rejoin.test", now, {"sentence": TEST}))

    @property
    def _backups(self) -> frozenset[str]:
        return frozenset(backup.name for backup in self.settings.backups)


@asynccontextmanager
async def open_receivers(settings: Settings, clock: Clock) -> AsyncIterator[Receivers]:
    """Raises ConfigurationError when people are to be told and Apprise is not installed."""
    notify = settings.notify
    if notify.urls:
        people.require_installed()
    async with open_session() as session:
        urls = [url.get_secret_value() for url in notify.urls]
        ping_url = notify.ping_url.get_secret_value()
        yield Receivers(
            settings,
            _hooks(settings, session, clock),
            tuple(Service(_numbered(PEOPLE, n), url, clock=clock) for n, url in enumerate(urls, 1)),
            Ping(ping_url, session=session, clock=clock) if ping_url else None,
        )


def _hooks(settings: Settings, session: aiohttp.ClientSession, clock: Clock) -> tuple[Webhook, ...]:
    made = []
    for name, hook in zip(hook_names(settings), settings.notify.webhooks, strict=True):
        secret = hook.secret.get_secret_value()
        url = hook.url.get_secret_value()
        made.append(Webhook(f"hook:{name}", url, secret=secret, session=session, clock=clock))
    return tuple(made)


def hook_names(settings: Settings) -> list[str]:
    """A hook goes by its name, else its host; of several that share one, all but the first get a number."""
    names: list[str] = []
    for hook in settings.notify.webhooks:
        name = hook.name or urlsplit(hook.url.get_secret_value()).hostname or "webhook"
        number = 1
        while _numbered(name, number) in names:
            number += 1
        names.append(_numbered(name, number))
    return names


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"
