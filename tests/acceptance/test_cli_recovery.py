"""A whole recovery with real processes: simulated network, plan, run, signals, status; no secret anywhere."""

from __future__ import annotations

import json
import re
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command import PATIENCE, Answer, Rejoin

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path


SPEED = "120"
SCENARIO = """
name = "small"
seed = 5
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
groups = 8
members = [6, 60]
owner = "15550100001"
admins = ["sales-main"]
"""
WITH_TROUBLE = SCENARIO + '[[groups]]\nsubject = "Old Friends"\nrevoked = true\nimport = { priority = 9 }\n'


class Stage:
    """A simulated network in its own process, a folder set up against it, and all that was ever printed."""

    def __init__(self, rejoin: Rejoin, scenario: str) -> None:
        self.rejoin = rejoin
        (rejoin.folder / "scenario.toml").write_text(scenario)
        self.simulator = rejoin.start(
            "simulate",
            "-q",
            "--json",
            "--listen",
            "127.0.0.1:0",
            "--scenario",
            "scenario.toml",
            "--write-config",
            ".",
        )
        assert self.simulator.stdout is not None
        self.told: dict[str, Any] = json.loads(self.simulator.stdout.readline())
        self.printed = ""

    def __call__(self, *words: str, stdin: str = "") -> Answer:
        answer = self.rejoin(*words, stdin=stdin)
        self.printed += answer.out + answer.err
        return answer

    def import_groups(self) -> None:
        assert self("groups", "import", "groups.csv").code == 0

    def secrets(self) -> list[str]:
        links = (self.rejoin.folder / "groups.csv").read_text().splitlines()[1:]
        codes = [line.partition("chat.whatsapp.com/")[2][:22] for line in links]
        return [account["access_token"] for account in self.told["accounts"]] + codes


@pytest.fixture
def rejoin(tmp_path: Path) -> Rejoin:
    return Rejoin(tmp_path, {"REJOIN_CLOCK_SPEED": SPEED})


@pytest.fixture
def smooth(rejoin: Rejoin) -> Iterator[Stage]:
    yield from staged(rejoin, SCENARIO)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Stage]:
    """Slow enough to meddle with: eight joins take some ten real seconds, a lease three."""
    yield from staged(Rejoin(tmp_path, {"REJOIN_CLOCK_SPEED": "10"}), SCENARIO)


@pytest.fixture
def troubled(rejoin: Rejoin) -> Iterator[Stage]:
    yield from staged(rejoin, WITH_TROUBLE)


def staged(rejoin: Rejoin, scenario: str) -> Iterator[Stage]:
    stage = Stage(rejoin, scenario)
    try:
        stage.import_groups()
        yield stage
    finally:
        stage.simulator.kill()
        stage.simulator.communicate()


def test_from_plan_to_all_active(smooth: Stage) -> None:
    plan = smooth("plan", "--out", "plan.json", "--exit-code", "-v")
    assert plan.code == 8
    assert plan.out.count("join ") == 8
    assert "Plan: 8 to join. At 4/min this takes about 2 min" in plan.out
    assert "Saved to plan.json" in plan.out

    assert "/v2/groups/join" in plan.err  # -v tells the calls
    assert "SELECT" not in plan.err
    assert "SELECT" in smooth("doctor", "-vv").err

    run = smooth("run", "--plan", "plan.json", "--yes", "--json", "-v")

    assert run.code == 0
    lines = [json.loads(line) for line in run.out.splitlines()]
    assert lines[-1]["type"] == "summary"
    assert {line["type"] for line in lines} == {"progress", "group", "summary"}
    assert lines[-1]["counts"]["active"] == 8
    assert smooth("status", "--check").code == 0
    assert smooth("plan", "--exit-code", "--no-probe").code == 0
    assert len(smooth("groups", "list", "--bucket", "done", "--json").json) == 8
    assert [one["outcome"] for one in smooth("history", "--json").json] == ["complete"]
    assert "recovery.ended" in smooth("log").out
    assert smooth("doctor", "--to", "backup-1").code in (0, 1, 5)
    for secret in smooth.secrets():
        assert secret not in smooth.printed


