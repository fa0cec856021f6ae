"""No text holds a secret of the configuration, in whatever form; short ones make no nonsense of it."""

from __future__ import annotations

import base64
import html
import json
import time
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import redact
from orchestrator.bootstrap import open_as_it_is
from orchestrator.config import Settings
from orchestrator.config.values import secret_parts
from orchestrator.domain.outcomes import Outcome
from orchestrator.gateways.answers import Hidden
from orchestrator.gateways.http import HttpResult
from orchestrator.gateways.wawp import reading
from orchestrator.gateways.wawp.event_reading import read_event
from orchestrator.gateways.wawp.own_errors import WORDING
from orchestrator.gateways.wawp.rate_limits import limits
from orchestrator.gateways.whatsapp_answers import Call
from orchestrator.redact import HIDDEN, LONGEST, learn, scrub
from orchestrator.redact_json import CUT, MOST_CHARACTERS, scrub_object

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
    beside=st.sampled_from(["", "'", '"', "'\"", "\\"]),
)
def test_nothing_of_a_secret_is_left_in_what_python_shows(secret: str, beside: str) -> None:
    shown = (repr(secret + beside), repr({"k": secret}), repr(f"{secret} {beside}".encode()))
    plain = (repr("" + beside), repr({"k": ""}), repr(f" {beside}".encode()))
    for line, rest in zip(shown, plain, strict=True):
        told = scrub(line, secrets=[secret])
        assert HIDDEN in told
        assert len(told) <= len(HIDDEN) + len(rest) + 2


@given(
    secret=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=8, max_size=30),
    user=st.text(max_size=6),
    after=st.text(max_size=3),
)
def test_nothing_of_a_secret_is_left_in_base64(secret: str, user: str, after: str) -> None:
    """At its ends, a sign of base64 may hold bits of the secret and of its neighbour."""
    before, raw = len(user.encode()), len(secret.encode())
    whole = base64.b64encode(f"{user}{secret}{after}".encode()).decode()
    told = scrub(f"sent {whole} there", secrets=[secret])
    kept = told.removeprefix("sent ").removesuffix(" there").split(HIDDEN)
    of_it = whole[(before * 8 + 5) // 6 : (before + raw) * 8 // 6]

    assert of_it not in told
    assert HIDDEN in told or "…" in told
    assert sum(map(len, kept)) <= len(whole) - len(base64.b64encode(secret.encode()).decode().rstrip("=")) + 6


@pytest.mark.parametrize(
    ("secret", "text", "told"),
    [
        ("e", "the session failed", "the session failed"),
        ("on", "it depends on the token=on here", f"it depends on the token={HIDDEN} here"),
        ("abcde", "wrong abcde", "wrong abcde"),
        ("abcdef", "wrong abcdef, abcdefghi", f"wrong {HIDDEN}, abcdefghi"),
        ("failed", "failed, failedly", f"{HIDDEN}, failedly"),
        ("abcdefgh", "wrong xabcdefghi", f"wrong x{HIDDEN}i"),
    ],
)
def test_a_short_secret_makes_no_nonsense(secret: str, text: str, told: str) -> None:
    learn([secret])

    assert scrub(text) == told


def test_no_answer_and_no_event_repeats_the_token_of_another_account() -> None:
    other = "tok_of_another_account"
    learn([other])
    body = json.dumps({"error": f"not your session, but that of {other}"}).encode()
    answer = WORDING.refusal(
        Call.READ, HttpResult(500, body), now=0.0, hidden=Hidden(secrets=("mine_mine_mine",))
    )
    session = reading.session({"status": other}, now=0.0)
    event = read_event({"event": "session.status", "payload": {"status": other}})
    policy = limits({"current_policy": {other: {"group_req_per_minute": 5}}})

    assert answer is not None
    assert answer.outcome is Outcome.TRANSIENT
    assert other not in f"{answer} {session} {event} {policy}"


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


SECRETS = {
    "tok-of-the-primary": "an instance's",
    "tok-of-the-backup": "another instance's",
    "signing-of-webhooks": "webhooks.secret",
    "path-of-webhooks-1": "webhooks.path_secret",
    "token-of-the-port-1": "web.token",
    "https://hc.example.org/ping/8d2f1c9e-77aa": "ping_url",
    "8d2f1c9e-77aa": "in ping_url",
    "tgram://123456789:AAHdqTcvCH1vGWJxfSeo/42": "notify.urls",
    "AAHdqTcvCH1vGWJxfSeo": "in notify.urls",
    "hunter2pw": "the password of a mail account",
    "https://n8n.example.org/webhook/rejoin?key=aB3dE6gH9jK2": "a hook's address",
    "aB3dE6gH9jK2": "in a hook's address",
    "secret-of-the-hook-1": "a hook's secret",
    "of-the-database": "the database's password",
}


def configured(**more: Any) -> Settings:
    def instance(name: str, role: str, token: str) -> dict[str, str]:
        base = {"base_url": "https://api.example.org", "instance_id": name}
        return {"name": name, "role": role, "access_token": token, **base}

    return Settings.model_validate(
        {
            "database": {"url": "postgresql://rejoin:of-the-database@127.0.0.1:1/rejoin"},
            "instances": (
                instance("one", "primary", "tok-of-the-primary"),
                instance("two", "backup", "tok-of-the-backup"),
            ),
            "web": {"token": "token-of-the-port-1"},
            "webhooks": {"secret": "signing-of-webhooks", "path_secret": "path-of-webhooks-1"},
            "notify": {
                "ping_url": "https://hc.example.org/ping/8d2f1c9e-77aa",
                "urls": (
                    "tgram://123456789:AAHdqTcvCH1vGWJxfSeo/42",
                    "mailto://me:hunter2pw@example.org",
                ),
                "webhooks": (
                    {
                        "url": "https://n8n.example.org/webhook/rejoin?key=aB3dE6gH9jK2",
                        "secret": "secret-of-the-hook-1",
                    },
                ),
            },
            **more,
        }
    )


@pytest.mark.parametrize("secret", SECRETS, ids=SECRETS.values())
async def test_whoever_opens_the_application_shows_no_secret_of_its_configuration(secret: str) -> None:
    async with open_as_it_is(configured()) as (_app, fault):
        assert fault is not None  # nobody listens there

    for written in (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]):
        assert scrub(f"not your session: {written} is.") == f"not your session: {HIDDEN} is."
    told = scrub("sent " + base64.b64encode(f"user:{secret}".encode()).decode())
    assert HIDDEN in told


def test_every_secret_of_the_configuration_counts() -> None:
    """One that is added to the models later is in it, too."""
    from pydantic import BaseModel, SecretStr

    def within(value: Any) -> list[str]:
        if isinstance(value, SecretStr):
            return [value.get_secret_value()]
        if isinstance(value, BaseModel):
            return [one for _, inner in value for one in within(inner)]
        return [one for inner in value for one in within(inner)] if isinstance(value, tuple) else []

    settings = configured()
    public = {settings.database.url.get_secret_value()}  # its password counts alone

    assert set(within(settings)) - set(settings.secret_values()) <= public


def test_a_hundred_secrets_cost_little() -> None:
    """Milliseconds for the texts of a join, where a join has twelve seconds."""
    learn(f"tok_{n}_9f8e7d6c5b4a39281706" for n in range(100))
    scrub("the first text makes the forms")
    began = time.process_time()
    for n in range(100):
        scrub(f"(HTTP 500) the gateway could not do what was asked for {n}: " + "and so on " * 20)

    assert (time.process_time() - began) / 100 < 0.005
