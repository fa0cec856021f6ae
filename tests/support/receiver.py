"""A receiver of webhooks on loopback that answers as a test says: well, badly, elsewhere or never."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping


@dataclass(frozen=True, slots=True)
class Got:
    """One request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def uid(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


HANG = -1


@dataclass(slots=True)
class Listener:
    """`answers` are used up one by one; then `usual`. HANG never answers. `when` may choose by request."""

    url: str = ""
    usual: int = 204
    answers: deque[int] = field(default_factory=deque)
    headers: dict[str, str] = field(default_factory=dict)
    when: Callable[[Got], int | None] = lambda _: None
    got: list[Got] = field(default_factory=list)
    flying: int = 0
    most_flying: int = 0
    delay: float = 0.0
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def uids(self) -> list[str]:
        return [one.uid for one in self.got]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        one = Got(
            request.method, request.path, dict(request.query), dict(request.headers), await request.read()
        )
        one = Got(one.method, one.path, one.query, {k.lower(): v for k, v in one.headers.items()}, one.body)
        async with self._news:
            self.got.append(one)
            self._news.notify_all()
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        try:
            if self.delay:
                await asyncio.sleep(self.delay)
            status = self.when(one)
            if status is None:
                status = self.answers.popleft() if self.answers else self.usual
            if status == HANG:
                await self._over.wait()
                status = 500
            return web.Response(status=status, headers=self.headers)
        finally:
            self.flying -= 1

    async def heard(self, requests: int) -> None:
        """Wait until so many came; the test's own time-out is the limit."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.got) >= requests)

    def close(self) -> None:
        self._over.set()


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    listener = Listener()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", listener.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    listener.url = f"http://{host}:{port}"
    try:
        yield listener
    finally:
        listener.close()
        await runner.cleanup()