def test_groups_that_need_a_person_end_the_run_with_3_and_a_new_code_helps(troubled: Stage) -> None:
    run = troubled("run")

    assert run.code == 3
    assert "rejoin groups set-code old-friends" in run.out
    assert run.out.count("8 of 9 groups are back") >= 1
    assert troubled("status", "--check").code == 3
    assert troubled("retry", "--reason", "code_revoked").code == 0
    assert [one["status"] for one in troubled("groups", "list", "--search", "Old", "--json").json] == [
        "pending"
    ]


def test_a_stale_plan_is_refused_with_the_line_that_changed(smooth: Stage) -> None:
    assert smooth("plan", "--no-probe", "--out", "plan.json").code == 0
    first = json.loads((smooth.rejoin.folder / "plan.json").read_text())["groups"][0]["slug"]
    assert smooth("groups", "set-code", first, stdin="BbCiSc2rjBsWaYkeHfu777").code == 0

    run = smooth("run", "--plan", "plan.json", "--yes")

    assert run.code == 2
    assert "line 1: " in run.err
    assert "its invite code changed" in run.err
    assert smooth("run", "--plan", "plan.json", "--to", "backup-1").code == 2
    assert smooth("run", "--plan", "nowhere.json").code == 2


def test_a_person_at_a_terminal_hears_how_to_detach(smooth: Stage) -> None:
    _, shown = smooth.rejoin.on_terminal(
        "run", "--from", "sales-main", "--no-input", COLUMNS="80", LINES="24"
    )

    assert "Closing this window stops the run." in shown
    assert "rejoin run --from sales-main --detach" in shown


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_drains_and_the_next_run_goes_on(
    slow: Stage, number: signal.Signals, code: int
) -> None:
    process = slow.rejoin.start("run", "--json", "--yes")
    until_active(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == code
    assert "Ending what is under way" in err
    assert json.loads(out.splitlines()[-1])["type"] == "summary"
    counts = slow("status", "--json").json["counts"]
    assert counts["joining"] == 0
    assert 0 < counts["active"] < 8

    assert slow("run", "--yes").code == 0
    assert len(slow("history", "--json").json) == 1
    journal = slow("log", "-n", "10000", "--json").json
    joins = [line for line in journal if line["kind"] == "join" and line["data"]["sent"]]
    assert len(joins) == 8
    assert len({line["slug"] for line in joins}) == 8


def until_active(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line).get("counts", {}).get("active", 0) > 0:
            return
    pytest.fail("it ended before a group was active")


def test_the_second_signal_stops_at_once(slow: Stage) -> None:
    process = slow.rejoin.start("run", "--json", "--yes")
    until_active(process)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("Ending what is under way")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130
    assert "Traceback" not in err
    assert slow("run", "--yes").code == 0


def test_two_runs_for_one_instance_cannot_both_work(slow: Stage) -> None:
    assert slow("pause").code == 0  # holds the first run where it is
    first = slow.rejoin.start("run", "--json", "--yes")
    assert first.stdout is not None
    assert json.loads(first.stdout.readline())["type"] == "progress"

    second = slow("run", "--yes", "--json")

    assert second.code == 11
    assert second.out == ""
    assert second.error["code"] == "locked"
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=PATIENCE)
    assert first.returncode == 143


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--limit", "2"), "ended after 2 joins (--limit): 2 of 8 groups are back"),
        (("--max-duration", "20s"), "ended after 20 s (--max-duration)"),
    ],
    ids=" ".join,
)
def test_a_run_that_was_told_how_far_to_go_says_that_it_got_there(
    smooth: Stage, words: tuple[str, ...], said: str
) -> None:
    run = smooth("run", "--yes", *words)

    assert run.code == 8
    assert said in run.out
    assert smooth("status", "--json").json["recovery"]["state"] == "interrupted"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--pace", "9/min"), "2 to 5"),
        (("--limit", "0"), "at least 1"),
        (("--patience", "long"), "--patience"),
        (("--from", "nobody"), "sales-main"),
        (("--label", "nothing"), "label"),
        (("--to", "sales-main"), "backup-1"),
    ],
    ids=" ".join,
)
def test_a_run_that_cannot_be_meant_is_refused_before_anything_is_sent(
    smooth: Stage, words: tuple[str, ...], said: str
) -> None:
    run = smooth("run", *words)

    assert run.code == 2
    assert said in run.err
    assert smooth("history", "--json").json == []


