"""A recovery and a plan follow the gateway's own limit of group calls, and the status says that it slows.

That no minute has one call too many is proven without accelerated time, in the contract tests.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from orchestrator.account.plan_making import make_plan
from orchestrator.account.plan_probes import Probing, Progress
from orchestrator.cli.output import Look
from orchestrator.cli.render_status import status_text
from orchestrator.domain.recoveries import End
from orchestrator.simulator.truth import GROUP_CALLS, Kind
from orchestrator.status.as_json import to_json
from orchestrator.store.recoveries import Scope
from tests.support.defaults import read_status
from tests.support.stage import brisk, plain_code, set_stage

ALLOWED = 10
SPEED = 30.0  # slow enough for a busy machine: 1 s is 33 ms


async def test_a_recovery_goes_as_slowly_as_the_gateway_wants_and_says_so(database_url: str) -> None:
    async with set_stage(database_url, groups=4, speed=SPEED) as stage:
        stage.running.faults.group_req_per_minute = ALLOWED
        said: list[str] = []
        ended = await stage.recover(brisk(), say=said.append)
        slowed = await read_status(stage.database)
        stage.running.faults.group_req_per_minute = 0
        await stage.recover(brisk())
        free = await read_status(stage.database)

        kinds = [request.kind for request in stage.log.requests]
        first = next(at for at, kind in enumerate(kinds) if kind in GROUP_CALLS)
        assert Kind.RATE_LIMIT in kinds[:first]
        probes = [request.at for request in stage.log.of(Kind.PROBE)]
    assert ended.end is End.COMPLETE
    assert probes[2] - probes[0] > 10.0  # else 6 to 8 s
    assert any("allows 10 group calls a minute: probes and looks are 6.0 s apart" in one for one in said)
    assert to_json(slowed)["pace"]["gateway_limit"] == {
        "group_calls_per_minute": 10, "group_calls_per_day": 2000, "policy": "standard_policy",
        "gap_seconds": 6.0,
    }  # fmt: skip
    assert "the gateway allows 10 group calls a minute" in status_text(slowed, Look(ZoneInfo("UTC")))
    assert to_json(free)["pace"]["gateway_limit"] is None


async def test_a_limit_above_the_configured_pace_makes_nothing_faster_and_is_no_news(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, groups=3, speed=SPEED) as stage:
        stage.running.faults.group_req_per_minute = 600
        said: list[str] = []
        await stage.recover(brisk(), say=said.append)
        view = await read_status(stage.database)
        probes = [request.at for request in stage.log.of(Kind.PROBE)]

    assert probes[2] - probes[0] > 4.0  # as configured: 6 s at least
    assert view.pace.gateway_limit is None
    assert not any("group calls" in one for one in said)


async def test_a_plan_says_how_long_the_gateways_limit_makes_it(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, groups=3, speed=600.0) as stage:
        stage.running.faults.group_req_per_minute = 2
        told: list[Progress] = []
        gateway = stage.gateway()
        probing = Probing(gateway, stage.clock, plain_code, "ana@box", told.append)
        await make_plan(stage.database, "backup-1", Scope(), settings=brisk(), probing=probing)
        await gateway.close()

    assert told[0].seconds_left == 2 * 30.0 * (1.0 + 1.0 / 6.0)
