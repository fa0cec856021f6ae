"""Connections that may not cost much: a request must arrive whole in time, and only so many wait at once.

aiohttp bounds neither how long a client may take over a request nor how many clients there are. So each of
its protocols is wrapped: when there are too many, the one that has kept us waiting longest goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

WHOLE_REQUEST = 10.0  # real seconds from its first byte to its last
IDLE = 30.0  # real seconds between two requests
MOST = 256  # connections


class ConnectionLimiter:
    """All connections of one server. `factory` makes a server protocol for each."""

    def __init__(
        self, factory: Callable[[], asyncio.Protocol], *, most: int = MOST, patience: float = WHOLE_REQUEST
    ) -> None:
        self._factory = factory
        self._most = most
        self.patience = patience
        # In the order in which they began to wait.
        self._waiting: dict[asyncio.BaseTransport, LimitedConnection] = {}
        self._busy: dict[asyncio.BaseTransport, LimitedConnection] = {}
        self.turned_away = 0

    def __call__(self) -> LimitedConnection:
        return LimitedConnection(self, self._factory())

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy)

    def request_complete(self, transport: asyncio.BaseTransport | None) -> None:
        """The request that came on this connection is there in full: now it is we who are waited for."""
        connection = self._waiting.pop(transport, None) if transport is not None else None
        if connection is not None and transport is not None:
            connection.stop_waiting()
            self._busy[transport] = connection

    def answered(self, transport: asyncio.BaseTransport | None) -> None:
        """The next request may come."""
        if transport is None:
            return
        connection = self._busy.pop(transport, None) or self._waiting.pop(transport, None)
        if connection is not None:
            connection.wait(IDLE)
            self._waiting[transport] = connection

    def opened(self, connection: LimitedConnection, transport: asyncio.BaseTransport) -> None:
        if len(self) >= self._most:
            self._turn_away()
        self._waiting[transport] = connection
        connection.wait(self.patience)

    def closed(self, transport: asyncio.BaseTransport) -> None:
        self._waiting.pop(transport, None)
        self._busy.pop(transport, None)

    def _turn_away(self) -> None:
        oldest = next(iter(self._waiting.values()), None)
        if oldest is not None:
            oldest.give_up()


class LimitedConnection(asyncio.Protocol):
    """One connection: passes everything on, and gives up on a client that takes too long."""

    def __init__(self, limiter: ConnectionLimiter, inner: asyncio.Protocol) -> None:
        self._limiter = limiter
        self._inner = inner
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._idle = False

    def wait(self, seconds: float) -> None:
        """For the next request, or for the rest of this one."""
        self.stop_waiting()
        self._idle = seconds == IDLE
        self._timer = asyncio.get_running_loop().call_later(seconds, self.give_up)

    def stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def give_up(self) -> None:
        self.stop_waiting()
        if self._transport is not None:
            self._limiter.turned_away += 1
            self._limiter.closed(self._transport)
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport if isinstance(transport, asyncio.Transport) else None
        self._limiter.opened(self, transport)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._idle and self._timer is not None:
            self.wait(self._limiter.patience)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_waiting()
        if self._transport is not None:
            self._limiter.closed(self._transport)
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()
