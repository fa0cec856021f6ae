"""Carries a network's events to the webhooks: draws the faults, posts to this machine alone, tries again,
notes it all.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator.simulator import strangers
from orchestrator.simulator.faults import Faults, Target, Webhooks
from orchestrator.simulator.http_server import is_loopback_url
from orchestrator.simulator.model import Account, AccountState, Event
from orchestrator.simulator.network import Network
from orchestrator.simulator.truth import Copy, Delivery, Effect, WebhookLog
from orchestrator.simulator.webhook_bodies import Envelopes, Wire

if TYPE_CHECKING:
    import aiohttp

PATIENCE = 10.0
"""Real seconds to wait for a receiver."""


class Poster:
    """One pool of connections, opened when it is first needed."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """The status; 0 and why if there was none. Redirects are not followed."""
        import aiohttp  # noqa: PLC0415 - only where webhooks are used

        if not is_loopback_url(url):
            return 0, "not on loopback"
        if self._session is None:
            limits = aiohttp.TCPConnector(limit=64)
            self._session = aiohttp.ClientSession(
                connector=limits, timeout=aiohttp.ClientTimeout(total=PATIENCE)
            )
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                return answer.status, ""
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return 0, type(error).__name__

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


_OF_US = ("group.join", "group.leave")


class Courier:
    """Listens to the network until it is closed. Must be made inside a running event loop."""

    def __init__(self, network: Network, faults: Faults) -> None:
        self.log = WebhookLog()
        self._network = network
        self._faults = faults
        self._dice = random.Random(f"webhooks {faults.seed}")
        self._envelopes = Envelopes(network, faults, self._dice)
        self._poster = Poster()
        self._tasks: set[asyncio.Task[None]] = set()
        network.subscribers.append(self._heard)

    async def close(self) -> None:
        """Hear no more; what is under way is dropped."""
        self._network.subscribers.remove(self._heard)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._poster.close()

    @property
    def _knobs(self) -> Webhooks:
        return self._faults.webhooks

    def _heard(self, event: Event) -> None:
        """A session that is down hears nothing of its groups, and never will."""
        account = self._network.accounts[event.account]
        if event.group is not None and account.state is not AccountState.WORKING:
            return
        targets = list(self._knobs.targets_of(account))
        if not targets:
            return
        for wire in self._envelopes.write(event):
            for target in targets:
                if target.wants(wire.name):
                    self._dispatch(event, wire, target)
        if event.kind in _OF_US and event.group in self._network.groups:
            self._accompany(event, account)

    def _accompany(self, event: Event, account: Account) -> None:
        """Noise: a stranger in one of our groups, and a group that is nobody's."""
        if self._plays(self._knobs.strangers):
            self._move_a_stranger(account)
        if self._plays(self._knobs.unknown):
            jid = f"120363999{self._dice.randrange(10**9):09d}@g.us"
            self._heard(Event(event.at, "group.join", account.name, jid, {"effect": Effect.APPROVED}))

    def _move_a_stranger(self, account: Account) -> None:
        ours = [group for group in self._network.groups.values() if account.name in group.inside]
        if ours:
            group = self._dice.choice(ours)
            if self._plays(0.5) or not strangers.leaves(self._network, group):
                strangers.joins(self._network, group, strangers.fresh(group))

    def _plays(self, share: float) -> bool:
        return share > 0 and self._dice.random() < share

    def _dispatch(self, event: Event, wire: Wire, target: Target) -> None:
        """Every copy of one event for one address."""
        knobs = self._knobs
        lost = self._plays(knobs.lost)
        self._send(event, wire, target, copy=Copy.FIRST, lost=lost)
        if not lost and self._plays(knobs.doubled):
            self._send(event, wire, target, copy=Copy.DOUBLE)
        if not lost and self._plays(knobs.replayed):
            self._send(event, wire, target, copy=Copy.REPLAY)
        signs = knobs.secret or target.secret or target.headers
        if signs and self._plays(knobs.forged):
            self._send(event, wire, target, copy=Copy.FORGED)
        if signs and self._plays(knobs.unsigned):
            self._send(event, wire, target, copy=Copy.UNSIGNED)

    def _send(self, event: Event, wire: Wire, target: Target, *, copy: Copy, lost: bool = False) -> None:
        delivery = self.log.add(
            event_id=wire.event_id,
            event=wire.name,
            about=wire.about,
            account=event.account,
            group=event.group,
            data=dict(event.data),
            shape=wire.shape,
            at=event.at,
            copy=copy,
            url=target.url,
            lost=lost,
            over=lost,
        )
        if not lost:
            delay = self._dice.uniform(*self._knobs.delay)
            if copy is Copy.REPLAY:
                delay += self._dice.uniform(*self._knobs.replay_after)
            task = asyncio.create_task(self._deliver(delivery, wire.body, delay, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Delivery, body: bytes, delay: float, target: Target) -> None:
        """A forger tries once; the gateway tries again on every error."""
        if delay > 0:
            await self._network.sleep(delay)
        for turn in range(self._knobs.tries if delivery.genuine else 1):
            if turn:
                await self._network.sleep(self._knobs.retry_delay)
            at = self._network.now()
            headers = self._headers(delivery, body, at, target)
            status, error = await self._poster.post(delivery.url, body, headers)
            self.log.tried(delivery, at, status, error)
            if 200 <= status < 300:
                break
        delivery.over = True

    def _headers(self, delivery: Delivery, body: bytes, at: float, target: Target) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "WAHA/2026.7.1",
            "X-Webhook-Request-Id": uuid.UUID(int=self._dice.getrandbits(128)).hex,
            "X-Webhook-Timestamp": str(round(at * 1000)),
        }
        if delivery.copy is Copy.UNSIGNED:
            return headers
        return headers | self._knobs.signed(body, target, wrong=delivery.copy is Copy.FORGED)
