"""The loop against the simulated network, over real HTTP and on real databases."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from orchestrator.domain.memberships import Status
from orchestrator.domain.recoveries import End
from orchestrator.simulator.truth import Effect
from orchestrator.store import sqlite_engine
from tests.support.stage import brisk, set_stage

if TYPE_CHECKING:
    import pytest


async def test_every_group_of_a_smooth_world_is_active_and_was_joined_once(database_url: str) -> None:
    async with set_stage(database_url, groups=8) as stage:
        ended = await stage.recover(brisk())

        assert ended.end is End.COMPLETE
        assert ended.counts["active"] == 8
        assert set(stage.log.effects(Effect.JOINED, "backup-1").values()) == {1}
        assert len(stage.log.joins("backup-1")) == 8
        assert stage.log.worst_window("backup-1") <= 5
        assert {status for status, _ in (await stage.statuses()).values()} == {Status.ACTIVE}


async def test_what_came_of_a_run_is_told_though_its_lease_cannot_be_given_back(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite_engine, "PATIENCE", 0.2)  # seconds for another process's lock
    async with set_stage(sqlite_url, groups=1) as stage:
        with closing(sqlite3.connect(sqlite_url.partition("///")[2], isolation_level=None)) as another:
            points = LocksAtTheEnd(another)

            ended = await stage.recover(brisk(), points=points)

            assert another.in_transaction
            assert (ended.end, ended.counts["active"]) == (End.COMPLETE, 1)
            assert "another may take over" in caplog.text


class LocksAtTheEnd:
    """Another process takes the database's only write lock when the recovery's end is recorded."""

    def __init__(self, another: sqlite3.Connection) -> None:
        self._another = another

    def reach(self, name: str) -> None:
        if name == "recovery.finished":
            self._another.execute("BEGIN IMMEDIATE")
