"""The one place that speaks HTTP to gateways: one session, time-outs, counters, and a clear word on
whether a request may have left this machine. Nothing here raises for what the network does.

What is kept out on purpose:

- Redirects: `307` and `308` would send a join again, elsewhere.
- Second tries. aiohttp repeats a request on a stale connection only for the methods in
  `aiohttp.client.IDEMPOTENT_METHODS` (POST is not one of them, aiohttp 3.14 `client.py`). We stop it for
  every method, because the connector below lets one request have one connection: some gateways join with GET.
- Cookies, and proxies or netrc from the environment unless asked for.
- aiohttp's exceptions: they carry URLs, and gateways carry tokens in URLs. They end here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

import orchestrator
from orchestrator.clock import Clock, real_timeout
from orchestrator.gateways.base import LastLook

log = logging.getLogger(__name__)

SMALL_BODY = 1024 * 1024
"""Bytes: the most that any answer but a list may hold."""
LIST_BODY = 8 * 1024 * 1024
"""Bytes: the most that a list may hold (1,000 groups with 1,024 members are below it without names)."""

_IDLE_CONNECTION = 4.0
"""Real seconds that an idle connection is kept: below the 5 s after which Node.js servers close theirs,
so that a join does not meet a connection that is just going away (its outcome would be unknown)."""


class FailureKind(StrEnum):
    """Why there is no answer."""

    DROPPED = "dropped"  # the last look said no
    BAD_URL = "bad_url"
    NAME = "name"  # the host's name did not resolve
    REFUSED = "refused"
    CONNECT_TIMEOUT = "connect_timeout"
    BAD_TLS = "bad_tls"
    PROXY = "proxy"
    TIMEOUT = "timeout"
    CUT = "cut"
    GARBAGE = "garbage"  # not HTTP
    TOO_LARGE = "too_large"


_SENTENCES = {
    FailureKind.DROPPED: "dropped before sending: its time was over",
    FailureKind.BAD_URL: "the gateway's address is not a usable URL",
    FailureKind.NAME: "the gateway's host name did not resolve",
    FailureKind.REFUSED: "could not connect to the gateway",
    FailureKind.CONNECT_TIMEOUT: "connecting to the gateway took too long",
    FailureKind.BAD_TLS: "the gateway's TLS certificate or handshake was refused",
    FailureKind.PROXY: "the proxy refused the connection to the gateway",
    FailureKind.TIMEOUT: "the gateway did not answer in time",
    FailureKind.CUT: "the connection was cut before the whole answer came",
    FailureKind.GARBAGE: "what came back is not HTTP",
    FailureKind.TOO_LARGE: "the answer is larger than allowed",
}


@dataclass(frozen=True, slots=True)
class HttpFailure:
    """No answer. `sent` is False only when it is certain that no byte of the request left."""

    kind: FailureKind
    sent: bool

    @property
    def text(self) -> str:
        return _SENTENCES[self.kind]


@dataclass(frozen=True, slots=True)
class HttpResult:
    """A whole answer, whatever its status. `retry_after` is the raw header."""

    status: int
    body: bytes = field(repr=False)
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request. `path` is a template (`/groups/{id}`) and is all that is ever logged of it.

    `values` fill the template, percent-encoded. `total` and `connect` are seconds of the Clock.
    """

    method: str
    base_url: str = field(repr=False)
    path: str
    total: float
    connect: float
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    payload: Mapping[str, Any] | None = field(default=None, repr=False)
    limit: int = SMALL_BODY
    last_look: LastLook | None = field(default=None, repr=False)

    def url(self) -> URL:
        path = self.path.format_map({name: quote(value, safe="") for name, value in self.values.items()})
        tail = "?" + urlencode(self.query, quote_via=quote) if self.query else ""
        return URL(self.base_url.rstrip("/") + path + tail, encoded=True)


@dataclass(slots=True)
class HttpNumbers:
    """Counters for metrics, by (method, path template, status or failure kind); seconds are real."""

    requests: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    seconds: defaultdict[tuple[str, str, str], float] = field(default_factory=lambda: defaultdict(float))

    def note(self, request: HttpRequest, word: str, seconds: float) -> None:
        key = (request.method, request.path, word)
        self.requests[key] += 1
        self.seconds[key] += seconds


class _NotSentError(Exception):
    """Raised between connecting and sending."""


class _TooLargeError(Exception):
    """The answer is over the request's limit."""


@dataclass(slots=True)
class _Attempt:
    """What one request may still do. It gets one connection, once."""

    last_look: LastLook | None
    sent: bool = False

    def may_send(self) -> bool:
        if self.sent or (self.last_look is not None and not self.last_look()):
            return False
        self.sent = True
        return True


_ATTEMPT: ContextVar[_Attempt] = ContextVar("rejoin_http_attempt")


