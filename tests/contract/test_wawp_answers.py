"""Every shape in which Wawp has been seen to word an answer, over real HTTP, and what it means to us."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.domain.outcomes import Outcome
from tests.contract.wawp_peer import CODE, JID, Seen, against, always, http
from tests.support.defaults import routes

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.domain.outcomes import GatewayAnswer

UPSTREAM = "wawp_upstream_error"
GROUP = {"id": JID, "subject": "Support 4"}

# WhatsApp's number and text, and what they mean to a join, to a probe and to another read.
IQ: list[tuple[int, str, Outcome, Outcome, Outcome]] = [
    (304, "not-modified", Outcome.APPROVAL_PENDING, Outcome.APPROVAL_PENDING, Outcome.TRANSIENT),
    (400, "bad-request", Outcome.BAD_REQUEST, Outcome.BAD_REQUEST, Outcome.BAD_REQUEST),
    (401, "not-authorized", Outcome.REMOVED, Outcome.REMOVED, Outcome.FORBIDDEN),
    (403, "forbidden", Outcome.FORBIDDEN, Outcome.FORBIDDEN, Outcome.FORBIDDEN),
    (404, "item-not-found", Outcome.GROUP_GONE, Outcome.GROUP_GONE, Outcome.GROUP_GONE),
    (405, "not-allowed", Outcome.REMOVED, Outcome.REMOVED, Outcome.FORBIDDEN),
    (406, "not-acceptable", Outcome.CODE_INVALID, Outcome.CODE_INVALID, Outcome.BAD_REQUEST),
    (409, "conflict", Outcome.ALREADY_MEMBER, Outcome.ALREADY_MEMBER, Outcome.ALREADY_MEMBER),
    (410, "gone", Outcome.CODE_REVOKED, Outcome.CODE_REVOKED, Outcome.CODE_REVOKED),
    (412, "", Outcome.GROUP_FULL, Outcome.GROUP_FULL, Outcome.GROUP_FULL),
    (416, "", Outcome.GROUP_LOCKED, Outcome.GROUP_LOCKED, Outcome.GROUP_LOCKED),
    (419, "resource-limit", Outcome.GROUP_FULL, Outcome.GROUP_FULL, Outcome.GROUP_FULL),
    (423, "locked", Outcome.GROUP_LOCKED, Outcome.GROUP_LOCKED, Outcome.GROUP_LOCKED),
    (426, "upgrade-required", Outcome.NEEDS_UPGRADE, Outcome.NEEDS_UPGRADE, Outcome.NEEDS_UPGRADE),
    (429, "rate-overlimit", Outcome.JOIN_LIMITED, Outcome.THROTTLED, Outcome.THROTTLED),
    (436, "growth-locked", Outcome.GROWTH_LOCKED, Outcome.GROWTH_LOCKED, Outcome.GROWTH_LOCKED),
    (463, "account_reachout_restricted", Outcome.RESTRICTED, Outcome.RESTRICTED, Outcome.RESTRICTED),
    (500, "internal-server-error", Outcome.UNKNOWN, Outcome.TRANSIENT, Outcome.TRANSIENT),
    (503, "service-unavailable", Outcome.UNKNOWN, Outcome.TRANSIENT, Outcome.TRANSIENT),
    (530, "partial-server-error", Outcome.UNKNOWN, Outcome.TRANSIENT, Outcome.TRANSIENT),
]


def waha(exception: dict[str, Any]) -> dict[str, Any]:
    """WAHA's error body, with the echo of a request that speaks of other things."""
    echo = {"path": "/api/default/groups/join", "body": {"code": 410, "message": "gone"}}
    return {"statusCode": 500, "exception": exception, "request": echo, "version": {"engine": "NOWEB"}}


def boom(number: int, text: str) -> dict[str, Any]:
    return {"message": text, "data": number, "isBoom": True, "output": {"statusCode": 500}, "stack": "gone"}


def grpc(number: int, text: str) -> dict[str, Any]:
    details = f"info query returned status {number}: {text}"
    return {"code": 2, "details": details, "message": f"2 UNKNOWN: {details}"}


