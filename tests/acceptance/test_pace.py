"""The pace as the gateway sees it: up to 200 groups in accelerated time, judged by the gateway's own log."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

import pytest
from sqlalchemy import select

from orchestrator.domain.recoveries import End
from orchestrator.store.tables import slots
from tests.support.stage import brisk, set_stage

ARRIVAL_SLACK = 6.0  # simulated seconds by which a busy machine may shorten a gap on the way to the gateway


@pytest.mark.xdist_group("pace")  # one after the other: they wait more than they work
@pytest.mark.parametrize(
    ("rate", "speed", "groups"),
    [(5.0, 20.0, 200), (4.0, 25.0, 60), (2.0, 50.0, 60)],  # 5 leaves no room, and so is looked at for longest
)
async def test_never_more_than_five_in_a_minute_and_no_slower_than_asked(
    sqlite_url: str, rate: float, speed: float, groups: int
) -> None:
    async with set_stage(sqlite_url, groups=groups, speed=speed) as stage:
        ended = await stage.recover(brisk(rate))

        arrivals = [request.at for request in stage.log.joins("backup-1")]
        async with stage.database.read() as connection:
            planned = (await connection.execute(select(slots.c.send_at).order_by(slots.c.n))).scalars().all()
        assert ended.end is End.COMPLETE
        assert len(arrivals) == groups
        gaps = [later - earlier for earlier, later in pairwise(planned)]
        assert min(gaps) >= 12.0 - 1e-6
        assert stage.log.worst_window("backup-1") <= 5
        assert stage.log.closest_joins("backup-1") >= 12.0 - ARRIVAL_SLACK
        # Of the sum a busy machine takes its share, at 50 times the speed; benchmarks.fleet measures that.
        assert median(gaps) <= 60.0 / rate * 1.03
