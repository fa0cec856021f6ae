"""WhatsApp's own answers, whichever gateway passes them on: by number, by engine's sentence, by text."""

from __future__ import annotations

import json

import pytest

from orchestrator.domain.outcomes import GatewayAnswer, Outcome
from orchestrator.gateways.answers import Hidden, ParsedAnswer, Wording, on_text, on_words
from orchestrator.gateways.http import HttpResult
from orchestrator.gateways.whatsapp_answers import (
    NUMBERS,
    OUTCOMES,
    Call,
    Meaning,
    by_number,
    by_sentence,
    by_text,
    number_after_status,
    number_in_whatsmeow,
)

O = Outcome  # noqa: E741 - the table below is for reading in columns
# number, text, and what they mean to a join, a probe, a read and an act
ANSWERS = [
    (304, "not-modified", O.APPROVAL_PENDING, O.APPROVAL_PENDING, O.TRANSIENT, O.TRANSIENT),
    (400, "bad-request", O.BAD_REQUEST, O.BAD_REQUEST, O.BAD_REQUEST, O.BAD_REQUEST),
    (401, "not-authorized", O.REMOVED, O.REMOVED, O.FORBIDDEN, O.FORBIDDEN),
    (403, "forbidden", O.FORBIDDEN, O.FORBIDDEN, O.FORBIDDEN, O.FORBIDDEN),
    (404, "item-not-found", O.GROUP_GONE, O.GROUP_GONE, O.GROUP_GONE, O.GROUP_GONE),
    (405, "not-allowed", O.REMOVED, O.REMOVED, O.FORBIDDEN, O.FORBIDDEN),
    (406, "not-acceptable", O.CODE_INVALID, O.CODE_INVALID, O.BAD_REQUEST, O.BAD_REQUEST),
    (408, "timed out", O.UNKNOWN, O.TRANSIENT, O.TRANSIENT, O.UNKNOWN),
    (409, "conflict", O.ALREADY_MEMBER, O.ALREADY_MEMBER, O.ALREADY_MEMBER, O.ALREADY_MEMBER),
    (410, "gone", O.CODE_REVOKED, O.CODE_REVOKED, O.CODE_REVOKED, O.CODE_REVOKED),
    (412, "community is full", O.GROUP_FULL, O.GROUP_FULL, O.GROUP_FULL, O.GROUP_FULL),
    (419, "resource-limit", O.GROUP_FULL, O.GROUP_FULL, O.GROUP_FULL, O.GROUP_FULL),
    (423, "locked", O.GROUP_LOCKED, O.GROUP_LOCKED, O.GROUP_LOCKED, O.GROUP_LOCKED),
    (426, "upgrade-required", O.NEEDS_UPGRADE, O.NEEDS_UPGRADE, O.NEEDS_UPGRADE, O.NEEDS_UPGRADE),
    (428, "Connection Closed", O.UNKNOWN, O.SESSION_DOWN, O.SESSION_DOWN, O.UNKNOWN),
    (429, "rate-overlimit", O.JOIN_LIMITED, O.THROTTLED, O.THROTTLED, O.THROTTLED),
    (436, "growth-locked", O.GROWTH_LOCKED, O.GROWTH_LOCKED, O.GROWTH_LOCKED, O.GROWTH_LOCKED),
    (463, "account_reachout_restricted", O.RESTRICTED, O.RESTRICTED, O.RESTRICTED, O.RESTRICTED),
    (500, "internal-server-error", O.UNKNOWN, O.TRANSIENT, O.TRANSIENT, O.UNKNOWN),
    (503, "service-unavailable", O.UNKNOWN, O.TRANSIENT, O.TRANSIENT, O.UNKNOWN),
    (530, "partial-server-error", O.UNKNOWN, O.TRANSIENT, O.TRANSIENT, O.UNKNOWN),
]


