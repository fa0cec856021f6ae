"""The Wawp gateway: which request asks what, and what became of it in our words."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, TypeVar

from orchestrator.domain.identity import group_jid
from orchestrator.domain.outcomes import (
    CodeAnswer,
    GatewayAnswer,
    GroupAnswer,
    GroupListAnswer,
    InstanceState,
    JoinReceipt,
    LimitsAnswer,
    Outcome,
    ParticipantsAnswer,
    ProbeAnswer,
    SeenGroup,
    SendAnswer,
    SessionAnswer,
    WebhooksAnswer,
    WebhookTarget,
)
from orchestrator.gateways.answers import good, without_route
from orchestrator.gateways.base import LastLook
from orchestrator.gateways.http import LIST_BODY, HttpClient
from orchestrator.gateways.wawp import reading
from orchestrator.gateways.wawp.calls import Ask, Credentials, Good, WawpCalls, WawpRoutes, WawpTimeouts
from orchestrator.gateways.wawp.rate_limits import Spacing, limits
from orchestrator.gateways.wawp.reading import GROUPS
from orchestrator.gateways.whatsapp_answers import Call

T = TypeVar("T")
LIMITS_FRESH, LIMITS_AGAIN = 3600.0, 60.0
"""Seconds after which the gateway's limits are asked for again; the second where it could not be asked.

