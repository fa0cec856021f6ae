"""What all adapters have in common: every call of the port, made along a vendor's routes and read by its
readers. A vendor says what is different with it, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

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
from orchestrator.gateways import account_bodies
from orchestrator.gateways.answers import good
from orchestrator.gateways.base import LastLook, Remark
from orchestrator.gateways.calls import Ask, GatewayCalls, GatewayRoutes, Good, Route
from orchestrator.gateways.http import LIST_BODY
from orchestrator.gateways.whatsapp_answers import Call
from orchestrator.gateways.whatsapp_bodies import GroupReader

T = TypeVar("T")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def unsent(outcome: Outcome, why: str) -> GatewayAnswer:
    """The answer to a call that was not made."""
    return GatewayAnswer(outcome, text=f"{why}: nothing was sent", sent=False)


_NOT_A_CODE = unsent(Outcome.CODE_INVALID, "not a bare invite code")
_NOT_A_GROUP = unsent(Outcome.BAD_REQUEST, "not a group JID")
NO_CALL = unsent(Outcome.NOT_SUPPORTED, "this gateway has no such call")


class ReadSession(Protocol):
    """The answer to a question about the session; `now` dates what has no end of its own."""

    def __call__(self, body: Any, *, now: float, answer: GatewayAnswer) -> SessionAnswer | None: ...


@dataclass(frozen=True, slots=True)
class Readers:
    """How a vendor's good bodies are read. None from a reader: the body does not say it."""

    groups: GroupReader
    session: ReadSession = account_bodies.session
    message_id: Callable[[Any], str | None] = account_bodies.message_id
    invite_code: Callable[[Any], str | None] = account_bodies.invite_code
    webhooks: Callable[[Any], tuple[WebhookTarget, ...] | None] = lambda _body: None