WITH_NUMBER: dict[str, Callable[[int, str], bytes]] = {
    "WAHA NOWEB": lambda n, t: http(500, waha(boom(n, t))),
    "WAHA GOWS": lambda n, t: http(500, waha(grpc(n, t))),
    "ErrorResponse": lambda n, t: http(
        500, {"status": 500, "message": f"info query returned status {n}: {t}", "error": UPSTREAM}
    ),
    "400 with WAHA inside": lambda n, t: http(
        400, {"code": UPSTREAM, "message": "failed", "data": waha(boom(n, t))}
    ),
    "502 with JSON text inside": lambda n, t: http(
        502, {"error": UPSTREAM, "message": json.dumps(waha(boom(n, t)))}
    ),
    "200 with code": lambda n, t: http(200, {"code": UPSTREAM, "message": t, "data": {"code": n}}),
    "200 with the key": lambda n, t: http(200, {UPSTREAM: {"message": t, "data": str(n)}}),
    "200 with error": lambda n, t: http(200, {"error": {"message": f"iq error, status {n}: {t}"}}),
    "200 with result false": lambda n, t: http(200, {"result": False, "message": f"status {n}: {t}"}),
    "200 with exception": lambda n, t: http(200, waha(boom(n, t))),
    "401 with WAHA inside": lambda n, t: http(401, {"error": UPSTREAM, "data": waha(boom(n, t))}),
    "404 with WAHA inside": lambda n, t: http(404, {"error": UPSTREAM, "details": [waha(grpc(n, t))]}),
}
BY_TEXT: dict[str, Callable[[str], bytes]] = {
    "ErrorResponse": lambda t: http(500, {"status": 500, "message": t, "error": UPSTREAM}),
    "no error word": lambda t: http(500, {"statusCode": 500, "message": f"Error: {t}"}),
    "200 with the key": lambda t: http(200, {UPSTREAM: t}),
    "200 with code": lambda t: http(200, {"code": UPSTREAM, "details": {"reason": t}}),
    "200 with result false": lambda t: http(200, {"result": False, "message": t}),
}


async def asked(answer: bytes) -> tuple[GatewayAnswer, GatewayAnswer, GatewayAnswer]:
    """The same answer to a join, a probe and a list."""
    async with against(answer) as (gateway, _):
        receipt = await gateway.join(CODE, last_look=always)
        probe = await gateway.probe(CODE)
        groups = await gateway.groups()
    assert receipt.jid is None
    assert probe.preview is None
    return receipt.answer, probe.answer, groups.answer


@pytest.mark.parametrize("shape", WITH_NUMBER)
@pytest.mark.parametrize("iq", IQ, ids=lambda iq: str(iq[0]))
async def test_whatsapps_number_is_found_in_every_shape(
    shape: str, iq: tuple[int, str, Outcome, Outcome, Outcome]
) -> None:
    number, text, *expected = iq
    answers = await asked(WITH_NUMBER[shape](number, text))

    assert [answer.outcome for answer in answers] == expected
    assert {answer.iq_code for answer in answers} == {number}


@pytest.mark.parametrize("shape", BY_TEXT)
@pytest.mark.parametrize("iq", [iq for iq in IQ if iq[1] not in ("", "not-modified")], ids=lambda iq: iq[1])
async def test_whatsapps_text_is_enough_where_there_is_no_number(
    shape: str, iq: tuple[int, str, Outcome, Outcome, Outcome]
) -> None:
    _, text, *expected = iq
    answers = await asked(BY_TEXT[shape](text))

    assert [answer.outcome for answer in answers] == expected


@pytest.mark.parametrize(
    ("text", "join", "probe"),
    [
        ("that group invite link has been revoked", Outcome.CODE_REVOKED, Outcome.CODE_REVOKED),
        ("that group invite link is not valid", Outcome.CODE_INVALID, Outcome.CODE_INVALID),
        ("Invalid invite code", Outcome.BAD_REQUEST, Outcome.BAD_REQUEST),
        ("2 UNKNOWN: info query timed out", Outcome.UNKNOWN, Outcome.TRANSIENT),
        ("Timed Out", Outcome.UNKNOWN, Outcome.TRANSIENT),
        ("Invalid group metadata response: missing <group> node", Outcome.UNKNOWN, Outcome.TRANSIENT),
        ("UnexpectedJoinGroupViaInviteResponse", Outcome.SUBMITTED, Outcome.TRANSIENT),
        ("Connection Closed", Outcome.UNKNOWN, Outcome.SESSION_DOWN),
        ("Stream Errored (conflict)", Outcome.UNKNOWN, Outcome.SESSION_DOWN),
        ("database is locked", Outcome.UNKNOWN, Outcome.TRANSIENT),
        ("b", Outcome.UNKNOWN, Outcome.TRANSIENT),
        ("Cannot read properties of undefined (reading '_serialized')", Outcome.UNKNOWN, Outcome.TRANSIENT),
        (
            "You have reached the limit for the number of groups you can join",
            Outcome.JOIN_LIMITED,
            Outcome.THROTTLED,
        ),
    ],
)
async def test_texts_that_have_no_number(text: str, join: Outcome, probe: Outcome) -> None:
    answers = await asked(http(500, waha({"message": text, "name": "Error"})))

    assert [answer.outcome for answer in answers[:2]] == [join, probe]


