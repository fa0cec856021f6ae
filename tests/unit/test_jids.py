"""The grammar of WhatsApp's addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.identity import UserId, group_jid, user_id


@pytest.mark.parametrize(
    "text", ["120363041234567890@g.us", "11001234567-1587570015@g.us", "1234567890@g.us", "123@g.us"]
)
def test_group_jids_are_taken_leniently(text: str) -> None:
    assert group_jid(text) == text
    assert group_jid(f"  {text}\n") == text


@pytest.mark.parametrize(
    "text",
    [
        "", "@g.us", "120363@c.us", "120363@g.us.evil.org", "120363@G.US", "12-34-56@g.us", "-1@g.us",
        "1-@g.us", "abc@g.us", "120363@g.us\n120364@g.us", "١٢٣@g.us", "1 2@g.us", "120363@gxus",
        "9" * 40 + "@g.us", None, 120363, b"1@g.us", {"_serialized": "1@g.us"},
    ],
)  # fmt: skip
def test_everything_else_is_no_group_jid(text: object) -> None:
    assert group_jid(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("201012345678@c.us", UserId(phone="201012345678")),
        ("201012345678@s.whatsapp.net", UserId(phone="201012345678")),
        ("201012345678:12@s.whatsapp.net", UserId(phone="201012345678")),
        ("201012345678.0:12@s.whatsapp.net", UserId(phone="201012345678")),
        ("201012345678:99@hosted", UserId(phone="201012345678")),
        ("2222@lid", UserId(lid="2222")),
        ("2222:3@lid", UserId(lid="2222")),
        ("2222@hosted.lid", UserId(lid="2222")),
        ("+201012345678", UserId(phone="201012345678")),
        (" 201012345678 ", UserId(phone="201012345678")),
    ],
)
def test_users_are_bare_digits_of_one_kind(text: str, expected: UserId) -> None:
    assert user_id(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "120363@g.us",
        "120363@newsletter",
        "status@broadcast",
        "a@c.us",
        "1@c.us@lid",
        "++12345",
        None,
        12345,
    ],
)
def test_everything_else_is_nobody(text: object) -> None:
    assert user_id(text) is None


@given(st.text())
def test_no_text_breaks_the_grammar(text: str) -> None:
    jid = group_jid(text)
    person = user_id(text)

    assert jid is None or (jid.endswith("@g.us") and jid.isascii())
    assert person is None or (person.phone is None) != (person.lid is None)
