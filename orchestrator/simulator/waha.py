"""WAHA's HTTP face, with the engines NOWEB, GOWS and WEBJS: its published OpenAPI (devlikeapro/waha-docs,
static/swagger/openapi.json, 2026.7.1), and for errors AllExceptionsFilter.ts and manager.abc.ts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from orchestrator.simulator import group_bodies
from orchestrator.simulator.acts import Acts, Call, Turn, by_jid
from orchestrator.simulator.error_wordings import waha_error
from orchestrator.simulator.face import Face, Visitor, Wordings, parameters
from orchestrator.simulator.faults import Faults
from orchestrator.simulator.http_server import HttpRequest, Reply, json_reply, reply
from orchestrator.simulator.model import Account, AccountState, Group
from orchestrator.simulator.network import Network
from orchestrator.simulator.refusals import IqError
from orchestrator.simulator.truth import Kind
from orchestrator.simulator.webhook_bodies import WAHA_ENGINES

_SESSION_PATH = re.compile(r"/api/sessions/([^/]+)(/me|/timelock|/capping|/restart)?")
_SESSION_CALLS: dict[tuple[str, str], Kind] = {
    ("GET", ""): Kind.SESSION,
    ("PUT", ""): Kind.SET_WEBHOOKS,
    ("GET", "/timelock"): Kind.TIMELOCK,
    ("GET", "/capping"): Kind.CAPPING,
    ("POST", "/restart"): Kind.RESTART,
}
_GROUPS_PATH = re.compile(r"/api/([^/]+)/groups(/join|/join-info|/[^/]+@g\.us(?:/.*)?)?")
_GROUPS_CALLS: dict[tuple[str, str], Kind] = {
    ("GET", ""): Kind.LIST,
    ("GET", "/join-info"): Kind.PROBE,
    ("POST", "/join"): Kind.JOIN,
}
_OF_GROUP: dict[tuple[str, str], Kind] = {
    ("GET", ""): Kind.GROUP,
    ("GET", "/participants/v2"): Kind.PARTICIPANTS,
    ("POST", "/leave"): Kind.LEAVE,
    ("GET", "/invite-code"): Kind.CODE,
    ("POST", "/invite-code/revoke"): Kind.REVOKE,
}


def _nest(status: int, message: str, error: str | None = None) -> Reply:
    body = {"message": message, "statusCode": status}
    return json_reply(status, body if error is None else {**body, "error": error})


def _session_down(account: Account | None) -> Reply:
    """manager.abc.ts: after a wait of some seconds, which is left out here."""
    if account is None:
        return json_reply(422, {"error": 'Session "x" does not exist', "session": "x"})
    body = {
        "error": "Session status is not as expected. Try again later or restart the session",
        "session": account.instance_id,
        "status": account.shown.value,
        "expected": ["WORKING"],
    }
    return json_reply(422, body)


def _busy(seconds: float) -> Reply:
    """Of a proxy in front of it: WAHA itself has no limit."""
    return json_reply(429, {"message": "Too Many Requests"}, Retry_After=str(max(1, round(seconds))))


class WahaFace(Face):
    """Sessions are named by the accounts' instance ids, and each account's token is a key for its session."""

    words = Wordings(
        not_found=_nest(404, "Cannot GET /api", "Not Found"),
        missing_token=_nest(401, "Unauthorized"),
        wrong_token=_nest(401, "Unauthorized"),
        session_down=_session_down,
        plain_error=lambda status, text: waha_error(status, {"message": text or "Unexpected"}, "NOWEB"),
        plan_limit=_busy,
        error_body=lambda text: json_reply(200, {"error": text or "Unexpected"}),
        said_status=lambda status, text: json_reply(200, {"statusCode": status, "message": text or "No"}),
        subscription=_nest(403, "Forbidden"),
        no_link=_nest(400, "code should not be empty", "Bad Request"),
    )

    def __init__(self, network: Network, faults: Faults) -> None:
        super().__init__(network, faults, WahaActs(network, faults))

    def claims(self, request: HttpRequest) -> bool:
        return request.path.startswith("/api/")

    def read(self, request: HttpRequest) -> Call | Reply:
        method, path, data = request.method, request.path, parameters(request)
        if (method, path) == ("POST", "/api/sendText"):
            return Call(Kind.SEND, data, None, path, str(data.get("session") or ""))
        if (match := _SESSION_PATH.fullmatch(path)) is not None:
            kind = _SESSION_CALLS.get((method, match[2] or ""))
            if kind is not None:
                return Call(kind, data, None, path, match[1])
        if (match := _GROUPS_PATH.fullmatch(path)) is not None:
            rest = match[2] or ""
            if (kind := _GROUPS_CALLS.get((method, rest))) is not None:
                return Call(kind, data, None, path, match[1])
            _, jid, of_group = rest.split("/", 2) if rest.count("/") > 1 else (*rest.split("/"), "")
            if (kind := _OF_GROUP.get((method, f"/{of_group}" if of_group else ""))) is not None:
                return Call(kind, data, jid, path, match[1])
        return _nest(404, f"Cannot {method} {path}", "Not Found")

    def visitor(self, request: HttpRequest, call: Call) -> Visitor:
        return Visitor(call.account, request.headers.get("x-api-key", ""))

    def let_in(self, account: Account | None, token: str) -> Reply | None:
        """The key comes first: a key that is right for no session is refused, whatever is asked."""
        keys = {one.access_token for one in self.network.accounts.values()}
        if token not in keys:
            return self.words.wrong_token
        if account is None:
            return _session_down(None)
        return None if token == account.access_token else _nest(403, "Forbidden")

    def code_of(self, request: HttpRequest, call: Call) -> str | None:  # noqa: ARG002 - the port's
        """`parseGroupInviteLink`: what stands after the last slash."""
        return str(call.data.get("code") or "").rpartition("/")[2] or None

    def iq(self, error: IqError, turn: Turn) -> Reply:  # noqa: ARG002 - the port's
        engine = self._acts.engine
        if engine == "noweb":
            boom = {"message": error.text, "data": error.code, "isBoom": True, "isServer": True}
            return waha_error(500, boom | {"output": {}, "name": "Error"}, "NOWEB")
        if engine == "gows":
            said = {"code": 2, "details": error.sentence, "message": f"2 UNKNOWN: {error.sentence}"}
            return waha_error(500, said, "GOWS")
        return waha_error(500, {"message": "b", "name": "Error"}, "WEBJS")  # minified, and nothing else


class WahaActs(Acts):
    """What WAHA shows, engine by engine."""

    def own(self) -> dict[Kind, Callable[[Turn], Reply]]:
        return {
            Kind.SET_WEBHOOKS: self._set_config,
            Kind.RESTART: self._restart,
            Kind.TIMELOCK: lambda turn: json_reply(200, self.timelock(turn.account)),
            Kind.CAPPING: self._capping,
        }

    @property
    def engine(self) -> str:
        return self._faults.engine if self._faults.engine in WAHA_ENGINES else "noweb"

    def missing(self, what: str) -> Reply:
        return waha_error(500, {"message": f"Cannot read properties of undefined ({what})"}, "NOWEB")

    def receipt(self, group: Group | None) -> Reply:
        return json_reply(200, {} if group is None else {"id": group.jid})

    def pending(self, group: Group) -> Reply:
        """Baileys gives no id, whatsmeow gives one, and the browser cannot read the answer."""
        if self.engine == "noweb":
            return json_reply(200, {})
        if self.engine == "gows":
            return json_reply(200, {"id": group.jid})
        error = {"name": "UnexpectedJoinGroupViaInviteResponse", "message": "b", "gid": group.jid}
        return waha_error(500, error, "WEBJS")

    def listed(self, shown: list[dict[str, Any]]) -> Reply:
        return json_reply(200, by_jid(shown) if self.engine == "noweb" else shown)

    def members(self, group: Group) -> Reply:
        """`participants/v2` is the same for all engines."""
        people = [
            group_bodies.waha_member(member, group.naming)
            for member in group_bodies.members(group, self._network.accounts)
        ]
        return json_reply(200, people)

    def left(self, jid: str) -> Reply:  # noqa: ARG002 - nothing is said
        return reply(200, b"")

    def code(self, code: str, *, fresh: bool) -> Reply:  # noqa: ARG002 - both are shown alike
        shown = f"https://chat.whatsapp.com/{code}" if self.engine == "gows" else code
        return reply(200, shown.encode(), "text/html; charset=utf-8")

    def message(self, turn: Turn) -> tuple[str, str]:
        return turn.text("chatId"), turn.text("text")

    def sent(self, turn: Turn, jid: str, number: int) -> Reply:
        own = f"3EB0{turn.entry.number:08X}{number:08X}"
        if self.engine == "noweb":
            key = {"remoteJid": jid, "fromMe": True, "id": own}
            return json_reply(201, {"key": key, "message": {}, "status": "PENDING"})
        whole = f"true_{jid}_{own}_{turn.account.phone}@c.us"
        shown = whole if self.engine == "gows" else {"fromMe": True, "remote": jid, "_serialized": whole}
        return json_reply(201, {"id": shown, "_data": {}})

    def session(self, account: Account) -> Reply:
        working = account.shown is AccountState.WORKING
        engine = {"engine": WAHA_ENGINES[self.engine]} if account.shown is not AccountState.STOPPED else {}
        shown: dict[str, Any] = {
            "name": account.session,
            "status": account.shown.value,
            "config": {**account.settings, "webhooks": account.webhooks},
            "me": self.me(account) if working else None,
            "engine": engine,
            "presence": "online" if working else None,
            "timestamps": {"activity": round(self._network.now() * 1000)},
        }
        return json_reply(200, shown)

    def me(self, account: Account) -> dict[str, Any]:
        """Versions before 2026.7.2 have no `reachoutTimelock` in it: a call of its own tells."""
        me = super().me(account)
        me.pop("reachoutTimelock", None)
        return me

    def _set_config(self, turn: Turn) -> Reply:
        """The whole configuration is replaced; what is left out is gone."""
        config = turn.call.data.get("config")
        config = dict(config) if isinstance(config, dict) else {}
        hooks = config.pop("webhooks", None) or []
        if not isinstance(hooks, list) or not all(isinstance(one, dict) and one.get("url") for one in hooks):
            return _nest(400, "config.webhooks.0.url should not be empty", "Bad Request")
        turn.account.webhooks, turn.account.settings = list(hooks), config
        return self.session(turn.account)

    def _restart(self, turn: Turn) -> Reply:
        self.restart(turn.account)
        return self.session(turn.account)

    def _capping(self, _turn: Turn) -> Reply:
        return json_reply(200, {"cappingStatus": "NONE", "totalQuota": -1, "usedQuota": 0})
