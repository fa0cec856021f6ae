"""Reading a Wawp request: which call it is, whose, and with what."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.simulator import dialect
from orchestrator.simulator.truth import Kind

if TYPE_CHECKING:
    from orchestrator.simulator.http_server import HttpRequest, Reply
    from orchestrator.simulator.model import Account

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
        return dialect.NOT_ALLOWED if known else dialect.NOT_FOUND
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
        return dialect.MISSING_TOKEN
    if account is None:
        return dialect.INVALID_SESSION
    return None if token == account.access_token else dialect.WRONG_TOKEN
