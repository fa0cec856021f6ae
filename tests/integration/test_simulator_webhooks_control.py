"""Webhooks by remote control and by scenario, what goes along with them, and their end."""

from __future__ import annotations

import asyncio
import json

import pytest

from orchestrator.simulator import deeds, scenario
from orchestrator.simulator.checked_tables import ScenarioError
from orchestrator.simulator.faults import Target, Webhooks
from orchestrator.simulator.generate import benchmark_groups
from orchestrator.simulator.model import AccountState
from orchestrator.simulator.server import serve
from orchestrator.simulator.truth import About
from tests.integration.simulator_talk import CODE, talk
from tests.integration.webhook_receiver import heard, join_many, quiet, receiver, until

SECRET = "between us"
SCENARIO = """
[[accounts]]
name = "backup-1"

[webhooks]
shape = "mixed"
own_id = "alternate"
sends = ["session.status", "group.v2.join", "group.v2.participants", "group.v2.leave"]
secret = "between us"
algorithm = "sha256"
header = "X-Webhook-Hmac"
signature_form = "plain"
lost = 0.33
doubled = 0.33
delay = [0, 180]
replayed = 0.1
replay_after = [300, 1800]
forged = 0.25
unsigned = 0.1
strangers = 0.5
unknown = 0.1
tries = 5
retry_delay = 2

[[webhooks.targets]]
account = "backup-1"
url = "http://127.0.0.1:8080/hooks/backup-1"
events = ["*"]
"""


def test_a_scenario_gives_every_knob() -> None:
    knobs = scenario.parse(SCENARIO).faults.webhooks
    assert knobs.targets == (Target("http://127.0.0.1:8080/hooks/backup-1", "backup-1", ("*",)),)
    assert knobs.delay == (0, 180)
    assert (knobs.lost, knobs.forged, knobs.algorithm) == (0.33, 0.25, "sha256")
    untouched = [name for name, value in Webhooks().as_json().items() if knobs.as_json()[name] == value]
    assert untouched == ["shape", "own_id", "header", "retry_delay"]  # written as they are anyway


def test_a_scenarios_mistakes_are_told_with_their_places() -> None:
    wrong = SCENARIO.replace("127.0.0.1", "example.org").replace("0.33", "3").replace("hmac", "h")
    with pytest.raises(ScenarioError) as error:
        scenario.parse(wrong.replace('events = ["*"]', 'events = ["all"]'), source="x")
    told = [problem.split(": ")[1] for problem in error.value.problems]
    assert sorted(told) == [
        "webhooks.doubled",
        "webhooks.lost",
        "webhooks.targets[1].events",
        "webhooks.targets[1].url",
    ]


async def test_a_scenarios_timeline_is_told_though_nobody_looks() -> None:
    async with receiver() as here:
        events = """
[[events]]
at = 0.1
do = "log_out"
account = "backup-1"
"""
        content = SCENARIO.replace("http://127.0.0.1:8080", here.url).replace('"between us"', '""')
        calm = content.replace("0.33", "0.0").replace("[0, 180]", "0")
        world = scenario.parse(calm + events)
        async with serve(world.network, world.faults):
            await until(lambda: here.got)
        assert here.got[0].name == "session.status"
        assert here.got[0].body["payload"]["status"] == "SCAN_QR_CODE"


async def test_the_remote_control_sets_webhooks_and_shows_what_became_of_them() -> None:
    async with receiver(SECRET) as here, talk() as wawp:
        order = {"secret": SECRET, "forged": 1, "sends": ["group.v2.join"], "delay": [0, 1]}
        targets = [{"url": here.url, "account": "backup", "events": ["*"]}]
        whole = {**order, "targets": targets}
        assert (await wawp.raw("POST", "/_sim/webhooks", json=whole)).status == 200
        await wawp.join()
        await quiet(wawp)
        shown = (await wawp.raw("GET", "/_sim/webhooks")).body
        rest = (await wawp.raw("GET", "/_sim/webhooks?since=1")).body
    assert shown["verdict"] | {"accepted": 1} == shown["verdict"]
    assert (shown["verdict"]["first"], shown["verdict"]["forged"], shown["verdict"]["events"]) == (1, 1, 1)
    assert (shown["verdict"]["forgeries_accepted"], shown["verdict"]["under_way"]) == (0, 0)
    assert {one["copy"]: one["tries"][0]["status"] for one in shown["deliveries"]} == {
        "first": 200,
        "forged": 401,
    }
    assert [one["number"] for one in rest["deliveries"]] == [1]
    assert shown["knobs"]["targets"] == targets
    assert SECRET not in json.dumps(shown)


async def test_the_remote_control_refuses_what_it_does_not_know() -> None:
    async with talk() as wawp:
        order = {
            "lost": 2,
            "shape": "round",
            "targets": [{"url": "https://example.org/x"}, {"url": "http://localhost:1", "account": "nobody"}],
        }
        answer = await wawp.raw("POST", "/_sim/webhooks", json=order)
    assert answer.status == 400
    told = "\n".join(answer.body["problems"])
    for place in (
        "lost: must be between",
        "shape: must be one of",
        "targets[1].url: must be an http address",
    ):
        assert place in told
    assert "targets[2].account: no account is called 'nobody'" in told


async def test_nothing_is_left_running_when_the_server_ends() -> None:
    before = asyncio.all_tasks()
    async with heard(Webhooks(delay=(600, 600))) as (wawp, here):
        wawp.group.approve_after = 900.0
        await wawp.join()
        assert wawp.running.webhooks.under_way()
    assert asyncio.all_tasks() == before
    assert here.got == []
    deeds.do_unchecked(wawp.network, {"do": "set_state", "account": "backup", "state": "FAILED"}, "test")
    assert wawp.account.state is AccountState.FAILED
    assert CODE not in repr(wawp.running.webhooks.deliveries)


async def test_noise_goes_with_our_own_events() -> None:
    async with heard(Webhooks(strangers=1, unknown=1)) as (wawp, _):
        join_many(wawp, 5)
        await quiet(wawp)
        log = wawp.running.webhooks
        abouts = {one.about for one in log.deliveries}
        strange = {one.group for one in log.deliveries if one.about is About.UNKNOWN}
    assert abouts == {About.US, About.STRANGER, About.UNKNOWN}
    assert len(strange) == 5
    assert not strange & set(wawp.network.groups)


async def test_a_community_tells_of_the_groups_that_it_takes_us_into() -> None:
    async with heard(Webhooks(sends=("group.v2.join",))) as (wawp, _):
        parent, child = benchmark_groups(2)
        parent.is_parent, child.parent = True, parent.jid
        wawp.network.add_group(parent)
        wawp.network.add_group(child)
        wawp.network.join(wawp.account, next(iter(child.codes)))
        await quiet(wawp)
        told = {one.group: one.data["effect"] for one in wawp.running.webhooks.deliveries}
    assert told == {child.jid: "joined", parent.jid: "side_joined"}
