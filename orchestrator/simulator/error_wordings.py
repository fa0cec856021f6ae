"""How a gateway words an error: the shapes that Wawp's users and sources show.

status           HTTP 500 {"status","message","error"} (Wawp's OpenAPI, ErrorResponse)
ok_code          HTTP 200 {"code":"wawp_upstream_error","message","data"}
upstream_key     HTTP 200 {"wawp_upstream_error": {...}}
ok_false         HTTP 200 {"result":false,"message"} (the old WordPress envelope)
noweb, gows      HTTP 500 WAHA's exception as its NOWEB or GOWS engine words it (AllExceptionsFilter.ts)
spoken           HTTP 500 {"error"} with whatsmeow's own sentence
listed           HTTP 404 {"response":{"message":[..]}} (Evolution, main.ts)
text             HTTP 500 with the sentence as plain text
wrapped_noweb, wrapped_gows   HTTP 502 with WAHA's exception inside "data"
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.simulator.http_server import Reply, json_reply, reply
from orchestrator.simulator.refusals import IqError

UPSTREAM = "wawp_upstream_error"


def _listed(error: IqError) -> dict[str, Any]:
    said = ["The call failed", f"Error: {error.text}"]
    return {"status": 404, "error": "Not Found", "response": {"message": said}}


def _wrapped(inner: dict[str, Any]) -> Reply:
    return json_reply(502, {"status": 502, "error": UPSTREAM, "message": "Upstream error", "data": inner})


def _boom(error: IqError) -> dict[str, Any]:
    return {
        "message": error.text,
        "data": error.code,
        "isBoom": True,
        "isServer": True,
        "output": {},
        "name": "Error",
        "stack": f"Error: {error.text}\n at assertNodeErrorFree",
    }


def _grpc(error: IqError) -> dict[str, Any]:
    return {"code": 2, "details": error.sentence, "message": f"2 UNKNOWN: {error.sentence}"}


def _waha(exception: dict[str, Any], engine: str, status: int = 500) -> dict[str, Any]:
    return {
        "statusCode": status,
        "timestamp": "2026-07-01T12:00:00.000Z",
        "exception": exception,
        "request": {"path": "/api/default/groups/join", "method": "POST", "body": {}, "query": {}},
        "version": {"version": "2026.7.1", "engine": engine, "tier": "PLUS", "browser": None},
    }


def waha_error(status: int, exception: dict[str, Any], engine: str) -> Reply:
    """AllExceptionsFilter.ts: whatever an engine threw."""
    return json_reply(status, _waha(exception, engine, status))


DIALECTS: dict[str, Callable[[IqError], Reply]] = {
    "status": lambda error: json_reply(500, {"status": 500, "message": str(error), "error": UPSTREAM}),
    "ok_code": lambda error: json_reply(
        200, {"code": UPSTREAM, "message": error.text, "data": {"code": error.code}}
    ),
    "upstream_key": lambda error: json_reply(200, {UPSTREAM: {"message": str(error), "details": error.text}}),
    "ok_false": lambda error: json_reply(200, {"result": False, "message": str(error)}),
    "noweb": lambda error: json_reply(500, _waha(_boom(error), "NOWEB")),
    "gows": lambda error: json_reply(500, _waha(_grpc(error), "GOWS")),
    "spoken": lambda error: json_reply(
        500, {"code": 500, "success": False, "error": f"Failed: {error.sentence}"}
    ),
    "listed": lambda error: json_reply(404, _listed(error)),
    "text": lambda error: reply(500, error.sentence.encode(), "text/plain; charset=utf-8"),
    "wrapped_noweb": lambda error: _wrapped(_waha(_boom(error), "NOWEB")),
    "wrapped_gows": lambda error: _wrapped(_waha(_grpc(error), "GOWS")),
}

MISSING_TOKEN = json_reply(401, {"status": 401, "message": "Missing access_token", "error": "Unauthorized"})
WRONG_TOKEN = json_reply(401, {"status": 401, "message": "Invalid access_token", "error": "Unauthorized"})
INVALID_SESSION = json_reply(
    404, {"code": "invalid_session", "message": "Session not found or not connected. Scan the QR code again."}
)
SUBSCRIPTION = json_reply(
    403, {"code": "subscription_required", "message": "This feature needs a paid plan.", "status": 403}
)
NO_LINK = json_reply(
    400, {"status": 400, "message": "The parameter must be a full invite link", "error": "Bad Request"}
)
NOT_FOUND = json_reply(404, {"status": 404, "message": "No route matches this URL", "error": "Not Found"})
NOT_ALLOWED = json_reply(
    405, {"status": 405, "message": "This method is not allowed here", "error": "Method Not Allowed"}
)


def plain_error(status: int, text: str | None) -> Reply:
    """The gateway's own trouble, with nothing of WhatsApp in it."""
    message = text or "The server could not handle the request"
    return json_reply(status, {"status": status, "message": message, "error": "Server Error"})


def plan_limit(seconds: float) -> Reply:
    """The gateway's own HTTP 429, which says nothing about WhatsApp's limits."""
    body = {"status": 429, "message": "Too many requests for this instance", "error": "Too Many Requests"}
    return json_reply(429, body, Retry_After=str(max(1, round(seconds))))


def said_status(status: int, text: str | None) -> Reply:
    """HTTP 200 with another status in its body."""
    return json_reply(200, {"status": status, "message": text or "Unauthorized"})


def unread_answer(jid: str, *, named: bool) -> Reply:
    """WhatsApp was asked, and the gateway cannot read its answer: wa-js's exception, or whatsmeow's words."""
    if named:
        error = {"name": "UnexpectedJoinGroupViaInviteResponse", "message": "b", "gid": jid}
        return json_reply(500, _waha(error, "WEBJS"))
    return json_reply(500, {"error": "missing <group> element in response to group link join query"})


def error_body(text: str | None) -> Reply:
    """HTTP 200 with an error inside, as some of Wawp's failures come."""
    message = text or "Something went wrong, retry with exponential backoff"
    return json_reply(200, {"code": UPSTREAM, "message": message, "data": {"status": 500}})
