"""Wawp's HTTP face over the network: docs at https://api.wawp.net/en/docs/v2/groups/join and its siblings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from orchestrator.simulator import error_wordings
from orchestrator.simulator.faults import Faults, Rule, Trouble, When
from orchestrator.simulator.http_server import CUT, HttpRequest, Reply, json_reply, reply, truncated
from orchestrator.simulator.model import Account
from orchestrator.simulator.network import Network
from orchestrator.simulator.refusals import IqError, SessionDownError
from orchestrator.simulator.truth import GROUP_CALLS, Kind, Request
from orchestrator.simulator.wawp_calls import Acts, Call, Turn, code_of, credentials, let_in, read

HTML = b"<!DOCTYPE html><html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
NOTHING = json_reply(200, {})  # what WAHA's NOWEB engine answers when WhatsApp did not
GROUP_LIMIT_WAIT = 30.0  # seconds, as its Retry-After says
GARBAGE = b"\x00\xff\xfe{\x80 this is no JSON"


class WawpFace:
    """Answers one HTTP request after another; at once where nothing makes it wait."""

    def __init__(self, network: Network, faults: Faults) -> None:
        self.network = network
        self.faults = faults
        self._acts = Acts(network, faults)

    def __call__(self, request: HttpRequest) -> Reply | Awaitable[Reply]:
        call = read(request)
        if isinstance(call, Reply):
            return self._noted(self.network.log.arrived(Kind.OTHER, None, None, None), call)
        instance, token = credentials(request, call.data, self.faults.auth)
        account = self.network.instances.get(instance)
        entry = self._arrived(request, call, account)
        refusal = let_in(account, token) or self._refused_method(request, call)
        if refusal is None and entry.code is None and call.kind in (Kind.PROBE, Kind.JOIN):
            refusal = error_wordings.NO_LINK
        if refusal is None and account is not None and self._too_many(entry):
            refusal = error_wordings.plan_limit(GROUP_LIMIT_WAIT)
        if refusal is not None or account is None:
            return self._noted(entry, refusal or error_wordings.INVALID_SESSION)
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
            faults = self.faults
            place = faults.code_in if call.kind is Kind.JOIN else "query"
            code = code_of(request, call, faults.code_param, place=place, form=faults.code_form)
            behind = self.network.leads_to(code or "")
            jid = None if behind is None else behind.jid
        elif call.kind is Kind.SEND:
            jid = str(call.data.get("chatId") or "")
        return self.network.log.arrived(call.kind, None if account is None else account.name, jid, code)

    def _refused_method(self, request: HttpRequest, call: Call) -> Reply | None:
        two = self.faults.paths == "two"
        if call.kind is Kind.PROBE and call.path.endswith("/join-info") != two:
            return error_wordings.NOT_ALLOWED if two else error_wordings.NOT_FOUND
        if call.kind is Kind.SESSION and self.faults.session_info not in ("both", request.method.lower()):
            return error_wordings.NOT_ALLOWED
        return None

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
            return error_wordings.INVALID_SESSION

    def _refuse(self, turn: Turn, error: IqError) -> Reply:
        turn.entry.iq = error.code
        worded = turn.rule.dialect if turn.rule is not None else None
        return error_wordings.DIALECTS[worded or self.faults.dialect](error)

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
        return good if spoil is None else spoil(rule, good)


SPOILERS: dict[Trouble, Callable[[Rule, Reply], Reply]] = {
    Trouble.CUT: lambda _rule, _good: CUT,
    Trouble.HANG: lambda _rule, _good: CUT,
    Trouble.TRUNCATED: lambda _rule, good: truncated(good),
    Trouble.GARBAGE: lambda _rule, _good: reply(200, GARBAGE),
    Trouble.HTTP: lambda rule, _good: error_wordings.plain_error(rule.status, rule.text),
    Trouble.HTML: lambda rule, _good: reply(rule.status, HTML, "text/html; charset=utf-8"),
    Trouble.ERROR_BODY: lambda rule, _good: error_wordings.error_body(rule.text),
    Trouble.SAID_STATUS: lambda rule, _good: error_wordings.said_status(rule.status, rule.text),
    Trouble.SESSION: lambda _rule, _good: error_wordings.INVALID_SESSION,
    Trouble.UNAUTHORIZED: lambda _rule, _good: error_wordings.WRONG_TOKEN,
    Trouble.PLAN_LIMIT: lambda rule, _good: error_wordings.plan_limit(rule.seconds),
    Trouble.SUBSCRIPTION: lambda _rule, _good: error_wordings.SUBSCRIPTION,
}
"""Troubles that replace or spoil the answer; all others change the good answer itself."""

SPOILED = frozenset(
    {Trouble.CUT, Trouble.HANG, Trouble.TRUNCATED, Trouble.GARBAGE}
    | {Trouble.HTTP, Trouble.HTML, Trouble.ERROR_BODY}
)
"""Troubles after which nobody can tell from the answer what the call did."""
