"""Every command that leaves something to do ends with `Next:` and one command, which leads on."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.test_cli_recovery import SCENARIO, Stage
from tests.support.command import Rejoin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TROUBLE = """
[[groups]]
subject = "Old Friends"
revoked = true
import = { priority = 9 }
"""
NEW_LINK = "https://chat.whatsapp.com/ZyXwVuTsRqPoNmLkJiHgFe"


def following(text: str) -> str | None:
    """The command at the end, if it is said what comes next."""
    _, said, command = text.strip().splitlines()[-1].rpartition("Next: ")
    return command if said else None


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(Rejoin(tmp_path, {"REJOIN_CLOCK_SPEED": "600"}), SCENARIO + TROUBLE)
    try:
        yield stage
    finally:
        stage.simulator.kill()
        stage.simulator.communicate()


def test_from_an_empty_folder_each_screen_leads_to_the_next(stage: Stage) -> None:
    words, seen = ["status"], []
    for _ in range(12):
        answer = stage(*words, stdin=NEW_LINK)
        command = following(answer.out + answer.err)
        seen.append(command)
        if command is None or seen.count(command) > 1:
            break
        words = shlex.split(command.replace("FILE", "groups.csv"))[1:]

    assert seen[:4] == [
        "rejoin groups import FILE",
        "rejoin plan",
        "rejoin run",
        "rejoin groups set-code old-friends",
    ]
    assert seen[4] == "rejoin run"


@pytest.mark.parametrize("option", [(), ("-c", "other.toml")])
def test_acts_name_what_comes_next_with_the_configuration_of_the_call(
    stage: Stage, option: tuple[str, ...]
) -> None:
    (stage.rejoin.folder / "other.toml").write_text((stage.rejoin.folder / "rejoin.toml").read_text())
    said = "rejoin -c other.toml" if option else "rejoin"
    expected = {
        "groups import groups.csv --dry-run": f"{said} groups import groups.csv",
        "groups import groups.csv": f"{said} plan",
        "config validate": f"{said} doctor",
        "doctor": f"{said} plan",
        "history": f"{said} plan",
        "plan --out p.json": f"{said} run --plan p.json",
        "plan": f"{said} run",
        "pause": f"{said} resume --to backup-1",
        "resume": f"{said} plan",
        "run --yes": f"{said} groups set-code old-friends",
        "wait": f"{said} groups set-code old-friends",
        "explain old-friends": f"{said} groups set-code old-friends",
        "retry old-friends": f"{said} run",
        "groups set-code old-friends": f"{said} run",
        "status": f"{said} run",
    }
    for line, command in expected.items():
        answer = stage(*option, *line.split(), stdin=NEW_LINK)
        assert following(answer.out + answer.err) == command, line


def test_a_wrong_token_is_told_by_its_file_and_a_right_one_leads_on(stage: Stage) -> None:
    stage.import_groups()
    file = stage.rejoin.folder / "secrets" / "backup-1.token"
    right = file.read_text()
    file.write_text("wrong" * 8)

    run = stage("run", "--yes")
    refused = stage("doctor", "--to", "backup-1")
    file.write_text(right)
    mended = stage("doctor", "--to", "backup-1")

    assert run.code == 4
    assert refused.code == 4
    assert following(refused.out) == (
        "put a valid access token into secrets/backup-1.token; then: rejoin doctor --to backup-1"
    )
    command = following(mended.out)
    assert command is not None
    assert stage(*shlex.split(command)[1:]).code == 0
    assert "half pace" not in stage("status").out


def test_where_no_backup_is_configured_an_import_leads_to_what_says_so(tmp_path: Path) -> None:
    """`rejoin plan` would only fail."""
    rejoin = Rejoin(tmp_path)
    assert rejoin("init").code == 0
    (tmp_path / "groups.csv").write_text("name,code\nA,A1b2C3d4E5f6G7h8I9j0Kl\n")

    said = rejoin("groups", "import", "groups.csv")
    assert following(said.err) == "rejoin doctor"

    assert '[[instances]] with role = "backup"' in rejoin("doctor").out
    assert '[[instances]] with role = "backup"' in rejoin("plan").err


def test_a_skip_leads_to_the_next_group_that_needs_a_person(stage: Stage) -> None:
    (stage.rejoin.folder / "lost.csv").write_text("name,code,priority\nLost,A1b2C3d4E5f6G7h8I9j0Kl,5\n")
    for file in ("groups.csv", "lost.csv"):
        stage("groups", "import", file)
    stage("run", "--yes")

    assert following(stage("skip", "lost").err) == "rejoin groups set-code old-friends"
    assert following(stage("skip", "old-friends").err) is None
