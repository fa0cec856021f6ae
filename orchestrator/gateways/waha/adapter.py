"""The WAHA gateway: its calls, and what it does otherwise than others.

Methods, paths and bodies: WAHA's published OpenAPI (devlikeapro/waha-docs, static/swagger/openapi.json,
2026.7.1). `timelock` is newer (2026.8, WAHA's release notes).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from orchestrator.domain.outcomes import (
    GatewayAnswer,
    InstanceState,
    Outcome,
    SessionAnswer,
    WebhooksAnswer,
    WebhookTarget,
)
from orchestrator.gateways.base import Endpoint, Remark
from orchestrator.gateways.calls import (
    Ask,
    Caller,
    GatewayCalls,
    GatewayRoutes,
    Route,
    Timeouts,
    check_sendable,
)
from orchestrator.gateways.http import HttpClient, open_session
from orchestrator.gateways.http_gateway import HttpGateway, Readers, done
from orchestrator.gateways.waha import webhook_bodies
from orchestrator.gateways.waha.own_errors import WORDING
from orchestrator.gateways.waha.remarks import capping_remarks, engine_remarks
from orchestrator.gateways.whatsapp_answers import Call
from orchestrator.gateways.whatsapp_bodies import GroupNames, GroupReader, restricted_until

_OF_SESSION = "/api/sessions/{account}"
_GROUPS = "/api/{account}/groups"
_GROUP = _GROUPS + "/{id}"

ROUTES = GatewayRoutes(
    session=Route("GET", _OF_SESSION),
    probe=Route("GET", f"{_GROUPS}/join-info", query={"code": "{code}"}),
    join=Route("POST", f"{_GROUPS}/join", body={"code": "{code}"}),
    groups=Route("GET", _GROUPS),
    group=Route("GET", _GROUP),
    participants=Route("GET", f"{_GROUP}/participants/v2"),
    send_text=Route(
        "POST", "/api/sendText", body={"session": "{account}", "chatId": "{id}", "text": "{text}"}
    ),
    leave=Route("POST", f"{_GROUP}/leave"),
    invite_code=Route("GET", f"{_GROUP}/invite-code"),
    revoke_code=Route("POST", f"{_GROUP}/invite-code/revoke"),
    webhooks=Route("GET", _OF_SESSION),
    set_webhooks=Route("PUT", _OF_SESSION, body={"config": "{config}"}),
)
TIMELOCK = Route("GET", f"{_OF_SESSION}/timelock")
CAPPING = Route("GET", f"{_OF_SESSION}/capping")
_ASK_AGAIN = 3600.0
"""Seconds until a server or an engine that had no such call is asked for the timelock again."""


def open_gateway(endpoint: Endpoint) -> WahaGateway:
    """ValueError for an address or a key that cannot be sent; it repeats neither."""
    timeouts = Timeouts(endpoint.connect_timeout, endpoint.timeout, endpoint.join_timeout)
    http = HttpClient(open_session(), clock=endpoint.clock)
    return WahaGateway(http, endpoint.base_url, endpoint.account, endpoint.token, timeouts)


class WahaGateway(HttpGateway):
    """One session at WAHA. Without a key no header is sent: a server may have none."""

    readers = Readers(
        GroupReader(GroupNames(description=("desc", "Topic", "description"))),
        webhooks=webhook_bodies.webhooks,
    )

    def __init__(
        self, http: HttpClient, base_url: str, session: str, api_key: str, timeouts: Timeouts
    ) -> None:
        check_sendable("instance_id", session)
        if api_key:
            check_sendable("access_token", api_key)
        who = Caller(session, api_key, {"X-Api-Key": api_key} if api_key else {})
        super().__init__(GatewayCalls(http, base_url, who, wording=WORDING, timeouts=timeouts), ROUTES)
        self._timelock_due = http.clock.boottime()
        self._setting = asyncio.Lock()

    async def session(self) -> SessionAnswer:
        """With WhatsApp's restriction, if there is one: it is known before a join fails for it."""
        seen = await super().session()
        if seen.state is not InstanceState.WORKING or seen.restricted_until is not None:
            return seen
        return replace(seen, restricted_until=await self._restricted_until())

    async def set_webhooks(self, webhooks: tuple[WebhookTarget, ...]) -> GatewayAnswer:
        """WAHA replaces the whole configuration of the session: all else in it goes back as it came.

        It restarts a session that runs.
        """
        async with self._setting:
            reply = await self._calls.send(Ask(Call.READ, ROUTES.session))
            if isinstance(reply, GatewayAnswer):
                return reply
            config = webhook_bodies.with_webhooks(reply.body, webhooks)
            if config is None:
                return reply.unreadable("without the session's configuration")
            route = self._routes.set_webhooks or ROUTES.session
            secrets = webhook_bodies.secrets(config)
            return done(await self._calls.send(Ask(Call.ACT, route, {"config": config}, secrets)))

    async def webhooks(self) -> WebhooksAnswer:
        """Those of the session. What WHATSAPP_HOOK_URL sets for the whole server is never among them."""
        return await super().webhooks()

    async def remarks(self) -> tuple[Remark, ...]:
        session = await self._calls.send(Ask(Call.READ, ROUTES.session))
        capping = await self._calls.send(Ask(Call.READ, CAPPING))
        found = () if isinstance(session, GatewayAnswer) else engine_remarks(session.body)
        return found if isinstance(capping, GatewayAnswer) else (*found, *capping_remarks(capping.body))

    async def _restricted_until(self) -> float | None:
        clock = self._calls.http.clock
        if clock.boottime() < self._timelock_due:
            return None
        reply = await self._calls.send(Ask(Call.READ, TIMELOCK))
        if isinstance(reply, GatewayAnswer):
            if reply.outcome is Outcome.NOT_SUPPORTED:
                self._timelock_due = clock.boottime() + _ASK_AGAIN
            return None
        body: Any = reply.body
        return restricted_until(body, now=clock.now())
