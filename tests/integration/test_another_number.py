"""Another number behind an instance: what the old one was in counts for nothing, and it is said."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, insert, select

from orchestrator.account import comparing
from orchestrator.account.accounts import Account
from orchestrator.account.comparing import Comparer
from orchestrator.account.looking import Looker
from orchestrator.account.plan_making import make_plan
from orchestrator.account.plan_result import Decision
from orchestrator.account.session_state import recorded
from orchestrator.domain.loss_judgement import Debounce
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.recoveries import End
from orchestrator.failover.watch_settings import Watch, WatchSettings
from orchestrator.failover.watcher import Watcher
from orchestrator.gateways.wawp import read_event
from orchestrator.operations import retry_skip
from orchestrator.simulator import deeds
from orchestrator.simulator.faults import Trouble, When
from orchestrator.simulator.truth import Kind
from orchestrator.store import instances
from orchestrator.store.recoveries import Scope
from orchestrator.store.tables import memberships, messages, slots
from tests.support.by_hand import let_in, membership, now, put, record
from tests.support.command import PATIENCE
from tests.support.stage import brisk, set_stage
from tests.support.worlds import ACCOUNT, told, trouble, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.support.stage import Stage

NEW = {"phone": "15550100777"}


@pytest.fixture(params=["sqlite", "postgresql"])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    url = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    async with set_stage(url, content=world(generate=6)) as made:
        yield made


def pair(stage: Stage, **who: Any) -> None:
    deeds.do(stage.world.network, {"do": "pair", "account": ACCOUNT, **(who or NEW)})


async def read_session(stage: Stage) -> None:
    """As the daemon's parts do that join nothing."""
    context = await stage.context(brisk(), fence=None)
    try:
        async with recorded(context, await context.gateway.session()):
            pass
    finally:
        await context.gateway.close()


async def all_statuses(stage: Stage) -> set[tuple[Status, str | None]]:
    return set((await stage.statuses()).values())


async def test_what_the_old_number_was_in_is_left_and_the_old_lid_goes(stage: Stage) -> None:
    assert (await stage.recover(brisk())).end is End.COMPLETE
    pair(stage)
    await read_session(stage)

    row = await record(stage)
    assert (row.own_phone, row.own_lid) == (NEW["phone"], None)
    assert row.identity_changed_at is not None
    assert await all_statuses(stage) == {(Status.LEFT, Reason.IDENTITY_CHANGED.value)}
    line = json.loads((await told(stage.database, "instance.identity_changed"))[0].data)
    assert (line["was"], line["now"], line["left"]) == ("…0002", "…0777", 6)
    async with stage.database.read() as connection:
        query = select(messages.c.data).where(messages.c.kind == "instance.identity_changed")
        sent = (await connection.scalars(query)).all()
    assert len(sent) == 1
    assert NEW["phone"] not in sent[0]


async def watch_session(stage: Stage) -> None:
    """As the daemon's watcher reads it."""
    row = await record(stage)
    account = Account(row.id, row.name, row.role, stage.gateway(), read_event)
    settings = WatchSettings(Debounce(60.0, 600.0), on_loss="notify", on_backup_lost="stop", pace=4.0)
    watcher = Watcher(Watch(stage.database, stage.clock, [account], settings, "daemon@test"))
    try:
        async with asyncio.timeout(PATIENCE):
            while (await record(stage)).state_checked_at == row.state_checked_at:
                await stage.clock.sleep(await watcher.step())
    finally:
        await watcher.close()
        await account.gateway.close()


async def run_begins(stage: Stage) -> None:
    assert (await stage.recover(brisk())).end is End.COMPLETE


