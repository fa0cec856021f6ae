"""Comparing subjects and names: what looks the same is the same, and what looks different is not."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.folding import fold

texts = st.text(max_size=30)
SAME = [
    ("Support North", "support\u00a0 NORTH "),
    ("Support North", "\u200fSupport\u200b North\u2069"),
    ("Support North", "Support\ufeff \u3000North\u00ad"),
    ("Support North", "Sup\u200dport\u200c North"),
    ("\u2764 Team", "\u2764\ufe0f Team"),
    ("\u260e\ufe0e", "\u260e\ufe0f"),
    ("Ñandú", "N\u0303andu\u0301"),
    ("STRASSE", "straße"),
    ("ＳＵＰＰＯＲＴ", "support"),
    ("ｻﾎﾟｰﾄ", "サポート"),
    ("Support...", "Support…"),
    ("\ufefb", "\u0644\u0627"),
    ("a\u3164b", "a b"),
    ("\U0001fae8 Night", "\U0001fae8\u200b NIGHT"),  # an emoji of 2022
    ("\U0001faef", "\U0001faef\ufe0f"),  # one of 2025
]
DIFFERENT = [
    ("Support North", "Support Nort"),
    ("Team 1", "Team ①"),
    ("Area 2", "Area ²"),
    ("Team A", "Team 𝐀"),
    ("\ufdfa", "صلى الله عليه وسلم"),
    ("Cafe", "Café"),
    ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f468\U0001f469\U0001f467"),
    ("می\u200cخواهم", "میخواهم"),
    ("क्\u200dष", "क्ष"),
    ("\U0001f1e7\U0001f1f7", "\U0001f1e6\U0001f1f7"),
    ("\U0001f44d\U0001f3fb", "\U0001f44d\U0001f3ff"),
    (
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    ),
    ("trap", "\u202epart"),
    ("part", "\u202epart"),
    ("\U0001fae8", "\U0001fae9"),
    ("Северная", "Cеверная"),  # a Latin letter at its beginning
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_looks_the_same_is_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_looks_different_stays_different(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(texts)
def test_a_fold_is_its_own_fold(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(texts, st.sampled_from("\u200b\u200e\u200f\u2060\ufeff\ufe0f\u00ad\u2066\u2069"), st.integers(0, 30))
def test_an_invisible_sign_counts_nowhere(text: str, sign: str, place: int) -> None:
    assert fold(text[:place] + sign + text[place:]) == fold(text)


@given(st.integers(0, 0x10FFFF).map(chr))
def test_no_table_of_the_interpreter_decides(character: str) -> None:
    """A character that this interpreter does not know counts like any other."""
    assert fold(f"a{character}b") != fold("ab") or fold(character) == ""


def test_a_fold_that_changes_asks_for_a_migration() -> None:
    """Keys are stored: whoever changes a fold lets a migration fill groups.name_key and subject_key anew."""
    numbers = (*range(0x30000), *range(0xE0000, 0xE0200))
    folds = "\n".join(fold(f"a{chr(number)}b") for number in numbers)

    digest = hashlib.sha256(folds.encode("utf-8", "surrogatepass")).hexdigest()
    assert digest == "93c2c7dd8769d11b389f0d26ed194ca9dc39cdf9df9a68c42b33ffb3c604d676"