OWN: dict[str, tuple[bytes, Outcome]] = {
    "invalid session": (
        http(404, {"code": "invalid_session", "message": "Scan again"}),
        Outcome.SESSION_DOWN,
    ),
    "invalid session as 200": (http(200, {"code": "invalid_session", "message": "x"}), Outcome.SESSION_DOWN),
    "no token": (http(401, {"status": 401, "message": "Missing access_token"}), Outcome.BAD_CREDENTIALS),
    "no token as 400": (http(400, {"message": "Missing access_token"}), Outcome.BAD_CREDENTIALS),
    "wrong token as 200": (http(200, {"status": 401, "message": "Unauthorized"}), Outcome.BAD_CREDENTIALS),
    "wrong token as 200 with code": (http(200, {"code": 401, "message": "no"}), Outcome.BAD_CREDENTIALS),
    "unauthorized page": (http(401, b"<html>Unauthorized"), Outcome.BAD_CREDENTIALS),
    "forbidden by the gateway": (http(403, {"status": 403, "message": "Forbidden"}), Outcome.BAD_CREDENTIALS),
    "free plan": (http(403, {"code": "subscription_required", "message": "pay"}), Outcome.PLAN_LIMIT),
    "quota": (http(403, {"code": "quota_reached"}), Outcome.PLAN_LIMIT),
    "quota as 429": (http(429, {"error": "quota_reached"}), Outcome.PLAN_LIMIT),
    "plus only": (http(422, {"error": "x is available only in Plus version"}), Outcome.PLAN_LIMIT),
    "WAHA session": (
        http(422, {"error": "Session status is not as expected.", "session": "d", "status": "STARTING"}),
        Outcome.SESSION_DOWN,
    ),
    "WAHA session inside": (
        http(502, {"error": UPSTREAM, "data": {"error": "Session status is not as expected."}}),
        Outcome.SESSION_DOWN,
    ),
    "unknown session": (
        http(422, {"error": 'Session "x" does not exist'}),
        Outcome.BAD_CREDENTIALS,
    ),
    "too many requests": (
        http(429, {"status": 429, "message": "Too many requests"}),
        Outcome.GATEWAY_LIMITED,
    ),
    "too many requests page": (http(429, b"slow down"), Outcome.GATEWAY_LIMITED),
    "not implemented": (
        http(501, {"message": "The method is not implemented by 'X'"}),
        Outcome.NOT_SUPPORTED,
    ),
    "no such method": (http(405, b""), Outcome.NOT_SUPPORTED),
    "no such path": (http(404, {"message": "Cannot POST /v2/groups/join"}), Outcome.NOT_SUPPORTED),
    "WordPress has no such path": (
        http(404, {"code": "rest_no_route", "message": "No route", "data": {"status": 404}}),
        Outcome.NOT_SUPPORTED,
    ),
    "other parameter name": (http(400, {"message": "Missing parameter: url"}), Outcome.NOT_SUPPORTED),
    "bad request": (http(400, {"status": 400, "message": "Bad Request"}), Outcome.BAD_REQUEST),
}


@pytest.mark.parametrize("shape", OWN)
async def test_the_gateways_own_refusals_mean_the_same_to_every_call(shape: str) -> None:
    answer, expected = OWN[shape]
    answers = await asked(answer)

    assert {answer.outcome for answer in answers} == {expected}
    assert all(answer.sent for answer in answers)
    assert all(answer.iq_code is None for answer in answers)


