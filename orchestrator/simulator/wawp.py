"""Wawp's HTTP face: which call a request is, whose and with what, and what it shows in its own way.

Docs at https://api.wawp.net/en/docs/v2/groups/join and its siblings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from orchestrator.simulator import error_wordings, group_bodies
from orchestrator.simulator.acts import Acts, Call, Turn
from orchestrator.simulator.face import Face, Visitor, Wordings, parameters
from orchestrator.simulator.faults import Faults
from orchestrator.simulator.http_server import HttpRequest, Reply, json_reply
from orchestrator.simulator.model import Account, AccountState, Group
from orchestrator.simulator.network import Network
from orchestrator.simulator.refusals import IqError
from orchestrator.simulator.truth import Kind

_EXACT: dict[tuple[str, str], Kind] = {
    ("GET", "/v2/groups/join"): Kind.PROBE,
    ("POST", "/v2/groups/join"): Kind.JOIN,
    ("GET", "/v2/groups/join-info"): Kind.PROBE,
    ("GET", "/v2/groups"): Kind.LIST,
    ("POST", "/v2/send/text"): Kind.SEND,
    ("GET", "/v2/send/text"): Kind.SEND,
    ("GET", "/v2/session/info"): Kind.SESSION,
    ("POST", "/v2/session/info"): Kind.SESSION,
    ("GET", "/v2/session/webhook"): Kind.WEBHOOKS,
    ("POST", "/v2/session/webhook"): Kind.SET_WEBHOOKS,
    ("POST", "/v2/session/restart"): Kind.RESTART,
    ("GET", "/v2/session/rate-limit"): Kind.RATE_LIMIT,
}
_PATHS = frozenset(path for _, path in _EXACT)
_OF_GROUP: dict[tuple[str, str], Kind] = {
    ("GET", ""): Kind.GROUP,
    ("GET", "/participants"): Kind.PARTICIPANTS,
    ("POST", "/leave"): Kind.LEAVE,
    ("GET", "/invite-code"): Kind.CODE,
    ("POST", "/invite-code/revoke"): Kind.REVOKE,
}
_GROUP_PATH = re.compile(r"/v2/groups/([^/]+@g\.us)(/.*)?")


class WawpFace(Face):
    """Answers whatever no other face claims."""

    words = Wordings(
        not_found=error_wordings.NOT_FOUND,
        missing_token=error_wordings.MISSING_TOKEN,
        wrong_token=error_wordings.WRONG_TOKEN,
        session_down=lambda _account: error_wordings.INVALID_SESSION,
        plain_error=error_wordings.plain_error,
        plan_limit=error_wordings.plan_limit,
        error_body=error_wordings.error_body,
        said_status=error_wordings.said_status,
        subscription=error_wordings.SUBSCRIPTION,
        no_link=error_wordings.NO_LINK,
    )

    def __init__(self, network: Network, faults: Faults) -> None:
        super().__init__(network, faults, WawpActs(network, faults))

    def claims(self, request: HttpRequest) -> bool:
        return request.path.startswith("/v2/")

    def read(self, request: HttpRequest) -> Call | Reply:
        return read(request)

    def visitor(self, request: HttpRequest, call: Call) -> Visitor:
        return credentials(request, call.data, self.faults.auth)

    def code_of(self, request: HttpRequest, call: Call) -> str | None:
        place = self.faults.code_in if call.kind is Kind.JOIN else "query"
        return code_of(request, call, self.faults.code_param, place=place, form=self.faults.code_form)

    def refused(self, request: HttpRequest, call: Call) -> Reply | None:
        two = self.faults.paths == "two"
        if call.kind is Kind.PROBE and call.path.endswith("/join-info") != two:
            return error_wordings.NOT_ALLOWED if two else error_wordings.NOT_FOUND
        if call.kind is Kind.SESSION and self.faults.session_info not in ("both", request.method.lower()):
            return error_wordings.NOT_ALLOWED
        return None

    def iq(self, error: IqError, turn: Turn) -> Reply:
        worded = turn.rule.dialect if turn.rule is not None else None
        return error_wordings.DIALECTS[worded or self.faults.dialect](error)


def read(request: HttpRequest) -> Call | Reply:
    """The call, or the gateway's answer to a request that it does not know."""
    data = parameters(request)
    kind = _EXACT.get((request.method, request.path))
    if kind is not None:
        return Call(kind, data, None, request.path)
    match = _GROUP_PATH.fullmatch(request.path)
    kind = _OF_GROUP.get((request.method, match[2] or "")) if match else None
    if match is None or kind is None:
        known = request.path in _PATHS or match is not None
        return error_wordings.NOT_ALLOWED if known else error_wordings.NOT_FOUND
    return Call(kind, data, match[1], request.path)


