"""`POST /hooks/{instance}[/{secret}]`: secrets first, then the form, then the database, then the answer.

An unknown instance, a wrong secret and a page that is not there are answered alike.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import structlog
from aiohttp import web

from orchestrator.account.event_inbox import Inbox
from orchestrator.domain.errors import TemporaryError
from orchestrator.domain.outcomes import USED, GatewayEvent, ReadEvent
from orchestrator.domain.strict_json import InvalidJsonError, parse_json
from orchestrator.redact import scrub
from orchestrator.redact_json import scrub_object
from orchestrator.store.events import Received, key_of
from orchestrator.web.connection_limiter import ConnectionLimiter
from orchestrator.web.signatures import HookSecrets

LARGEST_BODY = 1024 * 1024
LARGEST_STORED = 256 * 1024  # bytes; an event of a group with 1,024 members has about 100 KB
MOST_EVENTS = 200  # in one delivery
COMMIT_WITHIN = 20.0  # real seconds; then the sender shall come again
RETRY_AFTER = "5"
TOLD_EVERY = 60.0  # real seconds

_log = structlog.get_logger(__name__)


class Refusal(StrEnum):
    """Why a delivery was not taken."""

    NOTHING_SET = "no secret is configured"
    NOT_PROVEN = "wrong or missing secret"
    UNKNOWN_INSTANCE = "unknown instance"
    TOO_LARGE = "too large"
    NOT_JSON = "not a JSON object"
    BROKEN_OFF = "broken off"
    BUSY = "no room or no database"


class Refusals:
    """Counts, and logs the counts at most once a minute: nothing of a stranger's is written."""

    def __init__(self) -> None:
        self.total: Counter[Refusal] = Counter()
        self._untold: Counter[Refusal] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def note(self, why: Refusal) -> None:
        """The first after a quiet minute is told at once, what follows when the minute is over."""
        self.total[why] += 1
        self._untold[why] += 1
        if self._timer is None:
            self._tell()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._write()

    def _tell(self) -> None:
        self._timer = None
        if self._write():
            self._timer = asyncio.get_running_loop().call_later(TOLD_EVERY, self._tell)

    def _write(self) -> bool:
        if not self._untold:
            return False
        count, reasons = self._untold.total(), {why.value: n for why, n in sorted(self._untold.items())}
        self._untold.clear()
        _log.warning("webhooks were refused", count=count, reasons=reasons)
        return True


@dataclass(frozen=True, slots=True)
class Sender:
    """One instance whose gateway may send: its row, and how that gateway words and signs events."""

    instance_id: int
    read_event: ReadEvent
    headers: tuple[str, ...]  # that may carry the signature: the first that is there does
    split: Callable[[Any], list[dict[str, Any]]]  # the events in one body


@dataclass(slots=True)
class Hooks:
    """The handler, and what it counts. `senders` by the instance's name."""

    senders: Mapping[str, Sender]
    secrets: HookSecrets
    inbox: Inbox
    hidden: frozenset[str] = field(default=frozenset(), repr=False)  # must not be stored, wherever they stand
    limiter: ConnectionLimiter | None = None
    refusals: Refusals = field(default_factory=Refusals)
    taken: Counter[str] = field(default_factory=Counter)  # by the gateway's word; "other" is not kept

    async def take(self, request: web.Request) -> web.Response:
        sender = self.senders.get(request.match_info["instance"])
        given = {
            "signature": self._signature(request, sender),
            "path": request.match_info.get("secret") or request.query.get("secret"),
        }
        if not self.secrets.may_be_right(**given):
            return self._refuse(Refusal.NOT_PROVEN if self.secrets.configured else Refusal.NOTHING_SET)
        try:
            body = await self._whole_body(request)
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(Refusal.TOO_LARGE)
        if not self.secrets.admits(body, **given):
            return self._refuse(Refusal.NOT_PROVEN)
        if sender is None:
            return self._refuse(Refusal.UNKNOWN_INSTANCE)
        try:
            events = sender.split(parse_json(body))
        except InvalidJsonError:
            events = []
        if not events:
            return self._refuse(Refusal.NOT_JSON)
        return await self._keep_all(sender, events, len(body))

    def _signature(self, request: web.Request, sender: Sender | None) -> str | None:
        """An unknown instance may sign as any of the known ones: it is to be answered like them."""
        signing = self.senders.values() if sender is None else (sender,)
        headers = (header for one in signing for header in one.headers)
        return next((request.headers[header] for header in headers if header in request.headers), None)

    async def _whole_body(self, request: web.Request) -> bytes:
        if (request.content_length or 0) > LARGEST_BODY:
            raise web.HTTPRequestEntityTooLarge(LARGEST_BODY, request.content_length or 0)
        body = await request.read()
        if self.limiter is not None:
            self.limiter.request_complete(request.transport)
        return body

    async def _keep_all(self, sender: Sender, bodies: list[dict[str, Any]], size: int) -> web.Response:
        """All of one delivery are on disk before it is answered; if one cannot be kept, it comes again."""
        if len(bodies) > MOST_EVENTS:
            return self._refuse(Refusal.TOO_LARGE)
        read = [(sender.read_event(body), body) for body in bodies]
        used = [(event, body) for event, body in read if event is not None and event.kind in USED]
        self.taken["other"] += len(read) - len(used)
        if len(used) == 1 and size > LARGEST_STORED:
            return self._refuse(Refusal.TOO_LARGE)
        deliveries = [self._delivery(sender.instance_id, event, body) for event, body in used]
        # An escape in JSON takes six bytes for a letter of two.
        if any(len(one.stored) > LARGEST_STORED for one in deliveries):
            return self._refuse(Refusal.TOO_LARGE)
        try:
            async with asyncio.timeout(COMMIT_WITHIN):
                await asyncio.gather(*map(self.inbox.keep, deliveries))
        except (TemporaryError, TimeoutError):
            return self._refuse(Refusal.BUSY)
        self.taken.update(event.kind.value for event, _body in used)
        return web.Response()

    def _delivery(self, instance_id: int, event: GatewayEvent, value: dict[str, Any]) -> Received:
        """An id or a name that scrubbing changes holds a secret, and is not kept as it is."""
        plain_id = event.id if event.id and scrub(event.id, secrets=self.hidden) == event.id else None
        return Received(
            instance_id=instance_id,
            key=key_of(plain_id, value),
            kind=scrub(event.name, secrets=self.hidden),
            body=scrub_object(value, secrets=self.hidden),
            sent_at=event.sent_at,
        )

    def _refuse(self, why: Refusal) -> web.Response:
        self.refusals.note(why)
        if why is Refusal.BUSY:
            return web.Response(status=503, text="come again\n", headers={"Retry-After": RETRY_AFTER})
        if why is Refusal.TOO_LARGE:
            answer = web.Response(status=413, text="too large\n")
            answer.force_close()  # the rest is not read
            return answer
        if why is Refusal.NOT_JSON:
            return web.Response(status=400, text="not a JSON object\n")
        return not_found()


def not_found() -> web.Response:
    """Whatever the reason."""
    return web.Response(status=404, text="not found\n")
