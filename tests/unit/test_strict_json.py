"""JSON from outside: what any reader behind it could stumble over does not come through."""

from __future__ import annotations

import json
import math
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.strict_json import DEEPEST, InvalidJsonError, parse_json
from orchestrator.gateways.http import HttpResult
from orchestrator.gateways.redact_json import scrub_object
from orchestrator.gateways.wawp import account, parsing
from orchestrator.gateways.wawp.classify import Hidden, refusal, unreadable
from orchestrator.gateways.wawp.events import read_event
from orchestrator.gateways.wawp.evidence import gather, is_error, read_json
from orchestrator.gateways.wawp.meanings import Call

READERS = (
    parsing.preview, parsing.receipt, parsing.seen_group, parsing.seen_groups, parsing.participants,
    account.invite_code, account.message_id, account.webhooks, lambda body: account.session(body, now=0.0),
    lambda body: is_error(gather(200, json.dumps(body).encode())),
)  # fmt: skip
WRAPPERS = (
    "data",
    "session",
    "result",
    "group",
    "groups",
    "config",
    "payload",
    "response",
    "me",
    "id",
    "url",
)


def nested(name: str | None, depth: int) -> str:
    """An object or, without a name, a list, nested so deep."""
    if name is None:
        return "[" * depth + "]" * depth
    return f'{{"{name}":' * depth + '{"status":"WORKING"}' + "}" * depth


@pytest.mark.parametrize("depth", [DEEPEST + 1, 400, 990, 5_000, 200_000])
@pytest.mark.parametrize("name", [None, "data"])
def test_what_is_nested_too_deep_is_refused(name: str | None, depth: int) -> None:
    with pytest.raises(InvalidJsonError):
        parse_json(nested(name, depth))
    assert read_json(nested(name, depth).encode()) == (None, False)


@pytest.mark.parametrize("name", WRAPPERS)
def test_as_deep_as_allowed_nothing_stumbles(name: str) -> None:
    """The depth where this test stands is that of a program that is busy: half of the stack is used up."""
    body = parse_json(nested(name, DEEPEST - 1))

    def at(frames: int) -> None:
        if frames:
            return at(frames - 1)
        for reader in READERS:
            reader(body)
        read_event({"event": name, "payload": body})
        scrub_object(body)
        return None

    at(300)


def test_many_brackets_that_are_not_deep_are_read() -> None:
    flat: list[Any] = [[{}] * 10] * 10_000 + ["[" * 400]

    assert parse_json(json.dumps(flat)) == flat


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9" * 39, None),
        ("9" * 900, None),
        ("-" + "9" * 38, None),
        ("9" * 38, int("9" * 38)),
        ("1e999", None),
        ("-1E400", None),
        ("1.5", 1.5),
        ('{"a":1,"a":2}', {"a": 2}),
        ('"a\\u0000b"', "ab"),
        ('{"\\u0000a":["\\u0000"]}', {"a": [""]}),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('"\\ud83dx"', "?x"),
        ('{"\\uDEADx":1}', {"?x": 1}),
        ('"\ud83d"', "?"),
        ('"\\\\u0000"', "\\u0000"),
    ],
)
def test_numbers_and_signs_that_others_refuse(text: str, value: Any) -> None:
    assert parse_json(text) == value


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "[NaN]", "", "{", "nul", '"\x00"', "9" * 5000 + "x"]
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidJsonError, match="not JSON"):
        parse_json(text)


@pytest.mark.parametrize(
    "data", [b'"\xed\xa0\x80"', b'"\xff"', '"é"'.encode("latin-1"), '{"a":1}'.encode("utf-16")]
)
def test_what_is_not_utf_8_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidJsonError):
        parse_json(data)


def test_a_byte_order_mark_does_not_matter() -> None:
    assert parse_json(b"\xef\xbb\xbf[1]") == [1]


@given(st.text() | st.binary())
def test_nothing_else_is_ever_raised(data: str | bytes) -> None:
    with suppress(InvalidJsonError):
        parse_json(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.floats() | st.text(st.characters()),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4)
        ),
    )
)
def test_what_comes_out_can_be_stored_anywhere(value: Any) -> None:
    try:
        found = parse_json(json.dumps(value))
    except InvalidJsonError:
        return  # NaN
    stored = json.dumps(found, ensure_ascii=False, allow_nan=False).encode()

    assert b"\0" not in stored
    assert b"\\u0000" not in stored.replace(b"\\\\", b"")


def test_the_bound_costs_little() -> None:
    """The largest answer: 1,000 groups of 1,000 members. Reading it is most of the time."""
    people = [{"id": f"{n}@c.us", "lid": f"{n}@lid", "admin": None} for n in range(1000)]
    text = json.dumps([{"id": f"{n}@g.us", "subject": "x", "participants": people} for n in range(100)])
    plain, strict = [], []
    for _ in range(5):
        began = time.thread_time()
        json.loads(text)
        between = time.thread_time()
        parse_json(text)
        plain.append(between - began)
        strict.append(time.thread_time() - between)

    assert min(strict) < 4 * min(plain)


def test_an_answer_with_any_number_is_read() -> None:
    body = ('{"status":429,"retry_after":' + "9" * 400 + ',"code":1e999,"size":' + "9" * 30 + "}").encode()
    answer = refusal(Call.JOIN, HttpResult(429, body), now=0.0, hidden=Hidden())

    assert answer is not None
    assert answer.retry_after is None or math.isfinite(answer.retry_after)
    assert unreadable(Call.JOIN, HttpResult(200, body), "x", hidden=Hidden()).text