@pytest.mark.parametrize(("number", "text", "join", "probe", "read", "act"), ANSWERS, ids=str)
def test_a_number_and_its_text_mean_the_same(
    number: int, text: str, join: O, probe: O, read: O, act: O
) -> None:
    expected = {Call.JOIN: join, Call.PROBE: probe, Call.READ: read, Call.ACT: act}
    numbered = by_number(number)
    assert numbered is not None
    assert OUTCOMES[numbered] == expected
    for said in (text, f"Error: {text}", f"Accept invite error | Error: {text}"):
        worded = by_sentence(said) or by_text(said)
        assert worded is numbered, said


def test_every_meaning_has_an_outcome_for_every_call() -> None:
    assert set(OUTCOMES) == set(Meaning)
    assert all(set(row) == set(Call) for row in OUTCOMES.values())
    assert by_number(None) is by_number(200) is by_number(416 + 1) is None
    assert set(NUMBERS) <= set(range(300, 600))


@pytest.mark.parametrize(
    ("sentence", "meaning"),
    [
        ("that group invite link has been revoked", Meaning.REVOKED),  # whatsmeow
        ("2 UNKNOWN: that group invite link is not valid", Meaning.NOT_ACCEPTABLE),
        ("you're not participating in that group", Meaning.NOT_INSIDE),
        ("that group does not exist", Meaning.NO_SUCH_GROUP),
        ("you don't have the permission to get the group's invite link", Meaning.NO_PERMISSION),
        ("info query timed out", Meaning.NO_ANSWER),
        ("missing <group> element in response to group link join query", Meaning.SUBMITTED),
        ("websocket not connected", Meaning.CONNECTION_CLOSED),
        ("the store doesn't contain a device JID", Meaning.SESSION),
        ("UnexpectedJoinGroupViaInviteResponse", Meaning.SUBMITTED),  # wa-js
    ],
)
def test_an_engines_sentence_is_known_whoever_passes_it_on(sentence: str, meaning: Meaning) -> None:
    assert by_sentence(sentence) is meaning


@pytest.mark.parametrize(
    "text", ["", "b", "database is locked", "the file is gone away", "a conflict of ids", "OK"]
)
def test_a_word_of_whatsapps_inside_other_words_is_not_whatsapps(text: str) -> None:
    assert by_sentence(text) is by_text(text) is None


def test_only_whatsmeows_sentence_makes_a_number_sure() -> None:
    assert number_in_whatsmeow("2 UNKNOWN: info query returned status 410: gone") == 410
    assert number_in_whatsmeow("server returned error 463") == 463
    assert number_in_whatsmeow("iq error, status 410: gone") is None
    assert number_after_status("iq error, status 410: gone") == 410
    assert number_after_status("HTTP status 404: Not Found") is None


def judged(call: Call, seen: ParsedAnswer, *, status: int = 500) -> O:
    """By a vendor that knows no more than one error of its own."""
    wording = Wording(lambda _status, _body: seen, errors=(on_text(Meaning.SESSION, r"\blocked\b"),))
    answer = wording.refusal(call, HttpResult(status, b""), now=0.0, hidden=Hidden())
    assert answer is not None
    return answer.outcome


def test_the_number_goes_before_a_vendors_own_error_and_that_before_whatsapps_words() -> None:
    assert judged(Call.JOIN, ParsedAnswer(500, iq=423, text="locked")) is O.GROUP_LOCKED
    assert judged(Call.JOIN, ParsedAnswer(500, text="that group does not exist | locked")) is O.GROUP_GONE
    assert judged(Call.JOIN, ParsedAnswer(500, text="locked")) is O.SESSION_DOWN
    assert judged(Call.JOIN, ParsedAnswer(500, text="gone")) is O.CODE_REVOKED


