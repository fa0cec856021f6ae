"""JSON enters through one function, and what comes out of it stops no reader, no sum and no database."""

from __future__ import annotations

import ast
import gc
import json
import math
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orchestrator
from orchestrator.account.plan_json import from_json
from orchestrator.domain.errors import UsageError
from orchestrator.domain.outcomes import Outcome
from orchestrator.domain.strict_json import DEEPEST, InvalidJsonError, parse_json
from orchestrator.gateways.answers import Hidden
from orchestrator.gateways.error_bodies import parse_answer, read_json
from orchestrator.gateways.http import HttpResult
from orchestrator.gateways.wawp import reading
from orchestrator.gateways.wawp.event_reading import read_event
from orchestrator.gateways.wawp.own_errors import WORDING
from orchestrator.gateways.wawp.rate_limits import limits
from orchestrator.gateways.wawp.reading import GROUPS
from orchestrator.gateways.whatsapp_answers import Call
from orchestrator.redact_json import scrub_object

WRAPPERS = [
    "data", "session", "result", "me", "id", "status", "group", "groups", "config", "payload", "response",
    "message", "url",
]  # fmt: skip


def nested(depth: int, name: str = "") -> str:
    """An object or, without a name, a list, nested so deep."""
    if not name:
        return "[" * depth + "]" * depth
    return f'{{"{name}":' * depth + '{"status":"WORKING"}' + "}" * depth


def read_all(body: Any) -> None:
    """Every reader that meets the body of an answer or of a webhook."""
    reading.session(body, now=0.0)
    readers: list[Any] = [reading.invite_code, reading.message_id, reading.webhooks, GROUPS.preview, limits]
    readers += [GROUPS.receipt, GROUPS.seen_group, GROUPS.seen_groups, GROUPS.participants]
    for reader in readers:
        reader(body)
    parse_answer(200, json.dumps(body).encode())
    if isinstance(body, dict):
        read_event(body)
        for name in body:
            read_event({"event": name, "payload": body})
        json.dumps(scrub_object(body), allow_nan=False).encode()


@pytest.mark.parametrize("depth", [DEEPEST + 1, 400, 990, 5_000, 200_000])
@pytest.mark.parametrize("name", ["", *WRAPPERS])
def test_what_is_nested_too_deep_cannot_be_read(name: str, depth: int) -> None:
    body = nested(depth, name).encode()

    with pytest.raises(InvalidJsonError):
        parse_json(body)
    assert read_json(body) == (None, False)
    assert parse_answer(200, body).page
    answer = WORDING.refusal(Call.JOIN, HttpResult(500, body), now=0.0, hidden=Hidden())
    garbage = WORDING.refusal(Call.JOIN, HttpResult(500, b"{"), now=0.0, hidden=Hidden())
    assert answer is not None
    assert garbage is not None
    assert answer.outcome is garbage.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("name", WRAPPERS)
def test_what_is_read_stops_no_reader_however_much_of_the_stack_is_used(name: str) -> None:
    body, _ = read_json(nested(DEEPEST - 1, name).encode())
    assert body is not None

    def below(frames: int) -> None:
        return below(frames - 1) if frames else read_all(body)

    below(400)


@pytest.mark.parametrize(
    "text", [nested(400, "groups"), nested(5_000), '{"type":"plan","schema":1,"to":NaN}']
)
def test_a_plan_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a plan"):
        from_json(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9" * 38, int("9" * 38)),
        ("9" * 39, None),
        ("9" * 900, None),
        ("-" + "9" * 38, None),
        ("-" + "9" * 900, None),
        ("1e999", None),
        ("[-1E400, 1.5]", [None, 1.5]),
        ('{"a":1,"a":2}', {"a": 2}),
        ('"\\ud83dx"', "?x"),
        ('{"\\u0000a":["b\\u0000"]}', {"a": ["b"]}),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('{"\\uDEADx":"\\ud83d"}', {"?x": "?"}),
        ('"\ud83d"', "?"),
        ('"\\\\u0000"', "\\u0000"),
        ('\ufeff{"a":1}', {"a": 1}),
    ],
)
def test_what_others_refuse_is_left_out(text: str, value: Any) -> None:
    data = text if text == '"\ud83d"' else text.encode()

    assert parse_json(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b"NaN", b"Infinity", b"-Infinity", b"[NaN]", b"nul", b"9" * 5_000 + b"x", b'"\x00"',
        b"[Infinity]", b'{"a":-Infinity}', b"9" * 5_000, b"", b"{", b'"a\x00b"', b'"\xff"',
        b'"\xed\xa0\x80"', '{"a":"é"}'.encode("latin-1"), '{"a":1}'.encode("utf-16"),
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidJsonError, match="not JSON"):
        parse_json(data)


