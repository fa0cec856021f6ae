"""The face of Evolution API 2: its routes and schemas (EvolutionAPI/evolution-api 2.3.6, src/api/routes and
src/validate), its errors (src/main.ts, src/exceptions/) and its answers (whatsapp.baileys.service.ts).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from orchestrator.simulator import group_bodies
from orchestrator.simulator.acts import Acts, Call, Turn
from orchestrator.simulator.face import Face, Visitor, Wordings, parameters
from orchestrator.simulator.faults import Faults
from orchestrator.simulator.http_server import HttpRequest, Reply, json_reply
from orchestrator.simulator.model import Account, AccountState, Group
from orchestrator.simulator.network import Network
from orchestrator.simulator.refusals import IqError
from orchestrator.simulator.truth import Kind

_CALLS: dict[tuple[str, str], Kind] = {
    ("GET", "/instance/connectionState"): Kind.SESSION,
    ("POST", "/instance/restart"): Kind.RESTART,
    ("GET", "/group/inviteInfo"): Kind.PROBE,
    ("GET", "/group/acceptInviteCode"): Kind.JOIN,
    ("GET", "/group/fetchAllGroups"): Kind.LIST,
    ("GET", "/group/findGroupInfos"): Kind.GROUP,
    ("GET", "/group/participants"): Kind.PARTICIPANTS,
    ("DELETE", "/group/leaveGroup"): Kind.LEAVE,
    ("GET", "/group/inviteCode"): Kind.CODE,
    ("POST", "/group/revokeInviteCode"): Kind.REVOKE,
    ("POST", "/message/sendText"): Kind.SEND,
    ("GET", "/webhook/find"): Kind.WEBHOOKS,
    ("POST", "/webhook/set"): Kind.SET_WEBHOOKS,
}
_PATH = re.compile(r"(/(?:instance|group|message|webhook)/\w+)/([^/]+)")
_FETCH = "/instance/fetchInstances"
_CODE = re.compile(r"[a-zA-Z0-9]{22}", re.ASCII)
_NAMES = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}
_SAID = {
    Kind.PROBE: "No invite info",
    Kind.JOIN: "Accept invite error",
    Kind.GROUP: "Error fetching group",
    Kind.PARTICIPANTS: "No participants",
    Kind.CODE: "No invite code",
    Kind.REVOKE: "Revoke error",
}
_STATES = {
    AccountState.WORKING: "open",
    AccountState.STARTING: "connecting",
    AccountState.SCAN_QR_CODE: "close",  # after a log-out it does not connect again
    AccountState.FAILED: "close",
    AccountState.STOPPED: "close",
}


def _error(status: int, *message: Any) -> Reply:
    said = {"message": message[0] if status == 401 else list(message)}
    return json_reply(status, {"status": status, "error": _NAMES.get(status, "Error"), "response": said})


def _busy(seconds: float) -> Reply:
    """Of a proxy in front of it: Evolution itself has no limit."""
    return json_reply(429, {"message": "Too Many Requests"}, Retry_After=str(max(1, round(seconds))))


class EvolutionFace(Face):
    """Instances are named by the accounts' instance ids, and each account's token is its instance's key."""

    words = Wordings(
        not_found=_error(404, "Cannot GET /"),
        missing_token=_error(401, "Unauthorized"),
        wrong_token=_error(401, "Unauthorized"),
        session_down=lambda _account: _error(404, "Error: Connection Closed"),
        plain_error=lambda status, text: _error(status, text or "Internal server error"),
        plan_limit=_busy,
        error_body=lambda text: json_reply(200, {"error": True, "message": text or "[object Object]"}),
        said_status=lambda status, text: json_reply(200, {"status": status, "message": text or "no"}),
        subscription=_error(403, "Forbidden"),
        no_link=_error(400, {"property": "inviteCode", "message": "inviteCode does not match pattern"}),
    )

    def __init__(self, network: Network, faults: Faults) -> None:
        super().__init__(network, faults, EvolutionActs(network, faults))

    def claims(self, request: HttpRequest) -> bool:
        match = _PATH.fullmatch(request.path)
        known = match is not None and (request.method, match[1]) in _CALLS
        return known or request.path == _FETCH

    def read(self, request: HttpRequest) -> Call | Reply:
        data = parameters(request)
        if request.path == _FETCH:
            return Call(Kind.OWN_NUMBER, data, None, _FETCH, str(data.get("instanceName") or ""))
        match = _PATH.fullmatch(request.path)
        kind = _CALLS.get((request.method, match[1])) if match else None
        if match is None or kind is None:
            return _error(404, f"Cannot {request.method} {request.path}")
        if kind is Kind.LIST and str(data.get("getParticipants")) not in ("true", "false"):
            return _error(400, "The getParticipants needs to be informed in the query")
        return Call(kind, data, str(data.get("groupJid") or "") or None, request.path, match[2])

    def visitor(self, request: HttpRequest, call: Call) -> Visitor:
        return Visitor(call.account, request.headers.get("apikey", ""))

    def let_in(self, account: Account | None, token: str) -> Reply | None:
        """The instance comes first: one that is not known is not found, whatever the key is."""
        if account is None:
            return _error(404, 'The "x" instance does not exist')
        return None if token == account.access_token else self.words.wrong_token

    def code_of(self, request: HttpRequest, call: Call) -> str | None:  # noqa: ARG002 - the port's
        code = str(call.data.get("inviteCode") or "")
        return code if _CODE.fullmatch(code) else None

    def chat_of(self, call: Call) -> str:
        return str(call.data.get("number") or "")

    def iq(self, error: IqError, turn: Turn) -> Reply:
        """The text alone; of a probe not even that."""
        kind = turn.call.kind
        if kind is Kind.PROBE:
            return _error(404, _SAID[kind], turn.entry.code)
        if kind in _SAID:
            return _error(404, _SAID[kind], f"Error: {error.text}")
        return _error(400, f"Error: {error.text}")


