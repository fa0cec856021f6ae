"""Foreign text loses its secrets, its control characters and its length."""

from __future__ import annotations

import time
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.redact import LONGEST, scrub

CODE = "BobOM8UXL8EDR3dXoKozql"
TOKEN = "tok_9f8e7d6c5b4a39281706"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"GET /v2?access_token={TOKEN}&x=1", "GET /v2?access_token=[hidden]&x=1"),
        (f'{{"access_token":"{TOKEN}","a":1}}', '{"access_token":"[hidden]","a":1}'),
        (f'{{\\"access_token\\": \\"{TOKEN}\\"}}', '{\\"access_token\\": \\"[hidden]\\"}'),
        (f"access-token: {TOKEN}", "access-token: [hidden]"),
        (f"X-Api-Key: {TOKEN}", "X-Api-Key: [hidden]"),
        (f"used Bearer {TOKEN} here", "used Bearer [hidden] here"),
        ("eyJhbGciOi.eyJzdWIi.c2lnbmF0", "[hidden]"),
        (f"https://chat.whatsapp.com/{CODE}?mode=ac_t", "https://chat.whatsapp.com/…ozql?mode=ac_t"),
        (f"https://chat.whatsapp.com/invite/{CODE}", "https://chat.whatsapp.com/invite/…ozql"),
        (f"https%3A%2F%2Fchat.whatsapp.com%2F{CODE}", "https%3A%2F%2Fchat.whatsapp.com%2F…ozql"),
        (f"whatsapp://chat?code={CODE}", "whatsapp://chat?code=…ozql"),
        (f"the code {CODE} is dead", "the code …ozql is dead"),
        ('{"code":"AAAAbbbbCCCCdddd1"}', '{"code":"…ddd1"}'),
        ("internal-server-error", "internal-server-error"),
        ('{"code":"subscription_required"}', '{"code":"subscription_required"}'),
        ("account_reachout_restricted", "account_reachout_restricted"),
        ("120363041234567890@g.us", "120363041234567890@g.us"),
        ("11001234567-1587570015@g.us", "11001234567-1587570015@g.us"),
        ("a\x00b\x1b[31mred\u202etxt\nnext\u2028line\tend", "ab[31mredtxt next line end"),
        ("", ""),
    ],
)
def test_what_must_not_be_seen_is_hidden_and_the_rest_stays(text: str, expected: str) -> None:
    assert scrub(text) == expected


def test_known_secrets_vanish_wherever_they_stand_and_however_they_are_written() -> None:
    secret = "s3cr/t+ v=1"
    text = f"a{secret}b {quote(secret, safe='')} s3cr/\x00t+ v=1"

    assert scrub(text, secrets=[secret]) == "a[hidden]b [hidden] [hidden]"


def test_known_codes_keep_their_last_four_however_odd_they_are() -> None:
    assert scrub("x aaaaaaaaaaaaaaaaaaaaaaaaa y", codes=["aaaaaaaaaaaaaaaaaaaaaaaaa"]) == "x …aaaa y"
    assert scrub("x short y", codes=["short"]) == "x … y"


def test_long_text_is_cut() -> None:
    cut = scrub("ab " * 1000)

    assert len(cut) == LONGEST
    assert cut.endswith("…")


@given(before=st.text(), after=st.text(), token=st.text("abcdef0123456789", min_size=12, max_size=40))
def test_nothing_around_a_secret_brings_it_through(before: str, after: str, token: str) -> None:
    told = scrub(before + token + after, secrets=[token])

    assert token not in told
    assert len(told) <= LONGEST
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in told)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at api.eyJhbGciOi.eyJzdWIi.c2lnbmF0 and on", "at api.[hidden] and on"),
        ("x-eyJhbGciOi.eyJzdWIi", "x-[hidden]"),
        ("eyJhbGciOi.a.b.c.d", "[hidden]"),
        ("eyJhbGciOi. Then", "eyJhbGciOi. Then"),
        ("keyJohn.example", "keyJohn.example"),
    ],
)
def test_a_web_token_vanishes_with_all_its_parts(text: str, expected: str) -> None:
    assert scrub(text) == expected


@given(
    filling=st.sampled_from(["a", "ab ", "\x00", "…", "é "]),
    before=st.integers(0, 1700),
    cut=st.integers(1, 40),
)
def test_what_the_cut_divides_is_not_shown(filling: str, before: int, cut: int) -> None:
    secret, code = "s3cr-" * 8, "BobOM8UXL8EDR3dXoKozql"
    text = (filling * before)[:before]
    for hidden in (secret, f" {code} "):
        told = scrub(text + hidden + "\x00" * 2000 + " tail", secrets=[secret])

        assert hidden[:cut].strip() not in told or cut < 6
        assert len(told) <= LONGEST


def test_a_text_costs_the_same_however_long_it_is() -> None:
    """Many secrets and 190 KB of what a pattern began anew at every dash."""

    def seconds(length: int) -> float:
        text = ("-eyJ" * length)[:length]
        began = time.process_time()
        scrub(text, secrets=["tok_9f8e7d6c5b4a39281706"])
        return max(1e-6, time.process_time() - began)

    short, long = (min(seconds(length) for _ in range(5)) for length in (2_000, 190_000))

    assert long / short < 20
