"""`rejoin rescue`: from nothing but a list to the last group, typed at a terminal or told by a script."""

from __future__ import annotations

import json
import os
import pty
import select
import time
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.test_cli_recovery import SCENARIO, Stage
from tests.support.command import PATIENCE, Rejoin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REVOKED = '[[groups]]\nsubject = "Old Friends"\nrevoked = true\nimport = { priority = 9 }\n'
BAD_ROW = "Broken,htps://nope\n"


class Scene:
    """A gateway, and an empty folder that holds a list."""

    def __init__(self, folder: Path, scenario: str) -> None:
        self.stage = Stage(Rejoin(folder / "gateway", {"REJOIN_CLOCK_SPEED": "600"}), scenario)
        self.folder = folder / "mine"
        self.folder.mkdir()
        self.rejoin = Rejoin(self.folder, {"REJOIN_CLOCK_SPEED": "600"})
        text = (folder / "gateway" / "groups.csv").read_text()
        (self.folder / "groups.csv").write_text(text)
        self.account: dict[str, Any] = next(
            one for one in self.stage.told["accounts"] if one["name"] == "backup-1"
        )

    @property
    def flags(self) -> list[str]:
        return ["--base-url", self.stage.told["base_url"], "--instance-id", self.account["instance_id"]]

    @property
    def token(self) -> dict[str, str]:
        return {"REJOIN_ACCESS_TOKEN": self.account["access_token"]}

    def spoil(self) -> None:
        names, *rows = (self.folder / "groups.csv").read_text().splitlines(keepends=True)
        blanks = "," * (names.count(",") - 1)
        (self.folder / "groups.csv").write_text("".join([names, *rows, BAD_ROW.strip() + blanks + "\n"]))

    def type(self, *lines: tuple[str, str]) -> tuple[int, str]:
        """At a terminal: each answer when its question stands there."""
        controller, terminal = pty.openpty()
        streams = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
        process = self.rejoin._popen(("rescue", "groups.csv"), {}, start_new_session=True, **streams)
        os.close(terminal)
        shown, left, end = "", list(lines), time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if left and left[0][0] in shown:
                _, answer = left.pop(0)
                os.write(controller, f"{answer}\n".encode())
            ready, _, _ = select.select([controller], [], [], 0.2)
            try:
                part = os.read(controller, 4096) if ready else b"-"
            except OSError:
                break
            shown += part.decode(errors="replace") if ready else ""
            if not part:
                break
        os.close(controller)
        return process.wait(PATIENCE), shown


def scene(folder: Path, scenario: str) -> Iterator[Scene]:
    (folder / "gateway").mkdir()
    made = Scene(folder, scenario)
    try:
        yield made
    finally:
        made.stage.simulator.kill()
        made.stage.simulator.communicate()


@pytest.fixture
def smooth(tmp_path: Path) -> Iterator[Scene]:
    yield from scene(tmp_path, SCENARIO)


@pytest.fixture
def troubled(tmp_path: Path) -> Iterator[Scene]:
    yield from scene(tmp_path, SCENARIO + REVOKED)


def answers(one: Scene, *, token: str) -> list[tuple[str, str]]:
    return [
        ("Which gateway (wawp, waha, evolution, gowa) [wawp]", ""),
        ("Gateway's address", one.stage.told["base_url"]),
        ("Instance id", one.account["instance_id"]),
        ("Access token (not shown)", token),
    ]


def test_from_nothing_to_the_last_group_by_typing(smooth: Scene) -> None:
    code, shown = smooth.type(*answers(smooth, token=smooth.account["access_token"]), ("now? [y/N]", "y"))

    assert code == 0
    assert "All 8 groups are in place on backup-1." in shown
    assert smooth.account["access_token"] not in shown
    written = tomllib.loads((smooth.folder / "rejoin.toml").read_text())
    assert [one["name"] for one in written["instances"]] == ["backup-1"]
    for name in ("rejoin.toml", "secrets/backup-1.token", "rejoin.key"):
        assert (smooth.folder / name).stat().st_mode & 0o077 == 0


def test_what_was_typed_wrong_is_asked_for_anew(smooth: Scene) -> None:
    code, shown = smooth.type(*answers(smooth, token="wrong" * 6))
    assert code == 4
    assert "nothing of it was kept" in shown
    assert not (smooth.folder / "rejoin.toml").exists()
    assert not (smooth.folder / "secrets" / "backup-1.token").exists()

    code, shown = smooth.type(*answers(smooth, token=smooth.account["access_token"]), ("now? [y/N]", "y"))
    assert code == 0


@pytest.fixture
def at_gowa(tmp_path: Path) -> Iterator[Scene]:
    yield from scene(tmp_path, SCENARIO.replace("[gateway]", '[gateway]\nvendor = "gowa"'))


def test_another_gateway_asks_in_its_own_words_and_keeps_no_token_of_the_wrong_form(at_gowa: Scene) -> None:
    def answered(token: str) -> list[tuple[str, str]]:
        return [
            ("Which gateway (wawp, waha, evolution, gowa) [wawp]", "gowa"),
            ("Gateway's address [http://127.0.0.1:3000]", at_gowa.stage.told["base_url"]),
            ("Device id", at_gowa.account["instance_id"]),
            ("User:password (not shown)", token),
        ]

    code, shown = at_gowa.type(*answered("onlyapassword"))
    assert code == 78
    assert "access_token must be user:password" in shown
    assert "nothing of it was kept" in shown
    assert not (at_gowa.folder / "rejoin.toml").exists()

    code, shown = at_gowa.type(*answered(at_gowa.account["access_token"]), ("now? [y/N]", "y"))
    assert code == 0
    assert "All 8 groups are in place on backup-1." in shown


