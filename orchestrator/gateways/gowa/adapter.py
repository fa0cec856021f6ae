"""The GOWA gateway: its calls, and what it does otherwise than others.

Methods, paths and bodies: GOWA's published description (docs/openapi.yaml, 9.0.0), and where that says less,
its sources (src/ui/rest/).
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from orchestrator.domain.identity import user_id
from orchestrator.domain.outcomes import (
    GatewayAnswer,
    InstanceState,
    Outcome,
    SeenGroup,
    SessionAnswer,
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
from orchestrator.gateways.gowa.own_errors import WORDING
from orchestrator.gateways.http import HttpClient, open_session
from orchestrator.gateways.http_gateway import HttpGateway, Readers, done, unsent
from orchestrator.gateways.whatsapp_answers import Call
from orchestrator.gateways.whatsapp_bodies import ENGINES, GroupNames, GroupReader

_LINK = "https://chat.whatsapp.com/{code}"
_HOOK = "/devices/{account}/webhook"
_OF_GROUP = {"group_id": "{id}"}

ROUTES = GatewayRoutes(
    session=Route("GET", "/app/status"),
    probe=Route("GET", "/group/info-from-link", query={"link": _LINK}),
    join=Route("POST", "/group/join-with-link", body={"link": _LINK}),
    groups=Route("GET", "/user/my/groups"),
    group=Route("GET", "/group/info", query=_OF_GROUP),
    participants=Route("GET", "/group/participants", query=_OF_GROUP),
    send_text=Route("POST", "/send/message", body={"phone": "{id}", "message": "{text}"}),
    leave=Route("POST", "/group/leave", body=_OF_GROUP),
    invite_code=Route("GET", "/group/invite-link", query=_OF_GROUP),
    revoke_code=Route("GET", "/group/invite-link", query={**_OF_GROUP, "reset": "true"}),
    webhooks=Route("GET", _HOOK),
    set_webhooks=Route(
        "PATCH",
        _HOOK,
        body={"webhook_url": "{url}", "webhook_secret": "{secret}", "webhook_events": "{events}"},
    ),
)
_ONE = unsent(Outcome.NOT_SUPPORTED, "GOWA has one webhook for a device, and another one is set there")
_REMARKS = (
    Remark(
        "engine", "GOWA: a join that an admin must approve answers like one that entered. Each is looked at"
    ),
    Remark(
        "group list", "500 groups are listed at most: in a longer list one that is missing proves nothing"
    ),
)
_FORGED = Remark(
    "webhook secret",
    "GOWA signs this device's webhooks with its default secret: anybody can forge them",
    "set webhooks.secret, and have the webhook set anew",
)


class _GroupReader(GroupReader):
    """Nobody's groups are `null`, not an empty list."""

    def seen_groups(self, body: Any) -> tuple[SeenGroup, ...] | None:
        results = _results(body)
        if results is not None and "data" in results and results["data"] is None:
            return ()
        return super().seen_groups(body)


_GROUPS = _GroupReader(
    GroupNames(
        jid=(*ENGINES.jid, "group_id"),
        description=(*ENGINES.description, "description", "topic"),
        size=(*ENGINES.size, "participant_count"),
        announce=(*ENGINES.announce, "is_announce"),
        wrappers=("results", "data"),
        lists=("results", "data"),
    )
)


def _results(body: Any) -> dict[str, Any] | None:
    """What an answer holds beside its code and message."""
    results = body.get("results") if isinstance(body, dict) else None
    return results if isinstance(results, dict) else None


def session(body: Any, *, now: float, answer: GatewayAnswer) -> SessionAnswer | None:  # noqa: ARG001 - the port's
    """`/app/status`. The own JID is there once the device is paired; a LID is never told."""
    results = _results(body)
    if results is None or not isinstance(results.get("is_logged_in"), bool):
        return None
    connected, logged_in = results.get("is_connected") is True, results["is_logged_in"]
    state, word = InstanceState.DISCONNECTED, "not connected"
    if connected:
        state, word = InstanceState.NEEDS_LOGIN, "not logged in"
    if connected and logged_in:
        state, word = InstanceState.WORKING, "connected, logged in"
    own = user_id(results.get("jid"))
    return SessionAnswer(answer, state=state, word=word, phone=None if own is None else own.phone)


def webhooks(body: Any) -> tuple[WebhookTarget, ...] | None:
    """The device's own, if one is set; without one the server's sends."""
    results = _results(body)
    if results is None or "webhook_url" not in results:
        return None
    url, secret, events = (results.get(f"webhook_{name}") for name in ("url", "secret", "events"))
    if not isinstance(url, str) or not url:
        return ()
    named = events.split(",") if isinstance(events, str) else []
    heard = tuple(one.strip() for one in named if one.strip()) or ("*",)
    return (WebhookTarget(url, heard, secret=secret if isinstance(secret, str) and secret else None),)


def open_gateway(endpoint: Endpoint) -> GowaGateway:
    """ValueError for an address or credentials that cannot be sent; it repeats neither."""
    who = _caller(endpoint.account, endpoint.token)
    timeouts = Timeouts(endpoint.connect_timeout, endpoint.timeout, endpoint.join_timeout)
    http = HttpClient(open_session(), clock=endpoint.clock)
    calls = GatewayCalls(http, endpoint.base_url, who, wording=WORDING, timeouts=timeouts)
    return GowaGateway(calls, ROUTES)


def _caller(device: str, token: str) -> Caller:
    """Without `user:password` no Authorization is sent: a server may ask for none."""
    check_sendable("instance_id", device)
    headers, secrets = {"X-Device-Id": device}, tuple[str, ...]()
    if token:
        check_sendable("access_token", token)
        user, colon, password = token.partition(":")
        if not user or not colon:
            raise ValueError("access_token must be user:password, as in APP_BASIC_AUTH")
        basic = b64encode(token.encode()).decode()
        headers["Authorization"] = f"Basic {basic}"
        secrets = (basic, password)
    return Caller(device, token, headers, secrets)


class GowaGateway(HttpGateway):
    """One device at GOWA."""

    readers = Readers(_GROUPS, session=session, webhooks=webhooks)

    async def set_webhooks(self, webhooks: tuple[WebhookTarget, ...]) -> GatewayAnswer:
        """The one that a device can have; whose it is now, the caller has looked at."""
        if len(webhooks) > 1:
            return _ONE
        one = webhooks[0] if webhooks else WebhookTarget("")
        events = "" if "*" in one.events else ",".join(one.events)
        about = {"url": one.url, "secret": one.secret or "", "events": events}
        secrets = frozenset(text for text in (one.url, one.secret) if text)
        route = self._routes.set_webhooks or ROUTES.session
        return done(await self._calls.send(Ask(Call.ACT, route, about, secrets)))

    async def remarks(self) -> tuple[Remark, ...]:
        shown = await self.webhooks()
        default = any(one.secret in (None, "secret") for one in shown.webhooks)
        return (*_REMARKS, _FORGED) if default else _REMARKS
