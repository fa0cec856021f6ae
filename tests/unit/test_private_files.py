"""Files that are put in their place whole, and what is no file."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from orchestrator.private_files import replacing
from tests.support.command import PATIENCE


def test_a_file_is_replaced_whole_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_text("old")
    with replacing(path) as file:
        file.write("new")
        assert path.read_text() == "old"

    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["groups.csv"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_text("old")

    def fail_halfway() -> None:
        with replacing(path) as file:
            file.write("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()

    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["groups.csv"]


def test_what_is_no_regular_file_is_written_to_and_stays_what_it_is(tmp_path: Path) -> None:
    """A pipe here, for the devices: /dev/null became a file when root exported to it."""
    pipe, read = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    with replacing(pipe) as file:
        file.write("through")
    reader.join(PATIENCE)

    assert read == ["through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_a_folder_is_no_file(name: str) -> None:
    with pytest.raises(IsADirectoryError), replacing(Path(name)):
        pass


def test_of_a_symbolic_link_the_file_behind_it_is_replaced(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    link.symlink_to(real)
    with replacing(link) as file:
        file.write("new")

    assert link.is_symlink()
    assert real.read_text() == "new"
