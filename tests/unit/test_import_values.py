from __future__ import annotations

import io
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.catalogue.header import parse_mapping
from orchestrator.catalogue.importing import ImportReport
from orchestrator.catalogue.sheets import defuse, letter, undefuse
from orchestrator.catalogue.source import read_source
from orchestrator.domain.errors import InputRejectedError, NotFoundError, UsageError
from orchestrator.domain.group_fields import (
    InvalidValueError,
    clean,
    name_key,
    parse_owner,
    slug,
    unique_slug,
)


@given(st.text())
def test_defusing_is_undone_exactly(text: str) -> None:
    assert undefuse(defuse(text)) == text


@given(st.text(st.sampled_from("=+-@＝;,|\t\r\n '\"\ufeff1a"), max_size=12))
def test_defusing_what_is_dangerous_is_undone_exactly(text: str) -> None:
    assert undefuse(defuse(text)) == text


@given(st.text(st.sampled_from("=+-@＝;,|\t\r\n '\"1a"), max_size=12), st.sampled_from(",;\t|"))
def test_no_cell_of_any_spreadsheet_begins_with_a_sign(text: str, separator: str) -> None:
    """Whatever the spreadsheet takes for the end of a cell, and whether it heeds quotation marks or not."""
    for cell in re.split(rf"[\r\n{re.escape(separator)}]", defuse(text)):
        assert not re.match(r'[\s"]*[=+\-@＝]', cell)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a;=1+1", "a;'=1+1"),
        ("a, -1", "a, '-1"),
        ('a|"@x', "a|\"'@x"),
        ("a\t=1", "a\t'=1"),
        ("a\n=1", "a\n'=1"),
        ("a;'=1", "a;''=1"),
        ("=1;=2", "'=1;'=2"),
        (" =1", "' =1"),
        ('"=1', "'\"=1"),
        ("a=1;b-2", "a=1;b-2"),
    ],
)
def test_a_formula_behind_a_separator_is_defused_too(text: str, written: str) -> None:
    assert defuse(text) == written
    assert undefuse(written) == text


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx", "'=1", "＝1"])
def test_what_a_spreadsheet_would_run_begins_with_an_apostrophe(text: str) -> None:
    assert defuse(text) == f"'{text}"


@given(st.text())
def test_clean_text_has_no_control_or_direction_characters_and_cleaning_twice_changes_nothing(
    text: str,
) -> None:
    found = clean(text)

    assert found == clean(found)
    assert not any(
        ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "\u202a\u202e\u2066\u2069\u200b" for c in found
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Suppliers North", "suppliers-north"),
        ("Ação & Straße #1", "acao-strasse-1"),
        ("  --x--  ", "x"),
        ("供应商", "group"),
        ("🚀", "group"),
        ("a" * 90, "a" * 60),
    ],
)
def test_a_slug_is_plain_ascii(name: str, expected: str) -> None:
    assert slug(name) == expected


@given(st.lists(st.sampled_from(["A", "a", "A 2", "a-2", "a-3", "B", "供"]), max_size=30))
def test_slugs_never_repeat(names: list[str]) -> None:
    taken: set[str] = {"a", "b-2"}
    numbers: dict[str, int] = {}
    for name in names:
        found = unique_slug(name, taken, numbers)
        assert found not in taken
        taken.add(found)


def test_a_second_one_of_the_same_name_is_numbered() -> None:
    assert unique_slug("Suppliers North", {"suppliers-north"}, {}) == "suppliers-north-2"


@pytest.mark.parametrize(
    ("one", "other"), [("Team A", "team  a"), ("ＴＥＡＭ", "team"), ("Straße", "STRASSE")]
)
def test_names_that_people_take_for_the_same_have_the_same_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(
    "text",
    [
        "5511912345678",
        "+55 11 91234-5678",
        "55.11.91234/5678",
        "5511912345678:12@s.whatsapp.net",
        "5511912345678@c.us",
        "5511912345678.0",
        "005511912345678",
        "\u202a+55 11 91234\u20115678\u202c",
        "+٥٥ ١١ ٩١٢٣٤ ٥٦٧٨",
        "+55 (011) 91234-5678",
        "tel:+55-11-91234-5678",
        "https://wa.me/5511912345678",
    ],
)
def test_an_owner_is_the_digits_of_a_phone_number(text: str) -> None:
    assert parse_owner(text) == "5511912345678"