It doubles each time, as calls about groups wait for that answer, which may be a time-out.
"""
_PASSES = (Outcome.TRANSIENT, Outcome.GATEWAY_LIMITED)
LONGEST_MESSAGE = 4096
"""Characters (https://api.wawp.net/en/docs/v2/send/text)."""
_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_NOT_A_CODE = GatewayAnswer(Outcome.CODE_INVALID, text="not a bare invite code: nothing was sent", sent=False)
_NOT_A_GROUP = GatewayAnswer(Outcome.BAD_REQUEST, text="not a group JID: nothing was sent", sent=False)
_TOO_LONG = GatewayAnswer(
    Outcome.BAD_REQUEST,
    text=f"the message is over {LONGEST_MESSAGE} characters: nothing was sent",
    sent=False,
)


class WawpGateway:
    """One instance at Wawp. Implements gateways.base.Gateway; owns the HttpClient it is given."""

    def __init__(
        self,
        *,
        http: HttpClient,
        base_url: str,
        instance_id: str,
        access_token: str,
        options: WawpRoutes,
        timeouts: WawpTimeouts,
    ) -> None:
        """ValueError for an address or credentials that cannot be sent; it repeats neither."""
        self._routes = options
        self._calls = WawpCalls(
            http,
            base_url,
            Credentials(instance_id, access_token),
            routes=self._routes,
            timeouts=timeouts,
        )
        self._probe_path = self._routes.probe_path
        self._fallback_tried = self._routes.probe_path == self._routes.probe_fallback_path
        self._session_by_get = False
        self._spacing = Spacing(http.clock)
        self._limits_due = http.clock.boottime() if self._routes.keeps_limits else float("inf")
        self._limits_again = LIMITS_AGAIN
        self._reading_limits = asyncio.Lock()

    async def session(self) -> SessionAnswer:
        """POST as documented; GET where the gateway has no such POST, and from then on."""
        path = self._routes.session_info_path
        if self._session_by_get:
            return await self._session(Ask(Call.READ, "GET", path))
        posted = await self._session(Ask(Call.READ, "POST", path))
        if not without_route(posted.answer):
            return posted
        got = await self._session(Ask(Call.READ, "GET", path))
        self._session_by_get = got.answer.outcome is Outcome.OK
        return got

    async def limits(self) -> LimitsAnswer:
        """One that cannot be read changes nothing of what was known."""
        reply = await self._calls.send(Ask(Call.READ, "GET", self._routes.rate_limit_path))
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
        first = await self._probe(self._probe_path, code)
        if self._fallback_tried or not without_route(first.answer):
            return first
        second = await self._probe(self._routes.probe_fallback_path, code)
        if second.answer.http_status is None:
            return second
        self._fallback_tried = True
        if without_route(second.answer):
            return first
        self._probe_path = self._routes.probe_fallback_path
        return second

    async def join(self, code: str, *, last_look: LastLook) -> JoinReceipt:
        ask = Ask(Call.JOIN, "POST", self._routes.join_path, code=code, last_look=last_look)
        if (refused := _unfit(ask)) is not None:
            return JoinReceipt(refused)
        self._spacing.taken()  # it has a pace of its own, and waits for no other call
        reply = await self._calls.send(ask)
        if isinstance(reply, GatewayAnswer):
            return JoinReceipt(reply)
        receipt = GROUPS.receipt(reply.body)
        if receipt is None:
            return JoinReceipt(reply.unreadable("without a receipt"))
        outcome, jid = receipt
        return JoinReceipt(good(outcome, reply.result), jid=jid)

    async def groups(self) -> GroupListAnswer:
        reply = await self._of_groups(Ask(Call.READ, "GET", self._routes.groups_path, limit=LIST_BODY))
        answer, groups = _read(reply, GROUPS.seen_groups, "a list of groups")
        return GroupListAnswer(answer, groups or ())

    async def group(self, jid: str) -> GroupAnswer:
        """A body that names another group than the one asked for is not believed."""
        ask = Ask(Call.READ, "GET", self._routes.group_path, jid=jid, limit=LIST_BODY)

        def the_group(body: Any) -> SeenGroup | None:
            found = GROUPS.seen_group(body, jid=jid)
            return found if found is not None and found.jid == jid else None

        return GroupAnswer(*_read(await self._of_groups(ask), the_group, "the group"))

    async def participants(self, jid: str) -> ParticipantsAnswer:
        ask = Ask(Call.READ, "GET", self._routes.participants_path, jid=jid, limit=LIST_BODY)
        answer, people = _read(await self._of_groups(ask), GROUPS.participants, "participants")
        return ParticipantsAnswer(answer, people or ())

    async def leave(self, jid: str) -> GatewayAnswer:
        return await self._act(Ask(Call.ACT, "POST", self._routes.leave_path, jid=jid))

    async def invite_code(self, jid: str) -> CodeAnswer:
        return await self._code(Ask(Call.READ, "GET", self._routes.invite_code_path, jid=jid))

    async def revoke_code(self, jid: str) -> CodeAnswer:
        """OK without a code: revoked, and the new code must be asked for."""
        return await self._code(Ask(Call.ACT, "POST", self._routes.revoke_code_path, jid=jid))

    async def send_text(self, jid: str, text: str) -> SendAnswer:
        if group_jid(jid) is None:
            return SendAnswer(_NOT_A_GROUP)
        if len(text) > LONGEST_MESSAGE:
            return SendAnswer(_TOO_LONG)
        fields = {"chatId": jid, "message": text}
        reply = await self._calls.send(Ask(Call.ACT, "POST", self._routes.send_text_path, fields=fields))
        if isinstance(reply, GatewayAnswer):
            return SendAnswer(reply)
        if not isinstance(reply.body, dict):
            return SendAnswer(reply.unreadable("without a message"))
        return SendAnswer(good(Outcome.OK, reply.result), reading.message_id(reply.body))

    async def webhooks(self) -> WebhooksAnswer:
        reply = await self._calls.send(Ask(Call.READ, "GET", self._routes.webhook_path))
        answer, targets = _read(reply, reading.webhooks, "a list of webhooks")
        return WebhooksAnswer(answer, targets or ())

    async def set_webhooks(self, webhooks: tuple[WebhookTarget, ...]) -> GatewayAnswer:
        fields: dict[str, Any] = {"webhooks": [reading.webhook_fields(one) for one in webhooks]}
        secrets = frozenset().union(*(reading.webhook_secrets(one) for one in webhooks))
        path = self._routes.webhook_path
        return await self._act(Ask(Call.ACT, "POST", path, fields=fields, secrets=secrets))

    async def close(self) -> None:
        await self._calls.http.close()

    async def _probe(self, path: str, code: str) -> ProbeAnswer:
        reply = await self._of_groups(Ask(Call.PROBE, "GET", path, code=code))
        return ProbeAnswer(*_read(reply, GROUPS.preview, "a group"))

    async def _session(self, ask: Ask) -> SessionAnswer:
        reply = await self._calls.send(ask)
        if isinstance(reply, GatewayAnswer):
            # `invalid_session`: lost, and the QR code is needed, or the instance is not known at all.
            down = reply.outcome is Outcome.SESSION_DOWN
            return SessionAnswer(reply, state=InstanceState.NEEDS_LOGIN if down else InstanceState.UNKNOWN)
        now = self._calls.http.clock.now()
        seen = reading.session(reply.body, now=now, answer=good(Outcome.OK, reply.result))
        return seen or SessionAnswer(reply.unreadable("without a status"))

    async def _code(self, ask: Ask) -> CodeAnswer:
        reply = await self._of_groups(ask)
        if isinstance(reply, GatewayAnswer):
            return CodeAnswer(reply)
        text = reply.result.body.decode("utf-8", "replace")
        code = reading.invite_code(text if reply.body is None else reply.body)
        if code is None and not (ask.call is Call.ACT and isinstance(reply.body, dict)):
            return CodeAnswer(reply.unreadable("without an invite code"))
        return CodeAnswer(good(Outcome.OK, reply.result), code)

    async def _of_groups(self, ask: Ask) -> Good | GatewayAnswer:
        """Sent when the gateway's limits allow one more call about groups."""
        if (refused := _unfit(ask)) is not None:
            return refused
        async with self._reading_limits:
            if self._calls.http.clock.boottime() >= self._limits_due:
                await self.limits()
        await self._spacing.turn()
        return await self._calls.send(ask)

    async def _act(self, ask: Ask) -> GatewayAnswer:
        """2xx without an error in it is done: nobody documents more than that."""
        reply = _unfit(ask) or await self._calls.send(ask)
        return reply if isinstance(reply, GatewayAnswer) else good(Outcome.OK, reply.result)


def _read(
    reply: Good | GatewayAnswer, reader: Callable[[Any], T | None], what: str
) -> tuple[GatewayAnswer, T | None]:
    """What became of a call that asked for something, and what it was given, if it was."""
    if isinstance(reply, GatewayAnswer):
        return reply, None
    found = reader(reply.body)
    if found is None:
        return reply.unreadable(f"without {what}"), None
    return good(Outcome.OK, reply.result), found


def _unfit(ask: Ask) -> GatewayAnswer | None:
    """What to answer without asking: it is about no group, or carries no code."""
    if ask.jid is not None and group_jid(ask.jid) is None:
        return _NOT_A_GROUP
    return _NOT_A_CODE if ask.code is not None and not _CODE.fullmatch(ask.code) else None