@pytest.mark.parametrize(
    "answer",
    [
        http(500, b""),
        http(500, {"status": 500, "message": "Internal Server Error"}),
        http(502, b"<html><h1>502 Bad Gateway</h1></html>"),
        http(503, {"message": "try later"}),
        http(504, b"gone"),
        http(408, {}),
        http(499, {}),
        http(520, b"cloudflare"),
        http(403, b"<html>attention required</html>"),
        http(410, {"status": 410, "message": "Gone", "error": "Gone"}),
        http(409, {"status": 409, "message": "Conflict", "error": "Conflict"}),
        http(423, {"status": 423, "message": "Locked"}),
        http(404, {"message": "it went away"}),
        http(200, b""),
        http(200, b"<html>it works</html>"),
        http(200, b"\x80\x81"),
        http(200, b'{"id": "12036'),
        http(200, b"null"),
        http(200, [1, 2]),
        http(200, "yes"),
        http(200, {"foo": "bar"}),
        http(200, {"id": "not a jid"}),
        http(200, {"id": "1555@c.us"}),
        http(200, {"id": "1555@c.us", "accepted": True}),
        http(200, {"code": "weird"}),
        http(200, {"error": "something"}),
        http(200, {"id": JID, "error": "something"}),
        http(200, {"message": "ok?"}),
        http(204, b""),
        http(500, {"exception": {"data": 999}}),
        http(200, b"[" * 100_000),
        http(200, b'{"id": NaN}'),
        http(200, b"1" * 10_000),
        http(200, {"data": "\ud800"}),
    ],
)
async def test_what_is_not_understood_leaves_a_join_unknown_and_a_probe_transient(answer: bytes) -> None:
    async with against(answer) as (gateway, _):
        receipt = await gateway.join(CODE, last_look=always)
        probe = await gateway.probe(CODE)

    assert (receipt.answer.outcome, receipt.jid, receipt.answer.sent) == (Outcome.UNKNOWN, None, True)
    assert (probe.answer.outcome, probe.preview) == (Outcome.TRANSIENT, None)
    assert receipt.answer.text


@pytest.mark.parametrize(
    ("body", "outcome", "jid"),
    [
        ({"id": JID}, Outcome.JOINED, JID),
        ({"id": JID, "subject": "Community Group", "description": "x", "error": None}, Outcome.JOINED, JID),
        ({"id": {"_serialized": JID, "server": "g.us"}}, Outcome.JOINED, JID),
        ({"id": {"user": JID[:-5], "server": "g.us"}}, Outcome.JOINED, JID),
        ({"result": True, "data": {"id": JID}}, Outcome.JOINED, JID),
        ({"accepted": True, "groupJid": JID}, Outcome.JOINED, JID),
        ({"group": {"gid": {"_serialized": JID}}}, Outcome.JOINED, JID),
        ({"id": " 11001234567-1587570015@g.us "}, Outcome.JOINED, "11001234567-1587570015@g.us"),
        (JID, Outcome.JOINED, JID),
        ({}, Outcome.ACCEPTED, None),
        ({"id": None}, Outcome.ACCEPTED, None),
        ({"id": ""}, Outcome.ACCEPTED, None),
        ({"accepted": True}, Outcome.ACCEPTED, None),
        ({"result": True, "message": "done"}, Outcome.ACCEPTED, None),
        ({"id": JID, "pending_approval": True}, Outcome.APPROVAL_PENDING, JID),
        ({"requiresApproval": True}, Outcome.APPROVAL_PENDING, None),
    ],
)
async def test_receipts(body: object, outcome: Outcome, jid: str | None) -> None:
    async with against(http(200, body)) as (gateway, _):
        receipt = await gateway.join(CODE, last_look=always)

    assert (receipt.answer.outcome, receipt.jid) == (outcome, jid)


async def test_a_304_says_that_a_look_decides() -> None:
    answer, _, _ = await asked(http(500, waha(boom(304, "not-modified"))))

    assert answer.iq_code == 304
    assert "a look decides" in answer.text


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry_After": "120"}, {}, 120.0),
        ({"Retry_After": "Thu, 01 Jan 1970 00:00:00 GMT"}, {}, 0.0),
        ({"Retry_After": "Wed, 21 Oct 2999 07:28:00 GMT"}, {}, 30 * 86400.0),
        ({"Retry_After": "soon"}, {}, None),
        ({"Retry_After": "-5"}, {}, None),
        ({}, {"retry_after": 30}, 30.0),
        ({}, {"data": {"expiration": 7200}}, 7200.0),
        ({}, {"retry_after": True}, None),
        ({}, {}, None),
    ],
)
async def test_retry_after_is_read_as_seconds_or_date(
    headers: dict[str, str], body: dict[str, Any], seconds: float | None
) -> None:
    answer, _, _ = await asked(http(429, body, **headers))

    assert answer.outcome is Outcome.GATEWAY_LIMITED
    assert answer.retry_after == seconds


NO_ROUTE = [
    http(404, {"message": "Cannot GET /v2/groups/join", "error": "Not Found", "statusCode": 404}),
    http(404, {"status": 404, "message": "No route matches this URL", "error": "Not Found"}),
    http(404, {"statusCode": 404, "message": "Not Found"}),
    http(404, b"404 page not found"),
    http(405, {"status": 405, "message": "This method is not allowed here", "error": "Method Not Allowed"}),
    http(405, b""),
]


