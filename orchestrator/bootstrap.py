"""The composition root: from settings to everything that the services need, closed again at the end."""

from __future__ import annotations

import getpass
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from orchestrator import redact
from orchestrator.clock import AcceleratedClock, SystemClock
from orchestrator.domain.errors import ConfigurationError, RejoinError, damage_hint
from orchestrator.store import schema
from orchestrator.store.engine import Database, DatabaseGoneError, DatabaseTime
from orchestrator.store.tables import meta

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from orchestrator.clock import Clock
    from orchestrator.config import DatabaseSettings, InstanceSettings, Settings
    from orchestrator.domain.events import ReadEvent
    from orchestrator.gateways.base import Form, Gateway
    from orchestrator.gateways.wawp import WawpGateway
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
        """The adapter of that instance's vendor, closed with this. Only this place knows vendors."""
        if instance.gateway != "wawp":
            raise ConfigurationError(
                f"{instance.name}: this rejoin cannot speak to {instance.gateway} yet; it can speak to wawp"
            )
        from orchestrator.gateways.own_codes import without_own_codes  # noqa: PLC0415 - for who goes online

        gateway = _wawp(instance, self.settings, self.clock)
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
        """Every documented way to speak to that instance's gateway, the configured one first."""
        from orchestrator.gateways.base import Form  # noqa: PLC0415 - for the doctor only
        from orchestrator.gateways.wawp.routes import forms, question  # noqa: PLC0415

        if instance.gateway != "wawp":
            return []
        return [
            Form("wawp", one, *question(one), gateway=partial(self._in_form, instance, one))
            for one in forms(instance.wawp.model_dump())
        ]

    def _in_form(self, instance: InstanceSettings, form: Mapping[str, str]) -> Gateway:
        options = instance.wawp.model_copy(update=dict(form))
        gateway = _wawp(instance.model_copy(update={"wawp": options}), self.settings, self.clock, exact=True)
        self._closing.push_async_callback(gateway.close)
        return gateway

    async def sync_instances(self) -> None:
        """Bring the instances' rows in line with the configuration."""
        from orchestrator.store import instances  # noqa: PLC0415 - for who drives an instance
        from orchestrator.store.witness import Witness, is_foreign  # noqa: PLC0415

        configured = list(_configured(self.settings))
        async with self.database.write() as connection:
            await instances.sync(connection, configured, await self.database.now(connection))
            fresh = await instances.never_driven(connection)
        doubted = bool(fresh) and await is_foreign(self.database)
        for instance_id in fresh:
            Witness.of(self.database, instance_id).begin(doubted=doubted)


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


def event_reader() -> ReadEvent:
    """What reads a gateway's webhooks. Wawp's envelope is WAHA's: one reader knows both payloads."""
    from orchestrator.gateways.wawp.events import read_event  # noqa: PLC0415 - for the daemon only

    return read_event


def events_wanted() -> tuple[str, ...]:
    """The gateway's names of the events that it is asked for."""
    from orchestrator.gateways.wawp.events import SUBSCRIBED  # noqa: PLC0415 - for `hooks install` only

    return SUBSCRIBED


def signature_headers() -> tuple[str, ...]:
    """The headers in which gateways sign their webhooks, where the configuration names none."""
    from orchestrator.gateways.wawp.events import SIGNATURE_HEADERS  # noqa: PLC0415 - for the daemon only

    return SIGNATURE_HEADERS


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
    except DBAPIError as error:  # it may hold the address in full
        said = str(error.orig or "").strip().splitlines() or [type(error).__name__]
        sentence = f"the database at {safe_url} cannot be used: {said[-1]}"
        raise ConfigurationError(sentence, hint=damage_hint(said[-1])) from None


async def _tell_time(database: Database, speed: float) -> Clock:
    """Both clocks, accelerated about the moment at which this database was made when the speed is not 1."""
    if speed == 1:
        return SystemClock()
    async with database.read() as connection:
        stored = await connection.scalar(select(meta.c.value).where(meta.c.key == "created_at"))
    anchor = float(stored or 0.0)
    database.clock = DatabaseTime(speed, anchor)
    return AcceleratedClock(speed, anchor)


def _configured(settings: Settings) -> Iterator[Configured]:
    from orchestrator.store.instances import Configured  # noqa: PLC0415 - as above

    for instance in settings.instances:
        account = f"{instance.base_url}#{instance.instance_id}"
        yield Configured(instance.name, instance.role, instance.gateway, account)


def _wawp(
    instance: InstanceSettings, settings: Settings, clock: Clock, *, exact: bool = False
) -> WawpGateway:
    """`exact`: nothing else is asked than what is called; no other probe path, no limits."""
    # Both bring aiohttp: only for who goes online.
    from orchestrator.gateways.http import HttpClient, open_session  # noqa: PLC0415
    from orchestrator.gateways.wawp import WawpGateway, WawpRoutes, WawpTimeouts  # noqa: PLC0415

    options, paths, http = instance.wawp, instance.wawp.paths, settings.http
    return WawpGateway(
        http=HttpClient(open_session(), clock=clock),
        base_url=instance.base_url,
        instance_id=instance.instance_id,
        access_token=instance.access_token.get_secret_value(),
        options=WawpRoutes(
            probe_path=options.probe_path,
            probe_fallback_path=options.probe_path if exact else WawpRoutes().probe_fallback_path,
            join_path=options.join_path,
            code_parameter=options.code_parameter,
            code_in=options.code_in,
            code_form=options.code_form,
            auth=options.auth,
            groups_path=paths.groups,
            group_path=paths.group,
            participants_path=paths.participants,
            leave_path=paths.leave,
            invite_code_path=paths.invite_code,
            revoke_code_path=paths.revoke_code,
            send_text_path=paths.send_text,
            session_info_path=paths.session_info,
            webhook_path=paths.webhook,
            rate_limit_path=paths.rate_limit,
            keeps_limits=not exact,
        ),
        timeouts=WawpTimeouts(connect=http.connect_timeout, read=http.timeout, join=http.join_timeout),
    )
