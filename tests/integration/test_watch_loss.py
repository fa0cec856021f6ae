"""A loss on disk: how it is decided and told, and what is recorded of a healthy account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from orchestrator.account.session_state import Heard, session_event
from orchestrator.domain.loss_judgement import LossState
from orchestrator.domain.outcomes import InstanceState
from orchestrator.store import instances
from orchestrator.store.tables import instances as instances_table
from tests.support.watching import LOGGED_OUT, STARTING, lookout

if TYPE_CHECKING:
    from orchestrator.domain.outcomes import SessionAnswer
    from tests.support.watching import Lookout

EVERY, LOST_AFTER = 120.0, 480.0


async def test_an_account_that_is_logged_out_is_decided_lost_and_told_once(database_url: str) -> None:
    async with lookout(database_url, backups=0) as world:
        await world.watch(2 * EVERY)
        assert await world.loss("sales-main") is None
        world.gateways["sales-main"].log_out()
        await world.watch(LOST_AFTER)
        loss = await world.loss("sales-main")
        assert loss is not None
        assert loss.case.standing is LossState.SUSPECTED
        await world.watch(5 * EVERY)
        loss = await world.loss("sales-main")
        assert loss is not None
        assert loss.case.standing is LossState.LOST
        assert (loss.action, loss.recovery_id) == ("notify", None)
        assert loss.decided_at is not None
        assert LOST_AFTER <= loss.decided_at - loss.case.since <= LOST_AFTER + EVERY
        assert {one.kind.value for one in loss.case.evidence if one.gone} == {"state", "members"}
        (message,) = await world.told("instance.lost")
        data = json.loads(message.data)
        assert (data["instance"], data["role"], data["action"], data["to"]) == (
            "sales-main",
            "primary",
            "notify",
            None,
        )
        assert "2 kinds of evidence" in data["decided_by"]
        assert len(await world.lines("instance.lost")) == 1
        assert await world.recoveries() == []


async def test_one_bad_reading_is_dismissed(sqlite_url: str) -> None:
    async with lookout(sqlite_url, backups=0) as world:
        await world.watch(EVERY)
        world.gateways["sales-main"].state = LOGGED_OUT
        await world.watch(EVERY)
        world.gateways["sales-main"].log_in()
        await world.watch(2 * EVERY)
        loss = await world.loss("sales-main")
        assert loss is not None
        assert loss.case.standing is LossState.DISMISSED
        assert await world.told("instance.lost") == []


async def test_a_lost_account_that_comes_back_is_told_and_may_be_lost_again(sqlite_url: str) -> None:
    async with lookout(sqlite_url, backups=0) as world:
        account = world.gateways["sales-main"]
        await world.watch(EVERY)
        account.log_out()
        await world.watch(LOST_AFTER + 2 * EVERY)
        account.log_in()
        await world.watch(2 * LOST_AFTER + 2 * EVERY)
        loss = await world.loss("sales-main")
        assert loss is not None
        assert loss.case.standing is LossState.RETURNED
        assert len(await world.told("instance.returned")) == 1
        account.log_out()
        await world.watch(LOST_AFTER + 2 * EVERY)
        again = await world.loss("sales-main")
        assert again is not None
        assert again.case.standing is LossState.LOST
        assert again.id > loss.id
        assert len(await world.told("instance.lost")) == 2


async def test_a_gateway_that_is_away_is_said_once_and_loses_nobody(sqlite_url: str) -> None:
    async with lookout(sqlite_url, backups=0, on_loss="recover") as world:
        await world.watch(EVERY)
        world.gateways["sales-main"].away = True
        await world.watch(20 * EVERY)
        assert len(await world.lines("gateway.unreachable")) == 1
        assert await world.lines("gateway.answers") == []
        world.gateways["sales-main"].away = False
        await world.watch(EVERY)
        assert len(await world.lines("gateway.answers")) == 1
        assert await world.loss("sales-main") is None


async def test_a_gateway_that_hangs_holds_up_nobody_else(sqlite_url: str) -> None:
    async with lookout(sqlite_url, backups=1) as world:
        await world.watch(EVERY)
        world.gateways["sales-main"].hangs = True
        world.watcher.patience = 0.0  # real time is not to be waited for
        before, asked = world.gateways["backup-1"].asked, world.gateways["sales-main"].asked
        for _step in range(4):
            await world.watcher.step()
            world.time.true += EVERY
        assert world.gateways["backup-1"].asked >= before + 3
        assert (
            world.gateways["sales-main"].asked == asked + 1
        )  # it is under way, and no more are heaped on it
        checked = (await _row(world, "backup-1")).state_checked_at
        assert checked >= world.time.now() - 2 * EVERY


async def test_what_is_open_about_an_account_that_is_not_configured_any_more_is_over(sqlite_url: str) -> None:
    async with lookout(sqlite_url, backups=2) as world:
        await world.watch(EVERY)
        world.gateways["sales-main"].log_out()
        await world.watch(LOST_AFTER)
        world.gateways["backup-1"].log_out()
        await world.watch(2 * EVERY)
        world.gateways["backup-2"].log_out()
        await world.watch(EVERY)
        both = ("sales-main", "backup-1")
        await world.watcher.close()
        all_of_them = list(world.accounts)
        for name in both:  # as every start of a daemon brings the rows in line with its file
            await world.set(name, configured=False)
        world.accounts[:] = [one for one in all_of_them if one.name not in both]
        await world.again().step()
        kept = await world.loss("backup-2")
        world.accounts[:] = all_of_them
        lost, suspected = [await world.loss(name) for name in both]
        assert lost is not None
        assert suspected is not None
        assert kept is not None
        assert (lost.case.standing, suspected.case.standing) == (LossState.RETURNED, LossState.DISMISSED)
        assert lost.detail == suspected.detail == "it is not configured any more"
        assert kept.ended_at is None
        said = [json.loads(line.data) for line in await world.lines("instance.unwatched")]
        assert said == [
            {"instance": "sales-main", "was": "lost"},
            {"instance": "backup-1", "was": "suspected"},
        ]


async def test_an_adapter_that_fails_costs_nobody_else_a_reading(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> SessionAnswer:
        raise ValueError("a field that nobody expected")

    async with lookout(sqlite_url, backups=1) as world:
        await world.watch(EVERY)
        monkeypatch.setattr(world.gateways["sales-main"], "session", broken)
        world.gateways["backup-1"].state = STARTING
        await world.watch(2 * EVERY)
        assert (await _row(world, "backup-1")).state == "starting"
        assert "sales-main could not be asked" in caplog.text
        assert "a field that nobody expected" in caplog.text


async def test_a_reading_stands_in_the_row_and_only_a_change_in_the_journal(sqlite_url: str) -> None:
    async with lookout(sqlite_url, backups=1) as world:
        await world.watch(5 * EVERY)
        row = await _row(world, "backup-1")
        assert (row.state, row.state_word, row.own_phone) == ("working", "WORKING", "15550100001")
        assert row.state_checked_at >= world.time.now() - EVERY
        changes = [line for line in await world.lines("session") if line.instance_id == row.id]
        assert len(changes) == 1
        since = row.state_since
        world.gateways["backup-1"].state = STARTING
        await world.watch(EVERY)
        row = await _row(world, "backup-1")
        assert row.state == "starting"
        assert row.state_since > since


async def test_an_event_opens_a_suspicion_and_an_older_one_is_stale(database_url: str) -> None:
    async with lookout(database_url, backups=0) as world:
        await world.watch(EVERY)
        now = world.time.now()
        assert not await _hear(world, "sales-main", Heard(now - 2 * EVERY, InstanceState.LOST, "FAILED"))
        assert await world.loss("sales-main") is None
        assert await _hear(world, "sales-main", Heard(now, InstanceState.LOST, "FAILED"))
        loss = await world.loss("sales-main")
        assert loss is not None
        assert [(one.kind.value, one.gone) for one in loss.case.evidence] == [("event", True)]
        assert (await _row(world, "sales-main")).state == "lost"
        world.gateways["sales-main"].log_out()
        asked = world.gateways["sales-main"].asked
        await world.watcher.step()
        assert world.gateways["sales-main"].asked == asked + 1  # at once, not in its turn


async def test_a_restart_forgets_no_suspicion(sqlite_url: str) -> None:
    async with lookout(sqlite_url, backups=0) as world:
        await world.watch(EVERY)
        world.gateways["sales-main"].log_out()
        await world.watch(2 * EVERY)
        since = (await world.loss("sales-main")).case.since  # type: ignore[union-attr]
        await world.watcher.close()
        world.again()
        await world.watch(LOST_AFTER - EVERY + 60.0)
        loss = await world.loss("sales-main")
        assert loss is not None
        assert loss.case.standing is LossState.LOST
        assert loss.case.since == since


async def _row(world: Lookout, name: str) -> Any:
    async with world.database.read() as connection:
        this = instances_table.c.name == name
        return (await connection.execute(select(instances_table).where(this))).one()


async def _hear(world: Lookout, name: str, heard: Heard) -> bool:
    async with world.database.write() as connection:
        record = await instances.lock(connection, world.id(name))
        return await session_event(connection, record, heard, now=world.time.now(), actor="daemon@test")


@pytest.mark.parametrize(
    ("reason", "half_pace"), [("instance_unavailable", 3600.0), ("credentials_refused", None)]
)
async def test_a_pause_of_an_account_that_nobody_drives_ends_when_its_session_works(
    sqlite_url: str, reason: str, half_pace: float | None
) -> None:
    """A session that was gone costs half pace for a while; a token that was mistyped does not."""
    async with lookout(sqlite_url, backups=1) as world:
        await world.watch(EVERY)
        await world.set("backup-1", pause_reason=reason, pause_text="gone", paused_at=world.time.now())
        await world.watch(EVERY)
        (row,) = await world.rows(instances_table, instances_table.c.name == "backup-1")
        assert (row.pause_reason, row.pause_text) == (None, None)
        until = None if half_pace is None else pytest.approx(world.time.now() + half_pace, abs=EVERY)
        assert row.slow_until == until
        (line,) = await world.lines("instance.resumed")
        assert line.instance_id == world.id("backup-1")
        assert json.loads(line.data).get("half_pace_for_s") == half_pace


@pytest.mark.parametrize(
    ("reason", "driven"), [("operator", False), ("plan_limit", False), ("instance_unavailable", True)]
)
async def test_a_persons_pause_and_that_of_a_driven_account_are_not_the_watchers(
    sqlite_url: str, reason: str, driven: bool
) -> None:
    async with lookout(sqlite_url, backups=1) as world:
        lease = world.time.now() + 10 * EVERY if driven else None
        await world.set("backup-1", pause_reason=reason, paused_at=world.time.now(), lease_until=lease)
        await world.watch(3 * EVERY)
        (row,) = await world.rows(instances_table, instances_table.c.name == "backup-1")
        assert row.pause_reason == reason
        assert await world.lines("instance.resumed") == []
