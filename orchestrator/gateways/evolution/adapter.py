"""The Evolution gateway: its calls, and what it does otherwise than others.

Methods, paths and bodies: its routes and schemas (EvolutionAPI/evolution-api 2.3.6, src/api/routes and
src/validate). It joins by GET: HttpClient gives each request one connection, so that nothing repeats it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.domain.identity import user_id
from orchestrator.domain.outcomes import (
    GatewayAnswer,
    InstanceState,
    Outcome,
    ProbeAnswer,
    SessionAnswer,
    WebhooksAnswer,
    WebhookTarget,
)
from orchestrator.gateways.account_bodies import STATES
from orchestrator.gateways.answers import good
from orchestrator.gateways.base import Endpoint, Remark
from orchestrator.gateways.calls import (
    Ask,
    Caller,
    GatewayCalls,
    GatewayRoutes,
    Good,
    Route,
    Timeouts,
    check_sendable,
)
from orchestrator.gateways.evolution.event_reading import is_final
from orchestrator.gateways.evolution.own_errors import WORDING
from orchestrator.gateways.http import HttpClient, open_session
from orchestrator.gateways.http_gateway import HttpGateway, Readers, done, read, unsent
from orchestrator.gateways.whatsapp_answers import Call
from orchestrator.gateways.whatsapp_bodies import ENGINES, GroupNames, GroupReader
from orchestrator.redact import scrub

_CODE = {"inviteCode": "{code}"}
_GROUP = {"groupJid": "{id}"}

ROUTES = GatewayRoutes(
    session=Route("GET", "/instance/connectionState/{account}"),
    probe=Route("GET", "/group/inviteInfo/{account}", query=_CODE),
    join=Route("GET", "/group/acceptInviteCode/{account}", query=_CODE),
    groups=Route("GET", "/group/fetchAllGroups/{account}", query={"getParticipants": "true"}),
    group=Route("GET", "/group/findGroupInfos/{account}", query=_GROUP),
    participants=Route("GET", "/group/participants/{account}", query=_GROUP),
    send_text=Route("POST", "/message/sendText/{account}", body={"number": "{id}", "text": "{text}"}),
    leave=Route("DELETE", "/group/leaveGroup/{account}", query=_GROUP),
    invite_code=Route("GET", "/group/inviteCode/{account}", query=_GROUP),
    revoke_code=Route("POST", "/group/revokeInviteCode/{account}", query=_GROUP),
    webhooks=Route("GET", "/webhook/find/{account}"),
    set_webhooks=Route("POST", "/webhook/set/{account}", body={"webhook": "{webhook}"}),
)
INSTANCES = Route("GET", "/instance/fetchInstances", query={"instanceName": "{account}"})
"""The own number stands here alone, and why the connection was closed, beside the instance's token."""
_REASON = "disconnectionReasonCode"

SUBSCRIBED = ("GROUPS_UPSERT", "GROUP_PARTICIPANTS_UPDATE", "CONNECTION_UPDATE")
SECRET_HEADER = "X-Rejoin-Secret"  # noqa: S105 - its name
"""Evolution signs nothing: a header that we set carries the secret itself."""

_SHORTEST = 6
"""Characters: a shorter text is no secret, and would blot out half of an error."""

_ONE = unsent(Outcome.NOT_SUPPORTED, "Evolution has one webhook for an instance, and another one is set")
_REMARKS = (
    Remark("probe", "it does not say why a probe failed: such a group is tried again, then left to you"),
    Remark("own LID", "it is not told: in groups that name members by LID only no look can tell"),
)


def session(body: Any, *, now: float, answer: GatewayAnswer) -> SessionAnswer | None:  # noqa: ARG001 - the port's
    """`connectionState`. Without a state the instance is known, and not loaded."""
    instance = body.get("instance") if isinstance(body, dict) else None
    if not isinstance(instance, dict):
        return None
    given = instance.get("state")
    word = scrub(given)[:60] if isinstance(given, str) else "not loaded"
    other = InstanceState.UNKNOWN if isinstance(given, str) else InstanceState.DISCONNECTED
    return SessionAnswer(answer, state=STATES.get(word.lower(), other), word=word)


def webhooks(body: Any) -> tuple[WebhookTarget, ...] | None:
    """The one of the instance; its secret stands in a header that is ours."""
    if not isinstance(body, dict):
        return None
    url, events, headers = body.get("url"), body.get("events"), body.get("headers")
    if "enabled" in body and not url:
        return ()
    if not isinstance(url, str) or not url:
        return None
    secret = headers.get(SECRET_HEADER) if isinstance(headers, dict) else None
    heard = tuple(one for one in events if isinstance(one, str)) if isinstance(events, list) else ()
    return (
        WebhookTarget(
            url,
            heard or ("*",),
            active=body.get("enabled") is not False,
            secret=secret if isinstance(secret, str) and secret else None,
            raw=body,
        ),
    )


