"""Answers that gateways really gave, as reports and sources show them, and what they mean to each call.

Bodies are reduced to what carries meaning. Sources: whatsmeow `errors.go` and `group.go` @33cfac5; WAHA
`AllExceptionsFilter.ts` and issues #266, #1026; evolution-api `main.ts`; wa-js `group/functions/join.ts`;
go-whatsapp-web-multidevice `recovery.go`; Wawp's pages of /v2/session/start, /me and /send/text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.domain.outcomes import GatewayAnswer, InstanceState, Outcome, Participant
from tests.contract.wawp_peer import CODE, JID, TOKEN, against, always, http

if TYPE_CHECKING:
    from collections.abc import Callable

O = Outcome  # noqa: E741 - the tables are for reading in columns
UPSTREAM = "wawp_upstream_error"


@dataclass(frozen=True)
class Asked:
    """One answer, given to every kind of call."""

    join: GatewayAnswer
    probe: GatewayAnswer
    look: GatewayAnswer
    listed: GatewayAnswer
    send: GatewayAnswer
    leave: GatewayAnswer
    session: GatewayAnswer
    state: InstanceState

    @property
    def all(self) -> tuple[GatewayAnswer, ...]:
        return (self.join, self.probe, self.look, self.listed, self.send, self.leave, self.session)


async def asked(answer: bytes) -> Asked:
    async with against(answer) as (gateway, _):
        session = await gateway.session()
        return Asked(
            join=(await gateway.join(CODE, last_look=always)).answer,
            probe=(await gateway.probe(CODE)).answer,
            look=(await gateway.participants(JID)).answer,
            listed=(await gateway.groups()).answer,
            send=(await gateway.send_text(JID, "hello")).answer,
            leave=await gateway.leave(JID),
            session=session.answer,
            state=session.state,
        )


def waha(exception: dict[str, Any]) -> bytes:
    return http(500, {"statusCode": 500, "exception": exception, "request": {"body": {"code": CODE}}})


def gows(sentence: str) -> bytes:
    """WAHA on whatsmeow: the error of gRPC."""
    return waha({"code": 2, "details": sentence, "message": f"2 UNKNOWN: {sentence}"})


def gowa(sentence: str) -> bytes:
    return http(500, {"status": 500, "code": "INTERNAL_SERVER_ERROR", "message": sentence})


OUTSIDE = "you're not participating in that group"

# sentence: join, probe, read (look and list), act (send and leave)
WHATSMEOW: dict[str, tuple[Outcome, Outcome, Outcome, Outcome]] = {
    OUTSIDE: (O.UNKNOWN, O.TRANSIENT, O.FORBIDDEN, O.FORBIDDEN),
    "that group does not exist": (O.GROUP_GONE, O.GROUP_GONE, O.GROUP_GONE, O.GROUP_GONE),
    "that group invite link has been revoked": (O.CODE_REVOKED,) * 4,
    "that group invite link is not valid": (O.CODE_INVALID, O.CODE_INVALID, O.BAD_REQUEST, O.BAD_REQUEST),
    "you don't have the permission to get the group's invite link": (O.FORBIDDEN,) * 4,
    "info query timed out": (O.UNKNOWN, O.TRANSIENT, O.TRANSIENT, O.UNKNOWN),
    "timed out waiting for message send response": (O.UNKNOWN, O.TRANSIENT, O.TRANSIENT, O.UNKNOWN),
    "websocket not connected": (O.UNKNOWN, O.SESSION_DOWN, O.SESSION_DOWN, O.UNKNOWN),
    "websocket disconnected before info query returned response": (
        O.UNKNOWN, O.SESSION_DOWN, O.SESSION_DOWN, O.UNKNOWN,
    ),
    "the store doesn't contain a device JID": (O.SESSION_DOWN,) * 4,
    "client is nil": (O.SESSION_DOWN,) * 4,
    "missing <group> element in response to group link join query": (
        O.SUBMITTED, O.TRANSIENT, O.TRANSIENT, O.UNKNOWN,
    ),
    "missing <group> element in response to group link info query": (
        O.UNKNOWN, O.TRANSIENT, O.TRANSIENT, O.UNKNOWN,
    ),
    "missing <groups> element in response to group list query": (
        O.UNKNOWN, O.TRANSIENT, O.TRANSIENT, O.UNKNOWN,
    ),
    "server returned error 463": (O.RESTRICTED,) * 4,
    "info query returned status 429: rate-overlimit": (O.JOIN_LIMITED, O.THROTTLED, O.THROTTLED, O.THROTTLED),
    "info query returned unexpected response: <iq/>": (O.UNKNOWN, O.TRANSIENT, O.TRANSIENT, O.UNKNOWN),
}  # fmt: skip
BEHIND: dict[str, Callable[[str], bytes]] = {
    "GOWS": gows,
    "GOWA": gowa,
    "a bare 500": lambda said: http(500, {"error": said}),
    "with a prefix": lambda said: http(500, {"code": 500, "success": False, "error": f"Failed: {said}"}),
    "a list": lambda said: http(502, {"errors": ["join failed", said]}),
    "plain text": lambda said: http(500, said.encode()),
    "inside a 200": lambda said: http(200, {UPSTREAM: {"message": said}}),
}


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("said", WHATSMEOW)
async def test_whatsmeows_own_sentences_are_read_on_every_kind_of_call(said: str, behind: str) -> None:
    join, probe, read, act = WHATSMEOW[said]
    seen = await asked(BEHIND[behind](said))

    assert (seen.join.outcome, seen.probe.outcome) == (join, probe)
    assert {seen.look.outcome, seen.listed.outcome} == {read}
    assert {seen.send.outcome, seen.leave.outcome} == {act}
    assert said.partition(" <")[0] in seen.look.text


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 502])
@pytest.mark.parametrize(
    "said",
    [
        OUTSIDE,
        "you\u2019re not participating in that group",
        f"failed to get group members: {OUTSIDE}",
        "You are not a participant of this group",
        "you are no longer a member of the group",
        "you're not in this group",
    ],
)
async def test_somebody_outside_is_outside_whatever_the_gateways_status(status: int, said: str) -> None:
    for answer in (http(status, {"error": said}), http(status, {"status": status, "message": said})):
        seen = await asked(answer)
        assert seen.look.outcome is O.FORBIDDEN
        assert seen.join.outcome is O.UNKNOWN


WORDED: dict[str, tuple[bytes, Outcome, Outcome]] = {  # answer: join, look
    "Evolution's list": (
        http(
            404,
            {
                "status": 404,
                "error": "Not Found",
                "response": {"message": ["Accept invite error", "Error: gone"]},
            },
        ),
        O.CODE_REVOKED,
        O.CODE_REVOKED,
    ),
    "a string": (http(500, {"error": "Error: item-not-found"}), O.GROUP_GONE, O.GROUP_GONE),
    "a list of strings": (
        http(500, {"errors": ["join failed", "resource-limit"]}),
        O.GROUP_FULL,
        O.GROUP_FULL,
    ),
    "a list in a 200": (http(200, {"errors": ["gone"]}), O.CODE_REVOKED, O.CODE_REVOKED),
    "a list of lists": (http(500, {"message": [["x"], ["rate-overlimit"]]}), O.JOIN_LIMITED, O.THROTTLED),
    "an object with index keys": (http(500, {"error": {"0": "gone"}}), O.CODE_REVOKED, O.CODE_REVOKED),
    "fields that failed": (
        http(422, {"message": "Invalid data.", "errors": {"url": ["is required"]}}),
        O.NOT_SUPPORTED,
        O.NOT_SUPPORTED,
    ),
    "other letters": (http(500, {"Message": "Error: gone"}), O.CODE_REVOKED, O.CODE_REVOKED),
    "the body is the text": (
        http(500, "that group invite link has been revoked"),
        O.CODE_REVOKED,
        O.CODE_REVOKED,
    ),
    "the body is a list": (
        http(500, ["Accept invite error", "Error: conflict"]),
        O.ALREADY_MEMBER,
        O.ALREADY_MEMBER,
    ),
    "plain text": (http(400, b"Missing access_token"), O.BAD_CREDENTIALS, O.BAD_CREDENTIALS),
    "plain text in a 200": (http(200, b"Error: rate-overlimit"), O.JOIN_LIMITED, O.THROTTLED),
    "a plain phrase": (http(504, b"Gone"), O.UNKNOWN, O.TRANSIENT),
    "a plain 404": (http(404, b"404 page not found"), O.NOT_SUPPORTED, O.NOT_SUPPORTED),
    "XML": (
        http(400, b'<?xml version="1.0"?><r><code>invalid_session</code><message>Start it</message></r>'),
        O.SESSION_DOWN,
        O.SESSION_DOWN,
    ),
    "XML with attributes": (http(500, b'<error text="item-not-found"/>'), O.GROUP_GONE, O.GROUP_GONE),
    "an exception that has only a name": (
        waha({"name": "UnexpectedJoinGroupViaInviteResponse", "message": "b", "gid": JID}),
        O.SUBMITTED,
        O.TRANSIENT,
    ),
    "a nested 401 of the gateway's own": (
        http(401, {"error": {"code": 401, "message": "Invalid token"}}),
        O.BAD_CREDENTIALS,
        O.BAD_CREDENTIALS,
    ),
    "a nested 429 of the gateway's own": (
        http(429, {"error": {"code": 429, "message": "Slow down"}}),
        O.GATEWAY_LIMITED,
        O.GATEWAY_LIMITED,
    ),
    "WhatsApp's 429 in a 429": (
        http(429, {"error": {"code": 429, "message": "rate-overlimit"}}),
        O.JOIN_LIMITED,
        O.THROTTLED,
    ),
    "a wrong instance_id": (
        http(404, {"message": "Invalid instance_id"}),
        O.BAD_CREDENTIALS,
        O.BAD_CREDENTIALS,
    ),
    "a code that is not taken": (http(400, {"message": "Invalid Invite Code"}), O.BAD_REQUEST, O.BAD_REQUEST),
    "WhatsApp's own 406": (
        http(500, {"error": UPSTREAM, "message": "info query returned status 406: not-acceptable"}),
        O.CODE_INVALID,
        O.BAD_REQUEST,
    ),
    "message 463 of a thread": (http(500, {"message": "message 463 is gone astray"}), O.UNKNOWN, O.TRANSIENT),
}


@pytest.mark.parametrize("name", WORDED)
async def test_refusals_are_read_however_they_are_worded(name: str) -> None:
    answer, join, look = WORDED[name]
    seen = await asked(answer)

    assert (seen.join.outcome, seen.look.outcome) == (join, look)


@pytest.mark.parametrize(
    ("answer", "quoted"),
    [
        (http(400, f"Invalid parameter near {TOKEN}".encode()), "Invalid parameter near [hidden]"),
        (
            http(400, b"<Error><Code>NoSuchKey</Code><Message>No such session</Message></Error>"),
            "No such session",
        ),
        (http(500, {"errors": ["first", f"second https://chat.whatsapp.com/{CODE}"]}), "first | second"),
        (http(404, {"message": "Invalid instance_id"}), "check it in the configuration"),
        (http(404, {"code": "invalid_session"}), "under this instance_id"),
        (http(404, b"404 page not found"), "check base_url"),
        (http(400, {"message": "Missing parameter: url"}), "check code_parameter"),
        (http(429, {"message": "Too many requests"}), "the gateway's own limit, not WhatsApp's"),
    ],
)
async def test_what_was_said_is_quoted_and_scrubbed(answer: bytes, quoted: str) -> None:
    seen = await asked(answer)

    for said in (seen.join.text, seen.probe.text):
        assert quoted in said
        assert TOKEN not in said
        assert CODE not in said


@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.parametrize(
    "body",
    [
        {"status": 429, "message": "Too many requests for this instance", "error": "Too Many Requests"},
        {"code": "rate_limited", "message": "group_req_per_minute"},
        {"error": "too_many_requests"},
    ],
)
async def test_the_gateways_own_limit_is_told_from_whatsapps_on_every_call(
    status: int, body: dict[str, Any]
) -> None:
    seen = await asked(http(status, body, Retry_After="3"))

    assert {answer.outcome for answer in seen.all} == {O.GATEWAY_LIMITED}
    assert {answer.retry_after for answer in seen.all} == {3.0}
    assert seen.state is InstanceState.UNKNOWN


REFUSED = [
    {"status": False},
    {"status": False, "message": "no"},
    {"status": "false"},
    {"status": "failed"},
    {"success": False},
    {"success": "false"},
    {"ok": False},
    {"result": False},
    {"status": False, "id": JID},
]


@pytest.mark.parametrize("body", REFUSED, ids=str)
async def test_a_plain_no_in_a_200_is_a_refusal_of_calls_that_change_something(body: dict[str, Any]) -> None:
    async with against(http(200, body)) as (gateway, _):
        joined = await gateway.join(CODE, last_look=always)
        left = await gateway.leave(JID)
        sent = await gateway.send_text(JID, "hello")
        code = await gateway.revoke_code(JID)

    assert {left.outcome, sent.answer.outcome, code.answer.outcome} == {O.UNKNOWN}
    assert (joined.answer.outcome, joined.jid) == (O.UNKNOWN, None)


async def test_a_plain_yes_and_a_session_that_failed_are_no_refusals() -> None:
    async with against(http(200, {"status": True})) as (gateway, _):
        assert (await gateway.leave(JID)).outcome is O.OK
    async with against(http(200, {"name": "wawp-1", "status": "FAILED"})) as (gateway, _):
        session = await gateway.session()
    assert (session.answer.outcome, session.state) == (O.OK, InstanceState.LOST)


INDEXED = [
    lambda items: {str(at): item for at, item in enumerate(items)},
    lambda items: {**{str(at): item for at, item in enumerate(items)}, "status": True, "total": len(items)},
    lambda items: {"data": {str(at): item for at, item in enumerate(items)}},
    lambda items: {"groups": {str(at): item for at, item in enumerate(items)}},
]


@pytest.mark.parametrize("wrap", INDEXED)
async def test_lists_with_index_keys_are_lists(wrap: Any) -> None:
    groups = [{"id": JID, "subject": "a"}, {"id": "1203630@g.us", "subject": "b"}]
    async with against(http(200, wrap(groups))) as (gateway, _):
        listed = await gateway.groups()
    people = [{"id": "15550001@c.us"}, {"id": "2222@lid"}]
    async with against(http(200, wrap(people))) as (gateway, _):
        seen = await gateway.participants(JID)

    assert [group.subject for group in listed.groups] == ["a", "b"]
    if wrap is not INDEXED[3]:
        assert seen.participants == (Participant(phone="15550001"), Participant(lid="2222"))


@pytest.mark.parametrize(
    ("shown", "members"),
    [
        ({"ParticipantCount": 0}, 30),
        ({"size": 0}, 30),
        ({"size": 0, "ParticipantCount": 231}, 231),
        ({"size": 231}, 231),
        ({}, None),
    ],
)
async def test_a_count_is_never_smaller_than_what_is_shown_beside_it(
    shown: dict[str, Any], members: int | None
) -> None:
    people = [{"JID": f"{number}@lid"} for number in range(100_000, 100_030)]
    async with against(http(200, {"JID": JID, "Name": "n", "Participants": people, **shown})) as (gateway, _):
        probe = await gateway.probe(CODE)
        group = await gateway.group(JID)

    assert probe.preview is not None
    assert probe.preview.members == members
    assert group.group is not None
    assert group.group.members == (members or 30)


PARAMETERS = [
    {"message": ["code must be a string"], "error": "Bad Request", "statusCode": 400},
    {"message": ["code should not be empty", "property url should not exist"], "statusCode": 400},
    {"error": "chatId cannot be null"},
]
NOT_OFFERED = [{"code": "NOT_SUPPORTED"}, {"error": "not_implemented", "message": "no"}, b"not_supported"]
UNKNOWN_INSTANCE = [
    {"message": "Instance not found"},
    {"error": "Invalid instance_id"},
    {"error": "Invalid session id"},
    {"message": 'Session "x" does not exist'},
    {"message": "Unknown instance"},
]
NOT_AT_WORK = [
    {"status": False, "message": "Instance not connected"},
    {"error": "The session is not ready"},
    {"message": "WhatsApp is disconnected"},
    {"message": "Invalid session"},  # Wawp's word for a session that is lost, not for one that it never knew
    {"error": "The session has expired"},
    ["invalid_session"],
    b"invalid_session",
]


@pytest.mark.parametrize(
    ("statuses", "bodies", "outcome"),
    [
        ((400, 422), PARAMETERS, O.NOT_SUPPORTED),
        ((400, 404, 500), NOT_OFFERED, O.NOT_SUPPORTED),
        ((400, 401, 403, 404, 500), UNKNOWN_INSTANCE, O.BAD_CREDENTIALS),
        ((400, 404, 500), NOT_AT_WORK, O.SESSION_DOWN),
        ((403,), [{"message": "Your subscription does not allow this"}], O.PLAN_LIMIT),
        ((403,), [{"message": "Upgrade to a paid plan"}, b"quota exceeded"], O.PLAN_LIMIT),
    ],
)
async def test_the_gateways_own_words_are_known_in_every_place(
    statuses: tuple[int, ...], bodies: list[Any], outcome: Outcome
) -> None:
    for status in statuses:
        for body in bodies:
            seen = await asked(http(status, body))
            assert {answer.outcome for answer in seen.all} == {outcome}, (status, body)


@pytest.mark.parametrize(
    ("code", "phrase", "outcome"),
    [
        (401, "Unauthorized", O.BAD_CREDENTIALS),
        (403, "Forbidden", O.BAD_CREDENTIALS),
        (429, "Too Many Requests", O.GATEWAY_LIMITED),
        (404, "Not Found", O.NOT_SUPPORTED),
    ],
)
async def test_a_status_inside_a_200_is_the_gateways_however_it_is_written(
    code: int, phrase: str, outcome: Outcome
) -> None:
    for body in (
        {"error": {"code": code, "message": phrase}},
        {"error": {"status": str(code), "message": phrase}},
        {"statusCode": str(code), "message": phrase},
        {"message": phrase, "data": {"status": code}},
    ):
        seen = await asked(http(200, body))
        assert {answer.outcome for answer in seen.all} == {outcome}, body
        assert {answer.iq_code for answer in seen.all} == {None}
    seen = await asked(http(500, {"error": {"code": code, "message": phrase}}))
    assert seen.join.iq_code is None  # WhatsApp has words of its own for it


async def test_whatsapps_words_inside_a_200_are_still_whatsapps() -> None:
    seen = await asked(http(200, {"error": {"code": 429, "message": "rate-overlimit"}}))
    assert (seen.join.outcome, seen.look.outcome) == (O.JOIN_LIMITED, O.THROTTLED)
    seen = await asked(http(200, {"error": {"code": 401, "message": "not-authorized"}}))
    assert (seen.join.outcome, seen.look.outcome) == (O.REMOVED, O.FORBIDDEN)


@pytest.mark.parametrize("status", [404, 500])
async def test_a_group_that_is_not_found_is_no_group_of_ours_and_a_code_to_ask_again(status: int) -> None:
    for said in ("Group not found", "chat not found"):
        seen = await asked(http(status, {"message": said}))
        assert (seen.look.outcome, seen.leave.outcome) == (O.FORBIDDEN, O.FORBIDDEN)  # it may well exist
        assert (seen.join.outcome, seen.probe.outcome) == (O.BAD_REQUEST, O.BAD_REQUEST)


async def test_whatsapps_own_forbidden_is_told_from_https_by_its_letters() -> None:
    assert (await asked(http(403, {"message": "forbidden"}))).look.outcome is O.FORBIDDEN
    assert (await asked(http(401, {"error": "not-authorized"}))).join.outcome is O.REMOVED
    assert (await asked(http(403, {"message": "Forbidden"}))).look.outcome is O.BAD_CREDENTIALS
    assert (await asked(http(403, {"error": "forbidden", "message": "no"}))).look.outcome is O.BAD_CREDENTIALS


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><html><body>Sign in</body></html>",
        b"<response><message>no</message></response>",
        "Error: gone",
        ["Accept invite error", "Error: conflict"],
        b"invalid_session",
        {"success": 0},
        {"data": {"status": False}},
        [{"status": False, "message": "no"}],
    ],
)
async def test_what_is_no_plain_yes_has_not_been_done(body: Any) -> None:
    seen = await asked(http(200, body))

    assert seen.leave.outcome is not O.OK
    assert seen.send.outcome is not O.OK
    assert seen.join.outcome not in (O.JOINED, O.ACCEPTED)


@pytest.mark.parametrize(
    ("header", "body", "seconds"),
    [
        ("3.5", {}, 3.5),
        (None, {"retry_after": "7"}, 7.0),
        (None, {"error": {"retryAfterMs": 1500}}, 1.5),
        (None, {"message": "Too many requests, retry after 7 seconds"}, 7.0),
        (None, {"message": "Slow down. Try again in 2 minutes"}, 120.0),
        (None, b"wait for 1 hour", 3600.0),
        (None, {"retry_after": -3}, None),
        (None, {"retry_after": "soon"}, None),
    ],
)
async def test_how_long_to_wait_is_read_wherever_it_stands(
    header: str | None, body: Any, seconds: float | None
) -> None:
    headers = {} if header is None else {"Retry_After": header}
    seen = await asked(http(429, body, **headers))

    assert {answer.outcome for answer in seen.all} == {O.GATEWAY_LIMITED}
    assert {answer.retry_after for answer in seen.all} == {seconds}


@pytest.mark.parametrize(
    ("answer", "certain"),
    [
        (http(401, {"message": "Unauthorized"}), True),
        (http(404, {"code": "invalid_session"}), True),
        (http(400, {"message": "Invalid Invite Code"}), True),
        (http(429, b""), True),
        (http(500, {"error": "client is nil"}), True),
        (waha({"message": "bad-request", "data": 400}), True),
        (http(500, {"error": "Error: gone"}), True),
        (http(200, {"status": 401, "message": "Unauthorized"}), False),
        (http(200, {"status": 429, "message": "Too Many Requests"}), False),
        (http(200, {"code": "invalid_session"}), False),
        (http(500, ["Invalid Invite Code"]), False),
        (http(502, {"code": "not_supported"}), False),
        (http(200, b"Missing access_token"), False),
    ],
)
async def test_a_join_is_surely_refused_by_whatsapp_or_by_a_status_that_refuses(
    answer: bytes, certain: bool
) -> None:
    seen = await asked(answer)

    assert seen.join.certain is certain
    assert seen.probe.certain
