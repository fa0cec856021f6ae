"""Scenario files: what they build, what they refuse, and the sheets that go with them."""

from __future__ import annotations

import csv
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from orchestrator.simulator import scenario, sheets
from orchestrator.simulator.checked_tables import ScenarioError
from orchestrator.simulator.faults import Trouble, When
from orchestrator.simulator.truth import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.simulator.scenario import World


def problems(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as error:
        scenario.parse(text, source="x.toml")
    return error.value.problems


def fates(world: World) -> dict[str, sheets.Fate]:
    backup = world.network.account("backup-1")
    return {row.name: sheets.fate(world.network, row, backup) for row in world.rows}


@pytest.mark.parametrize("name", ["demo", "smooth", "chaos"])
def test_the_scenarios_that_come_along_can_be_built(name: str) -> None:
    world = scenario.load(scenario.built_in(name))
    assert world.name == name
    assert world.description
    assert {"sales-main", "backup-1"} <= set(world.network.accounts)
    assert all(re.fullmatch(r"[A-Za-z0-9]{22}", row.code) for row in world.rows)


def test_the_demo_holds_everything_that_can_go_wrong() -> None:
    found = Counter(fates(scenario.load(scenario.built_in("demo"))).values())
    assert found.pop(sheets.Fate("active")) == 32
    assert {fate.reason for fate in found} == {
        "approval_pending",
        "code_revoked",
        "group_full",
        "removed_by_admin",
        "identity_mismatch",
        "group_gone",
        "group_locked",
    }


def test_the_same_seed_makes_the_same_world() -> None:
    one, two = (scenario.load(scenario.built_in("demo")) for _ in range(2))
    assert [row.code for row in one.rows] == [row.code for row in two.rows]
    assert [a.access_token for a in one.network.accounts.values()] == [
        a.access_token for a in two.network.accounts.values()
    ]


def test_generated_groups_look_like_real_ones_and_never_repeat() -> None:
    world = scenario.parse("[generate]\ngroups = 700\nmembers = [3, 9]\nseed = 5")
    groups = list(world.network.groups.values())
    assert len(groups) == len({g.subject for g in groups}) == len(world.rows) == 700
    assert all(re.fullmatch(r"120363\d{12}@g\.us", g.jid) and 3 <= g.size <= 9 for g in groups)


def test_every_mistake_is_told_at_once_with_its_place() -> None:
    told = problems(
        """
        nam = "x"
        [[accounts]]
        phone = 15
        [[groups]]
        subject = "A"
        inside = ["ghost"]
        members = -1
        import = { code_of = "B" }
        [gateway]
        engine = "steam"
        latency = [3, 1]
        [[faults]]
        trouble = "cut"
        group = "C"
        [[faults]]
        kinds = ["jion"]
        [[events]]
        at = 5
        do = "approve"
        group = "A"
        """
    )
    places = [line.split(": ")[1] for line in told]
    assert all(line.startswith("x.toml: ") for line in told)
    assert set(places) == {
        "nam",
        "accounts[1].name",
        "accounts[1].phone",
        "groups[1].members",
        "groups[1].inside",
        "groups[1].import.code_of",
        "gateway.engine",
        "gateway.latency",
        "faults[1]",
        "faults[2].trouble",
        "faults[2].kinds",
        "events[1].account",
    }


def test_a_file_that_is_no_toml_or_not_there_is_told_by_name(tmp_path: Path) -> None:
    assert problems("a = ")[0].startswith("x.toml: is not TOML: ")
    with pytest.raises(ScenarioError, match=r"none\.toml: cannot be read: No such file"):
        scenario.load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(ScenarioError, match="is not UTF-8"):
        scenario.load(tmp_path / "latin.toml")


def test_two_groups_with_one_code_or_jid_are_refused() -> None:
    told = problems(
        """
        groups = [
          { subject = "A", jid = "1@g.us", codes = ["AAAAAAAAAAAAAAAAAAAAAA"] },
          { subject = "B", jid = "1@g.us" },
          { subject = "C", codes = ["AAAAAAAAAAAAAAAAAAAAAA"] },
          { subject = "D", jid = "1@c.us" },
        ]
        """
    )
    assert [line.split(": ", 2)[1] for line in told] == ["groups[2]", "groups[3]", "groups[4].jid"]
    assert "AAAAAAAA" not in str(told)


def test_faults_and_knobs_become_data() -> None:
    world = scenario.parse(
        """
        gateway = { dialect = "noweb", latency = 2 }
        groups = [{ subject = "A", jid = "1@g.us" }]
        faults = [{ trouble = "cut", effect = "done", kinds = ["join"], group = "A", times = 2 }]
        """
    )
    assert (world.faults.dialect, world.faults.delay()) == ("noweb", 2.0)
    rule = world.faults.rules[0]
    assert (rule.trouble, rule.when, rule.group, rule.times) == (Trouble.CUT, When.DONE, "1@g.us", 2)
    assert world.faults.take(Kind.PROBE, None, "1@g.us") is None
    assert world.faults.take(Kind.JOIN, None, "2@g.us") is None
    assert [world.faults.take(Kind.JOIN, None, "1@g.us") for _ in range(3)] == [rule, rule, None]


def test_a_rule_can_let_calls_pass_and_throw_dice_from_the_seed() -> None:
    text = """
        seed = {seed}
        faults = [{{ trouble = "cut", skip = 2, times = 1 }}, {{ trouble = "hang", probability = 0.5 }}]
        """

    def played(seed: int) -> list[str]:
        faults = scenario.parse(text.format(seed=seed)).faults
        rules = (faults.take(Kind.JOIN, None, None) for _ in range(40))
        return [rule.trouble if rule else "" for rule in rules]

    assert played(1) == played(1) != played(2)
    assert played(1).count("cut") == 1
    assert "cut" not in played(1)[:2]
    assert 10 < played(1).count("hang") < 30


def test_the_sheets_can_be_read_back(tmp_path: Path) -> None:
    world = scenario.load(scenario.built_in("demo"))
    sheets.write_import(world, tmp_path / "groups.csv")
    sheets.write_truth(world, tmp_path / "truth.csv", account="backup-1")
    with (tmp_path / "groups.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with (tmp_path / "truth.csv").open(newline="", encoding="utf-8") as file:
        truth = {row["name"]: row for row in csv.DictReader(file)}
    assert tuple(rows[0]) == sheets.IMPORT_HEADER
    assert all(row["code"].startswith("https://chat.whatsapp.com/") for row in rows)
    assert {row["instances"] for row in rows} == {"sales-main"}
    assert truth["Spare Parts"]["reason"] == "identity_mismatch"
    assert len(rows) == len(truth) == 40


def test_the_timeline_acts_when_its_time_has_come() -> None:
    class Clock:
        at = 100.0

        def now(self) -> float:
            return self.at

        async def sleep(self, seconds: float) -> None:
            self.at += seconds

    clock = Clock()
    world = scenario.parse(
        """
        accounts = [{ name = "b" }]
        groups = [{ subject = "A", approval = true, pending = ["b"] }]
        events = [
          { at = 60, do = "approve", group = "A", account = "b" },
          { at = 60, do = "rename", group = "A", subject = "B" },
          { at = 90, do = "set_state", account = "b", state = "STARTING", seconds = 30 },
        ]
        """,
        clock=clock,
    )
    account, group = world.network.account("b"), world.network.group("A")
    world.network.settle()
    assert not group.inside
    clock.at = 160.0
    world.network.settle()
    assert (list(group.inside), group.subject) == (["b"], "B")
    clock.at = 190.0
    world.network.settle()
    assert account.state == "STARTING"
    clock.at = 220.0
    world.network.settle()
    assert account.state == "WORKING"
