"""The pace as the gateway sees it: 200 groups in accelerated time, judged by the gateway's own log."""

from __future__ import annotations

import pytest

from orchestrator.domain.recoveries import End
from tests.support.stage import brisk, set_stage

GROUPS = 200
ARRIVAL_SLACK = 1.0  # simulated seconds by which the way to the gateway may shorten a gap


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("pace")  # one after the other: they wait more than they work
@pytest.mark.parametrize(("rate", "speed"), [(5.0, 20.0), (4.0, 25.0), (2.0, 50.0)])
async def test_never_more_than_five_in_a_minute_and_no_slower_than_asked(
    sqlite_url: str, rate: float, speed: float
) -> None:
    async with set_stage(sqlite_url, groups=GROUPS, speed=speed) as stage:
        ended = await stage.recover(brisk(rate))

        arrivals = [request.at for request in stage.log.joins("backup-1")]
        ideal = (GROUPS - 1) * 60.0 / rate
        assert ended.end is End.COMPLETE
        assert len(arrivals) == GROUPS
        assert stage.log.worst_window("backup-1") <= 5
        assert stage.log.closest_joins("backup-1") >= 12.0 - ARRIVAL_SLACK
        assert arrivals[-1] - arrivals[0] <= ideal * 1.03
