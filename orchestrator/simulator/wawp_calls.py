"""Wawp's calls: which one a request is, whose and with what; and the good answer, with what it does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from orchestrator.simulator import error_wordings, group_bodies
from orchestrator.simulator.faults import Faults, Rule, Trouble
from orchestrator.simulator.http_server import HttpRequest, Reply, json_reply
from orchestrator.simulator.model import Account, AccountState, Group
from orchestrator.simulator.network import Network
from orchestrator.simulator.refusals import IqError
from orchestrator.simulator.truth import Effect, Kind, Request

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


class Call(NamedTuple):
    """One understood request."""

    kind: Kind
    data: dict[str, Any]  # query and JSON body together
    jid: str | None  # from the path
    path: str


def read(request: HttpRequest) -> Call | Reply:
    """The call, or the gateway's answer to a request that it does not know."""
    data: dict[str, Any] = {**request.query, **request.json()} if request.body else dict(request.query)
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


def credentials(request: HttpRequest, data: dict[str, Any], auth: str = "any") -> tuple[str, str]:
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
    return str(instance), str(token)


def let_in(account: Account | None, token: str) -> Reply | None:
    """The refusal, or None if the credentials are right."""
    if not token:
        return error_wordings.MISSING_TOKEN
    if account is None:
        return error_wordings.INVALID_SESSION
    return None if token == account.access_token else error_wordings.WRONG_TOKEN


@dataclass(slots=True)
class Turn:
    """One call under way."""

    call: Call
    account: Account
    entry: Request
    rule: Rule | None = None

    def suffers(self, trouble: Trouble) -> bool:
        """Whether that trouble is played on it."""
        return self.rule is not None and self.rule.trouble is trouble

    def text(self, name: str) -> str:
        """A parameter as text; empty if missing."""
        return str(self.call.data.get(name) or "")


