"""What is stored of a webhook: readable as before, without tokens and codes, bounded."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.redact_json import CUT, DEEPEST, MOST_VALUES, scrub_object
from tests.unit.test_wawp_properties import values

CODE = "BobOM8UXL8EDR3dXoKozql"
TOKEN = "tok-lower-case"


def test_ids_times_and_words_stay_as_they_came() -> None:
    body = {
        "id": "evt_01jnqx1mfx4vtrq9c5jxqvzbq8", "timestamp": 1741249702485, "event": "group.v2.join",
        "me": {"id": "15550100002@c.us", "lid": "2222:3@lid"},
        "payload": {"chatId": "11001234567-1587570015@g.us", "participants": {"0": "1@lid"}, "ok": None},
    }  # fmt: skip

    assert scrub_object(body) == body


def test_tokens_and_codes_go_wherever_they_stand() -> None:
    body = {
        "apikey": "5f3a", "access_token": {"x": 1}, "webhook_secret": ["a"], "qr": "2@abc",
        "payload": {
            "invite": f"https://chat.whatsapp.com/{CODE}?mode=gi_t", "inviteCode": CODE, "code": "a" * 22,
            "group": {"description": f"come to chat.whatsapp.com/{CODE} now", CODE: 1},
            "_data": {"code": CODE},
            "echo": f"called with {TOKEN}", "name": TOKEN,
        },
    }  # fmt: skip
    found = scrub_object(body, secrets=[TOKEN])
    text = json.dumps(found)

    assert CODE not in text
    assert TOKEN not in text
    assert "aaaaaaaaaaaa" not in text
    assert "5f3a" not in text
    assert "_data" not in text
    assert found["payload"]["invite"] == "…ozql"
    assert (found["access_token"], found["webhook_secret"], found["qr"]) == ("[hidden]",) * 3


def test_depth_and_number_are_bounded() -> None:
    deep: dict[str, Any] = {"end": 1}
    for _ in range(50_000):
        deep = {"in": deep}
    many = scrub_object({"list": ["x"] * (MOST_VALUES * 2)})["list"]

    assert json.dumps(scrub_object(deep)).count("in") == DEEPEST
    assert len(many) <= MOST_VALUES + 1
    assert many[-1] == CUT


@pytest.mark.parametrize("unit", ["-eyJ", "token ", "_", "?code=", "a", " ", "\x00"])
@pytest.mark.parametrize("whole", [True, False])
def test_ten_times_the_body_takes_ten_times_as_long(unit: str, *, whole: bool) -> None:
    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        parts = [text] if whole else [text[at : at + 100] for at in range(0, length, 100)]
        body = {"texts": parts, text: parts}
        began = time.process_time()
        scrub_object(body, secrets=[TOKEN])
        return max(1e-6, time.process_time() - began)

    assert min(seconds(100_000) for _ in range(3)) < 30 * min(seconds(10_000) for _ in range(5))


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_whatever_comes_can_be_stored_as_json(body: dict[str, Any]) -> None:
    json.dumps(scrub_object(body), allow_nan=False).encode()
