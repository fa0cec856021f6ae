"""What goes out over HTTP: webhooks as in Standard Webhooks, and pings of a watchdog.

No redirects, no cookies, a time-out, and errors without addresses. Webhooks follow the specification 1.0.0 of
github.com/standard-webhooks/standard-webhooks; pings go to Healthchecks (healthchecks.io/docs/http_api) or
Uptime Kuma. A ping is best effort: one that fails is said once, until one works again, and never tried twice.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aiohttp
from yarl import URL

import orchestrator
from orchestrator.clock import Clock
from orchestrator.domain.recoveries import EXIT_CODES, End
from orchestrator.messaging import routing
from orchestrator.messaging.routing import Answer, Parcel
from orchestrator.store import outgoing_messages

_SECONDS = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,9})?")
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


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds from a Retry-After header, a number or a date (RFC 9110, 10.2.3); None if it is neither."""
    if header is None:
        return None
    if _SECONDS.fullmatch(header.strip()):
        return max(0.0, float(header))
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


_PREFIX = "whsec_"
_GONE = 410


class Webhook:
    """One receiver over HTTP. Without a secret its messages are not signed."""

    def __init__(
        self, name: str, url: str, *, secret: str, session: aiohttp.ClientSession, clock: Clock
    ) -> None:
        self.name = name
        self._url = url
        self._key = key_of(secret)
        self._session = session
        self._clock = clock

    async def deliver(self, parcel: Parcel) -> Answer:
        now = self._clock.now()
        body = body_of(parcel)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": parcel.uid,
            "webhook-timestamp": str(int(now)),
        }
        if self._key:
            headers["webhook-signature"] = signature(self._key, parcel.uid, int(now), body)
        return _judge(await exchange(self._session, Call("POST", self._url, body, headers), self._clock), now)


def key_of(secret: str) -> bytes:
    """`whsec_` and base64, as the specification serialises keys; any other text is the key itself."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            return secret.encode()
    return secret.encode()


def signature(key: bytes, uid: str, timestamp: int, body: bytes) -> str:
    signed = hmac.new(key, f"{uid}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def body_of(parcel: Parcel) -> bytes:
    """The payload: the same bytes for the same message at every attempt."""
    at = datetime.fromtimestamp(round(parcel.at, 3), UTC).isoformat(timespec="milliseconds")
    whole = {"type": parcel.kind, "timestamp": at.replace("+00:00", "Z"), "data": parcel.data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _judge(reply: Reply, now: float) -> Answer:
    if reply.ok:
        return Answer(ok=True, text=reply.text)
    if reply.status == _GONE:
        return Answer(ok=False, text="answered 410: it wants no more messages", final=True)
    if 300 <= reply.status < 400:
        return Answer(ok=False, text=f"{reply.text}: a redirect, which is not followed")
    return Answer(ok=False, text=reply.text, retry_after=retry_after(reply.retry_after, now))


_log = logging.getLogger(__name__)
_LONGEST = 250  # characters of the sentence in Uptime Kuma's query
_KUMA = "/api/push/"


class Ping:
    """One `notify.ping_url`."""

    def __init__(self, url: str, *, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._url = url
        self._kuma = _KUMA in urlsplit(url).path
        self._session = session
        self._clock = clock
        self._failing = False

    async def well(self, sentence: str) -> Answer:
        return await self._say("", "up", sentence)

    async def unwell(self, sentence: str) -> Answer:
        return await self._say("/fail", "down", sentence)

    async def started(self, sentence: str) -> Answer:
        """A recovery began. Uptime Kuma has no word for it: it hears that all is well."""
        return await self._say("/start", "up", sentence)

    async def ended(self, exit_code: int, sentence: str) -> Answer:
        """A recovery ended, with what would be the exit code of `rejoin run`."""
        return await self._say(f"/{exit_code}", "up" if exit_code == 0 else "down", sentence)

    def _call_at(self, ending: str, sentence: str) -> Call:
        parts = urlsplit(self._url)
        url = urlunsplit(parts._replace(path=parts.path.rstrip("/") + ending))
        return Call("POST", url, sentence.encode("utf-8", "replace"))

    def _kuma_call(self, status: str, sentence: str) -> Call:
        """The address is often copied with its own status and msg: these are replaced."""
        parts = urlsplit(self._url)
        kept = [
            (key, value)
            for key, value in parse_qsl(parts.query, keep_blank_values=True)
            if key not in ("status", "msg")
        ]
        query = urlencode([*kept, ("status", status), ("msg", sentence[:_LONGEST])], errors="replace")
        return Call("GET", urlunsplit(parts._replace(query=query)))

    async def _say(self, ending: str, kuma_status: str, sentence: str) -> Answer:
        call = self._kuma_call(kuma_status, sentence) if self._kuma else self._call_at(ending, sentence)
        reply = await exchange(self._session, call, self._clock)
        if reply.ok and self._failing:
            _log.info("the ping gets through again")
        elif not reply.ok and not self._failing:
            _log.warning("the ping does not get through: notify.ping_url %s", reply.text)
        self._failing = not reply.ok
        return Answer(ok=reply.ok, text=reply.text)


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
