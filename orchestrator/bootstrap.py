"""The composition root: from settings to everything that the services need, closed again at the end."""

from __future__ import annotations

import getpass
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from orchestrator import redact
from orchestrator.clock import AcceleratedClock, SystemClock
from orchestrator.domain.errors import ConfigurationError, RejoinError, damage_hint
from orchestrator.domain.pacing import PacingPolicy
from orchestrator.store import meta, schema
from orchestrator.store.engine import Database, DatabaseGoneError, DatabaseTime, DriverError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from orchestrator.clock import Clock
    from orchestrator.config import DatabaseSettings, InstanceSettings, Settings
    from orchestrator.gateways.base import Endpoint, Form, Gateway, Vendor
    from orchestrator.store.instances import Configured
    from orchestrator.store.secrets import CodeCipher, KeyRing


@dataclass(slots=True)
class App:
    """What an entry point hands to the services."""

    settings: Settings
    database: Database
    clock: Clock
    actor: str
    _closing: AsyncExitStack = field(repr=False)
    _ring: KeyRing | None = field(default=None, repr=False)

    @property
    def pace(self) -> PacingPolicy:
        return pacing_policy(self.settings)

    def key_ring(self) -> KeyRing:
        """The key file, read when first needed. Raises ConfigurationError."""
        from orchestrator.store.secrets import KeyRing  # noqa: PLC0415 - brings cryptography: not for everybody

        if self._ring is None:
            self._ring = KeyRing.load(self.settings.database.key_file)
        return self._ring

    async def cipher(self) -> CodeCipher:
        """What reads the stored invite codes. Raises ConfigurationError."""
        from orchestrator.store.secrets import cipher_for_reading  # noqa: PLC0415 - the same

        async with self.database.read() as connection:
            return await cipher_for_reading(connection, self.key_ring())

    def gateway(self, instance: InstanceSettings) -> Gateway:
        """The adapter of that instance's vendor, closed with this. Raises ConfigurationError."""
        from orchestrator.gateways.base import without_own_codes  # noqa: PLC0415 - for who goes online

        try:
            gateway = vendor_of(instance).open(self._endpoint(instance))
        except ValueError as error:  # a token of another form than this vendor's
            raise ConfigurationError(f"{instance.name}: {error}") from None
        self._closing.push_async_callback(gateway.close)
        return without_own_codes(gateway, self._own_codes)

    async def _own_codes(self, words: set[str]) -> set[str]:
        """Those of the words that are stored as invite codes."""
        from orchestrator.store import codes  # noqa: PLC0415 - the same

        cipher = await self.cipher()
        prints = {cipher.fingerprint(word): word for word in words}
        async with self.database.read() as connection:
            return {prints[known] for known in await codes.which(connection, prints)}

    def forms(self, instance: InstanceSettings) -> list[Form]:
        """Every documented way to speak to that instance's gateway, the configured one first.

        What they open is closed with this. Raises ConfigurationError.
        """
        found = vendor_of(instance).forms(self._endpoint(instance))
        return [replace(form, gateway=partial(self._opened, form)) for form in found]

    def _opened(self, form: Form) -> Gateway:
        gateway = form.gateway()
        self._closing.push_async_callback(gateway.close)
        return gateway

    def _endpoint(self, instance: InstanceSettings) -> Endpoint:
        from orchestrator.gateways.base import Endpoint  # noqa: PLC0415 - for who goes online

        http = self.settings.http
        return Endpoint(
            base_url=instance.base_url,
            account=instance.instance_id,
            token=instance.access_token.get_secret_value(),
            options=instance.options,
            connect_timeout=http.connect_timeout,
            timeout=http.timeout,
            join_timeout=http.join_timeout,
            clock=self.clock,
        )

    async def sync_instances(self) -> None:
        """Bring the instances' rows in line with the configuration."""
        from orchestrator.account.lease import is_taken  # noqa: PLC0415 - for who drives an instance
        from orchestrator.store import daemons, instances  # noqa: PLC0415
        from orchestrator.store.slot_high_water_mark import SlotHighWaterMark, is_foreign  # noqa: PLC0415

        configured = list(_configured(self.settings))
        async with self.database.write() as connection:
            rows = await daemons.lock(connection)  # two may make the row of a new instance at once
            now = await self.database.now(connection)
            living = [row for row in rows if is_taken(row, now)]
            elsewhere = frozenset[int]().union(*(row.known for row in living))
            await instances.sync(connection, configured, now, known_elsewhere=elsewhere)
            fresh = await instances.never_driven(connection)
        doubted = bool(fresh) and await is_foreign(self.database)
        for instance_id in fresh:
            SlotHighWaterMark.of(self.database, instance_id).begin(doubted=doubted)


