"""The watcher before a simulated gateway, over HTTP and in accelerated time."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy import select

from orchestrator.account.accounts import Account
from orchestrator.domain.loss_judgement import Debounce, LossState
from orchestrator.failover.watch_settings import Watch, WatchSettings
from orchestrator.failover.watcher import Watcher
from orchestrator.gateways.wawp.event_reading import read_event
from orchestrator.simulator import deeds
from orchestrator.simulator.model import AccountState
from orchestrator.store import instances, losses
from orchestrator.store.tables import recoveries
from tests.support.stage import SMOOTH, set_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.store.losses import Loss
    from tests.support.stage import Stage

HEALTHY = SMOOTH.replace('state = "FAILED"\n', "")
SPEED = 600.0
DEBOUNCE = Debounce(60.0, 600.0)


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[tuple[Stage, Watcher]]:
    async with set_stage(url, content=HEALTHY.format(groups=4), speed=SPEED) as stage:
        async with stage.database.read() as connection:
            records = [await instances.get(connection, name) for name in ("sales-main", "backup-1")]
        accounts = [
            Account(one.id, one.name, one.role, stage.gateway(account=one.name), read_event)
            for one in records
        ]
        settings = WatchSettings(DEBOUNCE, on_loss="recover", on_backup_lost="stop", pace=4.0)
        watcher = Watcher(Watch(stage.database, stage.clock, accounts, settings, "daemon@test"))
        try:
            yield stage, watcher
        finally:
            await watcher.close()
            for account in accounts:
                await account.gateway.close()


async def watch(stage: Stage, watcher: Watcher, seconds: float) -> None:
    end = stage.clock.boottime() + seconds
    while stage.clock.boottime() < end:
        await stage.clock.sleep(await watcher.step())


async def loss_of(stage: Stage, name: str) -> Loss | None:
    async with stage.database.read() as connection:
        record = await instances.get(connection, name)
        return (await losses.latest(connection)).get(record.id)


async def test_a_log_out_at_the_gateway_ends_in_a_recovery_onto_the_backup(database_url: str) -> None:
    async with watching(database_url) as (stage, watcher):
        await watch(stage, watcher, 180.0)
        stage.world.network.set_state(stage.world.network.account("sales-main"), AccountState.SCAN_QR_CODE)
        await watch(stage, watcher, 900.0)
        loss = await loss_of(stage, "sales-main")
        assert loss is not None
        assert loss.case.standing is LossState.LOST
        async with stage.database.read() as connection:
            (made,) = (await connection.execute(select(recoveries))).all()
        assert (loss.recovery_id, made.from_name, made.driver) == (made.id, "sales-main", "daemon")
        assert await loss_of(stage, "backup-1") is None


async def test_flaps_of_half_an_hour_start_nothing(sqlite_url: str) -> None:
    async with watching(sqlite_url) as (stage, watcher):
        await watch(stage, watcher, 120.0)
        flap = {"do": "flap", "account": "sales-main", "state": "STARTING", "seconds": 200.0}
        deeds.do(stage.world.network, {**flap, "every": 300.0, "times": 6})
        await watch(stage, watcher, 2000.0)
        async with stage.database.read() as connection:
            assert (await connection.execute(select(recoveries))).all() == []
        loss = await loss_of(stage, "sales-main")
        assert loss is None or loss.case.standing is LossState.DISMISSED


async def test_a_gateway_that_still_shows_working_after_a_log_out_is_not_believed(sqlite_url: str) -> None:
    async with watching(sqlite_url) as (stage, watcher):
        account = stage.world.network.account("sales-main")
        stage.world.network.show_state(account, AccountState.WORKING)
        stage.world.network.set_state(account, AccountState.FAILED)
        await watch(stage, watcher, 2100.0)
        loss = await loss_of(stage, "sales-main")
        assert loss is not None
        assert loss.case.standing is LossState.LOST
