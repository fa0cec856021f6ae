"""The daemon as a process: orders through the database, signals, a second one, a loop that dies."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command import PATIENCE
from tests.support.daemon import Town, town, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


GROUPS = 8
SCENARIO = f"""
name = "process"
seed = 5
[[accounts]]
name = "sales-main"
instance_id = "100"
phone = "15550100001"
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
[[groups]]
subject = "Old Friends"
revoked = true
import = {{ priority = 9 }}
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Town]:
    with town(tmp_path, SCENARIO, speed=20.0) as made:
        made.start()
        yield made


def active(world: Town) -> int:
    return int(world.rows("SELECT count(*) FROM memberships WHERE status = 'active'")[0][0])


def state(world: Town, recovery: int = 1) -> tuple[str, str | None]:
    found = world.rows("SELECT state, outcome FROM recoveries WHERE id = ?", recovery)
    return (found[0][0], found[0][1]) if found else ("", None)


def kinds(world: Town) -> list[str]:
    """What the journal tells, in the order in which it was decided."""
    return [kind for (kind,) in world.rows("SELECT kind FROM journal ORDER BY id")]


def joins(world: Town) -> int:
    return int(world.asks("/_sim/verdict")["joins"])


def test_a_detached_run_is_driven_waited_for_and_continued_by_a_retry(world: Town) -> None:
    given = world("run", "--detach", "--yes", "--json")
    assert (given.code, given.json["recovery"]) == (0, 1)
    assert world("run", "--yes").code == 11  # the daemon drives it
    assert world("run", "--detach", "--yes").code == 11

    waited = world("wait", "--json", "--timeout", "15m")

    assert waited.code == 3  # one needs a person
    assert (waited.json["over"], active(world)) == (True, GROUPS)
    assert world("retry", "old-friends").code == 0
    until(lambda: state(world, 2)[0])  # the daemon went on by itself
    assert world("wait", "2").code == 3
    assert joins(world) == GROUPS  # and joined nothing twice


def test_pause_resume_and_stop_are_seen_by_a_daemon_at_work(world: Town) -> None:
    world("run", "--detach", "--yes")
    until(lambda: active(world) >= 1)

    assert world("pause").code == 0
    time.sleep(1.5)  # half a simulated minute: two joins' worth
    assert world("resume").code == 0
    until(lambda: "slot" in kinds(world)[kinds(world).index("act.resume") :])
    told = kinds(world)
    assert "slot" not in told[told.index("act.pause") : told.index("act.resume")]

    assert world("stop").code == 0
    until(lambda: state(world) == ("stopped", "stopped"))
    assert world("wait", "--timeout", "1m").code == 8  # over, but not all are back


def test_the_first_signal_drains_and_the_next_daemon_goes_on(world: Town) -> None:
    world("run", "--detach", "--yes")
    until(lambda: joins(world) >= 2)

    assert world.stop() == 0
    assert state(world) == ("running", None)
    assert not world.rows("SELECT 1 FROM slots WHERE finished_at IS NULL")

    world.start()
    assert world("wait").code == 3
    assert_no_join_was_repeated(world)


def test_a_killed_daemon_is_followed_by_the_one_that_stands_by(world: Town) -> None:
    world("run", "--detach", "--yes")
    first = world.process
    assert first is not None
    errors = (world.folder / "second.err").open("w")
    with world.rejoin.start("daemon", "--log-format", "json", stderr=errors) as second:
        errors.close()
        until(lambda: "standing by" in (world.folder / "second.err").read_text())
        until(lambda: joins(world) >= 2)

        first.kill()
        first.communicate()

        assert world("wait").code == 3
        assert json.loads(world.rows("SELECT holder FROM daemon")[0][0])["pid"] == second.pid
        second.send_signal(signal.SIGTERM)
        second.communicate(timeout=PATIENCE)
        assert second.returncode == 0
    assert_no_join_was_repeated(world)


