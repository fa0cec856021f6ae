"""The database is deleted, replaced or restored under real processes; judged at the gateway."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import Town, town, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)

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
        until(lambda: "was deleted, replaced or moved" in world.log, patience=5.0)
        until(lambda: "begins anew" in world.log, patience=5.0)
        assert process.poll() is None
        assert world("pause").code == 0
        time.sleep(1.0)
        before = joins(world)
        time.sleep(200 / SPEED)  # longer than any hold

        assert joins(world) == before  # the pause in the new file is the daemon's
        assert world("resume").code == 0
        until(lambda: world.asks("/_sim/verdict")["joins"] >= GROUPS, patience=90.0)
        assert world.asks("/_sim/verdict")["worst_window_60s"] <= 5
        assert world.asks("/_sim/verdict")["needless_joins"] == 0
        assert world.stop() == 0
        assert "Traceback" not in world.log


def test_a_daemon_waits_for_a_restore_that_is_not_finished(tmp_path: Path) -> None:
    with town(tmp_path, SCENARIO, speed=SPEED) as world:
        process = world.start()
        away = world.folder / "away.db"
        (world.folder / "rejoin.db").rename(away)
        until(lambda: "was deleted, replaced or moved" in world.log, patience=5.0)
        time.sleep(1.0)
        assert process.poll() is None
        assert not (world.folder / "rejoin.db").exists()  # none is made in its place

        shutil.copyfile(away, world.folder / "rejoin.db")

        until(lambda: world.log.count(" watches ") >= 2, patience=20.0)
        assert world.stop() == 0