class GatewayConnector(aiohttp.TCPConnector):
    """Asks the last look after connecting (new or reused) and before the first byte is written."""

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature of aiohttp
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        try:
            allowed = _ATTEMPT.get().may_send()
        except BaseException:
            connection.close()
            raise
        if not allowed:
            connection.close()
            raise _NotSentError
        return connection


def open_session(*, trust_env: bool = False) -> aiohttp.ClientSession:
    """The session that HttpClient needs. `trust_env` obeys HTTP_PROXY, HTTPS_PROXY, NO_PROXY and netrc."""
    return aiohttp.ClientSession(
        connector=GatewayConnector(keepalive_timeout=_IDLE_CONNECTION),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "application/json", "User-Agent": f"rejoin/{orchestrator.__version__}"},
        trust_env=trust_env,
    )


class HttpClient:
    """Sends requests through one session and tells what became of them. Closes the session it is given."""

    def __init__(self, session: aiohttp.ClientSession, *, clock: Clock) -> None:
        if not isinstance(session.connector, GatewayConnector):
            raise TypeError("HttpClient needs a session of open_session(): only that one asks the last look")
        self._session = session
        self.clock = clock
        self.numbers = HttpNumbers()

    async def send(self, request: HttpRequest) -> HttpResult | HttpFailure:
        """Send once. Raises only asyncio.CancelledError and what `last_look` itself raises."""
        began = time.monotonic()
        attempt = _Attempt(request.last_look)
        token = _ATTEMPT.set(attempt)
        try:
            answer: HttpResult | HttpFailure = await self._exchange(request)
        except _NETWORK as error:  # the network's errors: told, never raised
            answer = HttpFailure(_kind(error, sent=attempt.sent), sent=attempt.sent)
        finally:
            _ATTEMPT.reset(token)
        self._note(request, answer, time.monotonic() - began)
        return answer

    async def close(self) -> None:
        await self._session.close()

    async def _exchange(self, request: HttpRequest) -> HttpResult:
        clock = self.clock
        # math.inf: aiohttp otherwise rounds time-outs up to whole seconds.
        limits = aiohttp.ClientTimeout(
            total=None, connect=real_timeout(clock, request.connect), ceil_threshold=math.inf
        )
        body = None if request.payload is None else json.dumps(request.payload).encode()
        headers = dict(request.headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        async with (
            asyncio.timeout(real_timeout(clock, request.total)),
            self._session.request(
                request.method,
                request.url(),
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=limits,
            ) as response,
        ):
            return HttpResult(
                status=response.status,
                body=await _read(response, request.limit),
                retry_after=response.headers.get("Retry-After"),
            )

    def _note(self, request: HttpRequest, answer: HttpResult | HttpFailure, seconds: float) -> None:
        word = str(answer.status) if isinstance(answer, HttpResult) else answer.kind.value
        self.numbers.note(request, word, seconds)
        log.debug("%s %s -> %s in %.3f s", request.method, request.path, word, seconds)


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, counted after decompression, so that a small bomb cannot fill the memory."""
    if (response.content_length or 0) > limit:
        response.close()
        raise _TooLargeError
    chunks = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        chunks += chunk
        if len(chunks) > limit:
            response.close()
            raise _TooLargeError
    return bytes(chunks)


_KINDS: dict[type[Exception], FailureKind] = {
    _NotSentError: FailureKind.DROPPED,
    _TooLargeError: FailureKind.TOO_LARGE,
    aiohttp.ConnectionTimeoutError: FailureKind.CONNECT_TIMEOUT,
    TimeoutError: FailureKind.TIMEOUT,
    aiohttp.ClientConnectorDNSError: FailureKind.NAME,
    aiohttp.ClientSSLError: FailureKind.BAD_TLS,
    aiohttp.ClientProxyConnectionError: FailureKind.PROXY,
    aiohttp.ClientHttpProxyError: FailureKind.PROXY,
    aiohttp.ClientConnectorError: FailureKind.REFUSED,
    aiohttp.InvalidURL: FailureKind.BAD_URL,
    aiohttp.ClientResponseError: FailureKind.GARBAGE,
    aiohttp.ClientError: FailureKind.CUT,
}
"""First match wins: the narrow ones stand before the wide ones."""

_NETWORK: tuple[type[Exception], ...] = (*_KINDS, OSError)
_SENT_INSTEAD = {FailureKind.DROPPED: FailureKind.CUT, FailureKind.CONNECT_TIMEOUT: FailureKind.TIMEOUT}
"""A second connection was refused, so the first one was cut after sending."""


def _kind(error: Exception, *, sent: bool) -> FailureKind:
    found = (kind for known, kind in _KINDS.items() if isinstance(error, known))
    kind = next(found, FailureKind.CUT)
    if sent:
        return _SENT_INSTEAD.get(kind, kind)
    return FailureKind.CONNECT_TIMEOUT if kind is FailureKind.TIMEOUT else kind
