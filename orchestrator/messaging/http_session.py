"""The session for webhooks and pings: no redirects, no cookies, a time-out, errors without addresses."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

import orchestrator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.clock import Clock

TIMEOUT = 15.0
"""Seconds for a whole exchange; the Standard Webhooks specification suggests 15 to 30."""
REAL_TIMEOUT = 2.0  # real seconds that it gets even in accelerated time


@dataclass(frozen=True, slots=True)
class Call:
    """One request. The address is never shown: it may be the secret itself."""

    method: str
    url: str = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """`status` 0: no answer came, and `text` says why."""

    status: int
    text: str
    retry_after: str | None = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def open_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"rejoin/{orchestrator.__version__}"},
    )


async def exchange(session: aiohttp.ClientSession, call: Call, clock: Clock) -> Reply:
    """Send once. Raises only asyncio.CancelledError."""
    try:
        async with (
            asyncio.timeout(max(REAL_TIMEOUT, clock.real(TIMEOUT))),
            session.request(
                call.method,
                URL(call.url),
                data=call.body or None,
                headers=call.headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None),
            ) as response,
        ):
            # The status is the whole answer: nobody waits for a body that is slow, huge or endless.
            return Reply(response.status, f"answered {response.status}", response.headers.get("Retry-After"))
    except _NETWORK as error:
        return Reply(0, _sentence(error))


_SENTENCES: dict[type[Exception], str] = {
    TimeoutError: "did not answer in time",
    aiohttp.ClientConnectorDNSError: "its host name did not resolve",
    aiohttp.ClientSSLError: "its TLS certificate or handshake was refused",
    aiohttp.ClientConnectorError: "could not be reached",
    aiohttp.InvalidURL: "its address is not a usable URL",
    aiohttp.ClientResponseError: "what came back is not HTTP",
    aiohttp.ClientError: "the connection was cut",
    ValueError: "its address is not a usable URL",
    OSError: "could not be reached",
}
"""First match wins: the narrow ones stand before the wide ones. The errors' own words carry addresses."""

_NETWORK: tuple[type[Exception], ...] = tuple(_SENTENCES)


def _sentence(error: Exception) -> str:
    return next(text for known, text in _SENTENCES.items() if isinstance(error, known))
