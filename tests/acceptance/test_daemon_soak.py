"""Two hours of trouble in half a minute: whatever goes away comes back, and every promise holds.

`python -m benchmarks.soak` is the same for a day, with more of everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import soak_day
from tests.support.daemon import town
from tests.support.outside import outside
from tests.support.soak import Soak
from tests.support.soak_judge import figures, judge

if TYPE_CHECKING:
    from pathlib import Path


HOURS = 1.5
SPEED = 240.0
GROUPS = 24


def test_a_death_and_three_outages_break_no_promise(tmp_path: Path) -> None:
    with outside(soak_day.CRM_SECRET) as told:
        config = soak_day.CONFIG.format(
            secret=soak_day.SECRET, people=told.people, crm=told.crm, crm_secret=soak_day.CRM_SECRET
        )
        with town(tmp_path, soak_day.scenario(GROUPS, seed=4), speed=SPEED, config=config) as world:
            soak = Soak(world, told, SPEED, GROUPS)

            soak.live_through(soak_day.small_day(), hours=HOURS)

            assert judge(soak) == [], (soak.done, figures(soak))
            assert soak.lives == 2
            assert world.stop() == 0