def test_a_gateway_that_is_not_there_ends_with_5_and_a_refused_token_with_4(smooth: Stage) -> None:
    folder = smooth.rejoin.folder
    (folder / "secrets" / "backup-1.token").write_text("wrong-token-of-mine\n")
    refused = smooth("run", "--yes")
    smooth.simulator.send_signal(signal.SIGINT)
    smooth.simulator.wait(PATIENCE)
    away = smooth("run", "--yes", "--patience", "10s", "--json")

    assert refused.code == 4
    assert "refused the token" in refused.err
    assert away.code == 5
    assert away.error["code"] == "temporary"
    assert "wrong-token-of-mine" not in smooth.printed


def test_the_question_before_a_run_can_be_answered_with_no(smooth: Stage) -> None:
    code, shown = smooth.rejoin.on_terminal("run", typed="n\n")

    assert code == 2
    assert "Plan: 8 to join." in shown
    assert "Recover all groups onto backup-1 now? [y/N]" in shown
    assert smooth("history", "--json").json == []


def test_a_run_that_waits_for_its_gateway_says_so(smooth: Stage) -> None:
    smooth.simulator.kill()
    smooth.simulator.wait(PATIENCE)

    answer = smooth("run", "--patience", "1m")

    assert answer.code == 5
    assert answer.out == ""
    assert answer.err.startswith("waiting (at most 1 min) for the session of backup-1: could not connect")
    assert "the session of backup-1 does not work" in answer.err


def test_a_pause_in_place_of_an_automatic_one_says_what_a_resume_would_lift(smooth: Stage) -> None:
    token = smooth.rejoin.folder / "secrets" / "backup-1.token"
    token.write_text("wrong-token-of-mine")

    refused, status = smooth("run"), smooth("status", "--check")
    paused = smooth("pause", "--because", "the phone rings")

    assert (refused.code, status.code) == (4, 4)
    assert "the gateway refuses the access token" in status.out
    assert "until you resume" in paused.out
    assert "It was paused already (credentials_refused)" in paused.err


def test_the_simulator_ends_with_its_signal_and_never_overwrites(smooth: Stage) -> None:
    again = smooth("simulate", "--listen", "127.0.0.1:0", "--write-config", ".")
    taken = smooth("simulate", "--listen", smooth.told["base_url"].removeprefix("http://"))
    outside = smooth("simulate", "--listen", "0.0.0.0:9100")
    smooth.simulator.send_signal(signal.SIGINT)

    assert (again.code, taken.code, outside.code) == (2, 2, 2)
    assert "not overwritten" in again.err
    assert "choose another port" in taken.err
    assert "loopback" in outside.err
    assert smooth.simulator.wait(PATIENCE) == 130


def test_the_demo_tells_the_whole_story_in_a_minute(tmp_path: Path) -> None:
    rejoin, start = Rejoin(tmp_path), time.monotonic()

    answer = rejoin("demo", "--speed", "120")

    assert answer.code == 0
    assert time.monotonic() - start < 60
    assert "groups of sales-main are back" in answer.out
    assert "NEEDS YOU" in answer.out
    assert re.search(r"never more than [1-5] in any 60 seconds", answer.err), answer.err
    assert list(tmp_path.iterdir()) == []
