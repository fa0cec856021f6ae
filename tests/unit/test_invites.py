from __future__ import annotations

import pickle
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator.domain.invites import InvalidInviteError, InviteCode, parse_invite

CODE = "BobOM8UXL8EDR3dXoKozql"
NEITHER = "code is not a chat.whatsapp.com link or a bare code: "
CHANNEL = "code is a link to a channel, not to a group"
WA_ME = "code is a link to a person or a business (wa.me), not to a group"
USUAL = string.ascii_letters + string.digits

usual_codes = st.text(USUAL, min_size=22, max_size=22)
accepted_codes = st.text(USUAL + "_-", min_size=20, max_size=24)
forms = st.sampled_from(
    [
        "{}",
        "https://chat.whatsapp.com/{}",
        "http://chat.whatsapp.com/{}",
        "https://chat.whatsapp.com/{}/",
        "https://chat.whatsapp.com/invite/{}",
        "https://www.chat.whatsapp.com/{}",
        "HTTPS://CHAT.WHATSAPP.COM/{}",
        "chat.whatsapp.com/{}",
        "https://chat.whatsapp.com/{}?mode=ac_t",
        "https://chat.whatsapp.com/{}?mode=ems_copy_t&fbclid=IwAR0abc#top",
        "https://web.whatsapp.com/accept?code={}",
        "https://web.whatsapp.com/accept/?utm=1&code={}",
        "whatsapp://chat?code={}",
        "whatsapp://chat/?code={}",
        "https://chat.whatsapp.com:443/{}",
    ]
)
around = st.sampled_from(
    [
        "{}",
        "  {}\n",
        "<{}>",
        '"{}"',
        "({})",
        "[{}].",
        "*{}*",
        "\u200b{}\ufeff",
        "“{}”",
        "\t'{}',",
        "\u202a{}\u202c",
    ]
)


@given(code=accepted_codes, form=forms, wrap=around)
def test_every_form_of_a_link_gives_its_code(code: str, form: str, wrap: str) -> None:
    assert parse_invite(wrap.format(form.format(code))).reveal() == code


@given(code=usual_codes)
def test_full_width_letters_are_read_as_plain_ones(code: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) for c in f"https://chat.whatsapp.com/{code}")

    assert parse_invite(wide).reveal() == code


@given(code=usual_codes)
def test_a_zero_width_character_inside_a_code_is_dropped(code: str) -> None:
    assert parse_invite(f"{code[:5]}\u200b{code[5:9]}\u2060{code[9:]}").reveal() == code


@given(code=usual_codes)
def test_the_link_is_found_in_a_whole_invitation(code: str) -> None:
    text = f"Open this link to join my WhatsApp group: https://chat.whatsapp.com/{code}?mode=gi_t. See you!"

    assert parse_invite(text).reveal() == code


@pytest.mark.parametrize(
    "text",
    [
        "Entre no grupo:https://chat.whatsapp.com/{}",
        "Grupo Suporte\U0001f449https://chat.whatsapp.com/{}\U0001f448 venha",
        "加入群组：https://chat.whatsapp.com/{}",
        "https:/chat.whatsapp.com/{}",
        "https//chat.whatsapp.com/{}",
        "[Join us](https://chat.whatsapp.com/{})",
        "*Link:* _https://chat.whatsapp.com/{} _",
        '<a href="https://chat.whatsapp.com/{}?mode=ac_t">Join</a>',
        "<a href='https://chat.whatsapp.com/{}'>https://chat.whatsapp.com/{}</a>",
        "https://www.google.com/url?q=https://chat.whatsapp.com/{}&sa=D&source=docs",
        "https://www.google.com/url?q=https%3A%2F%2Fchat.whatsapp.com%2F{}&sa=D",
        "https://l.facebook.com/l.php?u=https%253A%252F%252Fchat.whatsapp.com%252F{}%253Ffbclid%253DIw",
        "https://chat.whatsapp.com/{} https://chat.whatsapp.com/{}?mode=gi_t",
        "Abra este link para entrar: https://chat.whatsapp.com/{}.",
        "رابط المجموعة: https://chat.whatsapp.com/{}، أهلا",
        "<https://chat.whatsapp.com/{}|Join>",
        "加入：chat。whatsapp。com/{}。",
        "ｈｔｔｐｓ：／／ｃｈａｔ．ｗｈａｔｓａｐｐ．ｃｏｍ／{}",
    ],
)
def test_the_link_is_found_in_what_people_share(text: str) -> None:
    assert parse_invite(text.replace("{}", CODE)).reveal() == CODE


@pytest.mark.parametrize(
    "text",
    [
        "https://chat.whatsapp.com/{}/members",
        "https://evilchat.whatsapp.com/{}",
        "https://chat.whatsapp.com.evil.org/{}",
        "https://chat.whatsapp.com@evil.org/{}",
        "https://chat.whatsapp.com/{}andmore",
        "https://chat.whatsapp.com/ {}",
    ],
)
def test_what_only_looks_like_a_link_is_refused(text: str) -> None:
    with pytest.raises(InvalidInviteError):
        parse_invite(text.replace("{}", CODE))


