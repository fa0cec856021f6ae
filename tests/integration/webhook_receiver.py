"""A receiver of webhooks on loopback, which checks signatures as a careful one does."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import web

from orchestrator.simulator.faults import Target
from orchestrator.simulator.generate import benchmark_groups
from tests.integration.simulator_talk import talk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from orchestrator.simulator.faults import Webhooks
    from tests.integration.simulator_talk import Talk

HEADER = "X-Webhook-Hmac"


class Got(NamedTuple):
    """One POST that arrived."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return dict(json.loads(self.raw))

    @property
    def name(self) -> str:
        return str(self.body["event"])


@dataclass(slots=True)
class Receiver:
    """What came, in order of arrival; `statuses` are answered first, one each, then what is right."""

    url: str = ""
    secret: str = ""
    algorithm: str = "sha512"
    got: list[Got] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def right(self, got: Got) -> bool:
        digest = hmac.new(self.secret.encode(), got.raw, getattr(hashlib, self.algorithm)).hexdigest()
        return not self.secret or hmac.compare_digest(got.headers.get(HEADER, ""), digest)

    async def take(self, request: web.Request) -> web.Response:
        got = Got(request.path, dict(request.headers), await request.read())
        self.got.append(got)
        good = 200 if self.right(got) else 401
        return web.Response(status=self.statuses.pop(0) if self.statuses else good)

    def named(self, name: str) -> list[dict[str, Any]]:
        """The payloads of one event's name."""
        return [got.body["payload"] for got in self.got if got.name == name]


@asynccontextmanager
async def receiver(secret: str = "", algorithm: str = "sha512") -> AsyncIterator[Receiver]:
    """Listens for the length of the block."""
    here = Receiver(secret=secret, algorithm=algorithm)
    app = web.Application()
    app.router.add_route("POST", "/{tail:.*}", here.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    here.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/backup"
    try:
        yield here
    finally:
        await runner.cleanup()


@asynccontextmanager
async def heard(
    knobs: Webhooks, *, speed: float = 1.0, **gateway: Any
) -> AsyncIterator[tuple[Talk, Receiver]]:
    """One account's events, posted to a receiver that knows the secret."""
    async with receiver(knobs.secret, knobs.algorithm) as here:
        knobs.targets = (Target(here.url, "backup"),)
        async with talk(speed=speed, webhooks=knobs, **gateway) as wawp:
            yield wawp, here


async def until(true: Callable[[], object], *, patience: float = 60.0) -> None:
    """Wait until that is so; `TimeoutError` if it never is."""
    async with asyncio.timeout(patience):
        while not true():  # noqa: ASYNC110 - the simulator's log has no event to wait for
            await asyncio.sleep(0.002)


async def quiet(wawp: Talk) -> None:
    """Wait until everything that was to be posted has been."""
    await until(lambda: not wawp.running.webhooks.under_way())


def join_many(wawp: Talk, number: int) -> None:
    """So many healthy groups, and the account in each."""
    for group in benchmark_groups(number):
        wawp.network.add_group(group)
        wawp.network.join(wawp.account, next(iter(group.codes)))
