"""Telling a watchdog outside that all is well: Healthchecks (healthchecks.io/docs/http_api) or Uptime Kuma.

Best effort: a ping that fails is said once, until one works again, and never tried twice.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from orchestrator.messaging.carriers import Answer
from orchestrator.messaging.http_session import Call, exchange

if TYPE_CHECKING:
    import aiohttp

    from orchestrator.clock import Clock

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
        return await self._call(
            self._kuma_call("up", sentence) if self._kuma else self._call_at("", sentence)
        )

    async def unwell(self, sentence: str) -> Answer:
        if self._kuma:
            return await self._call(self._kuma_call("down", sentence))
        return await self._call(self._call_at("/fail", sentence))

    async def started(self, sentence: str) -> Answer:
        """A recovery began. Uptime Kuma has no word for it: it hears that all is well."""
        if self._kuma:
            return await self._call(self._kuma_call("up", sentence))
        return await self._call(self._call_at("/start", sentence))

    async def ended(self, exit_code: int, sentence: str) -> Answer:
        """A recovery ended, with what would be the exit code of `rejoin run`."""
        if self._kuma:
            return await self._call(self._kuma_call("up" if exit_code == 0 else "down", sentence))
        return await self._call(self._call_at(f"/{exit_code}", sentence))

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

    async def _call(self, call: Call) -> Answer:
        reply = await exchange(self._session, call, self._clock)
        if reply.ok and self._failing:
            _log.info("the ping gets through again")
        elif not reply.ok and not self._failing:
            _log.warning("the ping does not get through: notify.ping_url %s", reply.text)
        self._failing = not reply.ok
        return Answer(ok=reply.ok, text=reply.text)
