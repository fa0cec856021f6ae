"""One small bad day, told through any dialect: healthy groups, and troubles that must end alike in each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.daemon import Town

HEALTHY = 6
SCENARIO = f"""
name = "dialects"
seed = 5
[[accounts]]
name = "sales-main"
instance_id = "main"
phone = "15550100001"
state = "FAILED"
[[accounts]]
name = "backup-1"
instance_id = "spare"
phone = "15550100002"
lid = "900000000000002"
[gateway]
latency = 0.2
{{gateway}}
[import]
instances = ["sales-main"]
[[groups]]
subject = "Already In"
inside = ["backup-1"]
[[groups]]
subject = "Renamed"
import = {{{{ subject = "Other Name", jid = "" }}}}
[[groups]]
subject = "Asks For Approval"
approval = true
approve_after = 90
[[groups]]
subject = "Cut Off"
[[groups]]
subject = "Server Error"
[[faults]]
trouble = "cut"
kinds = ["join"]
group = "Cut Off"
effect = "done"
times = 1
[[faults]]
trouble = "http"
kinds = ["join"]
group = "Server Error"
status = 502
times = 1
[generate]
groups = {HEALTHY}
members = [6, 60]
owner = "15550100001"
admins = ["sales-main"]
"""
ENDS = {
    "Already In": "active",
    "Renamed": "blocked",
    "Asks For Approval": "active",
    "Cut Off": "active",
    "Server Error": "active",
}


BLIND = ENDS | {"Server Error": "blocked"}
"""Where a look cannot tell that the account is outside: nobody knows what became of that join."""


def assert_told(world: Town, ends: dict[str, str] = ENDS) -> None:
    """Every group is where it must be, what is shown as active is true, every promise about joins held."""
    by_name = dict(
        world.rows("SELECT g.name, m.status FROM memberships m JOIN groups g ON g.id = m.group_id")
    )
    assert {name: by_name[name] for name in ends} == ends, by_name
    assert set(by_name.values()) == {"active", "blocked"}
    assert len(by_name) == HEALTHY + len(ends)
    assert world.rows("SELECT 1 FROM memberships WHERE status = 'active' AND jid IS NULL") == []
    inside = {one["subject"] for one in world.asks("/_sim/state")["groups"] if "backup-1" in one["inside"]}
    assert inside == {name for name, status in by_name.items() if status == "active"}
    verdict: dict[str, Any] = world.asks("/_sim/verdict")
    assert verdict["worst_window_60s"] <= 5
    assert verdict["double_effects"] == []
    assert verdict["needless_joins"] == 0
    assert (verdict["joins_without_probe"], verdict["joins_repeated_without_look"]) == (0, 0)


def assert_no_secret(world: Town) -> None:
    links = (world.folder / "groups.csv").read_text().splitlines()[1:]
    codes = [line.partition("chat.whatsapp.com/")[2][:22] for line in links]
    for secret in (*codes, *(one["access_token"] for one in world.told["accounts"])):
        assert secret not in world.printed