def open_gateway(endpoint: Endpoint) -> EvolutionGateway:
    """ValueError for an address or a key that cannot be sent; it repeats neither."""
    timeouts = Timeouts(endpoint.connect_timeout, endpoint.timeout, endpoint.join_timeout)
    http = HttpClient(open_session(), clock=endpoint.clock)
    return EvolutionGateway(http, endpoint.base_url, endpoint.account, endpoint.token, timeouts)


class EvolutionGateway(HttpGateway):
    """One instance at Evolution, with the server's API key or the instance's own."""

    readers = Readers(
        GroupReader(GroupNames(jid=(*ENGINES.jid, "groupJid"), accepted=("accepted",))),
        session=session,
    )

    def __init__(
        self, http: HttpClient, base_url: str, instance: str, api_key: str, timeouts: Timeouts
    ) -> None:
        check_sendable("instance_id", instance)
        check_sendable("access_token", api_key)
        who = Caller(instance, api_key, {"apikey": api_key})
        super().__init__(GatewayCalls(http, base_url, who, wording=WORDING, timeouts=timeouts), ROUTES)
        self._instance = instance

    async def session(self) -> SessionAnswer:
        """The number is kept after a log-out: it is believed only while the instance is connected.

        Of a connection that is closed the reason says whether it comes back.
        """
        seen = await super().session()
        if seen.state is InstanceState.WORKING:
            own = user_id((await self._row()).get("ownerJid"))
            return replace(seen, phone=None if own is None else own.phone)
        if seen.state is InstanceState.DISCONNECTED and is_final((await self._row()).get(_REASON)):
            return replace(seen, state=InstanceState.LOST)
        return seen

    async def probe(self, code: str) -> ProbeAnswer:
        """A probe fails in the same words when the instance is only disconnected: then that is said."""
        probed = await super().probe(code)
        if probed.answer.outcome is not Outcome.TRANSIENT or probed.answer.http_status != 404:
            return probed
        state = (await super().session()).state
        if state in (InstanceState.WORKING, InstanceState.UNKNOWN):
            return probed
        down = replace(probed.answer, outcome=Outcome.SESSION_DOWN, text="the instance is not connected")
        return ProbeAnswer(down)

    async def webhooks(self) -> WebhooksAnswer:
        """`null`: none was ever set."""
        reply = await self._calls.send(Ask(Call.READ, self._routes.webhooks or ROUTES.session))
        if isinstance(reply, Good) and reply.result.body.strip() == b"null":
            return WebhooksAnswer(good(Outcome.OK, reply.result))
        answer, targets = read(reply, webhooks, "a webhook")
        return WebhooksAnswer(answer, targets or ())

    async def set_webhooks(self, webhooks: tuple[WebhookTarget, ...]) -> GatewayAnswer:
        """The one that an instance can have; whose it is now, the caller has looked at."""
        if len(webhooks) > 1:
            return _ONE
        one = webhooks[0] if webhooks else WebhookTarget("", active=False)
        kept: dict[str, Any] = one.raw if isinstance(one.raw, dict) else {}
        given = kept.get("headers")
        headers: dict[str, Any] = dict(given) if isinstance(given, dict) else {}
        headers |= {SECRET_HEADER: one.secret} if one.secret else {}
        webhook = {
            "enabled": one.active,
            "url": one.url,
            "headers": headers,
            "events": [] if "*" in one.events else list(one.events),
            "byEvents": False,
            "base64": kept.get("webhookBase64") is True,
        }
        values = (one.url, *map(str, headers.values()))
        secrets = frozenset(text for text in values if len(text) >= _SHORTEST)
        route = self._routes.set_webhooks or ROUTES.session
        return done(await self._calls.send(Ask(Call.ACT, route, {"webhook": webhook}, secrets)))

    async def remarks(self) -> tuple[Remark, ...]:
        return _REMARKS

    async def _row(self) -> dict[str, Any]:
        """What Evolution's database has of this instance and no other; its token is in it."""
        reply = await self._calls.send(Ask(Call.READ, INSTANCES))
        rows = reply.body if isinstance(reply, Good) and isinstance(reply.body, list) else []
        ours = (row for row in rows if isinstance(row, dict) and row.get("name") == self._instance)
        return next(ours, {})
