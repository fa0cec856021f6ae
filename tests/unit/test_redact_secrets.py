"""No text holds a secret of the configuration, in whatever form; short ones make no nonsense of it."""

from __future__ import annotations

import base64
import html
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.values import secret_parts
from orchestrator.domain.outcomes import Outcome
from orchestrator.gateways import redact
from orchestrator.gateways.http import HttpResult
from orchestrator.gateways.redact import HIDDEN, LONGEST, learn, scrub
from orchestrator.gateways.redact_json import CUT, MOST_CHARACTERS, scrub_object
from orchestrator.gateways.wawp.classify import Hidden, refusal
from orchestrator.gateways.wawp.meanings import Call

SECRET = 'p4ss w/ört+<&>"=~9'
TOKEN = "tok_9f8e7d6c5b4a39281706"
CODE = "BobOM8UXL8EDR3dXoKozql"
FORMS = {
    "plain": SECRET,
    "percent": quote(SECRET, safe=""),
    "percent, lower case": quote(SECRET, safe="").lower(),
    "path": quote(SECRET),
    "form": quote_plus(SECRET),
    "json": json.dumps(SECRET)[1:-1],
    "json, not escaped": json.dumps(SECRET, ensure_ascii=False)[1:-1],
    "html": html.escape(SECRET),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_learned_secret_vanishes_in_every_form(form: str) -> None:
    learn([SECRET])

    assert scrub(f"said ({form}) twice {form}") == f"said ({HIDDEN}) twice {HIDDEN}"
    assert scrub_object({"a": [f"x{form}y"], f"k {form}": 1}) == {"a": [f"x{HIDDEN}y"], f"k {HIDDEN}": 1}


@given(
    secret=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=8, max_size=30),
    user=st.text(max_size=6),
    after=st.text(max_size=3),
)
def test_nothing_of_a_secret_is_left_in_base64(secret: str, user: str, after: str) -> None:
    whole = base64.b64encode(f"{user}{secret}{after}".encode()).decode()
    told = scrub(f"sent {whole} there", secrets=[secret])
    kept = told.removeprefix("sent ").removesuffix(" there").split(HIDDEN)

    assert HIDDEN in told or "…" in told
    assert sum(map(len, kept)) <= len(whole) - len(base64.b64encode(secret.encode()).decode().rstrip("=")) + 6


@pytest.mark.parametrize(
    ("secret", "text", "told"),
    [
        ("e", "the session failed", "the session failed"),
        ("on", "it depends on the token=on here", f"it depends on the token={HIDDEN} here"),
        ("abcde", "wrong abcde", "wrong abcde"),
        ("abcdef", "wrong abcdef, abcdefghi", f"wrong {HIDDEN}, abcdefghi"),
        ("abcdefgh", "wrong xabcdefghi", f"wrong x{HIDDEN}i"),
    ],
)
def test_a_short_secret_makes_no_nonsense(secret: str, text: str, told: str) -> None:
    learn([secret])

    assert scrub(text) == told


def test_an_answer_may_not_repeat_the_token_of_another_account() -> None:
    other = "tok_of_another_account"
    learn([other])
    body = json.dumps({"error": f"not your session, but that of {other}"}).encode()
    answer = refusal(Call.READ, HttpResult(500, body), now=0.0, hidden=Hidden(secrets=("mine_mine_mine",)))

    assert answer is not None
    assert answer.outcome is Outcome.TRANSIENT
    assert other not in answer.text


@given(st.text(), st.text(min_size=6, max_size=20))
def test_scrubbing_twice_changes_nothing(text: str, secret: str) -> None:
    once = scrub(f"token={text} {secret} x", secrets=[secret])

    if len(once) < LONGEST and secret not in f"{HIDDEN} …":
        assert scrub(once, secrets=[]) == once


@pytest.mark.parametrize("secret", [CODE, f"https://chat.whatsapp.com/{CODE}", TOKEN])
@pytest.mark.parametrize("filler", ["token=abcdefghijkl ", f"chat.whatsapp.com/{CODE[::-1]} ", "\u202e"])
def test_what_a_cut_goes_through_does_not_come_out(secret: str, filler: str) -> None:
    """The text is cut before it is looked at, at every place of the secret."""
    needle = secret.removeprefix("https://chat.whatsapp.com/")
    for before in range(1150, 1300):
        told = scrub(
            (filler * 1300)[:before] + " " + secret + " and more" * 100, secrets=["tok_9f8e7d6c5b4a39281706"]
        )
        assert not any(needle[at : at + 6] in told for at in range(len(needle) - 6))
        assert len(told) <= LONGEST


@pytest.mark.parametrize(
    "text",
    ["eyJ-", "eyJa.", "token ", "token=", "basic+", "code:", "x" * 25 + " ", "\u202ea", "a\u0301\u0327"],
)
def test_a_text_of_any_length_is_scrubbed_at_once(text: str) -> None:
    began = time.thread_time()
    scrub(text * (200_000 // len(text)))
    scrub_object({"a": text * (200_000 // len(text)), text * 50_000: [text * 300] * 150})

    assert time.thread_time() - began < 1.0


def test_a_stored_body_is_bounded_in_characters() -> None:
    found = scrub_object({"list": ["x y " * 200] * 2_000})

    assert len(json.dumps(found)) < 2 * MOST_CHARACTERS
    assert found["list"][-1] == CUT


def test_the_secret_of_an_address_is_found_and_its_host_is_none() -> None:
    assert secret_parts("https://hooks2024.example.org/services/T00000000AB1/x?key=aB3dE6gH9jK2") == [
        "T00000000AB1",
        "aB3dE6gH9jK2",
    ]
    assert secret_parts("tgram://123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/42") == [
        "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
    ]
    assert secret_parts("") == []


def test_what_a_process_learned_is_forgotten_between_tests() -> None:
    assert not redact.learned()