class Acts:
    """Performs calls. Raises `IqError` and `SessionDownError` as the network does."""

    def __init__(self, network: Network, faults: Faults) -> None:
        self._network = network
        self._faults = faults
        self._table: dict[Kind, Callable[[Turn], Reply]] = {
            Kind.PROBE: self._probe,
            Kind.JOIN: self._join,
            Kind.LIST: self._list,
            Kind.GROUP: self._group,
            Kind.PARTICIPANTS: self._participants,
            Kind.LEAVE: self._leave,
            Kind.CODE: self._code,
            Kind.REVOKE: self._revoke,
            Kind.SEND: self._send,
            Kind.SESSION: self._session,
            Kind.WEBHOOKS: self._webhooks,
            Kind.SET_WEBHOOKS: self._set_webhooks,
            Kind.RESTART: self._restart,
            Kind.RATE_LIMIT: self._rate_limit,
        }

    def perform(self, turn: Turn) -> Reply:
        return self._table[turn.call.kind](turn)

    def _probe(self, turn: Turn) -> Reply:
        code = turn.entry.code
        if not code:
            return _missing(self._faults.code_param)
        group = self._network.probe(turn.account, code)
        return json_reply(200, group_bodies.preview(self._faults.engine, group))

    def _join(self, turn: Turn) -> Reply:
        code = turn.entry.code
        if not code:
            return _missing(self._faults.code_param)
        try:
            group, effect = self._network.join(turn.account, code, turn.entry)
        except IqError as error:
            known = self._network.leads_to(code)
            if error.code != 409 or known is None or not self._hides_conflict(turn):
                raise
            return self._receipt(turn, known)
        return self._pending(turn, group) if effect is Effect.REQUESTED else self._receipt(turn, group)

    def _hides_conflict(self, turn: Turn) -> bool:
        if turn.suffers(Trouble.CONFLICT):
            return False
        return self._faults.already_member == "receipt" or turn.suffers(Trouble.RECEIPT_THOUGH_MEMBER)

    def _receipt(self, turn: Turn, group: Group) -> Reply:
        if turn.suffers(Trouble.NO_ID):
            return json_reply(200, {})
        return json_reply(200, group_bodies.receipt(group, only_id=self._faults.join_receipt == "id"))

    def _pending(self, turn: Turn, group: Group) -> Reply:
        if turn.suffers(Trouble.ID_THOUGH_PENDING) or self._faults.pending_receipt == "with_id":
            return json_reply(200, {"id": group.jid})
        if self._faults.pending_receipt == "error":
            return error_wordings.plain_error(500, "UnexpectedJoinGroupViaInviteResponse")
        if self._faults.pending_receipt in ("exception", "missing_group"):
            return error_wordings.unread_answer(group.jid, named=self._faults.pending_receipt == "exception")
        return json_reply(200, {})

    def _list(self, turn: Turn) -> Reply:
        groups = self._network.groups_of(turn.account)
        offset, limit = turn.text("offset"), turn.text("limit")
        groups = groups[int(offset) if offset.isascii() and offset.isdecimal() else 0 :]
        groups = groups[: int(limit)] if limit.isascii() and limit.isdecimal() else groups
        shown = self._lied([self._whole(group) for group in groups], turn)
        if not self._faults.list_participants or turn.text("exclude") == "participants":
            shown = [group_bodies.strip_members(group) for group in shown]
        if self._faults.list_shape == "object" or turn.suffers(Trouble.LIST_OBJECT):
            return json_reply(200, {str(_jid(group)): group for group in shown})
        return json_reply(200, shown)

    def _lied(self, shown: list[dict[str, Any]], turn: Turn) -> list[dict[str, Any]]:
        if turn.suffers(Trouble.LIST_EMPTY):
            return []
        if turn.suffers(Trouble.LIST_NO_NAMES):
            return [group_bodies.nameless(group) for group in shown]
        if turn.suffers(Trouble.LIST_MISSING):
            return shown[1::2]
        if turn.suffers(Trouble.LIST_BARE):
            return [group_bodies.strip_members(group) for group in shown]
        if turn.suffers(Trouble.LIST_STALE):
            outside = (g for g in self._network.groups.values() if turn.account.name not in g.inside)
            return [*shown, *(self._whole(group) for group in [next(outside, None)] if group)]
        return shown

    def _whole(self, group: Group) -> dict[str, Any]:
        return group_bodies.whole(self._faults.engine, group, self._network.accounts)

    def _group(self, turn: Turn) -> Reply:
        return json_reply(200, self._whole(self._network.metadata(turn.account, turn.call.jid or "")))

    def _participants(self, turn: Turn) -> Reply:
        if turn.suffers(Trouble.NO_MEMBERS):
            return json_reply(200, [])
        group = self._network.metadata(turn.account, turn.call.jid or "")
        return json_reply(200, group_bodies.participants(self._faults.engine, group, self._network.accounts))

    def _leave(self, turn: Turn) -> Reply:
        self._network.leave(turn.account, turn.call.jid or "", turn.entry)
        return json_reply(200, {"success": True})

    def _code(self, turn: Turn) -> Reply:
        return self._show_code(self._network.invite_code(turn.account, turn.call.jid or ""))

    def _revoke(self, turn: Turn) -> Reply:
        return self._show_code(self._network.revoke_code(turn.account, turn.call.jid or "", turn.entry))

    def _show_code(self, code: str) -> Reply:
        if self._faults.code_shape == "text":
            return json_reply(200, code)
        link = f"https://chat.whatsapp.com/{code}"
        if self._faults.code_shape == "url":
            return json_reply(200, {"inviteUrl": link})
        return json_reply(200, {"inviteCode": code, "inviteUrl": link})

    def _send(self, turn: Turn) -> Reply:
        text, jid = turn.text("message"), turn.text("chatId")
        if not text or not jid or len(text) > 4096:
            return _missing("chatId and message (at most 4096 characters)")
        number = self._network.send(turn.account, jid, text, turn.entry)
        own = f"true_{jid}_{turn.entry.number:08X}{number:08X}"
        return json_reply(
            200, {"id": own, "timestamp": int(turn.entry.at), "from": f"{turn.account.phone}@c.us"}
        )

    def _session(self, turn: Turn) -> Reply:
        self._network.settle()
        account = turn.account
        me = self._me(account) if account.shown is AccountState.WORKING else None
        shown: dict[str, Any] = {
            "name": account.session,
            "status": account.shown.value,
            "config": {"webhooks": {}, "proxy": None},
            "me": me,
        }
        return json_reply(200, shown)

    def _me(self, account: Account) -> dict[str, Any]:
        me: dict[str, Any] = {"id": f"{account.phone}@c.us", "pushName": account.push_name or account.name}
        if self._faults.session_lid and account.lid:
            me["lid"] = f"{account.lid}@lid"
        if account.restricted_until > self._network.now():
            me["reachoutTimelock"] = {
                "enforcementType": "DEFAULT",
                "isActive": True,
                "timeEnforcementEnds": int(account.restricted_until),
            }
        return me

    def _webhooks(self, turn: Turn) -> Reply:
        if self._faults.plan == "free":
            return error_wordings.SUBSCRIPTION
        return json_reply(200, {"webhooks": turn.account.webhooks, "systemConfig": {"events": []}})

    def _set_webhooks(self, turn: Turn) -> Reply:
        if self._faults.plan == "free":
            return error_wordings.SUBSCRIPTION
        webhooks = turn.call.data.get("webhooks")
        if not isinstance(webhooks, list) or not all(isinstance(w, dict) and w.get("url") for w in webhooks):
            return _missing("webhooks (a list of {url, events, is_active})")
        turn.account.webhooks = list(webhooks)
        return json_reply(200, {"success": True, "webhooks": turn.account.webhooks})

    def _rate_limit(self, _turn: Turn) -> Reply:
        """https://api.wawp.net/en/docs/v2/session/rate-limit names the fields, and shows no answer."""
        allowed = self._faults.group_req_per_minute
        if not allowed:
            return error_wordings.NOT_FOUND
        return json_reply(200, group_bodies.rate_limit(allowed, self._faults.rate_limit_shape))

    def _restart(self, turn: Turn) -> Reply:
        """A restart heals a failed session; a logged-out or banned account stays where it is."""
        account = turn.account
        if account.state in (AccountState.FAILED, AccountState.STOPPED) and not account.banned:
            self._network.set_state(account, AccountState.WORKING)
        return json_reply(200, {"name": account.session, "status": account.shown.value})


def _jid(shown: dict[str, Any]) -> str:
    name = shown.get("id", shown.get("JID"))
    return str(name["_serialized"] if isinstance(name, dict) else name)


def _missing(what: str) -> Reply:
    return json_reply(400, {"status": 400, "message": f"Missing parameter: {what}", "error": "Bad Request"})
