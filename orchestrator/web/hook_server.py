"""The daemon's web server: webhooks come in here, and a supervisor asks whether it lives."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import structlog
from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict

from orchestrator.account.event_inbox import EventQuota, Inbox
from orchestrator.bootstrap import vendor_of
from orchestrator.config import Settings
from orchestrator.domain.errors import ConfigurationError, TemporaryError
from orchestrator.redact import one_line
from orchestrator.store.engine import Database
from orchestrator.web.connection_limiter import IDLE, WHOLE_REQUEST, ConnectionLimiter
from orchestrator.web.signatures import HookSecrets, same
from orchestrator.web.webhook_intake import LARGEST_BODY, Hooks, Refusal, Sender, not_found

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BACKLOG = 256
_LISTENS = "0A"  # proc(5), net/tcp
_PROC = Path("/proc")
_log = structlog.get_logger(__name__)


class HookServer:
    """`start`, then it serves until `close`; or `async with`.

    `instances`: the row of each that may send, by name. `alive()` answers /healthz; `on_event()` is called
    after new events were stored.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        instances: Mapping[str, int],
        *,
        alive: Callable[[], bool],
        on_event: Callable[[], None],
        patience: float = WHOLE_REQUEST,
    ) -> None:
        hooks, listen = settings.webhooks, settings.web.listen
        self.host, self._asked_port = split_listen(listen)
        self._token = settings.web.token.get_secret_value()
        self._alive = alive
        self._patience = patience
        self.quota = EventQuota(database)
        self.inbox = Inbox(database, on_event, self.quota)
        self.hooks = Hooks(
            senders=dict(_senders(settings, instances)),
            secrets=HookSecrets(hooks.secret.get_secret_value(), hooks.path_secret.get_secret_value()),
            inbox=self.inbox,
            hidden=frozenset(settings.secret_values()),
        )
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._storing: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The one it listens on; 0 before it does."""
        sockets = self._server.sockets if self._server is not None else ()
        return int(sockets[0].getsockname()[1]) if sockets else 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Raises ConfigurationError, or TemporaryError when the address is taken."""
        listening = _listen(self.host, self._asked_port)
        try:
            await self._serve(listening)
        except BaseException:
            listening.close()
            await self.close()
            raise
        if not self.hooks.secrets.configured:
            _log.warning("no webhook will be taken: neither webhooks.secret nor webhooks.path_secret is set")

    async def close(self) -> None:
        """What was begun is answered; nothing new is taken."""
        if self._server is not None:
            self._server.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._storing is not None:
            self._storing.cancel()
            await asyncio.gather(self._storing, return_exceptions=True)
        self.hooks.refusals.close()
        self._server = self._runner = self._storing = None

    async def _serve(self, listening: socket.socket) -> None:
        self._storing = asyncio.create_task(self.inbox.run(), name="webhooks: storing")
        runner = self._runner = web.AppRunner(
            self._application(),
            handle_signals=False,
            access_log=None,  # paths hold secrets
            logger=_silent(),
            auto_decompress=False,  # what was signed is what came
            keepalive_timeout=IDLE,
            lingering_time=1.0,
            shutdown_timeout=2.0,
        )
        await runner.setup()
        if runner.server is None:
            raise TypeError("aiohttp made no server")
        runner.server.request_factory = _without_server_header(runner.server.request_factory)
        limiter = self.hooks.limiter = ConnectionLimiter(runner.server, patience=self._patience)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(limiter, sock=listening, backlog=_BACKLOG)

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._guard], client_max_size=LARGEST_BODY)
        application.router.add_get("/healthz", self._health)
        application.router.add_post("/hooks/{instance}", self.hooks.take)
        application.router.add_post("/hooks/{instance}/{secret}", self.hooks.take)
        return application

    def _admits(self, request: web.Request) -> bool:
        """With a token only its bearer sees more than the hooks and /healthz, be it that there is nothing."""
        if not self._token or request.match_info.handler in (self._health, self.hooks.take):
            return True
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and same(self._token, given.strip())

    async def _health(self, _request: web.Request) -> web.Response:
        if self._alive():
            return web.Response(text="ok\n")
        return web.Response(status=503, text="not well\n")

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Nothing foreign in an answer or in the log, whatever happens."""
        if not self._admits(request):
            return web.Response(status=401, text="unauthorized\n", headers={"WWW-Authenticate": "Bearer"})
        try:
            return await handler(request)
        except web.HTTPException as error:
            return not_found() if error.status == 404 else web.Response(status=error.status)
        except (ConnectionError, web.RequestPayloadError):
            self.hooks.refusals.note(Refusal.BROKEN_OFF)
            raise
        except Exception as error:  # noqa: BLE001 - the edge: one request must not stop the server
            _log.error("a request failed", error=type(error).__name__)
            return web.Response(status=500, text="failed\n")
        finally:
            if self.hooks.limiter is not None:
                self.hooks.limiter.answered(request.transport)


def _senders(settings: Settings, instances: Mapping[str, int]) -> Iterator[tuple[str, Sender]]:
    header = settings.webhooks.header
    for instance in settings.instances:
        if instance.name in instances:
            vendor = vendor_of(instance)
            headers = (header,) if header else vendor.signature_headers
            yield instance.name, Sender(instances[instance.name], vendor.read_event, headers, vendor.split)


def split_listen(listen: str) -> tuple[str, int]:
    """`127.0.0.1:8080` or `[::1]:8080`."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def _listen(host: str, port: int) -> socket.socket:
    where = f"{host}:{port}"
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind)
    except OSError as error:
        raise ConfigurationError(f"web.listen: {where} is no address of this machine ({error})") from None
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError as error:
        found.close()
        raise _cannot_listen(where, port, error) from None
    found.setblocking(False)
    return found


