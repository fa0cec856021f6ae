"""Whatever a gateway sends, the adapter's middle neither raises nor claims more than it saw."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.domain.identity import group_jid
from orchestrator.domain.outcomes import Outcome
from orchestrator.gateways.answers import Hidden, failure
from orchestrator.gateways.error_bodies import parse_answer, read_json
from orchestrator.gateways.http import FailureKind, HttpFailure, HttpResult
from orchestrator.gateways.wawp import reading
from orchestrator.gateways.wawp.own_errors import WORDING
from orchestrator.gateways.wawp.reading import GROUPS
from orchestrator.gateways.whatsapp_answers import NUMBERS, OUTCOMES, Call, Meaning
from orchestrator.redact import LONGEST

NOW = 1_800_000_000.0
HIDDEN = Hidden(secrets=("tok_9f8e7d6c5b4a",), codes=("BobOM8UXL8EDR3dXoKozql",))
REACHED = {Outcome.JOINED, Outcome.ACCEPTED, Outcome.OK}

_keys = st.sampled_from(
    [
        "id",
        "code",
        "error",
        "message",
        "data",
        "details",
        "exception",
        "status",
        "result",
        "wawp_upstream_error",
        "subject",
        "participants",
        "groups",
        "me",
        "_serialized",
        "user",
        "server",
        "webhooks",
        "retry_after",
        "size",
        "key",
        "groupInfo",
        "role",
        "events",
        "url",
        "lid",
        "0",
        "owner",
        "reachoutTimelock",
        "isActive",
        "timeEnforcementEnds",
        "inviteCode",
        "accepted",
        "pending_approval",
        "120363041234567890@g.us",
    ]
)
_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
    st.sampled_from(
        ["120363041234567890@g.us", "1@c.us", "gone", "conflict", "status 410: gone", "timed out", "WORKING",
         "invalid_session", '{"exception":{"data":410}}', "\ud800", "\x00"]
    ),
    st.sampled_from([200, 304, 401, 404, 409, 410, 429, 463, 500]),
)  # fmt: skip
values = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(_keys, st.text(max_size=5)), inner, max_size=5)
    ),
    max_leaves=20,
)
bodies = st.one_of(values.map(lambda value: json.dumps(value).encode()), st.binary(max_size=200))
_usual = [200, 201, 204, 301, 400, 401, 403, 404, 405, 409, 410, 422, 429, 500, 502]
statuses = st.one_of(st.sampled_from(_usual), st.integers(100, 599))


@given(
    status=statuses,
    body=bodies,
    call=st.sampled_from(Call),
    header=st.one_of(st.none(), st.text(max_size=40)),
)
@example(status=200, body=b"[" * 200_000, call=Call.JOIN, header=None)
@example(status=500, body=b'{"a":' * 20_000 + b"1" + b"}" * 20_000, call=Call.JOIN, header="9" * 400)
@example(status=500, body=b'{"retry_after": 1e400}', call=Call.READ, header="Mon, 99 Foo 99999 99:99:99 GMT")
def test_the_classifier_never_raises_and_never_says_that_it_went_well(
    status: int, body: bytes, call: Call, header: str | None
) -> None:
    result = HttpResult(status, body, header)
    for answer in (
        WORDING.refusal(call, result, now=NOW, hidden=HIDDEN),
        WORDING.unreadable(call, result, "without a receipt", hidden=HIDDEN),
    ):
        if answer is not None:
            assert answer.outcome not in REACHED
            assert answer.sent
            assert len(answer.text) <= LONGEST
            assert answer.retry_after is None or 0 <= answer.retry_after <= 30 * 86400
            answer.text.encode()


@given(status=statuses, body=bodies)
def test_a_join_that_went_wrong_without_a_known_reason_is_never_said_to_be_without_effect(
    status: int, body: bytes
) -> None:
    answer = WORDING.refusal(Call.JOIN, HttpResult(status, body), now=NOW, hidden=HIDDEN)

    assert answer is None or answer.outcome is not Outcome.TRANSIENT


@given(value=values)
def test_the_parsers_never_raise_and_joined_always_has_a_group_jid(value: Any) -> None:
    receipt = GROUPS.receipt(value)
    preview = GROUPS.preview(value)
    groups = GROUPS.seen_groups(value) or ()

    if receipt is not None and receipt[0] is Outcome.JOINED:
        assert group_jid(receipt[1]) == receipt[1] is not None
    assert preview is None or preview.jid is None or group_jid(preview.jid) == preview.jid
    assert all(group_jid(group.jid) == group.jid for group in groups)
    for text in (t for g in groups for t in (g.subject, g.owner) if t is not None):
        assert "\x00" not in text.encode().decode()
    for person in GROUPS.participants(value) or ():
        assert person.phone or person.lid


@given(value=values)
def test_what_is_read_of_the_account_never_raises(value: Any) -> None:
    session = reading.session(value, now=NOW)
    message = reading.message_id(value)

    assert session is None or session.restricted_until is None or session.restricted_until > 0
    assert message is None or message.encode()
    reading.invite_code(value)
    reading.webhooks(value)


@given(body=st.binary(max_size=300))
def test_reading_json_never_raises(body: bytes) -> None:
    value, is_json = read_json(body)

    assert is_json or value is None
    assert parse_answer(200, body).page is not is_json


def test_every_meaning_has_an_outcome_for_every_call_and_every_number_a_meaning() -> None:
    assert set(OUTCOMES) == set(Meaning)
    assert all(set(row) == set(Call) for row in OUTCOMES.values())
    assert set(NUMBERS.values()) <= set(Meaning)


def test_no_failure_after_sending_lets_a_join_or_an_act_be_repeated_blind() -> None:
    for kind in FailureKind:
        for call in Call:
            sent = failure(call, HttpFailure(kind, sent=True))
            unsent = failure(call, HttpFailure(kind, sent=False))
            blind = call in (Call.JOIN, Call.ACT)
            assert sent.outcome is (Outcome.UNKNOWN if blind else Outcome.TRANSIENT)
            assert (unsent.outcome, unsent.sent) == (Outcome.TRANSIENT, False)
            assert sent.text
