"""A recovery keeps the scope that it was given: real processes, judged by what reached the gateway."""

from __future__ import annotations

import json
import re
import shlex
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command import PATIENCE
from tests.support.daemon import Town, town, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_GROUPS = "".join(
    f"""
[[groups]]
subject = "{account} {number}"
members = 12
owner = "15550100001"
admins = ["{account}"]
import = {{ instances = ["{account}"], labels = ["{label}"] }}
"""
    for account, label in (("sales-main", "vip"), ("sales-eu", "north"))
    for number in range(5)
)
SCENARIO = f"""
name = "two primaries"
seed = 5
[[accounts]]
name = "sales-main"
instance_id = "100"
phone = "15550100001"
state = "FAILED"
[[accounts]]
name = "sales-eu"
instance_id = "101"
phone = "15550100003"
[[accounts]]
name = "backup-1"
instance_id = "200"
phone = "15550100002"
[gateway]
latency = 0.2
{_GROUPS}
"""
LOST, HEALTHY = "sales-main", "sales-eu"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Town]:
    with town(tmp_path, SCENARIO, speed=20.0) as made:
        yield made


def joined(world: Town) -> list[str]:
    """Subjects of the groups that joins were sent for, as the gateway has them."""
    subjects = {one["jid"]: one["subject"] for one in world.asks("/_sim/state")["groups"]}
    requests = world.asks("/_sim/log")["requests"]
    return [subjects[one["group"]] for one in requests if one["kind"] == "join"]


def assert_the_healthy_account_was_left_alone(world: Town) -> None:
    assert [one for one in joined(world) if one.startswith(HEALTHY)] == []


def past(world: Town) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world("history", "--json").json
    return found


def interrupted(world: Town, *words: str, active: int = 1) -> str:
    """A run that Ctrl-C ended after its first groups; returns all that it printed."""
    process = world.rejoin.start("run", "--yes", *words)
    until(lambda: len(joined(world)) >= active)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    return out + err


def advised(text: str) -> list[str]:
    """The words of the run that a screen advises last."""
    found = re.findall(r"rejoin (run(?: (?:-\S+|'[^']*'|[\w=-]*(?:-main|-1|vip|north)))*)", text)
    assert found, text
    return shlex.split(found[-1])


@pytest.mark.parametrize(
    "words",
    [("--from", LOST), ("--label", "vip"), ("--from", LOST, "--label", "vip"), ("--from", LOST, "--detach")],
    ids=" ".join,
)
def test_what_the_screen_advises_after_ctrl_c_joins_no_group_of_the_healthy_account(
    world: Town, words: tuple[str, ...]
) -> None:
    shown = interrupted(world, *[word for word in words if word != "--detach"])
    status = world("status").out

    assert "5 groups of" in status.replace(" labelled", " of")
    assert "sales-main" in status or "labelled vip" in status
    if "--detach" in words:
        world.start()
        assert world("run", "--detach").code == 0
        assert world("wait").code == 0
    else:
        assert world(*advised(shown)).code == 0
    assert world("run", "--from", LOST, "--yes").code == 0  # all is in place: nothing more to do
    assert len(joined(world)) == 5
    assert_the_healthy_account_was_left_alone(world)
    assert [(one["id"], one["outcome"]) for one in past(world)] == [(1, "complete")]


def test_a_run_without_words_goes_on_as_placed_and_keeps_pace_and_limit(world: Town) -> None:
    interrupted(world, "--from", LOST, "--pace", "2/min", "--limit", "3")

    run = world("run")

    assert run.code == 8  # three joins were all that was asked for
    assert "Going on with recovery 1 of the groups of sales-main onto backup-1." in run.err
    assert len(joined(world)) == 3
    assert world.rows("SELECT pace FROM recoveries")[0][0] == 2.0
    assert world("run").code == 0  # past its limit it goes on with the rest
    assert len(past(world)) == 1
    assert_the_healthy_account_was_left_alone(world)


def test_the_groups_of_a_plan_stay_those_of_the_plan(world: Town) -> None:
    for slug in ("sales-main-0", "sales-main-1"):
        assert world("plan", "--from", LOST, "--no-probe", "--out", "plan.json").code == 0
        assert world("skip", slug, "--to", "backup-1").code == 0
    assert world("plan", "--from", LOST, "--no-probe", "--out", "plan.json").code == 0
    assert world("retry", "sales-main-0", "sales-main-1", "--to", "backup-1").code == 0
    shown = interrupted(world, "--plan", "plan.json")

    assert world("run", "--from", LOST).code == 2  # a plan's groups are fewer
    assert json.loads(world("plan", "--no-probe", "--json").out)["from"] == LOST
    assert len(world("plan", "--no-probe", "--json").json["groups"]) == 3
    assert world(*advised(shown)).code == 0

    assert sorted(joined(world)) == [f"{LOST} {number}" for number in (2, 3, 4)]
    assert world("history", "--json").json[0]["chosen"] is True
    assert "rejoin run" not in world("status").out  # it would take more than was chosen


@pytest.fixture
def two_backups(tmp_path: Path) -> Iterator[Town]:
    second = '[[accounts]]\nname = "backup-2"\ninstance_id = "201"\nphone = "15550100004"\n[gateway]'
    with town(tmp_path, SCENARIO.replace("[gateway]", second), speed=20.0) as made:
        yield made


