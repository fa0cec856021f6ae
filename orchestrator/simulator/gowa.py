"""The face of go-whatsapp-web-multidevice (GOWA): its published description (docs/openapi.yaml, 9.0.0) and,
for errors and webhooks, its sources (middleware/, event_group.go).
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import Any

from orchestrator.simulator import group_bodies
from orchestrator.simulator.acts import Acts, Call, Turn
from orchestrator.simulator.face import Face, Visitor, Wordings, parameters
from orchestrator.simulator.faults import Faults
from orchestrator.simulator.http_server import HttpRequest, Reply, json_reply, reply
from orchestrator.simulator.model import Account, AccountState, Group, Member, Naming
from orchestrator.simulator.network import Network
from orchestrator.simulator.refusals import IqError
from orchestrator.simulator.truth import Kind

_CALLS: dict[tuple[str, str], Kind] = {
    ("GET", "/app/status"): Kind.SESSION,
    ("GET", "/group/info-from-link"): Kind.PROBE,
    ("POST", "/group/join-with-link"): Kind.JOIN,
    ("GET", "/user/my/groups"): Kind.LIST,
    ("GET", "/group/info"): Kind.GROUP,
    ("GET", "/group/participants"): Kind.PARTICIPANTS,
    ("POST", "/group/leave"): Kind.LEAVE,
    ("GET", "/group/invite-link"): Kind.CODE,
    ("POST", "/send/message"): Kind.SEND,
    ("GET", "/app/reconnect"): Kind.RESTART,
}
_HOOK = {"GET": Kind.WEBHOOKS, "PATCH": Kind.SET_WEBHOOKS}
_MOST = 500  # groups of a list


def _good(message: str, results: Any = None) -> Reply:
    body = {"code": "SUCCESS", "message": message}
    return json_reply(200, body if results is None else {**body, "results": results})


def _error(status: int, code: str, message: str) -> Reply:
    return json_reply(status, {"code": code, "message": message})


def _session_down(account: Account | None) -> Reply:
    if account is None:
        return _error(404, "DEVICE_NOT_FOUND", "device not found; create a device first or provide one")
    return _error(401, "AUTHENTICATION_ERROR", "you are not logged in")


class GowaFace(Face):
    """Devices are named by the accounts' instance ids; each account's token is `user:password`."""

    words = Wordings(
        not_found=reply(404, b"Cannot GET /", "text/plain; charset=utf-8"),
        missing_token=reply(401, b"Unauthorized", "text/plain; charset=utf-8"),
        wrong_token=reply(401, b"Unauthorized", "text/plain; charset=utf-8"),
        session_down=_session_down,
        plain_error=lambda status, text: _error(status, "INTERNAL_SERVER_ERROR", text or "unexpected"),
        plan_limit=lambda seconds: reply(
            429, b"Too Many Requests", "text/plain; charset=utf-8", Retry_After=str(max(1, round(seconds)))
        ),
        error_body=lambda text: json_reply(200, {"error": text or "unexpected"}),
        said_status=lambda status, text: json_reply(200, {"status": status, "message": text or "no"}),
        subscription=_error(403, "FORBIDDEN", "forbidden"),
        no_link=_error(400, "VALIDATION_ERROR", "link: cannot be blank."),
    )

    def __init__(self, network: Network, faults: Faults) -> None:
        super().__init__(network, faults, GowaActs(network, faults))

    def claims(self, request: HttpRequest) -> bool:
        path = request.path
        return "x-device-id" in request.headers or (request.method, path) in _CALLS

    def read(self, request: HttpRequest) -> Call | Reply:
        data = parameters(request)
        kind = _CALLS.get((request.method, request.path))
        if request.path.startswith("/devices/") and request.path.endswith("/webhook"):
            kind = _HOOK.get(request.method)
        if kind is None:
            return reply(404, f"Cannot {request.method} {request.path}".encode(), "text/plain")
        if kind is Kind.CODE and str(data.get("reset")).lower() == "true":
            kind = Kind.REVOKE
        jid = str(data.get("group_id") or "") or None
        return Call(kind, data, jid, request.path, request.headers.get("x-device-id", ""))

    def visitor(self, request: HttpRequest, call: Call) -> Visitor:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        token = b64decode(given.strip() or "").decode("utf-8", "replace") if scheme == "Basic" else ""
        return Visitor(call.account, token)

    def let_in(self, account: Account | None, token: str) -> Reply | None:
        """The password is the server's: it is asked for first, and is right for every device."""
        if token not in {one.access_token for one in self.network.accounts.values()}:
            return self.words.wrong_token
        return _session_down(None) if account is None else None

    def code_of(self, request: HttpRequest, call: Call) -> str | None:  # noqa: ARG002 - the port's
        return str(call.data.get("link") or "").rpartition("/")[2] or None

    def chat_of(self, call: Call) -> str:
        return str(call.data.get("phone") or "")

    def iq(self, error: IqError, turn: Turn) -> Reply:  # noqa: ARG002 - the port's
        return _error(500, "INTERNAL_SERVER_ERROR", error.sentence)


