"""What the shells are taught."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from orchestrator.cli.command_list import COMMANDS
from tests.support.command import PATIENCE, Rejoin

if TYPE_CHECKING:
    from pathlib import Path

BASH = shutil.which("bash") or "bash"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    answer = Rejoin(tmp_path)("completion", "bash")
    assert answer.code == 0
    file = tmp_path / "completion.sh"
    file.write_text(answer.out)
    (tmp_path / "groups.csv").write_text("")
    return file


def offered(script: Path, *words: str) -> set[str]:
    """What Tab offers for the last word."""
    quoted = " ".join(f"'{word}'" for word in ("rejoin", *words))
    set_up = f"source {script}; COMP_WORDS=({quoted}); COMP_CWORD={len(words)}"
    program = set_up + "; _rejoin; printf '%s\\n' \"${COMPREPLY[@]}\""
    done = subprocess.run(
        [BASH, "-u", "-c", program],
        cwd=script.parent,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stderr == ""
    return set(done.stdout.split())


def test_bash_offers_commands_families_flags_and_values(script: Path) -> None:
    assert {one.path[0] for one in COMMANDS} <= offered(script, "")
    assert offered(script, "gro") == {"groups"}
    assert offered(script, "groups", "") >= {"import", "export", "list", "show", "set-code"}
    assert offered(script, "groups", "list", "--bu") == {"--bucket"}
    assert offered(script, "groups", "list", "--bucket", "need") == {"needs_you"}
    assert offered(script, "--json", "groups", "im") == {"import"}
    assert offered(script, "status", "--log-format", "") == {"text", "json"}


def test_bash_offers_files_where_a_file_is_due_and_nowhere_else(script: Path) -> None:
    assert "groups.csv" in offered(script, "groups", "import", "")
    assert offered(script, "status", "-c", "gro") == {"groups.csv"}
    assert offered(script, "skip", "gro") == set()
    assert offered(script, "run", "--to", "") == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_and_flag_is_in_every_script(tmp_path: Path, shell: str) -> None:
    answer = Rejoin(tmp_path)("completion", shell, "--json")

    script = answer.json["script"]
    for word in ("set-code", "healthcheck", "max-duration", "with-codes", "log-format"):
        assert word in script
