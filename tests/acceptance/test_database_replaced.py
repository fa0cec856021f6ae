"""The database is deleted, replaced or restored under real processes; judged at the gateway."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.command import PATIENCE
from tests.support.daemon import Town, town, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


SPEED = 30.0
GROUPS = 10
SCENARIO = f"""
name = "replaced"
seed = 7
[[accounts]]
name = "sales-main"
instance_id = "100"
phone = "15550100001"
state = "FAILED"
[[accounts]]
name = "backup-1"
instance_id = "200"
phone = "15550100002"
[gateway]
latency = 0.2
[import]
instances = ["sales-main"]
[generate]
groups = {GROUPS}
members = [6, 60]
owner = "15550100001"
admins = ["sales-main"]
[[faults]]
trouble = "list_empty"
"""


def joins(world: Town) -> int:
    return int(world.asks("/_sim/verdict")["joins"])


def replace_database(world: Town) -> None:
    """A copy of the database is renamed over it, as a restore does."""
    copy = world.folder / "copy.db"
    with (
        closing(sqlite3.connect(world.folder / "rejoin.db")) as origin,
        closing(sqlite3.connect(copy)) as new,
    ):
        origin.backup(new)
    for log in ("-wal", "-shm"):
        (world.folder / f"rejoin.db{log}").unlink(missing_ok=True)
    copy.replace(world.folder / "rejoin.db")


def test_a_daemon_whose_file_was_replaced_says_so_and_obeys_the_one_in_place(tmp_path: Path) -> None:
    with town(tmp_path, SCENARIO, speed=SPEED) as world:
        process = world.start()
        world("run", "--detach", "--yes")
        until(lambda: joins(world) >= 3)

        replace_database(world)
        until(lambda: "was deleted, replaced or moved" in world.log)
        until(lambda: "begins anew" in world.log)
        assert process.poll() is None
        assert world("pause").code == 0
        time.sleep(1.0)
        before = joins(world)
        time.sleep(200 / SPEED)  # longer than any hold

        assert joins(world) == before  # the pause in the new file is the daemon's
        assert world("resume").code == 0
        until(lambda: world.asks("/_sim/verdict")["joins"] >= GROUPS)
        assert world.asks("/_sim/verdict")["worst_window_60s"] <= 5
        assert world.asks("/_sim/verdict")["needless_joins"] == 0
        assert world.stop() == 0
        assert "Traceback" not in world.log


def test_a_daemon_waits_for_a_restore_that_is_not_finished(tmp_path: Path) -> None:
    with town(tmp_path, SCENARIO, speed=SPEED) as world:
        process = world.start()
        assert world("db", "backup", "backup.db").code == 0
        for file in world.folder.glob("rejoin.db*"):
            file.unlink()
        until(lambda: "was deleted, replaced or moved" in world.log)
        time.sleep(1.0)
        assert process.poll() is None
        assert not (world.folder / "rejoin.db").exists()  # none is made in its place

        shutil.copyfile(world.folder / "backup.db", world.folder / "rejoin.db")

        until(lambda: world.log.count(" watches ") >= 2)
        assert world.stop() == 0


HOLD = 170.0  # simulated seconds: one window, and the life and the time-out of a join


def judge_restored(world: Town, *, sent_before: int) -> None:
    verdict = world.asks("/_sim/verdict")
    assert verdict["worst_window_60s"] <= 5
    assert verdict["needless_joins"] == 0
    assert verdict["double_effects"] == []
    assert verdict["joins"] == GROUPS >= sent_before
    assert active(world) == GROUPS


def active(world: Town) -> int:
    return int(world.rows("SELECT count(*) FROM memberships WHERE status = 'active'")[0][0])


def gap_after(world: Town, sent: int) -> float:
    """Simulated seconds between that join and the next one, at the gateway."""
    at = [one["at"] for one in world.asks("/_sim/log")["requests"] if one["kind"] == "join"]
    return float(at[sent] - at[sent - 1])


def run_until(world: Town, sent: int) -> None:
    """One run is killed, without a chance to say anything, when so many joins were sent."""
    with world.rejoin.start("run", "--yes", "-q") as running:
        until(lambda: joins(world) >= sent)
        running.kill()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Town]:
    (tmp_path / "data").mkdir()
    with town(tmp_path / "data", SCENARIO, speed=SPEED) as made:
        yield made


def test_two_runs_on_two_files_under_one_path_never_both_drive(place: Town) -> None:
    with place.rejoin.start("run", "--yes", "--json") as first:
        until(lambda: joins(place) >= 3)
        for file in place.folder.glob("rejoin.db*"):
            file.unlink()
        assert place("init").code == 0
        assert place("groups", "import", "groups.csv").code == 0
        second = place.rejoin.start("run", "--yes", "--patience", "30m")
        _, said = first.communicate(timeout=PATIENCE)

    assert first.returncode == 5, said
    assert "database_replaced" in said
    assert "rejoin db check" in said
    assert '"exception"' not in said
    sent = joins(place)
    with second:
        second.communicate(timeout=PATIENCE)
    assert second.returncode == 0
    judge_restored(place, sent_before=sent)
    assert gap_after(place, sent) >= HOLD - 5.0  # from the last join of the first to the first of the second


def test_a_run_whose_database_is_gone_for_good_says_so(place: Town) -> None:
    """Whoever looks first, the recovery or the screen: it is one sentence, and no file error."""
    with place.rejoin.start("run", "--yes", "--json") as running:
        until(lambda: joins(place) >= 2)
        for file in place.folder.glob("rejoin.db*"):
            file.unlink()
        _, said = running.communicate(timeout=PATIENCE)

    assert running.returncode == 5, said
    assert "database_replaced" in said
    assert '"exception"' not in said


@pytest.mark.parametrize("sent_before", [0, 3])
def test_a_restored_backup_looks_at_every_group_before_it_joins(place: Town, sent_before: int) -> None:
    if sent_before:
        run_until(place, sent_before)
    assert place("db", "backup", "backup.db").code == 0
    sent = sent_before + 3
    run_until(place, sent)
    assert not doubted(place)
    for file in place.folder.glob("rejoin.db*"):
        file.unlink()
    shutil.copyfile(place.folder / "backup.db", place.folder / "rejoin.db")
    assert doubted(place)

    assert place("run", "--yes", "--patience", "30m").code == 0

    assert not doubted(place)

    judge_restored(place, sent_before=sent)
    assert gap_after(place, sent) >= HOLD


@pytest.mark.parametrize("sent_before", [0, 3])
def test_a_folder_copied_back_looks_too_although_its_witness_came_along(
    place: Town, tmp_path: Path, sent_before: int
) -> None:
    if sent_before:
        run_until(place, sent_before)
    assert place("status").code == 0  # as the last one out it folds the log into the file
    copied(place.folder, tmp_path / "copy")
    sent = sent_before + 3
    run_until(place, sent)
    assert not doubted(place)
    time.sleep(1.1)  # a copy within the second in which the mark was made is no restore
    shutil.rmtree(place.folder)
    copied(tmp_path / "copy", place.folder)
    assert doubted(place)

    assert place("run", "--yes", "--patience", "30m").code == 0

    assert not doubted(place)
    judge_restored(place, sent_before=sent)
    assert gap_after(place, sent) >= HOLD


def test_a_database_made_anew_looks_whatever_number_its_witness_had_in_the_old_one(place: Town) -> None:
    """The accounts stand in another order by now."""
    run_until(place, 3)
    for file in place.folder.glob("rejoin.db*"):
        if file.suffix != ".slots":
            file.unlink()
    toml = place.folder / "rejoin.toml"
    text = toml.read_text()
    first, second = re.findall(r"\[\[instances]]\n(?:\w+ = .*\n)+", text)
    toml.write_text(text.replace(first, "").replace(second, second + "\n" + first))
    assert place("init").code == 0
    assert place("groups", "import", "groups.csv").code == 0

    assert place("run", "--yes", "--patience", "30m").code == 0

    judge_restored(place, sent_before=3)
    assert gap_after(place, 3) >= HOLD


def doubted(world: Town) -> bool:
    """Whether people and scripts are told that a look comes first: by status, in both forms, and doctor."""
    doctor = [line for line in world("doctor").out.splitlines() if "backup-1: history" in line]
    told = {
        "may not know every join" in world("status").out,
        bool(json.loads(world("status", "--json").out)["history_in_doubt"]),
        any("may know fewer joins than were sent" in line for line in doctor),
    }
    assert len(told) == 1, world.printed
    return told.pop()


def copied(source: Path, target: Path) -> None:
    """With all times, as `cp -a` does."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
