"""Verification: only what is known to be ours, and every objection at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.memberships import Reason
from orchestrator.domain.outcomes import GroupPreview
from orchestrator.domain.verification import AllowList, Expected, Mode, digits, same_jid, verify
from tests.support.defaults import allowing

OURS, OTHERS = "120363000000000001@g.us", "120363000000000002@g.us"
words = st.text(min_size=1, max_size=30).filter(lambda text: bool(text.split()))
phones = st.text("0123456789", min_size=7, max_size=15)
jids = st.sampled_from([OURS, OTHERS])
previews = st.builds(GroupPreview, jid=st.none() | jids, subject=st.none() | words, owner=st.none() | phones)
expectations = st.builds(Expected, jid=st.none() | jids, subject=st.none() | words, owner=st.none() | phones)
allows = st.builds(AllowList, mode=st.sampled_from(Mode), owners=st.frozensets(phones, max_size=2))


@given(allows, expectations, previews)
def test_nothing_is_allowed_that_neither_jid_nor_subject_identifies(
    allow: AllowList, expected: Expected, seen: GroupPreview
) -> None:
    verdict = verify(allow, expected, seen)
    if verdict.allowed:
        assert seen.jid is not None
        assert seen.jid == expected.jid or (expected.jid is None and expected.subject)
        assert not (allow.mode is Mode.LISTED_JIDS and expected.jid is None)
    else:
        assert verdict.reason is verdict.objections[0].reason
        assert all(objection.sentence for objection in verdict.objections)


@given(allows, words, previews)
def test_another_jid_than_the_expected_one_is_never_allowed(
    allow: AllowList, subject: str, seen: GroupPreview
) -> None:
    expected = Expected(jid=OURS, subject=subject)
    assert verify(allow, expected, seen).allowed == (seen.jid == OURS)


def test_a_right_jid_with_a_new_subject_is_a_renamed_group() -> None:
    seen = GroupPreview(OURS, subject="Renamed since", owner="999")
    assert verify(allowing(owners=frozenset({"1"})), Expected(OURS, "Old name", "1"), seen).allowed


def test_a_wrong_subject_is_a_mismatch_that_quotes_both() -> None:
    verdict = verify(allowing(), Expected(subject="Ours"), GroupPreview(OTHERS, subject="Theirs"))
    assert verdict.reason is Reason.IDENTITY_MISMATCH
    assert '"Ours"' in verdict.sentence
    assert '"Theirs"' in verdict.sentence


def test_a_preview_without_a_jid_is_no_good_probe() -> None:
    assert verify(allowing(), Expected(OURS), GroupPreview(None, "Ours")).reason is Reason.PROBE_FAILED


def test_subjects_are_compared_without_case_width_and_white_space() -> None:
    seen = GroupPreview(OURS, subject=" ÜBER\u00a0\u00a0Straße ")
    assert verify(allowing(), Expected(subject="über strasse"), seen).allowed


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("Support North", "\u200fSupport North\u200b"),
        ("Support \u2764\ufe0f", "Support \u2764"),
        ("\U0001faef Night", "\U0001faef Night"),
        ("Suporte \U0001f1e7\U0001f1f7", "suporte \U0001f1e7\U0001f1f7"),
    ],
)
def test_a_subject_that_looks_the_same_is_ours_on_both_sides(stored: str, shown: str) -> None:
    assert verify(allowing(), Expected(subject=stored), GroupPreview(OURS, subject=shown)).allowed
    assert verify(allowing(), Expected(subject=shown), GroupPreview(OURS, subject=stored)).allowed


def test_what_no_screen_shows_is_written_out_where_it_makes_the_difference() -> None:
    seen = GroupPreview(OURS, subject="Support \u202eNorth")
    verdict = verify(allowing(), Expected(subject="Support North"), seen)

    assert verdict.sentence == (
        'expected the subject "Support North", the link opens "Support <U+202E>North"'
    )


def test_a_subject_that_looks_different_is_not() -> None:
    seen = GroupPreview(OURS, subject="Support \u2460")
    assert not verify(allowing(), Expected(subject="Support 1"), seen).allowed


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("5511987654321", "551187654321@c.us"),
        ("551187654321", "5511987654321@s.whatsapp.net"),
        ("525512345678", "5215512345678@c.us"),
        ("5215512345678", "525512345678@c.us"),
        ("541123456789", "5491123456789:7@s.whatsapp.net"),
    ],
)
def test_an_owner_is_compared_by_who_is_reached(written: str, shown: str) -> None:
    expected, other = Expected(subject="Ours", owner=written), Expected(subject="Ours", owner="551133334444")
    assert verify(allowing(), expected, GroupPreview(OURS, "Ours", owner=shown)).allowed
    assert verify(
        allowing(owners=frozenset({written})),
        Expected(subject="Ours"),
        GroupPreview(OURS, "Ours", owner=shown),
    ).allowed
    assert not verify(allowing(), other, GroupPreview(OURS, "Ours", owner=shown)).allowed


def test_a_communitys_link_is_told_as_such() -> None:
    expected, community = Expected(jid=OURS), GroupPreview(OTHERS, "Acme", community=True)
    child = GroupPreview(OTHERS, "Acme News", parent=OURS)

    said, of_child, of_stranger = (
        verify(allowing(), expected, seen).sentence
        for seen in (community, child, GroupPreview(OTHERS, "Acme"))
    )

    assert said == (
        f'expected {OURS}, the link opens {OTHERS}, "Acme"'
        "; that is a community, and the expected group may be its announcement group"
    )
    assert of_child.endswith("; that is a group of the expected community")
    assert "community" not in of_stranger


def test_listed_jids_needs_a_jid() -> None:
    allow = allowing(mode=Mode.LISTED_JIDS)
    assert verify(allow, Expected(subject="Ours"), GroupPreview(OURS, "Ours")).reason is (
        Reason.NOT_ON_ALLOW_LIST
    )
    assert verify(allow, Expected(OURS), GroupPreview(OURS, "Anything")).allowed


def test_nothing_expected_is_nothing_allowed() -> None:
    assert verify(allowing(), Expected(), GroupPreview(OURS, "Any")).reason is Reason.NOT_ON_ALLOW_LIST


def test_the_owner_backs_up_a_subject() -> None:
    allow, expected = allowing(owners=frozenset({"15550001"})), Expected(subject="Ours")
    assert verify(allow, expected, GroupPreview(OURS, "Ours", owner="15550001:3@c.us")).allowed
    assert not verify(allow, expected, GroupPreview(OURS, "Ours", owner="15559999")).allowed
    assert not verify(allow, expected, GroupPreview(OURS, "Ours", owner="15550001@lid")).allowed
    assert not verify(allow, expected, GroupPreview(OURS, "Ours")).allowed


def test_the_groups_own_owner_comes_before_the_list_of_owners() -> None:
    allow, expected = allowing(owners=frozenset({"15550001"})), Expected(subject="Ours", owner="15557777")
    assert not verify(allow, expected, GroupPreview(OURS, "Ours", owner="15550001")).allowed
    assert verify(allow, expected, GroupPreview(OURS, "Ours", owner="+1 555 7777")).allowed


def test_every_objection_is_listed() -> None:
    allow, expected = allowing(owners=frozenset({"1"})), Expected(subject="Ours")
    verdict = verify(allow, expected, GroupPreview(OTHERS, "Theirs", owner="2"))
    assert [o.reason for o in verdict.objections] == [Reason.IDENTITY_MISMATCH, Reason.NOT_ON_ALLOW_LIST]


def test_jids_and_numbers_are_compared_by_what_they_mean() -> None:
    assert same_jid(f" {OURS.upper()} ", OURS)
    assert digits("+1 (555) 000-1:12@c.us") == "15550001"
    assert digits(None) == ""
