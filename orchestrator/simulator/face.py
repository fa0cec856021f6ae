"""What the HTTP faces of all vendors have in common: a request is understood, let in, suffers its trouble,
and is answered. Several faces serve one network at one address, and each knows its own paths.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from orchestrator.simulator.acts import Acts, Call, Turn
from orchestrator.simulator.faults import Faults, Rule, Trouble, When
from orchestrator.simulator.http_server import CUT, HttpRequest, Reply, json_reply, reply, truncated
from orchestrator.simulator.model import Account
from orchestrator.simulator.network import Network
from orchestrator.simulator.refusals import IqError, SessionDownError
from orchestrator.simulator.truth import GROUP_CALLS, Kind, Request

HTML = b"<!DOCTYPE html><html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
NOTHING = json_reply(200, {})  # what a gateway on Baileys answers when WhatsApp did not
GROUP_LIMIT_WAIT = 30.0  # seconds, as its Retry-After says
GARBAGE = b"\x00\xff\xfe{\x80 this is no JSON"


@dataclass(frozen=True, slots=True)
class Wordings:
    """How a vendor says what it says by itself. `session_down` is told the account, None if there is none."""

    not_found: Reply
    missing_token: Reply
    wrong_token: Reply
    session_down: Callable[[Account | None], Reply]
    plain_error: Callable[[int, str | None], Reply]
    plan_limit: Callable[[float], Reply]
    error_body: Callable[[str | None], Reply]
    said_status: Callable[[int, str | None], Reply]
    subscription: Reply
    no_link: Reply


class Visitor(NamedTuple):
    """Who asks: the instance id and the token, empty where missing."""

    instance: str
    token: str


class Face(ABC):
    """One vendor's. Answers one HTTP request after another; at once where nothing makes it wait."""

    words: Wordings

    def __init__(self, network: Network, faults: Faults, acts: Acts) -> None:
        self.network = network
        self.faults = faults
        self._acts = acts

    @abstractmethod
    def claims(self, request: HttpRequest) -> bool:
        """Whether the path is one of this vendor's."""

    @abstractmethod
    def read(self, request: HttpRequest) -> Call | Reply:
        """The call, or the gateway's answer to a request that it does not know."""

    @abstractmethod
    def visitor(self, request: HttpRequest, call: Call) -> Visitor: ...

    @abstractmethod
    def code_of(self, request: HttpRequest, call: Call) -> str | None:
        """The invite code of a probe or a join; None if it is written in a form that is not taken."""

    @abstractmethod
    def iq(self, error: IqError, turn: Turn) -> Reply:
        """How WhatsApp's refusal is told."""

    def chat_of(self, call: Call) -> str:
        """The JID that a message goes to."""
        return str(call.data.get("chatId") or "")

    def refused(self, request: HttpRequest, call: Call) -> Reply | None:  # noqa: ARG002 - a vendor's
        """A refusal that a knob asks for."""
        return None

    def let_in(self, account: Account | None, token: str) -> Reply | None:
        """The refusal, or None if the credentials are right."""
        if not token:
            return self.words.missing_token
        if account is None:
            return self.words.session_down(None)
        return None if token == account.access_token else self.words.wrong_token

    def __call__(self, request: HttpRequest) -> Reply | Awaitable[Reply]:
        call = self.read(request)
        if isinstance(call, Reply):
            return self._noted(self.network.log.arrived(Kind.OTHER, None, None, None), call)
        instance, token = self.visitor(request, call)
        account = self.network.instances.get(instance)
        entry = self._arrived(request, call, account)
        refusal = self.let_in(account, token) or self.refused(request, call)
        if refusal is None and entry.code is None and call.kind in (Kind.PROBE, Kind.JOIN):
            refusal = self.words.no_link
        if refusal is None and account is not None and self._too_many(entry):
            refusal = self.words.plan_limit(GROUP_LIMIT_WAIT)
        if refusal is not None or account is None:
            return self._noted(entry, refusal or self.words.session_down(None))
        turn = Turn(call, account, entry)
        if self.faults.rules:
            turn.rule = self.faults.take(call.kind, account.name, entry.group)
        delay = self.faults.delay()
        if turn.rule is None and delay <= 0:
            return self._noted(entry, self._answer(turn))
        return self._slowly(turn, delay)

    def _arrived(self, request: HttpRequest, call: Call, account: Account | None) -> Request:
        code, jid = None, call.jid
        if call.kind is Kind.PROBE or call.kind is Kind.JOIN:
            code = self.code_of(request, call)
            behind = self.network.leads_to(code or "")
            jid = None if behind is None else behind.jid
        elif call.kind is Kind.SEND:
            jid = self.chat_of(call)
        return self.network.log.arrived(call.kind, None if account is None else account.name, jid, code)

    def _too_many(self, entry: Request) -> bool:
        """Joins are counted, but let through: what limits them is WhatsApp."""
        allowed = self.faults.group_req_per_minute
        if not allowed or entry.kind not in GROUP_CALLS or entry.kind is Kind.JOIN:
            return False
        lately = self.network.log.between(entry.at - 60.0, entry.at, entry.account)
        return sum(one.kind in GROUP_CALLS for one in lately) >= allowed

    def _answer(self, turn: Turn) -> Reply:
        try:
            return self._acts.perform(turn)
        except IqError as error:
            return self._refuse(turn, error)
        except SessionDownError:
            return self.words.session_down(turn.account)

    def _refuse(self, turn: Turn, error: IqError) -> Reply:
        turn.entry.iq = error.code
        return self.iq(error, turn)

    def _noted(self, entry: Request, answer: Reply) -> Reply:
        self.network.log.answered(entry, answer.status)
        return answer

    async def _slowly(self, turn: Turn, delay: float) -> Reply:
        """Half of the delay passes before the effect, half after it."""
        if delay > 0:
            await self.network.sleep(delay / 2)
        if turn.rule is None:
            answer = self._answer(turn)
        else:
            turn.entry.trouble = turn.rule.trouble.value
            answer = await self._troubled(turn, turn.rule)
        if delay > 0:
            await self.network.sleep(delay / 2)
        return replace(
            self._noted(turn.entry, answer), undelivered=lambda: setattr(turn.entry, "spoiled", True)
        )

    async def _troubled(self, turn: Turn, rule: Rule) -> Reply:
        """The effect, if it comes at all, and then what is left of the answer."""
        good = self._answer(turn) if rule.when is When.DONE else NOTHING
        if rule.when is When.LATER:
            self.network.later(rule.seconds, lambda: self._answer(turn))
        if rule.trouble in (Trouble.HANG, Trouble.SLOW):
            await self.network.sleep(rule.seconds)
        if rule.trouble is Trouble.IQ:
            return self._refuse(turn, IqError(rule.iq, rule.text))
        turn.entry.spoiled = rule.trouble in SPOILED and rule.status != 429  # whose limit it is, is clear
        spoil = SPOILERS.get(rule.trouble)
        return good if spoil is None else spoil(self.words, rule, good)


