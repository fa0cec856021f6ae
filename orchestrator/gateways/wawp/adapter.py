"""The Wawp gateway: what it does otherwise than others. Two ways to probe and to ask for the session, and
limits of its own for questions about groups.
"""

from __future__ import annotations

import asyncio

from orchestrator.domain.outcomes import (
    GatewayAnswer,
    JoinReceipt,
    LimitsAnswer,
    Outcome,
    ProbeAnswer,
    SessionAnswer,
    WebhookTarget,
)
from orchestrator.gateways.answers import good, without_route
from orchestrator.gateways.base import LastLook
from orchestrator.gateways.calls import Ask, GatewayCalls, Good, Timeouts
from orchestrator.gateways.http import HttpClient
from orchestrator.gateways.http_gateway import HttpGateway, Readers, done
from orchestrator.gateways.wawp import reading
from orchestrator.gateways.wawp.own_errors import WORDING
from orchestrator.gateways.wawp.rate_limits import Spacing, limits
from orchestrator.gateways.wawp.routes import WawpRoutes
from orchestrator.gateways.whatsapp_answers import Call

LIMITS_FRESH, LIMITS_AGAIN = 3600.0, 60.0
"""Seconds after which the gateway's limits are asked for again; the second where it could not be asked.

It doubles each time, as calls about groups wait for that answer, which may be a time-out.
"""
_PASSES = (Outcome.TRANSIENT, Outcome.GATEWAY_LIMITED)


class WawpGateway(HttpGateway):
    """One instance at Wawp. A message may have 4,096 characters (https://api.wawp.net/en/docs/v2/send/text)."""

    readers = Readers(reading.GROUPS, webhooks=reading.webhooks)

    def __init__(
        self,
        *,
        http: HttpClient,
        base_url: str,
        instance_id: str,
        access_token: str,
        options: WawpRoutes,
        timeouts: Timeouts,
    ) -> None:
        """ValueError for an address or credentials that cannot be sent; it repeats neither."""
        who = options.caller(instance_id, access_token)
        calls = GatewayCalls(http, base_url, who, wording=WORDING, timeouts=timeouts)
        super().__init__(calls, options.table())
        self._options = options
        self._session_route = self._routes.session
        self._probe_route = self._routes.probe
        self._fallback_tried = options.probe_path == options.probe_fallback_path
        self._spacing = Spacing(http.clock)
        self._limits_due = http.clock.boottime() if options.keeps_limits else float("inf")
        self._limits_again = LIMITS_AGAIN
        self._reading_limits = asyncio.Lock()

    async def session(self) -> SessionAnswer:
        """POST as documented; GET where the gateway has no such POST, and from then on."""
        answered = await self._session(self._session_route)
        if self._session_route.method == "GET" or not without_route(answered.answer):
            return answered
        by_get = self._options.get(self._options.session_info_path)
        got = await self._session(by_get)
        if got.answer.outcome is Outcome.OK:
            self._session_route = by_get
        return got

    async def limits(self) -> LimitsAnswer:
        """One that cannot be read changes nothing of what was known."""
        reply = await self._calls.send(Ask(Call.READ, self._options.get(self._options.rate_limit_path)))
        passing = isinstance(reply, GatewayAnswer) and reply.outcome in _PASSES
        fresh = self._limits_again if passing else LIMITS_FRESH
        self._limits_again = min(2 * fresh, LIMITS_FRESH) if passing else LIMITS_AGAIN
        self._limits_due = self._calls.http.clock.boottime() + fresh
        if isinstance(reply, GatewayAnswer):
            return LimitsAnswer(reply)
        found = limits(reply.body)
        self._spacing.follow(0.0 if found is None else found.gap)
        return LimitsAnswer(good(Outcome.OK, reply.result), found)

    async def probe(self, code: str) -> ProbeAnswer:
        """GET, whatever the path: the join has the same path and differs by its method only.

        If the gateway has no such GET, the path of its own is tried once, and kept if it is there.
        """
        first = await self._probe(self._probe_route, code)
        if self._fallback_tried or not without_route(first.answer):
            return first
        fallback = self._options.probe(self._options.probe_fallback_path)
        second = await self._probe(fallback, code)
        if second.answer.http_status is None:
            return second
        self._fallback_tried = True
        if without_route(second.answer):
            return first
        self._probe_route = fallback
        return second

    async def join(self, code: str, *, last_look: LastLook) -> JoinReceipt:
        """It has a pace of its own, and waits for no other call."""
        self._spacing.taken()
        return await super().join(code, last_look=last_look)

    async def set_webhooks(self, webhooks: tuple[WebhookTarget, ...]) -> GatewayAnswer:
        about = {"webhooks": [reading.webhook_fields(one) for one in webhooks]}
        secrets = frozenset().union(*(reading.webhook_secrets(one) for one in webhooks))
        return done(await self._calls.send(Ask(Call.ACT, self._options.set_webhooks(), about, secrets)))

    async def _of_groups(self, ask: Ask) -> Good | GatewayAnswer:
        """Sent when the gateway's limits allow one more call about groups."""
        async with self._reading_limits:
            if self._calls.http.clock.boottime() >= self._limits_due:
                await self.limits()
        await self._spacing.turn()
        return await super()._of_groups(ask)