@pytest.mark.parametrize("read", [run_begins, watch_session, read_session])
async def test_the_old_lid_goes_with_the_old_phone_whoever_reads(
    stage: Stage, read: Callable[[Stage], Awaitable[None]]
) -> None:
    await read(stage)
    row = await record(stage)
    assert (row.own_phone, row.own_lid) == ("15550100002", "900000000000002")
    pair(stage)
    stage.running.faults.session_lid = False
    await read(stage)
    row = await record(stage)
    assert (row.own_phone, row.own_lid) == (NEW["phone"], None)
    account = stage.world.network.account(ACCOUNT)
    account.lid, stage.running.faults.session_lid = "900000000000777", True
    await read(stage)
    row = await record(stage)
    assert (row.own_phone, row.own_lid) == (NEW["phone"], "900000000000777")


async def test_a_run_brings_the_new_number_in_and_joins_each_group_once(stage: Stage) -> None:
    await stage.recover(brisk())
    pair(stage)
    before = len(stage.log.joins(ACCOUNT))
    assert (await stage.recover(brisk())).end is End.COMPLETE
    assert await all_statuses(stage) == {(Status.ACTIVE, None)}
    assert len(stage.log.joins(ACCOUNT)) - before == 6
    assert stage.log.needless_joins() == []
    assert stage.log.worst_window(ACCOUNT) <= 5


async def test_a_retry_puts_one_group_back_in_line_and_nothing_else_does(stage: Stage) -> None:
    await stage.recover(brisk())
    pair(stage)
    await read_session(stage)
    await retry_skip.retry(stage.database, ACCOUNT, actor="test", groups=["group-1"])
    found = sorted((await stage.statuses()).values())
    assert found.count((Status.LEFT, Reason.IDENTITY_CHANGED.value)) == 5
    assert found.count((Status.PENDING, None)) == 1


async def test_a_number_that_comes_back_is_looked_up_and_not_joined_again(stage: Stage) -> None:
    """The old number is in; while the new one was there it could not be seen; the list does not tell."""
    await stage.recover(brisk())
    inside = {jid: dict(group.inside) for jid, group in stage.world.network.groups.items()}
    pair(stage)
    await read_session(stage)
    account = stage.world.network.account(ACCOUNT)
    account.phone, account.lid = "15550100002", "900000000000002"
    for jid, group in stage.world.network.groups.items():
        group.inside.update(inside[jid])
    trouble(stage, Trouble.LIST_EMPTY, Kind.LIST)
    before = len(stage.log.joins(ACCOUNT))
    assert (await stage.recover(brisk())).end is End.COMPLETE
    assert len(stage.log.joins(ACCOUNT)) == before
    assert await all_statuses(stage) == {(Status.ACTIVE, None)}


async def test_a_reading_that_lacks_the_lid_or_all_ids_for_once_changes_nothing(stage: Stage) -> None:
    await stage.recover(brisk())
    stage.running.faults.session_lid = False
    await read_session(stage)
    row = await record(stage)
    assert (row.own_phone, row.own_lid) == ("15550100002", "900000000000002")
    assert await all_statuses(stage) == {(Status.ACTIVE, None)}
    assert row.identity_changed_at is None


async def test_a_recovery_under_way_stops_and_its_join_on_the_way_does_no_harm(stage: Stage) -> None:
    trouble(stage, Trouble.SLOW, Kind.JOIN, skip=1, times=1, seconds=70.0, effect=When.DONE)
    running = asyncio.create_task(stage.recover(brisk()))
    async with asyncio.timeout(PATIENCE):
        while len(stage.log.joins(ACCOUNT)) < 2:
            await stage.clock.sleep(1.0)
    pair(stage)
    await read_session(stage)
    known = await now(stage)
    ended = await running
    assert ended.end is End.STOPPED
    async with stage.database.read() as connection:  # one that had its slot already may be on its way
        assert (await connection.scalar(select(func.max(slots.c.reserved_at)))) <= known
    assert Status.ACTIVE not in {status for status, _ in await all_statuses(stage)}