class Faces:
    """All of them at one address. What nobody claims is the last one's."""

    def __init__(self, faces: Sequence[Face]) -> None:
        self._faces = faces
        self.network, self.faults = faces[-1].network, faces[-1].faults

    def __call__(self, request: HttpRequest) -> Reply | Awaitable[Reply]:
        face = next((face for face in self._faces if face.claims(request)), self._faces[-1])
        return face(request)


Spoil = Callable[[Wordings, Rule, Reply], Reply]
SPOILERS: dict[Trouble, Spoil] = {
    Trouble.CUT: lambda _words, _rule, _good: CUT,
    Trouble.HANG: lambda _words, _rule, _good: CUT,
    Trouble.TRUNCATED: lambda _words, _rule, good: truncated(good),
    Trouble.GARBAGE: lambda _words, _rule, _good: reply(200, GARBAGE),
    Trouble.HTTP: lambda words, rule, _good: words.plain_error(rule.status, rule.text),
    Trouble.HTML: lambda _words, rule, _good: reply(rule.status, HTML, "text/html; charset=utf-8"),
    Trouble.ERROR_BODY: lambda words, rule, _good: words.error_body(rule.text),
    Trouble.SAID_STATUS: lambda words, rule, _good: words.said_status(rule.status, rule.text),
    Trouble.SESSION: lambda words, _rule, _good: words.session_down(None),
    Trouble.UNAUTHORIZED: lambda words, _rule, _good: words.wrong_token,
    Trouble.PLAN_LIMIT: lambda words, rule, _good: words.plan_limit(rule.seconds),
    Trouble.SUBSCRIPTION: lambda words, _rule, _good: words.subscription,
}
"""Troubles that replace or spoil the answer; all others change the good answer itself."""

SPOILED = frozenset(
    {Trouble.CUT, Trouble.HANG, Trouble.TRUNCATED, Trouble.GARBAGE}
    | {Trouble.HTTP, Trouble.HTML, Trouble.ERROR_BODY}
)
"""Troubles after which nobody can tell from the answer what the call did."""


def parameters(request: HttpRequest) -> dict[str, Any]:
    """Query and JSON body together."""
    return {**request.query, **request.json()} if request.body else dict(request.query)
