"""What the daemon is for, with real processes: the loss, the recovery, and everybody told once."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.daemon import Town, town, until
from tests.support.outside import Outside, outside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


SPEED = 40.0
FAST = 120.0
GROUPS = 12
SECRET = "between the gateway and us"
SCENARIO = f"""
name = "story"
seed = 11
[[accounts]]
name = "sales-main"
instance_id = "100"
phone = "15550100001"
[[accounts]]
name = "backup-1"
instance_id = "200"
phone = "15550100002"
lid = "900000000000002"
{{backup}}
[gateway]
latency = 0.4
{{gateway}}
[import]
instances = ["sales-main"]
[generate]
groups = {GROUPS}
members = [6, 60]
owner = "15550100001"
admins = ["sales-main"]
"""
CONFIG = """
[watch]
every = "30s"
lost_after = "4m"
on_loss = "{on_loss}"
[webhooks]
secret = "{secret}"
[notify]
urls = ["{people}"]
[[notify.webhooks]]
name = "crm"
url = "{crm}"
secret = "between the crm and us"
"""


@pytest.fixture
def told() -> Iterator[Outside]:
    with outside("between the crm and us") as there:
        yield there


def story(folder: Path, told: Outside, *, speed: float = SPEED, gateway: str = "", backup: str = "") -> Any:
    config = CONFIG.format(on_loss="recover", secret=SECRET, people=told.people, crm=told.crm)
    return town(folder, SCENARIO.format(gateway=gateway, backup=backup), speed=speed, config=config)


def troubled_webhooks(world: Town, *, by_hand: bool = True) -> None:
    """A third lost, a third doubled, all delayed, forged and unsigned copies among them.

    Where a vendor signs in a way of its own, they are set by our own command.
    """
    base = f"http://127.0.0.1:{world.hooks_port}/hooks"
    if not by_hand:
        assert world("hooks", "install", "--url", base.removesuffix("/hooks")).code == 0
    targets = [{"account": name, "url": f"{base}/{name}"} for name in ("sales-main", "backup-1")]
    world.webhooks(
        secret=SECRET, shape="mixed", own_id="alternate", lost=0.333, doubled=0.333, delay=[0, 60],
        forged=0.4, unsigned=0.2, replayed=0.2, replay_after=[30, 120], strangers=0.5, unknown=0.2,
        targets=targets if by_hand else [], sends=["session.status", "group.v2.join"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("gateway", "backup"),
    [
        pytest.param("", "", id="wawp"),
        pytest.param('engine = "gows"', 'gateway = "waha"', id="wawp-to-waha-gows"),
        pytest.param('vendor = "evolution"', 'gateway = "gowa"', id="evolution-to-gowa"),
    ],
)
def test_a_lost_primary_is_noticed_recovered_and_told_of_once(
    tmp_path: Path, told: Outside, gateway: str, backup: str
) -> None:
    with story(tmp_path, told, gateway=gateway, backup=backup) as world:
        vendors = set(re.findall(r"\w+", gateway + backup))
        troubled_webhooks(world, by_hand=not {"evolution", "gowa"} & vendors)
        world.start()
        world.do(do="log_out", account="sales-main")

        until(lambda: told.of("recovery.finished"))
        until(lambda: not world.rows("SELECT 1 FROM deliveries WHERE state = 'pending'"))

        assert_all_back(world)
        assert_told_once(world, told)
        assert_webhooks_judged(world)
        assert world.stop() == 0
        assert "Traceback" not in world.log
        for secret in (
            SECRET,
            "between the crm and us",
            *(one["access_token"] for one in world.told["accounts"]),
        ):
            assert secret not in world.log


def assert_all_back(world: Town) -> None:
    verdict = world.asks("/_sim/verdict")
    assert verdict["worst_window_60s"] <= 5
    assert (verdict["joins"], verdict["double_effects"], verdict["needless_joins"]) == (GROUPS, [], 0)
    assert (verdict["joins_without_probe"], verdict["joins_repeated_without_look"]) == (0, 0)
    statuses = world.rows("SELECT status, evidence, jid IS NOT NULL FROM memberships")
    assert [(status, known) for status, _evidence, known in statuses] == [("active", 1)] * GROUPS
    loss = world.rows("SELECT state, action, recovery_id, evidence FROM losses")
    assert [one[:3] for one in loss] == [("lost", "recover", 1)]
    assert len({item["kind"] for item in json.loads(loss[0][3])}) >= 2


def assert_told_once(world: Town, told: Outside) -> None:
    assert told.badly_signed == 0
    assert sorted(fact["slug"] for fact in told.of("group.active")) == sorted(
        slug for (slug,) in world.rows("SELECT slug FROM groups")
    )
    for kind in ("instance.lost", "recovery.started", "recovery.finished"):
        assert len(told.of(kind)) == 1, kind
    assert told.of("group.blocked") == []
    titles = [notice["title"] for notice in told.notices]
    assert len(titles) == 2, titles  # of the loss, and of the end
    assert "sales-main" in titles[0]


def assert_webhooks_judged(world: Town) -> None:
    verdict = world.asks("/_sim/webhooks")["verdict"]
    assert verdict["forgeries_accepted"] == 0
    assert verdict["forged"] > 0
    assert verdict["accepted"] > 0
    by_event = world.rows("SELECT count(*) FROM memberships WHERE evidence = 'event'")[0][0]
    assert by_event >= 1  # and what was lost was found by looking


def test_half_an_hour_of_starting_flaps_starts_nothing(tmp_path: Path, told: Outside) -> None:
    with story(tmp_path, told, speed=FAST) as world:
        troubled_webhooks(world)
        world.start()
        world.do(do="flap", account="sales-main", seconds=50, every=120, times=15)

        time.sleep(1860 / FAST)  # simulated: half an hour and a minute have to pass

        states = {row[0] for row in world.rows("SELECT state FROM losses")}
        assert "lost" not in states
        assert world.rows("SELECT 1 FROM recoveries") == []
        assert told.notices == []
        said = world.rows("SELECT data FROM journal WHERE kind = 'session'")
        assert sum('"starting"' in data for (data,) in said) >= 3  # it was seen, and understood
        assert world.stop() == 0