class HttpGateway:
    """One instance at one gateway. Implements gateways.base.Gateway; closes the HttpClient of its calls."""

    readers: Readers
    longest_message = 4096
    """Characters."""

    def __init__(self, calls: GatewayCalls, routes: GatewayRoutes) -> None:
        self._calls = calls
        self._routes = routes

    async def session(self) -> SessionAnswer:
        return await self._session(self._routes.session)

    async def limits(self) -> LimitsAnswer:
        return LimitsAnswer(NO_CALL)

    async def probe(self, code: str) -> ProbeAnswer:
        return await self._probe(self._routes.probe, code)

    async def join(self, code: str, *, last_look: LastLook) -> JoinReceipt:
        if not _CODE.fullmatch(code):
            return JoinReceipt(_NOT_A_CODE)
        reply = await self._calls.send(Ask(Call.JOIN, self._routes.join, {"code": code}, last_look=last_look))
        if isinstance(reply, GatewayAnswer):
            return JoinReceipt(reply)
        receipt = self.readers.groups.receipt(reply.body)
        if receipt is None:
            return JoinReceipt(reply.unreadable("without a receipt"))
        outcome, jid = receipt
        return JoinReceipt(good(outcome, reply.result), jid=jid)

    async def groups(self) -> GroupListAnswer:
        reply = await self._of_groups(Ask(Call.READ, self._routes.groups, limit=LIST_BODY))
        answer, groups = read(reply, self.readers.groups.seen_groups, "a list of groups")
        return GroupListAnswer(answer, groups or ())

    async def group(self, jid: str) -> GroupAnswer:
        """A body that names another group than the one asked for is not believed."""

        def the_group(body: Any) -> SeenGroup | None:
            found = self.readers.groups.seen_group(body, jid=jid)
            return found if found is not None and found.jid == jid else None

        reply = await self._of_group(Call.READ, self._routes.group, jid, limit=LIST_BODY)
        return GroupAnswer(*read(reply, the_group, "the group"))

    async def participants(self, jid: str) -> ParticipantsAnswer:
        reply = await self._of_group(Call.READ, self._routes.participants, jid, limit=LIST_BODY)
        answer, people = read(reply, self.readers.groups.participants, "participants")
        return ParticipantsAnswer(answer, people or ())

    async def leave(self, jid: str) -> GatewayAnswer:
        return done(await self._of_group(Call.ACT, self._routes.leave, jid, paced=False))

    async def invite_code(self, jid: str) -> CodeAnswer:
        return await self._code(Call.READ, self._routes.invite_code, jid)

    async def revoke_code(self, jid: str) -> CodeAnswer:
        """OK without a code: revoked, and the new code must be asked for."""
        return await self._code(Call.ACT, self._routes.revoke_code, jid)

    async def send_text(self, jid: str, text: str) -> SendAnswer:
        if group_jid(jid) is None:
            return SendAnswer(_NOT_A_GROUP)
        if len(text) > self.longest_message:
            why = f"the message is over {self.longest_message} characters"
            return SendAnswer(unsent(Outcome.BAD_REQUEST, why))
        about = {"id": jid, "text": text}
        reply = await self._calls.send(Ask(Call.ACT, self._routes.send_text, about))
        if isinstance(reply, GatewayAnswer):
            return SendAnswer(reply)
        if not isinstance(reply.body, dict):
            return SendAnswer(reply.unreadable("without a message"))
        return SendAnswer(good(Outcome.OK, reply.result), self.readers.message_id(reply.body))

    async def webhooks(self) -> WebhooksAnswer:
        if self._routes.webhooks is None:
            return WebhooksAnswer(NO_CALL)
        reply = await self._calls.send(Ask(Call.READ, self._routes.webhooks))
        answer, targets = read(reply, self.readers.webhooks, "a list of webhooks")
        return WebhooksAnswer(answer, targets or ())

    async def set_webhooks(self, webhooks: tuple[WebhookTarget, ...]) -> GatewayAnswer:  # noqa: ARG002 - a vendor's
        return NO_CALL

    async def remarks(self) -> tuple[Remark, ...]:
        return ()

    async def close(self) -> None:
        await self._calls.http.close()

    async def _session(self, route: Route) -> SessionAnswer:
        reply = await self._calls.send(Ask(Call.READ, route))
        if isinstance(reply, GatewayAnswer):
            # Lost, so that a person must link it again, or not known to the gateway at all.
            down = reply.outcome is Outcome.SESSION_DOWN
            return SessionAnswer(reply, state=InstanceState.NEEDS_LOGIN if down else InstanceState.UNKNOWN)
        now = self._calls.http.clock.now()
        seen = self.readers.session(reply.body, now=now, answer=good(Outcome.OK, reply.result))
        return seen or SessionAnswer(reply.unreadable("without a status"))

    async def _probe(self, route: Route, code: str) -> ProbeAnswer:
        if not _CODE.fullmatch(code):
            return ProbeAnswer(_NOT_A_CODE)
        reply = await self._of_groups(Ask(Call.PROBE, route, {"code": code}))
        return ProbeAnswer(*read(reply, self.readers.groups.preview, "a group"))

    async def _code(self, call: Call, route: Route | None, jid: str) -> CodeAnswer:
        reply = await self._of_group(call, route, jid)
        if isinstance(reply, GatewayAnswer):
            return CodeAnswer(reply)
        text = reply.result.body.decode("utf-8", "replace")
        code = self.readers.invite_code(text if reply.body is None else reply.body)
        if code is None and not (call is Call.ACT and isinstance(reply.body, dict)):
            return CodeAnswer(reply.unreadable("without an invite code"))
        return CodeAnswer(good(Outcome.OK, reply.result), code)

    async def _of_group(
        self, call: Call, route: Route | None, jid: str, *, paced: bool = True, **more: Any
    ) -> Good | GatewayAnswer:
        if route is None:
            return NO_CALL
        if group_jid(jid) is None:
            return _NOT_A_GROUP
        ask = Ask(call, route, {"id": jid}, **more)
        return await (self._of_groups(ask) if paced else self._calls.send(ask))

    async def _of_groups(self, ask: Ask) -> Good | GatewayAnswer:
        """A question about groups. A vendor whose gateway limits them waits here."""
        return await self._calls.send(ask)


def read(
    reply: Good | GatewayAnswer, reader: Callable[[Any], T | None], what: str
) -> tuple[GatewayAnswer, T | None]:
    """What became of a call that asked for something, and what it was given, if it was."""
    if isinstance(reply, GatewayAnswer):
        return reply, None
    found = reader(reply.body)
    if found is None:
        return reply.unreadable(f"without {what}"), None
    return good(Outcome.OK, reply.result), found


def done(reply: Good | GatewayAnswer) -> GatewayAnswer:
    """2xx without an error in it is done: no vendor documents more than that."""
    return reply if isinstance(reply, GatewayAnswer) else good(Outcome.OK, reply.result)