def test_a_script_says_it_with_flags_and_the_environment(troubled: Scene) -> None:
    troubled.spoil()

    answer = troubled.rejoin("rescue", "groups.csv", *troubled.flags, **troubled.token)

    assert answer.code == 3
    assert "8 of 9 groups are back" in answer.out
    assert "row 11: code is not a chat.whatsapp.com link" in answer.out
    assert "1 row left out; the others go ahead." in answer.err
    assert troubled.account["access_token"] not in answer.out + answer.err
    again = troubled.rejoin("rescue", "groups.csv", "--yes")
    assert again.code == 3
    assert "8 of 9 groups are back" in again.out


def test_a_token_file_and_json_lines(smooth: Scene) -> None:
    (smooth.folder / "t").write_text(smooth.account["access_token"])

    answer = smooth.rejoin("rescue", "groups.csv", "--json", "--token-file", "t", *smooth.flags)

    assert answer.code == 0
    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert (lines[0]["type"], lines[0]["new"]) == ("import", 8)
    assert (lines[-1]["type"], lines[-1]["counts"]["active"]) == ("summary", 8)


def test_without_a_terminal_all_that_is_missing_is_told_and_nothing_is_written(smooth: Scene) -> None:
    answer = smooth.rejoin("rescue", "groups.csv")

    assert answer.code == 2
    assert "--instance-id" in answer.err
    assert "--token-file (or REJOIN_ACCESS_TOKEN)" in answer.err
    assert sorted(file.name for file in smooth.folder.iterdir()) == ["groups.csv"]


def test_a_list_that_is_not_there_is_told_before_anything_is_asked(smooth: Scene) -> None:
    answer = smooth.rejoin("rescue", "gruops.csv", *smooth.flags, **smooth.token)

    assert answer.code == 2
    assert "gruops.csv" in answer.err
    assert not (smooth.folder / "rejoin.toml").exists()


def test_a_configuration_without_a_backup_is_completed(smooth: Scene) -> None:
    assert smooth.rejoin("init").code == 0

    answer = smooth.rejoin("rescue", "groups.csv", *smooth.flags, **smooth.token)

    assert answer.code == 0
    assert "# Rejoin. Every key" in (smooth.folder / "rejoin.toml").read_text()


def test_with_a_daemon_it_recovers_detached(smooth: Scene) -> None:
    assert smooth.rejoin("rescue", "groups.csv", *smooth.flags, **smooth.token).code == 0
    with (smooth.folder / "rejoin.toml").open("a") as config:
        config.write('[web]\nlisten = "127.0.0.1:0"\n')
    daemon = smooth.rejoin.start("daemon")
    try:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not smooth.rejoin("status", "--json").json["daemon"]["running"]:
            time.sleep(0.1)
        name = smooth.rejoin("groups", "list", "--json").json[0]["slug"]
        assert smooth.rejoin("leave", name, "--yes").code == 0
        assert smooth.rejoin("retry", name).code == 0

        answer = smooth.rejoin("rescue", "groups.csv", "--yes")

        assert answer.code == 0
        assert "is with the daemon" in answer.out
        assert smooth.rejoin("wait", "--timeout", "30m").code == 0
    finally:
        daemon.terminate()
        daemon.communicate()


def test_a_list_is_read_as_the_hint_says_and_the_rest_with_the_same_columns(troubled: Scene) -> None:
    """Whatever importing advises, `--encoding` or `--map`, works in rescue too."""
    text = (troubled.folder / "groups.csv").read_text().replace("name,code", "Salão,code", 1)
    broken = "Pão,htps://nope" + "," * (text.splitlines()[0].count(",") - 1)
    (troubled.folder / "groups.csv").write_text(text + broken + "\n", encoding="cp1252")
    flags = ["--map", "Salão=name", *troubled.flags]
    refused = troubled.rejoin("rescue", "groups.csv", *flags, **troubled.token)
    assert refused.code == 2
    assert "--encoding cp1252" in refused.err

    answer = troubled.rejoin("rescue", "groups.csv", *flags, "--encoding", "cp1252", **troubled.token)

    assert answer.code == 3
    assert "8 of 9 groups are back" in answer.out
    assert "rejoin rescue groups.rejected.csv --map 'Salão=name'" in answer.err


def test_an_address_that_is_none_leaves_neither_configuration_nor_token(smooth: Scene) -> None:
    answer = smooth.rejoin(
        "rescue", "groups.csv", "--base-url", "not a url", "--instance-id", "1", **smooth.token
    )

    assert answer.code == 78
    assert "instances.backup-1.base_url: must be a URL" in answer.err
    assert "nothing of it was kept" in answer.err
    assert not (smooth.folder / "rejoin.toml").exists()
    assert list((smooth.folder / "secrets").iterdir()) == []


def test_a_no_does_not_say_that_the_list_was_not_taken(smooth: Scene) -> None:
    code, shown = smooth.type(*answers(smooth, token=smooth.account["access_token"]), ("now? [y/N]", "n"))

    assert code == 2
    assert "8 new" in shown
    assert "Nothing was done" not in shown
    assert "Not confirmed, so not done." in shown
