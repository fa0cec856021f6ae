"""A small HTTP/1.1 server on asyncio's transports.

aiohttp's server spends more time per request than its client does, and a gateway that is to be the peer
of a benchmark must not be the slower half. Being the owner of the bytes also makes it easy to cut,
garble and truncate them. Bodies need a Content-Length; one request at a time per connection.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

MAX_REQUEST = 4 * 1024 * 1024
JSON = "application/json; charset=utf-8"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class HttpRequest(NamedTuple):
    """One request, read to its end."""

    method: str
    path: str  # decoded
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body's JSON object; empty if it is none, as a gateway that reads only JSON sees it."""
        if not self.body:
            return {}
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back on the wire. `cut` ends the connection after those bytes.

    `undelivered` is called if the connection has ended before they could be written.
    """

    wire: bytes
    status: int = 0
    cut: bool = False
    undelivered: Callable[[], None] | None = None


CUT = Reply(b"", cut=True)

Handler = "Callable[[HttpRequest], Reply | Awaitable[Reply]]"


def reply(status: int, body: bytes, content_type: str = JSON, **headers: str) -> Reply:
    """A whole HTTP answer; underscores in header names become hyphens."""
    extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = _head(status, content_type)
    return Reply(b"%b%d\r\n%b\r\n%b" % (head, len(body), extra.encode("latin-1"), body), status)


@lru_cache(maxsize=64)
def _head(status: int, content_type: str) -> bytes:
    reason = _REASONS.get(status, "Unknown")
    lines = (f"HTTP/1.1 {status} {reason}", f"Content-Type: {content_type}", "Content-Length: ")
    return "\r\n".join(lines).encode("latin-1")


def json_reply(status: int, value: object, **headers: str) -> Reply:
    """The same with a JSON body."""
    return reply(status, _encode(value).encode(), **headers)


def truncated(whole: Reply) -> Reply:
    """The same answer with the second half of its body missing, and the connection ended."""
    head, gap, body = whole.wire.partition(b"\r\n\r\n")
    return Reply(head + gap + body[: len(body) // 2], whole.status, cut=True)


class Connection(asyncio.Protocol):
    """One client connection."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._buffer = b""
        self._busy = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP gives nothing else
        self._transport = transport
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._busy:
            self._next()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        while self._buffer and not self._busy:
            try:
                parsed = parse(self._buffer)
            except ValueError as error:
                self._send(json_reply(400, {"status": 400, "message": str(error), "error": "Bad Request"}))
                self._finish(CUT)
                return
            if parsed is None:
                return
            request, used = parsed
            self._buffer = self._buffer[used:]
            self._handle(request)

    def _handle(self, request: HttpRequest) -> None:
        answer = self._server.handler(request)
        if isinstance(answer, Reply):
            self._finish(answer)
        else:
            self._busy = True
            task = asyncio.ensure_future(self._wait(answer))
            self._server.tasks.add(task)
            task.add_done_callback(self._server.tasks.discard)

    async def _wait(self, answer: Awaitable[Reply]) -> None:
        """A call goes on even if its client is gone: what WhatsApp was asked to do, it does."""
        done = await answer
        if self._transport is None and done.undelivered is not None:
            done.undelivered()
        self._busy = False
        self._finish(done)
        self._next()

    def _finish(self, answer: Reply) -> None:
        self._send(answer)
        if answer.cut and self._transport is not None:
            if answer.wire:
                self._transport.close()
            else:
                self._transport.abort()
            self._buffer = b""

    def _send(self, answer: Reply) -> None:
        if self._transport is not None and answer.wire:
            self._transport.write(answer.wire)


class HttpServer:
    """Listens and hands each request to one handler."""

    def __init__(self, handler: Callable[[HttpRequest], Reply | Awaitable[Reply]]) -> None:
        self.handler = handler
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, which the system chose if it was 0. `OSError` if it is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening, end every connection and every call under way."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.close()
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def parse(data: bytes) -> tuple[HttpRequest, int] | None:
    """The first request in `data` and its length; None if it is not all there; `ValueError` if it is none."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > MAX_REQUEST:
            raise ValueError("the request's head is too long")
        return None
    first, _, rest = data[:end].partition(b"\r\n")
    headers, length = _headers(rest)
    if len(data) < end + 4 + length:
        return None
    method, path, query = _request_line(first.decode("latin-1"))
    body = data[end + 4 : end + 4 + length]
    return HttpRequest(method, path, query, headers, body), end + 4 + length


@lru_cache(maxsize=256)
def _headers(block: bytes) -> tuple[dict[str, str], int]:
    """The headers and the body's length. A client sends the same block again and again."""
    headers = {}
    for line in block.decode("latin-1").split("\r\n") if block else ():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers, _length(headers)


def _length(headers: dict[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise ValueError("send a Content-Length: chunked bodies are not read")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal()) or int(length) > MAX_REQUEST:
        raise ValueError("Content-Length is no number, or too big")
    return int(length)


def _request_line(line: str) -> tuple[str, str, dict[str, str]]:
    method, _, rest = line.partition(" ")
    target, _, version = rest.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError("this is not HTTP/1.1")
    path, _, query = target.partition("?")
    if "%" in path:
        path = unquote(path)
    return method, path, _query(query)


def _query(text: str) -> dict[str, str]:
    if "%" in text or "+" in text:
        return dict(parse_qsl(text, keep_blank_values=True))
    pairs = (pair.partition("=") for pair in text.split("&") if pair)
    return {name: value for name, _, value in pairs}


def is_loopback(host: str) -> bool:
    """Whether that host is this machine by name or number."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_url(url: str) -> bool:
    """Whether that is an http address on this machine."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and is_loopback(parts.hostname or "")
    except ValueError:
        return False


def url_on_loopback(value: object) -> str:
    """The same as a check of what people wrote."""
    if not isinstance(value, str) or not is_loopback_url(value):
        raise ValueError("must be an http address on loopback: http://127.0.0.1:8080/...")
    return value