def _cannot_listen(where: str, port: int, error: OSError) -> ConfigurationError | TemporaryError:
    if error.errno == errno.EADDRINUSE:
        who = one_line(occupant(port)) or "another program"
        hint = "stop it, or choose another web.listen; `ss -ltnp` shows who listens where"
        return TemporaryError(f"cannot listen on {where}: {who} does already", hint=hint)
    if error.errno in (errno.EACCES, errno.EPERM):
        hint = "ports below 1024 are for root; choose another web.listen"
        return ConfigurationError(f"cannot listen on {where}: this user may not", hint=hint)
    return ConfigurationError(f"cannot listen on {where}: {error.strerror}")


def _without_server_header(make_request: Callable[..., web.BaseRequest]) -> Callable[..., web.BaseRequest]:
    """The name and version of aiohttp stand in every answer, also to what is no request."""

    def make(
        message: Any, payload: Any, protocol: Any, writer: AbstractStreamWriter, task: Any
    ) -> web.BaseRequest:
        write_headers = writer.write_headers

        async def write(status_line: str, headers: CIMultiDict[str]) -> None:
            headers.popall(hdrs.SERVER, None)
            await write_headers(status_line, headers)

        writer.write_headers = write  # type: ignore[method-assign]
        return make_request(message, payload, protocol, writer, task)

    return make


def _silent() -> logging.Logger:
    """The log of aiohttp quotes what strangers send; what matters is counted and told by us."""
    logger = logging.Logger("orchestrator.web.aiohttp", level=logging.CRITICAL + 1)  # noqa: LOG001 - apart from all others
    logger.addHandler(logging.NullHandler())
    return logger


def occupant(port: int) -> str:
    """Who listens on a port, as far as Linux shows it to this user: `nginx (process 812)`, or nothing."""
    inodes = {f"socket:[{inode}]" for inode in _listening(port)}
    if not inodes:
        return ""
    for process in _PROC.glob("[0-9]*"):
        try:
            held = _held(process / "fd")
            name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:  # another user's, or gone meanwhile
            continue
        if inodes & held:
            return f"{name} (process {process.name})"
    return ""


def _held(folder: Path) -> set[str]:
    """What a process has open. One that is closed meanwhile does not matter."""
    found = set()
    for number in os.listdir(folder):  # noqa: PTH208 - names are enough, and there may be many
        with suppress(OSError):
            found.add(os.readlink(folder / number))  # noqa: PTH115 - a text, not a path
    return found


def _listening(port: int) -> Iterator[str]:
    """The inodes of the sockets: the tenth column. The second is address:port in hex."""
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for columns in map(str.split, lines):
            if columns[3] == _LISTENS and int(columns[1].rpartition(":")[2], 16) == port:
                yield columns[9]