@pytest.mark.parametrize("ahead", [-3.0, 6.0])
async def test_a_join_on_its_way_at_the_change_is_looked_up_before_another(
    stage: Stage, ahead: float
) -> None:
    """Its slot was reserved for the old number, and it entered as the new one; the list does not tell."""
    await read_session(stage)
    await put(stage, 1, Status.JOINING, requested_at=await now(stage) + ahead)
    pair(stage)
    jid = let_in(stage, 1)
    await read_session(stage)
    assert (await membership(stage, 1)).status is Status.LEFT
    trouble(stage, Trouble.LIST_EMPTY, Kind.LIST)

    assert (await stage.recover(brisk())).end is End.COMPLETE
    assert [one for one in stage.log.joins(ACCOUNT) if one.group == jid] == []
    assert stage.log.needless_joins() == []


async def test_the_new_number_is_found_where_it_is_already(stage: Stage) -> None:
    await stage.recover(brisk())
    pair(stage)
    await read_session(stage)
    group = next(iter(stage.world.network.groups.values()))
    group.inside[ACCOUNT] = False
    context = await stage.context(brisk(), fence=None)
    try:
        assert await comparing.know_ourselves(context)
        assert context.own.phone == NEW["phone"]
        comparer = Comparer(context, Looker(context))
        for _ in range(4):
            await stage.clock.sleep(await comparer.step())
    finally:
        await context.gateway.close()
    found = list((await stage.statuses()).values())
    assert found.count((Status.ACTIVE, None)) == 1
    assert found.count((Status.LEFT, Reason.IDENTITY_CHANGED.value)) == 5


async def test_a_session_that_does_not_say_who_it_is_gets_no_slot(stage: Stage) -> None:
    account = stage.world.network.account(ACCOUNT)
    account.phone = account.lid = ""
    with pytest.raises(Exception, match="does not say which number"):
        await stage.recover(brisk(patience=30.0))
    assert stage.log.joins(ACCOUNT) == []
    assert (await record(stage)).pause_reason == Reason.IDENTITY_UNKNOWN.value

    account.phone = "15550100002"
    assert (await stage.recover(brisk())).end is End.COMPLETE
    assert (await record(stage)).pause_reason is None


@pytest.mark.parametrize("changed", [False, True])
async def test_what_another_entry_did_as_this_number_is_looked_up_once(
    stage: Stage, *, changed: bool
) -> None:
    """Another entry was the new number (or says so only since it changed, too) and had joins of its own."""
    await stage.recover(brisk())
    async with stage.database.write() as connection:
        now = await stage.database.now(connection)
        names = [("sales-main", "primary"), (ACCOUNT, "backup"), ("backup-2", "backup")]
        entries = [instances.Configured(name, role, "wawp", f"sim#{name}") for name, role in names]
        await instances.sync(connection, entries, now)
        other = await instances.get(connection, "backup-2")
        known = {"own_phone": NEW["phone"], "identity_changed_at": now if changed else None}
        await instances.set_values(connection, other.id, **known)
        await connection.execute(
            insert(memberships),
            [
                {"instance_id": other.id, "group_id": number, "status": Status.LEFT.value}
                | {"status_since": now, "requested_at": now - 1000.0}
                for number in (1, 2)
            ],
        )
    pair(stage)
    before = len(stage.log.joins(ACCOUNT))
    assert (await stage.recover(brisk())).end is End.COMPLETE
    assert len(stage.log.joins(ACCOUNT)) - before == 6
    looks = [
        entry for entry in await told(stage.database, "look") if json.loads(entry.data)["seen"] == "absent"
    ]
    assert len(looks) == 6


async def test_a_plan_says_that_a_run_joins_what_the_old_number_was_in(stage: Stage) -> None:
    await stage.recover(brisk())
    pair(stage)
    await read_session(stage)
    plan = await make_plan(stage.database, ACCOUNT, Scope(), settings=brisk())
    assert {line.decision for line in plan.lines} == {Decision.JOIN}