@pytest.mark.parametrize("missing", NO_ROUTE)
async def test_a_probe_without_a_route_goes_to_its_own_path_once_and_stays_there(missing: bytes) -> None:
    def answer(seen: Seen) -> bytes:
        return http(200, GROUP) if seen.path.endswith("/join-info") else missing

    async with against(answer) as (gateway, peer):
        probes = [await gateway.probe(CODE) for _ in range(3)]

    assert {probe.answer.outcome for probe in probes} == {Outcome.OK}
    assert [seen.path.rpartition("/")[2] for seen in peer.seen] == [
        "join",
        "join-info",
        "join-info",
        "join-info",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        http(404, {"code": "invalid_session", "message": "Not Found"}),
        http(404, {"error": UPSTREAM, "message": "item-not-found"}),
        http(404, {"message": "it went away"}),
        http(500, waha(boom(404, "item-not-found"))),
        http(500, waha(boom(405, "not-allowed"))),
    ],
)
async def test_a_404_that_speaks_of_something_else_does_not_move_the_probe(answer: bytes) -> None:
    async with against(answer) as (gateway, peer):
        await gateway.probe(CODE)

    assert [seen.path for seen in peer.seen] == ["/v2/groups/join"]


async def test_a_gateway_with_neither_path_is_asked_for_the_second_one_once() -> None:
    async with against(NO_ROUTE[0]) as (gateway, peer):
        probes = [await gateway.probe(CODE) for _ in range(3)]

    assert {probe.answer.outcome for probe in probes} == {Outcome.NOT_SUPPORTED}
    assert [seen.path.rpartition("/")[2] for seen in peer.seen] == ["join", "join-info", "join", "join"]


async def test_a_cut_while_trying_the_second_path_settles_nothing() -> None:
    cut = [b"", http(200, GROUP)]

    def answer(seen: Seen) -> bytes:
        return cut.pop(0) if seen.path.endswith("/join-info") else NO_ROUTE[0]

    async with against(answer) as (gateway, _):
        first = await gateway.probe(CODE)
        second = await gateway.probe(CODE)

    assert (first.answer.outcome, second.answer.outcome) == (Outcome.TRANSIENT, Outcome.OK)


async def test_the_join_of_a_gateway_with_two_paths_stays_on_its_own() -> None:
    options = routes(probe_path="/wp-json/awp/v1/groups/join-info", join_path="/wp-json/awp/v1/groups/join")
    async with against(http(200, GROUP), options=options) as (gateway, peer):
        await gateway.probe(CODE)
        await gateway.join(CODE, last_look=always)

    assert [(seen.method, seen.path) for seen in peer.seen] == [
        ("GET", "/wp-json/awp/v1/groups/join-info"),
        ("POST", "/wp-json/awp/v1/groups/join"),
    ]


@pytest.mark.parametrize("missing", [http(405, b""), http(404, {"message": "Cannot POST /v2/session/info"})])
async def test_session_info_is_posted_first_and_read_by_get_from_then_on_where_it_must(
    missing: bytes,
) -> None:
    def answer(seen: Seen) -> bytes:
        return missing if seen.method == "POST" else http(200, {"status": "WORKING"})

    async with against(answer) as (gateway, peer):
        await gateway.session()
        await gateway.session()

    assert [seen.method for seen in peer.seen] == ["POST", "GET", "GET"]


@pytest.mark.parametrize("answer", [b"", http(500, b""), http(200, b"<html>"), http(502, {"error": "x"})])
async def test_an_act_that_may_have_been_done_is_unknown(answer: bytes) -> None:
    async with against(answer) as (gateway, _):
        sent = await gateway.send_text(JID, "hello")
        code = await gateway.revoke_code(JID)

    assert sent.answer.outcome is code.answer.outcome is Outcome.UNKNOWN


async def test_another_group_than_the_one_asked_for_is_not_believed() -> None:
    async with against(http(200, {"id": "1203630@g.us", "subject": "x", "participants": []})) as (gateway, _):
        answer = await gateway.group(JID)

    assert (answer.answer.outcome, answer.group) == (Outcome.TRANSIENT, None)


@pytest.mark.parametrize(
    "body",
    [
        CODE,
        f"https://chat.whatsapp.com/{CODE}",
        {"inviteCode": CODE},
        {"code": CODE},
        {"inviteUrl": f"https://chat.whatsapp.com/{CODE}?mode=ac_t"},
        {"data": {"invite_link": f"https://chat.whatsapp.com/invite/{CODE}/"}},
        CODE.encode(),
    ],
)
async def test_an_invite_code_is_found_in_every_shape_and_hidden(body: object) -> None:
    async with against(http(200, body)) as (gateway, _):
        answer = await gateway.invite_code(JID)

    assert (answer.answer.outcome, answer.code) == (Outcome.OK, CODE)
    assert CODE not in repr(answer)
