"""A lost key file, in every form, and the way out that the commands advise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance.test_cli_groups import ACCOUNTS, CODE, OTHER, TABLE
from tests.support.command import Rejoin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def of_another_database(key_file: Path) -> None:
    other = key_file.parent / "other"
    other.mkdir()
    assert Rejoin(other)("init").code == 0
    key_file.write_bytes((other / "rejoin.key").read_bytes())


def cut_off(key_file: Path) -> None:
    key_file.write_bytes(key_file.read_bytes()[:40])


LOSSES: dict[str, Callable[[Path], object]] = {
    "missing": lambda key_file: key_file.unlink(),
    "empty": lambda key_file: key_file.write_bytes(b""),
    "cut off": cut_off,
    "of another database": of_another_database,
}
ADVICE = "rejoin db forget-codes"


@pytest.fixture(params=LOSSES)
def without_key(request: pytest.FixtureRequest, tmp_path: Path) -> Rejoin:
    command = Rejoin(tmp_path)
    assert command("init").code == 0
    with (tmp_path / "rejoin.toml").open("a") as config:
        config.write(ACCOUNTS)
    (tmp_path / "groups.csv").write_text(TABLE)
    assert command("groups", "import", "groups.csv").code == 0
    assert command("skip", "on-call", "--because", "asked").code == 0
    LOSSES[request.param](tmp_path / "rejoin.key")
    return command


def test_whatever_needs_the_key_names_the_way_out_and_the_way_out_works(
    without_key: Rejoin, tmp_path: Path
) -> None:
    for words in (
        ("groups", "import", "groups.csv"),
        ("groups", "export", "--with-codes"),
        ("db", "rekey", "--yes"),
        ("run", "--yes"),
        ("plan",),
        ("daemon",),
    ):
        refused = without_key(*words)
        assert refused.code == 78, (words, refused)
        assert ADVICE in refused.err, words
    assert ADVICE in without_key("db", "check").out
    assert ADVICE in without_key("doctor").out
    set_code = without_key("groups", "set-code", "on-call", stdin=f"{CODE}\n")
    assert ADVICE in set_code.err

    done = without_key("db", "forget-codes", "--yes", "--json")
    assert done.code == 0
    assert done.json["codes"] == 2
    again = without_key("groups", "import", "groups.csv")
    assert again.code == 0, again.err
    assert CODE in without_key("groups", "export", "--with-codes").out
    assert without_key("db", "check").code == 0
    assert without_key("init").code == 0
    listed = without_key("groups", "list", "--json").json
    assert {one["code_last4"] for one in listed} == {CODE[-4:], OTHER[-4:]}
    assert "skipped" in {one["status"] for one in listed}
    kinds = without_key("log", "--json").out
    assert "act.forget_codes" in kinds
    assert "act.import" in kinds
    assert CODE not in kinds
    aside = done.json["damaged_key_file"]
    assert aside is None or (tmp_path / aside).exists()


def test_it_asks_and_says_what_would_be_lost(without_key: Rejoin, tmp_path: Path) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())

    assert without_key("db", "forget-codes").code == 2
    code, shown = without_key.on_terminal("db", "forget-codes", typed="n\n")

    assert code == 2
    assert "2 invite codes will be forgotten for good. Go on?" in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_with_a_sound_key_it_says_that_the_codes_can_be_read(tmp_path: Path) -> None:
    command = Rejoin(tmp_path)
    command("init")
    (tmp_path / "groups.csv").write_text(f"name,code\nA,{CODE}\nB,{OTHER}\n")
    command("groups", "import", "groups.csv")

    code, shown = command.on_terminal("db", "forget-codes", typed="n\n")

    assert code == 2
    assert "the key file still opens 2 of them" in shown
    assert CODE in command("groups", "export", "--with-codes").out


def test_a_key_file_that_may_be_sound_is_not_replaced(tmp_path: Path) -> None:
    command = Rejoin(tmp_path)
    command("init")
    (tmp_path / "rejoin.key").chmod(0o644)
    before = (tmp_path / "rejoin.key").read_bytes()

    refused = command("db", "forget-codes", "--yes")

    assert (refused.code, "chmod 600" in refused.err) == (78, True)
    assert (tmp_path / "rejoin.key").read_bytes() == before


def test_what_cannot_be_read_may_be_moved_away(tmp_path: Path) -> None:
    """A folder stands for a file on a broken disk: nobody can say whether the key is in it."""
    command = Rejoin(tmp_path)
    key_file = tmp_path / "rejoin.key"
    assert command("init").code == 0
    (tmp_path / "groups.csv").write_text(TABLE)
    assert command("groups", "import", "groups.csv").code == 0
    key_file.unlink()
    key_file.mkdir(0o700)

    refused = command("groups", "export", "--with-codes")
    assert refused.code == 78
    assert f"if it is lost: move it away, {ADVICE}" in refused.err
    key_file.rename(tmp_path / "broken")
    assert command("db", "forget-codes", "--yes").code == 0
    assert command("groups", "import", "groups.csv").code == 0
    assert CODE in command("groups", "export", "--with-codes").out
