"""Which number stands behind an instance."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orchestrator
from orchestrator.domain.identity import (
    OwnIds,
    Told,
    after,
    compare,
    is_one_number,
    likeness,
    may_be_one_number,
    shown,
)
from orchestrator.gateways.wawp import reading

PHONE, LID = "15550100002", "900000000000002"
ids = st.builds(OwnIds, st.none() | st.sampled_from(["1", "2"]), st.none() | st.sampled_from(["8", "9"]))


@pytest.mark.parametrize(
    ("known", "told", "expected"),
    [
        (OwnIds(), OwnIds(PHONE), Told.FIRST),
        (OwnIds(PHONE, LID), OwnIds(PHONE), Told.SAME),
        (OwnIds(PHONE, LID), OwnIds(None, LID), Told.SAME),
        (OwnIds(PHONE, LID), OwnIds(), Told.NOTHING),
        (OwnIds(PHONE), OwnIds(None, LID), Told.NOTHING),
        (OwnIds(PHONE, LID), OwnIds("1"), Told.ANOTHER),
        (OwnIds(PHONE, LID), OwnIds("1", LID), Told.ANOTHER),
        (OwnIds(None, LID), OwnIds(PHONE, "9"), Told.ANOTHER),
    ],
)
def test_a_reading_is_compared_within_each_kind(known: OwnIds, told: OwnIds, expected: Told) -> None:
    assert compare(known, told) is expected


@given(known=ids, told=ids)
def test_nothing_of_another_number_is_kept_and_nothing_of_the_same_is_lost(
    known: OwnIds, told: OwnIds
) -> None:
    new = after(known, told)
    if compare(known, told) is Told.ANOTHER:
        assert new == told
    else:
        assert new.phone in (told.phone, known.phone)
        assert known.phone in (None, new.phone)
        assert (new.lid is None) <= (known.lid is None)


@given(one=ids, other=ids)
def test_two_are_one_number_by_the_same_kind_only(one: OwnIds, other: OwnIds) -> None:
    assert is_one_number(one, other) == is_one_number(other, one)
    assert is_one_number(one, other) == bool(
        (one.phone and one.phone == other.phone) or (one.lid and one.lid == other.lid)
    )


@given(one=ids, other=ids)
def test_two_that_told_something_and_no_kind_in_common_may_be_one_number(one: OwnIds, other: OwnIds) -> None:
    kinds = [
        {kind for kind, told in (("phone", own.phone), ("lid", own.lid)) if told} for own in (one, other)
    ]
    assert may_be_one_number(one, other) == bool(all(kinds) and not kinds[0] & kinds[1])
    assert bool(likeness(one, other)) == (is_one_number(one, other) or may_be_one_number(one, other))


@pytest.mark.parametrize("form", ["{}@c.us", "{}@s.whatsapp.net", "{}:12@s.whatsapp.net", "+{}", "{}"])
def test_a_phone_is_one_number_in_every_form(form: str) -> None:
    told = reading.session({"status": "WORKING", "me": {"id": form.format(PHONE)}}, now=0.0)
    assert told is not None
    assert told.phone == PHONE


def test_a_lid_with_a_device_is_the_same_lid() -> None:
    told = reading.session({"status": "WORKING", "me": {"id": f"{LID}:3@lid"}}, now=0.0)
    assert told is not None
    assert (told.phone, told.lid) == (None, LID)


def test_only_the_end_of_a_number_is_shown() -> None:
    assert shown(OwnIds(PHONE, LID)) == "…0002"
    assert PHONE not in shown(OwnIds(PHONE))


@pytest.mark.parametrize(
    ("name", "kept"),
    [("wawp-84729105", "wawp-84729105"), ("default", None), (7, None), ("a b", None), ("", None)],
)
def test_the_name_of_the_session_is_kept(name: object, kept: str | None) -> None:
    told = reading.session({"name": name, "status": "WORKING"}, now=0.0)
    assert told is not None
    assert told.name == kept


def test_one_module_writes_what_a_session_says_of_the_number() -> None:
    """A second writer would have a rule of its own for what is kept of the number before."""
    package = Path(orchestrator.__file__).parent
    writers = set()
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            keys = [key for key in node.keys if key is not None] if isinstance(node, ast.Dict) else []
            words = [key.value for key in keys if isinstance(key, ast.Constant)]
            words += [node.arg] if isinstance(node, ast.keyword) else []
            if {"own_phone", "own_lid"} & set(words):
                writers.add(str(file.relative_to(package)))

    assert writers == {"account/session_state.py"}
