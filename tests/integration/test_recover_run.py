"""The loop against the simulated network, over real HTTP and on real databases."""

from __future__ import annotations

from orchestrator.domain.memberships import Status
from orchestrator.domain.recoveries import End
from orchestrator.simulator.truth import Effect
from tests.support.stage import brisk, set_stage


async def test_every_group_of_a_smooth_world_is_active_and_was_joined_once(database_url: str) -> None:
    async with set_stage(database_url, groups=8) as stage:
        ended = await stage.recover(brisk())

        assert ended.end is End.COMPLETE
        assert ended.counts["active"] == 8
        assert set(stage.log.effects(Effect.JOINED, "backup-1").values()) == {1}
        assert len(stage.log.joins("backup-1")) == 8
        assert stage.log.worst_window("backup-1") <= 5
        assert {status for status, _ in (await stage.statuses()).values()} == {Status.ACTIVE}