def test_two_links_have_a_sentence_of_their_own() -> None:
    text = f"old https://chat.whatsapp.com/{CODE[::-1]} new https://chat.whatsapp.com/{CODE}"
    with pytest.raises(InvalidInviteError, match="2 different invite links"):
        parse_invite(text)


@pytest.mark.parametrize(
    "text", ["AbCd1234EfGh5678", "https://chat.whatsapp.com/AbCd+234EfGh567=", "*AbCd1234EfGh5678*"]
)
def test_a_code_of_an_invitation_message_has_a_sentence_of_its_own(text: str) -> None:
    with pytest.raises(InvalidInviteError, match="16 characters: it comes from an invitation message"):
        parse_invite(text)


@given(code=usual_codes)
def test_two_links_are_not_guessed_between(code: str) -> None:
    assume(code != code[::-1])
    with pytest.raises(InvalidInviteError):
        parse_invite(f"https://chat.whatsapp.com/{code} or https://chat.whatsapp.com/{code[::-1]}")


@given(text=st.text(max_size=300))
def test_any_text_is_either_a_code_or_refused_with_a_short_sentence(text: str) -> None:
    try:
        code = parse_invite(text)
    except InvalidInviteError as refusal:
        outcome = refusal.message.startswith("code ") and len(refusal.message) < 160
    else:
        outcome = 20 <= len(code.reveal()) <= 24

    assert outcome


@given(code=accepted_codes, spoil=st.integers(0, 30), sign=st.sampled_from(list(" !$/.%ä:@#\\")))
def test_a_refusal_never_shows_a_code(code: str, spoil: int, sign: str) -> None:
    whole = f"https://chat.whatsapp.com/{code}/members"
    for text in (
        code[:spoil] + sign + code[spoil:],
        whole,
        f"htps://{code}",
        f"{code} {code}",
        f"{code}.org/{code}",
    ):
        try:
            parse_invite(text)
        except InvalidInviteError as refusal:
            shown = refusal.message
            assert not any(code[i : i + 13] in shown for i in range(len(code) - 12))


@given(code=usual_codes)
def test_a_code_hides_itself(code: str) -> None:
    invite = InviteCode(code)
    shown = f"{invite} {invite!r} {[invite]}" if hasattr(invite, "format") else f"{invite} {[invite]}"

    assert code not in shown
    assert str(invite) == f"…{code[-4:]}"
    assert invite.last4 == code[-4:]


def test_a_code_survives_a_copy() -> None:
    assert pickle.loads(pickle.dumps(InviteCode(CODE))) == InviteCode(CODE)  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("code", "usual"), [(CODE, True), (CODE[:-1], False), (CODE + "a", False), ("a-" * 11, False)]
)
def test_only_22_letters_and_digits_are_usual(code: str, usual: bool) -> None:
    assert parse_invite(code).usual is usual


def test_case_matters() -> None:
    assert parse_invite(CODE) != parse_invite(CODE.lower())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "code is empty"),
        (" \u200b ", "code is empty"),
        ("htps://...", NEITHER + '"htps://..."'),
        ("hello", NEITHER + '"hello"'),
        ("https://example.org/" + CODE, NEITHER + '"https://exam…"'),
        (
            "https://chat.whatsapp.com.evil.example/" + CODE,
            NEITHER + '"https://chat…"',
        ),
        ("https://chat.whatsapp.com@evil.example/" + CODE,
         NEITHER + '"https://chat…"'),
        ("https://whatsapp.com/channel/0029Va4K0PZ5a245NkngBA2M", CHANNEL),
        ("https://www.whatsapp.com/channel/0029Va4K0PZ5a245NkngBA2M", CHANNEL),
        ("https://wa.me/5511912345678", WA_ME),
        ("wa.me/message/ABCDEFGHIJKLM1", WA_ME),
        ("https://chat.whatsapp.com/", "code is a WhatsApp link without a code in it"),
        ("https://chat.whatsapp.com/a/b", "code is a WhatsApp link without a code in it"),
        ("https://web.whatsapp.com/accept", "code is a WhatsApp link without a code in it"),
        ("chat.whatsapp.com/short", "code in the link has 5 characters; a code has 22 letters and digits"),
        ("http://[::1", NEITHER + '"http://[::1"'),
        ("a" * 3000, "code is too long: 3000 characters"),
        ("a" * 19, NEITHER + f'"{"a" * 12}…"'),
        ("a" * 25, NEITHER + f'"{"a" * 12}…"'),
    ],
)  # fmt: skip
def test_what_is_no_code_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInviteError) as refusal:
        parse_invite(text)

    assert refusal.value.message == sentence
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    "text", ["AbC1+xY/zQ93kLmN", "AbC1dEfGhI23kLmN", "https://chat.whatsapp.com/AbC1dEfGhI23kLmN"]
)
def test_a_code_from_an_invitation_message_has_its_own_sentence(text: str) -> None:
    with pytest.raises(InvalidInviteError, match="invitation message"):
        parse_invite(text)