class EvolutionActs(Acts):
    """What Evolution shows: Baileys' groups, and envelopes of its own."""

    def own(self) -> dict[Kind, Callable[[Turn], Reply]]:
        return {
            Kind.WEBHOOKS: lambda turn: json_reply(200, self._hook(turn.account)),
            Kind.SET_WEBHOOKS: self._set_hook,
            Kind.RESTART: self._restart,
            Kind.OWN_NUMBER: self._own_number,
        }

    @property
    def engine(self) -> str:
        return "noweb"

    def missing(self, what: str) -> Reply:
        return _error(400, f'requires property "{what}"')

    def receipt(self, group: Group | None) -> Reply:
        found = {} if group is None else {"groupJid": group.jid}
        return json_reply(200, {"accepted": True, **found})

    def with_id(self, group: Group) -> Reply:
        return self.receipt(group)

    def pending(self, group: Group) -> Reply:  # noqa: ARG002 - Baileys gives no id
        return self.receipt(None)

    def members(self, group: Group) -> Reply:
        people = group_bodies.participants(self.engine, group, self._network.accounts)
        return json_reply(200, {"participants": people})

    def no_members(self) -> Reply:
        return json_reply(200, {"participants": []})

    def left(self, jid: str) -> Reply:
        return json_reply(200, {"groupJid": jid, "leave": True})

    def code(self, code: str, *, fresh: bool) -> Reply:
        if fresh:
            return json_reply(201, {"revoked": True, "inviteCode": code})
        return json_reply(200, {"inviteUrl": f"https://chat.whatsapp.com/{code}", "inviteCode": code})

    def message(self, turn: Turn) -> tuple[str, str]:
        return turn.text("number"), turn.text("text")

    def sent(self, turn: Turn, jid: str, number: int) -> Reply:
        key = {"remoteJid": jid, "fromMe": True, "id": f"3EB0{turn.entry.number:08X}{number:08X}"}
        return json_reply(201, {"key": key, "status": "PENDING", "messageTimestamp": int(turn.entry.at)})

    def session(self, account: Account) -> Reply:
        return json_reply(200, {"instance": self._state(account)})

    def _state(self, account: Account) -> dict[str, str]:
        return {"instanceName": account.instance_id, "state": _STATES[account.shown]}

    def _own_number(self, turn: Turn) -> Reply:
        """The database's row: with the token in it, and a number that is kept after a log-out."""
        account = turn.account
        logged_out = account.banned or account.state is AccountState.SCAN_QR_CODE
        row = {
            "name": account.instance_id,
            "disconnectionReasonCode": 401 if logged_out else None,
            "connectionStatus": _STATES[account.shown],
            "ownerJid": f"{account.phone}@s.whatsapp.net",
            "token": account.access_token,
            "integration": "WHATSAPP-BAILEYS",
        }
        return json_reply(200, [row])

    def _hook(self, account: Account) -> dict[str, Any] | None:
        return dict(account.webhooks[0]) if account.webhooks else None

    def _set_hook(self, turn: Turn) -> Reply:
        given = turn.call.data.get("webhook")
        if not isinstance(given, dict) or not given.get("url") or not isinstance(given.get("enabled"), bool):
            return self.missing("webhook")
        shown = {"webhookByEvents": given.get("byEvents", False), "webhookBase64": given.get("base64", False)}
        kept = {key: given[key] for key in ("url", "headers", "enabled", "events") if key in given}
        turn.account.webhooks = [{**kept, **shown}]
        return json_reply(201, self._hook(turn.account))

    def _restart(self, turn: Turn) -> Reply:
        if turn.account.state is AccountState.FAILED:
            return json_reply(200, {"error": True, "message": "[object Object]"})
        self.restart(turn.account)
        return self.session(turn.account)