def test_a_number_that_looks_like_one_of_another_country_is_taken_with_a_plus() -> None:
    assert parse_owner("+31 987654321") == parse_owner("0031 987654321") == "31987654321"


@pytest.mark.parametrize(
    "digits",
    ["15550100001", "5511912345678", "551112345678", "491512345678", "5215512345678", "5491123456789"],
)
def test_a_whole_number_is_read_whether_or_not_anybody_uses_it(digits: str) -> None:
    assert parse_owner(digits) == digits


@pytest.mark.parametrize(
    "text",
    [
        *("11912345678", "12912345678", "31987654321", "5512345678", "9876543210", "612345678", "15551234"),
        *("+1 555 1234", "(11) 91234-5678", "011 91234 5678", "5.51199E+12", "5,51199E+12"),
        *("5511912345678 ext 4", "12", "me"),
    ],
)
def test_an_owner_that_cannot_be_read_is_refused_and_never_changed(text: str) -> None:
    with pytest.raises(InvalidValueError):
        parse_owner(text)


@pytest.mark.parametrize(("number", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_columns_are_called_as_in_a_spreadsheet(number: int, name: str) -> None:
    assert letter(number) == name


def test_a_mapping_is_read_and_its_faults_are_named() -> None:
    assert parse_mapping(["Group title=name", "a=b=CODE", "x=ignore"]) == {
        "Group title": "name", "a=b": "code", "x": "ignore",
    }  # fmt: skip
    with pytest.raises(UsageError, match="Did you mean labels"):
        parse_mapping(["Tags=lables"])
    with pytest.raises(UsageError, match="column=field"):
        parse_mapping(["name"])


def test_the_report_is_one_sentence() -> None:
    report = ImportReport("groups.csv", rows=118, new=109, updated=5, unchanged=2, rejected=2, dry_run=True)

    assert (
        report.sentence
        == "118 rows: 109 new, 5 updated, 2 unchanged, 2 rejected. Nothing written (--dry-run)."
    )
    assert not report.written
    done = ImportReport("groups.csv", rows=1, new=1, updated=0, unchanged=0, rejected=0)
    assert done.sentence == "1 row: 1 new, 0 updated, 0 unchanged."
    assert done.written
    refused = ImportReport("groups.csv", rows=1, new=0, updated=0, unchanged=0, rejected=1)
    assert refused.sentence.endswith("1 rejected. Nothing written.")


def test_a_source_has_a_limit_and_a_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_bytes(b"x" * (2**20 + 1))

    assert len(read_source(path).data) == 2**20 + 1
    with pytest.raises(InputRejectedError, match="larger than 1 MiB"):
        read_source(path, limit=2**20)
    with pytest.raises(NotFoundError, match="no such file"):
        read_source(tmp_path / "missing.csv")
    with pytest.raises(UsageError, match="cannot be read"):
        read_source(tmp_path)
    path.write_bytes(b" \n")
    with pytest.raises(InputRejectedError, match="empty"):
        read_source(path)


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


def test_standard_input_is_read_as_bytes_within_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=Pipe(b"name,code\n")))
    assert read_source(Path("-")).data == b"name,code\n"

    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=Pipe(b"x" * (2**20 + 1))))
    with pytest.raises(InputRejectedError, match="standard input: larger than 1 MiB"):
        read_source(Path("-"), limit=2**20)


def test_a_source_does_not_show_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_bytes(b"BobOM8UXL8EDR3dXoKozql")

    assert "BobOM8" not in repr(read_source(path))