class GowaActs(Acts):
    """What GOWA shows: whatsmeow's groups in an envelope; a probe and the members in words of its own."""

    def own(self) -> dict[Kind, Callable[[Turn], Reply]]:
        return {
            Kind.WEBHOOKS: lambda turn: self._hook(turn.account),
            Kind.SET_WEBHOOKS: self._set_hook,
            Kind.RESTART: self._restart,
        }

    @property
    def engine(self) -> str:
        return "gows"

    def missing(self, what: str) -> Reply:
        return _error(400, "VALIDATION_ERROR", f"{what}: cannot be blank.")

    def preview(self, group: Group) -> Reply:
        """The count is that of the preview's own list, and nothing tells that approval is asked."""
        shown = {
            "group_id": group.jid,
            "name": group.subject,
            "topic": group.description,
            "description": group.description,
            "created_at": "2022-04-15T00:00:00Z",
            "participant_count": group.size,
            "is_locked": False,
            "is_announce": group.announce,
            "is_ephemeral": False,
        }
        return _good("Success get group info from link", shown)

    def receipt(self, group: Group | None) -> Reply:
        return _good("Success joined group", {"group_id": "" if group is None else group.jid})

    def with_id(self, group: Group) -> Reply:
        return self.receipt(group)

    def pending(self, group: Group) -> Reply:
        return self.receipt(group)

    def listed(self, shown: list[dict[str, Any]]) -> Reply:
        return _good("Success get list groups", {"data": shown[:_MOST] or None})

    def whole(self, group: Group) -> Reply:
        return _good("Success get group info", self.show(group))

    def members(self, group: Group) -> Reply:
        people = [_member(one, group.naming) for one in group_bodies.members(group, self._network.accounts)]
        return _good("Success", {"group_id": group.jid, "name": group.subject, "participants": people})

    def no_members(self) -> Reply:
        return _good("Success", {"participants": []})

    def left(self, jid: str) -> Reply:  # noqa: ARG002 - nothing is said
        return _good("Success leave group")

    def code(self, code: str, *, fresh: bool) -> Reply:  # noqa: ARG002 - both are shown alike
        return _good("Success get invite link", {"invite_link": f"https://chat.whatsapp.com/{code}"})

    def message(self, turn: Turn) -> tuple[str, str]:
        return turn.text("phone"), turn.text("message")

    def sent(self, turn: Turn, jid: str, number: int) -> Reply:
        said = f"Message sent to {jid} (server timestamp: {turn.entry.at:.0f})"
        return _good(said, {"message_id": f"3EB0{turn.entry.number:08X}{number:08X}", "status": said})

    def session(self, account: Account) -> Reply:
        shown, paired = account.shown, account.shown is AccountState.WORKING
        results = {
            "is_connected": shown in (AccountState.WORKING, AccountState.SCAN_QR_CODE),
            "is_logged_in": paired,
            "device_id": account.instance_id,
            "jid": f"{account.phone}@s.whatsapp.net" if paired else "",
        }
        return _good("Connection status retrieved", results)

    def _hook(self, account: Account) -> Reply:
        one = account.webhooks[0] if account.webhooks else {}
        events = one.get("events")
        results = {
            "device_id": account.instance_id,
            "webhook_url": one.get("url", ""),
            "webhook_secret": one.get("hmac", ""),
            "webhook_events": ",".join(map(str, events)) if isinstance(events, list) else "",
            "webhook_insecure_skip_verify": False,
        }
        return _good("Device webhook", results)

    def _set_hook(self, turn: Turn) -> Reply:
        """All of it is replaced; an empty address gives the server's own webhook back."""
        if "webhook_url" not in turn.call.data:
            return _error(400, "BAD_REQUEST", "webhook_url is required")
        events = [one for one in turn.text("webhook_events").split(",") if one]
        hook: dict[str, object] = {"url": turn.text("webhook_url"), "hmac": turn.text("webhook_secret")}
        turn.account.webhooks = [{**hook, "events": events}] if hook["url"] else []
        return self._hook(turn.account)

    def _restart(self, turn: Turn) -> Reply:
        self.restart(turn.account)
        return _good("Reconnect success", {"device_id": turn.account.instance_id})


def _member(member: Member, naming: Naming) -> dict[str, Any]:
    shown = group_bodies.gows_member(member, naming)
    phone = shown["PhoneNumber"].partition("@")[0]
    lid = {"lid": shown["LID"]} if shown["LID"] else {}
    rank = {"is_admin": shown["IsAdmin"], "is_super_admin": shown["IsSuperAdmin"]}
    return {"jid": shown["JID"], "phone_number": phone, **lid, **rank}