def code_of(request: HttpRequest, call: Call, name: str, *, place: str, form: str) -> str | None:
    """The invite code of a probe or a join, from where it must stand; None if it is written in another form.

    Found as WAHA's parseGroupInviteLink finds it: what stands after the last slash.
    """
    found = call.data if place == "any" else request.query if place == "query" else request.json()
    text = str(found.get(name) or "")
    if form == "link" and text and not text.startswith("https://chat.whatsapp.com/"):
        return None
    return text if form == "code" else text.rpartition("/")[2]


def credentials(request: HttpRequest, data: dict[str, Any], auth: str = "any") -> Visitor:
    """(instance id, access token) from where they must stand; empty where missing."""
    headers = request.headers
    instance = data.get("instance_id") or headers.get("x-instance-id", "")
    token = ""
    if auth == "any":
        token = data.get("access_token", "")
    elif auth in ("query", "body"):
        posted = auth == "body" and request.method == "POST"
        token = (request.json() if posted else request.query).get("access_token", "")
    if not token and auth in ("any", "header"):
        token = headers.get("access-token", "")
    if not token and auth in ("any", "bearer"):
        scheme, _, value = headers.get("authorization", "").partition(" ")
        token = value.strip() if scheme.lower() == "bearer" else ""
    return Visitor(str(instance), str(token))


class WawpActs(Acts):
    """What Wawp shows."""

    def own(self) -> dict[Kind, Callable[[Turn], Reply]]:
        return {
            Kind.WEBHOOKS: self._webhooks,
            Kind.SET_WEBHOOKS: self._set_webhooks,
            Kind.RESTART: self._restart,
            Kind.RATE_LIMIT: self._rate_limit,
        }

    def missing(self, what: str) -> Reply:
        body = {"status": 400, "message": f"Missing parameter: {what}", "error": "Bad Request"}
        return json_reply(400, body)

    def receipt(self, group: Group | None) -> Reply:
        if group is None:
            return json_reply(200, {})
        return json_reply(200, group_bodies.receipt(group, only_id=self._faults.join_receipt == "id"))

    def pending(self, group: Group) -> Reply:
        if self._faults.pending_receipt == "with_id":
            return json_reply(200, {"id": group.jid})
        if self._faults.pending_receipt == "error":
            return error_wordings.plain_error(500, "UnexpectedJoinGroupViaInviteResponse")
        if self._faults.pending_receipt in ("exception", "missing_group"):
            return error_wordings.unread_answer(group.jid, named=self._faults.pending_receipt == "exception")
        return json_reply(200, {})

    def code(self, code: str, *, fresh: bool) -> Reply:  # noqa: ARG002 - both are shown alike
        if self._faults.code_shape == "text":
            return json_reply(200, code)
        link = f"https://chat.whatsapp.com/{code}"
        if self._faults.code_shape == "url":
            return json_reply(200, {"inviteUrl": link})
        return json_reply(200, {"inviteCode": code, "inviteUrl": link})

    def message(self, turn: Turn) -> tuple[str, str]:
        return turn.text("chatId"), turn.text("message")

    def sent(self, turn: Turn, jid: str, number: int) -> Reply:
        own = f"true_{jid}_{turn.entry.number:08X}{number:08X}"
        body = {"id": own, "timestamp": int(turn.entry.at), "from": f"{turn.account.phone}@c.us"}
        return json_reply(200, body)

    def session(self, account: Account) -> Reply:
        shown: dict[str, Any] = {
            "name": account.session,
            "status": account.shown.value,
            "config": {"webhooks": {}, "proxy": None},
            "me": self.me(account) if account.shown is AccountState.WORKING else None,
        }
        return json_reply(200, shown)

    def _webhooks(self, turn: Turn) -> Reply:
        if self._faults.plan == "free":
            return error_wordings.SUBSCRIPTION
        return json_reply(200, {"webhooks": turn.account.webhooks, "systemConfig": {"events": []}})

    def _set_webhooks(self, turn: Turn) -> Reply:
        if self._faults.plan == "free":
            return error_wordings.SUBSCRIPTION
        webhooks = turn.call.data.get("webhooks")
        if not isinstance(webhooks, list) or not all(isinstance(w, dict) and w.get("url") for w in webhooks):
            return self.missing("webhooks (a list of {url, events, is_active})")
        turn.account.webhooks = list(webhooks)
        return json_reply(200, {"success": True, "webhooks": turn.account.webhooks})

    def _rate_limit(self, _turn: Turn) -> Reply:
        """https://api.wawp.net/en/docs/v2/session/rate-limit names the fields, and shows no answer."""
        allowed = self._faults.group_req_per_minute
        if not allowed:
            return error_wordings.NOT_FOUND
        return json_reply(200, group_bodies.rate_limit(allowed, self._faults.rate_limit_shape))

    def _restart(self, turn: Turn) -> Reply:
        self.restart(turn.account)
        return json_reply(200, {"name": turn.account.session, "status": turn.account.shown.value})