def test_a_run_without_words_goes_on_with_what_is_open_also_after_a_later_recovery_onto_another_backup(
    two_backups: Town,
) -> None:
    world = two_backups
    interrupted(world, "--to", "backup-1", "--from", LOST)
    assert world("run", "--to", "backup-2", "--from", LOST, "--label", "vip").code == 0

    planned, run = world("plan", "--no-probe", "--json"), world("run")

    assert (planned.json["to"], planned.json["from"]) == ("backup-1", LOST)
    assert run.code == 0
    assert "Going on with recovery 1 of the groups of sales-main onto backup-1." in run.err
    assert_the_healthy_account_was_left_alone(world)
    assert [(one["id"], one["outcome"]) for one in past(world)] == [(2, "complete"), (1, "complete")]


def test_what_other_recoveries_left_is_said_and_no_advice_leads_past_it(world: Town) -> None:
    interrupted(world, "--from", LOST)
    assert world("run", "--new", "--label", "north").code == 0

    status = world("status")
    left = world("status", "--json").json["recovery"]["left_behind"]
    assert left == 5 - len([one for one in joined(world) if one.startswith(LOST)])
    assert (
        f"{left} groups are not in place on backup-1 and not in this recovery: rejoin groups list"
        in status.out
    )
    assert world("skip", "sales-main-4").code == 0
    retried = world("retry", "sales-main-4")
    assert "--label north" not in retried.err  # it would leave that group where it is
    assert "No recovery has them all in its scope." in retried.err


@pytest.mark.parametrize(
    ("opened", "asked"),
    [
        (("--from", LOST), ("--from", HEALTHY)),
        (("--from", LOST), ("--from", LOST, "--label", "vip")),
        (("--from", LOST), ("--label", "north")),
        ((), ("--label", "north")),
        (("--label", "vip"), ("--label", "vip", "--label", "north")),
        (("--from", LOST), ("--label", "north", "--detach")),
    ],
    ids=str,
)
def test_another_scope_is_refused_until_it_is_called_new(
    world: Town, opened: tuple[str, ...], asked: tuple[str, ...]
) -> None:
    interrupted(world, *opened)
    before = joined(world)
    if "--detach" in asked:
        world.start()

    refused = world("run", "--yes", *asked)
    beside = world("plan", "--no-probe", *[word for word in asked if word != "--detach"])

    assert refused.code == 2
    assert "recovery 1 onto backup-1 is open, for" in refused.err
    assert "--new" in refused.err
    assert beside.code == 0
    assert "recovery 1 onto backup-1 is open" in beside.err
    assert joined(world) == before
    assert len(past(world)) == 1
    assert world("run", "--yes", "--new", *asked).code == 0
    if "--detach" in asked:
        assert world("wait").code == 0
    assert [one["outcome"] for one in past(world)] == ["complete", "replaced"]


def test_a_scope_in_another_order_or_case_is_the_same_scope(world: Town) -> None:
    interrupted(world, "--label", "vip", "--label", "north")

    assert world("run", "--label", "NORTH", "--label", "Vip", "--label", "vip").code == 0
    assert world("run", "--from", "Sales-Main").code == 0
    assert len(past(world)) == 1


def test_a_scope_of_nothing_is_refused_with_the_reason_and_leaves_no_recovery(world: Town) -> None:
    both = ("--from", LOST, "--label", "north")
    answers = [world(command, *both) for command in ("run", "plan")]
    answers.append(world("run", "--from", "sales-asia", "--label", "north"))
    answers.append(world("run", "--label", "south"))

    assert [one.code for one in answers] == [2, 2, 2, 2]
    assert "there are no groups of sales-main labelled north" in answers[0].err
    assert 'No group has the instance "sales-asia"' in answers[2].err
    assert 'No group has the label "south"' in answers[3].err
    assert past(world) == []
    assert joined(world) == []


def test_new_ends_what_is_open_also_where_all_of_its_own_is_in_place(world: Town) -> None:
    assert world("run", "--from", LOST).code == 0
    interrupted(world, "--label", "north", active=6)
    before = joined(world)

    assert world("run", "--yes", "--new", "--from", LOST).code == 0

    assert [one["outcome"] for one in past(world)] == ["complete", "replaced", "complete"]
    assert joined(world) == before


def test_a_scope_of_which_all_is_active_ends_at_once_and_leaves_no_noise(world: Town) -> None:
    assert world("run", "--from", LOST).code == 0
    lines, calls = len(world("log", "-n", "10000", "--json").json), len(world.asks("/_sim/log")["requests"])

    again, as_json = world("run", "--from", LOST), world("run", "--from", LOST, "--json")

    assert (again.code, as_json.code) == (0, 0)
    assert again.out == "All 5 groups of sales-main are in place on backup-1.\n"
    assert as_json.json["type"] == "summary"
    assert (as_json.json["exit_code"], as_json.json["counts"]["active"]) == (0, 5)
    assert len(past(world)) == 1
    assert len(world("log", "-n", "10000", "--json").json) == lines
    assert len(world.asks("/_sim/log")["requests"]) == calls