def assert_no_join_was_repeated(world: Town) -> None:
    verdict = world.asks("/_sim/verdict")
    assert active(world) == GROUPS
    assert verdict["worst_window_60s"] <= 5
    assert verdict["double_effects"] == []
    assert verdict["joins_repeated_without_look"] == 0


def test_a_daemon_whose_seat_was_taken_stands_by_and_comes_back(world: Town) -> None:
    held = world.rows("SELECT holder FROM daemon")[0][0]
    elsewhere = json.dumps(json.loads(held) | {"host": "elsewhere", "boot_id": "another"})
    spoil(world, "UPDATE daemon SET fence = fence + 1, until = until + 1e6, holder = ?", elsewhere)

    until(lambda: "on elsewhere; standing by" in world.log)
    spoil(world, "UPDATE daemon SET holder = NULL")

    until(lambda: world.rows("SELECT holder FROM daemon")[0][0] == held)
    assert world.stop() == 0
    assert "Traceback" not in world.log


def test_a_reload_takes_a_good_configuration_and_refuses_a_bad_one(world: Town) -> None:
    assert world.process is not None
    toml = world.folder / "rejoin.toml"
    good = toml.read_text()
    world("run", "--detach", "--yes")
    until(lambda: joins(world) >= 1)

    toml.write_text(good + "\n[pacing]\njoins_per_minute = 40\n")
    world.process.send_signal(signal.SIGHUP)
    until(lambda: "must be at most 5" in world.log)
    assert world.rows("SELECT holder IS NOT NULL FROM daemon") == [(1,)]

    toml.write_text(good + "\n[pacing]\njoins_per_minute = 5\n")
    fence = world.rows("SELECT fence FROM daemon")[0][0]
    world.process.send_signal(signal.SIGHUP)
    until(lambda: world.rows("SELECT fence FROM daemon")[0][0] > fence)  # a new life
    assert world("wait").code == 3
    assert_no_join_was_repeated(world)
    assert world.stop() == 0


def test_a_loop_that_dies_halts_its_instance_and_not_the_daemon(world: Town) -> None:
    world("pause")
    world("run", "--detach", "--yes")
    spoil(world, "UPDATE memberships SET greeting = 'of another kind'")
    world("resume")

    until(lambda: world.rows("SELECT 1 FROM instances WHERE pause_reason = 'internal_error'"))

    assert world.process is not None
    assert world.process.poll() is None
    status = world("status", "--json").json
    halted = next(one for one in status["instances"] if one["name"] == "backup-1")
    assert halted["pause"]["reason"] == "internal_error"
    assert "resume" in halted["pause"]["command"]
    assert world.rows("SELECT 1 FROM messages WHERE kind = 'instance.halted'")
    spoil(world, "UPDATE memberships SET greeting = 'none'")
    world("resume")
    assert world("wait").code == 3  # and goes on when a person resumes
    assert_no_join_was_repeated(world)


def spoil(world: Town, statement: str, *values: str) -> None:
    with closing(sqlite3.connect(world.folder / "rejoin.db", timeout=30)) as database:
        database.execute(statement, values)
        database.commit()


def test_two_things_that_must_be_put_right_first_are_said_at_the_start(tmp_path: Path) -> None:
    with town(tmp_path, SCENARIO, speed=20.0) as world:
        assert world("run", "--detach", "--yes").code == 2  # no daemon runs
        toml = world.folder / "rejoin.toml"
        good = toml.read_text()
        taken = world.told["base_url"].rpartition(":")[2]
        toml.write_text(good.replace(f":{world.hooks_port}", f":{taken}"))
        answer: Any = world("daemon")
        assert answer.code == 5
        assert f"cannot listen on 127.0.0.1:{taken}: " in answer.err
        assert "does already" in answer.err

        toml.write_text(good + '\n[watch]\nevery = "soon"\n')
        assert world("daemon").code == 78