@pytest.mark.parametrize(
    ("status", "join", "read"),
    [
        (307, O.NOT_SUPPORTED, O.NOT_SUPPORTED),
        (405, O.NOT_SUPPORTED, O.NOT_SUPPORTED),
        (429, O.GATEWAY_LIMITED, O.GATEWAY_LIMITED),
        (501, O.NOT_SUPPORTED, O.NOT_SUPPORTED),
        (502, O.UNKNOWN, O.TRANSIENT),
    ],
)
def test_where_nothing_is_said_the_status_alone_counts_for_every_vendor(
    status: int, join: O, read: O
) -> None:
    assert judged(Call.JOIN, ParsedAnswer(status), status=status) is join
    assert judged(Call.READ, ParsedAnswer(status), status=status) is read


def test_an_http_status_is_never_whatsapps_number() -> None:
    for status in (401, 403, 409, 410, 423):
        assert judged(Call.JOIN, ParsedAnswer(status, text="no"), status=status) is O.UNKNOWN


def _evolution(status: int, body: bytes) -> ParsedAnswer:
    """Evolution's errors (evolution-api `main.ts`): texts in a list, never a number of WhatsApp's."""
    value = json.loads(body)
    return ParsedAnswer(status, value, text=" | ".join(value["response"]["message"]))


def _gowa(status: int, body: bytes) -> ParsedAnswer:
    """go-whatsapp-web-multidevice's (`recovery.go`): a word of its own and whatsmeow's sentence."""
    value = json.loads(body)
    number = number_in_whatsmeow(value["message"])
    return ParsedAnswer(
        status, value, iq=number, words=frozenset({value["code"].lower()}), text=value["message"]
    )


@pytest.mark.parametrize(
    ("said", "join", "probe"),
    [
        (["Accept invite error", "Error: gone"], O.CODE_REVOKED, O.CODE_REVOKED),
        (["Accept invite error", "Error: conflict"], O.ALREADY_MEMBER, O.ALREADY_MEMBER),
        (["Accept invite error", "Error: rate-overlimit"], O.JOIN_LIMITED, O.THROTTLED),
        (["No invite info", "BobOM8UXL8EDR3dXoKozql"], O.UNKNOWN, O.TRANSIENT),  # whatever the cause
    ],
)
def test_another_vendor_has_to_find_the_text_and_no_more(said: list[str], join: O, probe: O) -> None:
    body = json.dumps({"status": 404, "error": "Not Found", "response": {"message": said}}).encode()
    answers = [_asked(Wording(_evolution), call, 404, body) for call in (Call.JOIN, Call.PROBE)]
    assert [answer.outcome for answer in answers] == [join, probe]


@pytest.mark.parametrize(
    ("status", "code", "message", "join", "probe"),
    [
        (500, "INTERNAL_SERVER_ERROR", "info query returned status 419: resource-limit", O.GROUP_FULL, None),
        (500, "INTERNAL_SERVER_ERROR", "that group invite link has been revoked", O.CODE_REVOKED, None),
        (500, "INTERNAL_SERVER_ERROR", "info query timed out", O.UNKNOWN, O.TRANSIENT),
        (401, "AUTHENTICATION_ERROR", "you are not logged in", O.SESSION_DOWN, None),
        (404, "DEVICE_NOT_FOUND", "device not found", O.BAD_CREDENTIALS, None),
    ],
)
def test_a_vendor_brings_the_words_for_its_own_errors(
    status: int, code: str, message: str, join: O, probe: O | None
) -> None:
    wording = Wording(
        _gowa,
        words=(
            on_words(Meaning.SESSION, "authentication_error"),
            on_words(Meaning.NO_INSTANCE, "device_not_found"),
        ),
    )
    body = json.dumps({"status": status, "code": code, "message": message}).encode()
    answers = [_asked(wording, call, status, body) for call in (Call.JOIN, Call.PROBE)]
    assert [answer.outcome for answer in answers] == [join, probe or join]


def _asked(wording: Wording, call: Call, status: int, body: bytes) -> GatewayAnswer:
    answer = wording.refusal(call, HttpResult(status, body), now=0.0, hidden=Hidden())
    assert answer is not None
    return answer