numbers = st.integers() | st.floats() | st.integers(10**300, 10**310)
texts = st.text(st.characters() | st.sampled_from("\x00\ud800\udfff"), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_whatever_is_read_can_be_stored_and_summed(value: Any) -> None:
    try:
        read = parse_json(json.dumps(value))
    except InvalidJsonError:
        assert any(word in json.dumps(value) for word in ("NaN", "Infinity"))
        return
    written = json.dumps(read, allow_nan=False, ensure_ascii=False).encode().decode()

    assert "\x00" not in written
    assert "\\u0000" not in written
    assert json.loads(written) == read
    for number in _numbers(read):
        assert math.isfinite(float(number))


@given(st.recursive(st.none() | st.text(max_size=3), st.lists, max_leaves=30))
def test_what_is_harmless_stays_as_it_is(value: Any) -> None:
    written = json.dumps(value).replace("\\u0000", "")
    if "\\ud" not in written:
        assert parse_json(written) == json.loads(written)


@pytest.mark.parametrize(
    "unit", ["[],", '{"a":[]},', "1.5,", "9" * 30 + ",", '"\\u0000",', "[" * 60 + "]" * 60 + ","]
)
def test_ten_times_the_text_takes_ten_times_as_long(unit: str) -> None:
    def seconds(length: int) -> float:
        text = ("[" + unit * (length // len(unit)) + "0]").encode()
        gc.disable()  # its long runs come seldom, and not in proportion
        began = time.process_time()
        parse_json(text)
        took = time.process_time() - began
        gc.enable()
        return max(1e-6, took)

    assert min(seconds(200_000) for _ in range(3)) < 30 * min(seconds(20_000) for _ in range(5))


def test_nothing_else_reads_json_from_outside() -> None:
    """The store and its readers parse what we wrote ourselves; the simulator stands apart."""
    root = Path(orchestrator.__file__).parent
    ours = {
        "doctor/account_checks.py",
        "account/lease.py",
        "daemon/daemon_lease.py",
        "domain/strict_json.py",
    }
    found = set()
    for file in root.rglob("*.py"):
        place = file.relative_to(root).as_posix()
        if place.startswith(("store/", "simulator/", "status/")) or place in ours:
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        found |= {place for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _loads(node)}

    assert found == set()


def test_many_brackets_that_are_not_deep_are_read() -> None:
    flat: list[Any] = [[{}] * 10] * 10_000 + ["[" * 400]

    assert parse_json(json.dumps(flat)) == flat


@given(st.text() | st.binary())
def test_nothing_else_is_ever_raised(data: str | bytes) -> None:
    with suppress(InvalidJsonError):
        parse_json(data)


def test_the_bound_costs_little() -> None:
    """A large answer: 30 groups of 1,000 members. Reading it is most of the time."""
    people = [{"id": f"{n}@c.us", "lid": f"{n}@lid", "admin": None} for n in range(1000)]
    text = json.dumps([{"id": f"{n}@g.us", "subject": "x", "participants": people} for n in range(30)])
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
    answer = WORDING.refusal(Call.JOIN, HttpResult(429, body), now=0.0, hidden=Hidden())

    assert answer is not None
    assert answer.retry_after is None or math.isfinite(answer.retry_after)
    assert WORDING.unreadable(Call.JOIN, HttpResult(200, body), "x", hidden=Hidden()).text


def _loads(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "json" and node.attr in {"loads", "load"}


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict | list):
        return [
            one for inner in (value.values() if isinstance(value, dict) else value) for one in _numbers(inner)
        ]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []
