"""A gateway of a few lines for shapes and cuts that the simulator does not show: raw bytes on loopback."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from orchestrator.clock import SystemClock
from orchestrator.gateways.calls import Timeouts
from orchestrator.gateways.http import HttpClient, open_session
from orchestrator.gateways.wawp import WawpGateway, WawpRoutes
from tests.support.defaults import routes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from orchestrator.clock import Clock

TOKEN = "tok_9f8e7d6c5b4a39281706"
INSTANCE = "210987654321"
CODE = "BobOM8UXL8EDR3dXoKozql"
JID = "120363041234567890@g.us"


def always() -> bool:
    """A last look that lets everything pass."""
    return True


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: dict[str, Any]


def http(status: int, body: object, **headers: str) -> bytes:
    """A whole answer; a body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n{extra}\r\n".encode() + content


@dataclass(slots=True)
class Peer:
    """Answers every request with what `answer` gives: bytes to write, b"" to cut, None to say nothing."""

    answer: Callable[[Seen], bytes | None]
    cut: bool = False  # end the connection after each answer
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    bytes_received: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False if the connection ends with it."""
        answer = self.answer(await self._read(reader))
        if answer is None:
            await reader.read()
            return False
        writer.write(answer)
        await writer.drain()
        return not self.cut and bool(answer)

    async def _read(self, reader: asyncio.StreamReader) -> Seen:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode().strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        self.bytes_received += len(head) + len(raw)
        method, target, _ = first.split(" ")
        url = urlsplit(target)
        seen = Seen(
            method, unquote(url.path), dict(parse_qsl(url.query)), headers, json.loads(raw) if raw else {}
        )
        self.seen.append(seen)
        self.arrived.set()
        return seen


@asynccontextmanager
async def listening(peer: Peer) -> AsyncIterator[str]:
    """The peer's address."""
    handlers: set[asyncio.Task[Any]] = set()
    transports: set[asyncio.WriteTransport] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        transports.add(writer.transport)
        await peer.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for _ in range(10):  # a connection that was just accepted reaches its handler
            await asyncio.sleep(0)
        for transport in transports:
            transport.abort()
        await asyncio.gather(*handlers)
        await asyncio.sleep(0)  # transports tell of their end in the next turn


@asynccontextmanager
async def wawp(
    base_url: str,
    *,
    options: WawpRoutes | None = None,
    timeouts: Timeouts | None = None,
    instance_id: str = INSTANCE,
    access_token: str = TOKEN,
    clock: Clock | None = None,
) -> AsyncIterator[WawpGateway]:
    """The adapter against that address."""
    client = HttpClient(open_session(), clock=clock or SystemClock())
    try:
        yield WawpGateway(
            http=client,
            base_url=base_url,
            instance_id=instance_id,
            access_token=access_token,
            options=options or routes(),
            timeouts=timeouts or Timeouts(connect=5.0, read=10.0, join=10.0),
        )
    finally:
        await client.close()


@asynccontextmanager
async def against(
    answer: Callable[[Seen], bytes | None] | bytes | None,
    *,
    cut: bool = False,
    options: WawpRoutes | None = None,
    timeouts: Timeouts | None = None,
) -> AsyncIterator[tuple[WawpGateway, Peer]]:
    """The adapter against a peer with that answer for everything."""
    peer = Peer(answer if callable(answer) else lambda _seen: answer, cut=cut)
    async with listening(peer) as url, wawp(url, options=options, timeouts=timeouts) as gateway:
        yield gateway, peer