@asynccontextmanager
async def open_app(settings: Settings, *, brief: bool = False) -> AsyncIterator[App]:
    """With the schema checked. `brief`: for a command that only reads, and ends.

    Raises ConfigurationError, or TemporaryError when no database answers.
    """
    redact.learn(settings.secret_values())
    async with AsyncExitStack() as closing:
        database = await closing.enter_async_context(open_database(settings.database, brief=brief))
        await schema.require_current(database)
        clock = await _tell_time(database, settings.clock_speed)
        yield App(settings, database, clock, actor(), closing)


@asynccontextmanager
async def open_as_it_is(settings: Settings) -> AsyncIterator[tuple[App, RejoinError | None]]:
    """For who looks at what is wrong: a database that cannot be used is told, not raised."""
    redact.learn(settings.secret_values())
    async with AsyncExitStack() as closing:
        database = Database(settings.database.async_url)
        closing.push_async_callback(database.close)
        clock: Clock = SystemClock()
        fault: RejoinError | None = None
        try:
            await _reach(database, settings.database.safe_url)
            if await schema.check(database) is schema.SchemaState.UP_TO_DATE:
                clock = await _tell_time(database, settings.clock_speed)
        except RejoinError as error:
            fault = error
        yield App(settings, database, clock, actor(), closing), fault


@asynccontextmanager
async def open_database(settings: DatabaseSettings, *, brief: bool = False) -> AsyncIterator[Database]:
    """As it is, without a look at its schema; but reached: a database that is not there is told at once."""
    database = Database(settings.async_url, brief=brief)
    try:
        await _reach(database, settings.safe_url)
        yield database
    finally:
        await database.close()


def vendor_of(instance: InstanceSettings) -> Vendor:
    """What speaks to that instance's gateway and reads its webhooks. Raises ConfigurationError."""
    from orchestrator.gateways.vendors import (  # noqa: PLC0415 - brings aiohttp: for who goes online
        VENDORS,
        vendor_called,
    )

    try:
        vendor = vendor_called(instance.gateway)
    except ValueError as error:
        raise ConfigurationError(f"{instance.name}: {error}") from None
    if vendor is None:
        known = ", ".join(VENDORS)
        sentence = f"this rejoin cannot speak to {instance.gateway} yet; it can speak to {known}"
        raise ConfigurationError(f"{instance.name}: {sentence}")
    return vendor


def actor() -> str:
    """Who acts, for the journal: login at host."""
    try:
        login = getpass.getuser()
    except (KeyError, OSError):  # a container's uid without a name
        login = "unknown"
    return f"{login}@{socket.gethostname()}"


async def _reach(database: Database, safe_url: str) -> None:
    try:
        await schema.current(database)
    except DatabaseGoneError as error:
        hint = (
            ""
            if database.dialect == "sqlite"
            else "check that PostgreSQL runs and that database.url is right"
        )
        raise DatabaseGoneError(f"{error.message} ({safe_url})", hint=hint) from None
    except DriverError as error:  # it may hold the address in full
        said = str(error.orig or "").strip().splitlines() or [type(error).__name__]
        sentence = f"the database at {safe_url} cannot be used: {said[-1]}"
        raise ConfigurationError(sentence, hint=damage_hint(said[-1])) from None


async def _tell_time(database: Database, speed: float) -> Clock:
    """Both clocks, accelerated about the moment at which this database was made when the speed is not 1."""
    if speed == 1:
        return SystemClock()
    async with database.read() as connection:
        stored = await meta.get(connection, meta.CREATED_AT)
    anchor = float(stored or 0.0)
    database.clock = DatabaseTime(speed, anchor)
    return AcceleratedClock(speed, anchor)


def _configured(settings: Settings) -> Iterator[Configured]:
    from orchestrator.store.instances import Configured  # noqa: PLC0415 - as above

    for instance in settings.instances:
        account = f"{instance.base_url}#{instance.instance_id}"
        yield Configured(instance.name, instance.role, instance.gateway, account)


def pacing_policy(settings: Settings, *, joins_per_minute: float | None = None) -> PacingPolicy:
    """`joins_per_minute` overrides the configured pace for one run."""
    pacing = settings.pacing
    return PacingPolicy(
        joins_per_minute=joins_per_minute or pacing.joins_per_minute,
        jitter=pacing.jitter,
        daily_limit=pacing.daily_limit,
        timeout=settings.http.join_timeout,
    )
