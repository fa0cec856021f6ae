"""What follows a loss: which backup takes over, with which groups, and exactly once."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from orchestrator.domain.loss_evidence import Kind, LossEvidence
from orchestrator.domain.loss_judgement import Case, LossState
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.outcomes import InstanceState
from orchestrator.failover import consequence
from orchestrator.failover.watch_settings import Watch
from orchestrator.store import instances, losses, orders, outbox, recoveries
from orchestrator.store.orders import Order
from orchestrator.store.recoveries import Scope
from orchestrator.store.tables import group_instances, memberships
from tests.support.watching import lookout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.watching import Lookout

EVERY, LONG_ENOUGH = 120.0, 720.0
DAY = 86_400.0


async def lose(world: Lookout, name: str = "sales-main") -> None:
    """Every account is known to work; then this one is logged out, and is decided lost."""
    await world.watch(EVERY)
    world.gateways[name].log_out()
    await world.watch(LONG_ENOUGH)


async def test_a_lost_primary_is_taken_over_by_the_first_backup(database_url: str) -> None:
    async with lookout(database_url, on_loss="recover") as world:
        await lose(world)
        (recovery,) = await world.recoveries()
        assert (recovery.to_instance_id, recovery.from_name) == (world.id("backup-1"), "sales-main")
        assert (recovery.state, recovery.driver, recovery.fixed) == ("running", "daemon", False)
        assert recovery.pace is None  # as configured, whatever is configured later
        loss = await world.loss("sales-main")
        assert loss is not None
        assert (loss.action, loss.recovery_id, loss.detail) == ("recover", recovery.id, None)
        (message,) = await world.told("instance.lost")
        assert json.loads(message.data)["to"] == "backup-1"
        (started,) = await world.told("recovery.started")
        assert started.recovery_id == recovery.id
        assert len(await world.rows(memberships)) == 6
        await world.watch(600.0)
        assert len(await world.recoveries()) == 1


async def test_without_groups_of_its_own_all_groups_are_taken_over(sqlite_url: str) -> None:
    async with lookout(sqlite_url, primaries=("sales-main", "other"), on_loss="recover") as world:
        await lose(world, "other")
        (recovery,) = await world.recoveries()
        assert recovery.from_name is None
        assert len(await world.rows(memberships)) == 6


async def test_backups_that_do_not_work_or_are_paused_are_passed_over(sqlite_url: str) -> None:
    async with lookout(sqlite_url, backups=3, on_loss="recover") as world:
        world.gateways["backup-1"].away = True
        await world.set("backup-2", pause_reason=Reason.RATE_LIMITED.value, paused_at=world.time.now())
        await lose(world)
        (recovery,) = await world.recoveries()
        assert recovery.to_instance_id == world.id("backup-3")


async def test_a_pause_that_a_working_session_cures_is_no_hindrance(sqlite_url: str) -> None:
    async with lookout(sqlite_url, backups=1, on_loss="recover") as world:
        await world.set("backup-1", pause_reason=Reason.INSTANCE_UNAVAILABLE.value, paused_at=1.0)
        await lose(world)
        assert len(await world.recoveries()) == 1


async def test_without_a_healthy_backup_it_waits_says_why_and_goes_on_by_itself(sqlite_url: str) -> None:
    async with lookout(sqlite_url, backups=1, on_loss="recover") as world:
        world.gateways["backup-1"].away = True
        await lose(world)
        loss = await world.loss("sales-main")
        assert loss is not None
        assert loss.case.standing is LossState.LOST
        assert loss.detail == "no backup is healthy: backup-1 does not work (transient)"
        assert await world.recoveries() == []
        world.gateways["backup-1"].away = False
        await world.watch(EVERY)
        loss = await world.loss("sales-main")
        assert loss is not None
        assert loss.recovery_id is not None
        assert loss.detail is None
        assert len(await world.recoveries()) == 1
        assert len(await world.told("instance.lost")) == 1


async def test_a_backup_that_is_busy_for_another_is_left_alone(sqlite_url: str) -> None:
    async with lookout(sqlite_url, primaries=("sales-main", "other"), backups=1, on_loss="recover") as world:
        made = await _place(world, "backup-1", Scope("other"))
        await lose(world)
        loss = await world.loss("sales-main")
        assert loss is not None
        assert loss.detail == "no backup is healthy: backup-1 is busy with another recovery"
        await _finish(world, made, "complete")
        await world.watch(60.0)
        assert [one.from_name for one in await world.recoveries()] == ["other", "sales-main"]


async def test_a_group_deferred_for_long_keeps_no_backup_busy_and_is_not_forgotten(database_url: str) -> None:
    async with _waiting_world(database_url, backups=1) as world:
        made = (await world.recoveries())[0].id
        await _due(world, {1: DAY, 2: 1800.0})
        await lose(world, "other")
        loss = await world.loss("other")
        assert loss is not None
        assert loss.detail == "no backup is healthy: backup-1 is busy with another recovery"
        await _due(world, {2: DAY})
        await world.watch(60.0)
        first, second = await world.recoveries()
        assert (first.id, first.state, first.outcome) == (made, "stopped", "replaced")
        assert (second.to_instance_id, second.from_name) == (world.id("backup-1"), "other")
        assert await _groups_in(world, second.id) == [1, 2, 5, 6]
        assert await _groups_in(world, made) == [3, 4]


async def test_what_was_taken_along_goes_on_with_the_next_backup(sqlite_url: str) -> None:
    async with _waiting_world(sqlite_url, backups=2) as world:
        await _due(world, {1: 3 * DAY, 2: 3 * DAY})
        await lose(world, "other")
        await lose(world, "backup-1")
        _first, second, third = await world.recoveries()
        assert (third.to_instance_id, third.follows_id) == (world.id("backup-2"), second.id)
        assert await _groups_in(world, third.id) == [1, 2, 5, 6]


async def test_a_recovery_that_brings_it_back_already_is_not_doubled(sqlite_url: str) -> None:
    async with lookout(sqlite_url, on_loss="recover") as world:
        made = await _place(world, "backup-2", Scope("sales-main"))
        await lose(world)
        loss = await world.loss("sales-main")
        assert loss is not None
        assert loss.recovery_id == made
        assert len(await world.recoveries()) == 1


async def test_decision_recovery_and_message_are_written_together_or_not_at_all(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_given: object) -> None:
        raise RuntimeError("the process dies here")

    async with lookout(database_url, on_loss="recover") as world:
        with monkeypatch.context() as patched:
            patched.setattr(outbox, "append", die)
            with pytest.raises(RuntimeError, match="dies here"):
                await lose(world)
        loss = await world.loss("sales-main")
        assert loss is not None
        assert loss.case.standing is LossState.SUSPECTED
        assert await world.recoveries() == []
        assert await world.rows(memberships) == []
        await world.watcher.close()
        world.again()
        await world.watch(120.0)
        assert len(await world.recoveries()) == 1
        assert len(await world.told("instance.lost")) == 1


async def test_two_daemons_at_once_place_one_recovery(database_url: str) -> None:
    async with lookout(database_url, on_loss="recover") as world:
        now, lost = world.time.now(), world.id("sales-main")
        gone = [
            LossEvidence(now - 500.0, Kind.STATE, True, "lost"),
            LossEvidence(now, Kind.MEMBERS, True, "session_down"),
        ]
        case = Case(LossState.SUSPECTED, now - 500.0, (gone[0], replace(gone[0], at=now), gone[1]))
        async with world.database.write() as connection:
            await losses.suspect(connection, lost, case)
        account = next(one for one in world.accounts if one.id == lost)
        twins = [
            Watch(world.database, world.time, world.accounts, world.settings, f"daemon@{n}") for n in "ab"
        ]
        decided = await asyncio.gather(*(consequence.decide(watch, account) for watch in twins))
        assert sorted(decided) == [False, True]
        assert len(await world.recoveries()) == 1
        assert len(await world.told("instance.lost")) == 1


async def test_the_next_backup_goes_on_with_what_is_surely_left(database_url: str) -> None:
    async with lookout(database_url, number_of_groups=9, on_loss="recover", on_backup_lost="next") as world:
        cut_off = await _place(world, "backup-1", Scope("sales-main"))
        stand = [*Status][:9]
        assert set(stand) >= {Status.PENDING, Status.READY, Status.ACTIVE, Status.JOINING}
        await _stand(world, stand)
        await lose(world, "backup-1")
        first, second = await world.recoveries()
        assert (first.id, first.state, first.outcome) == (cut_off, "finished", "instance_lost")
        assert (second.to_instance_id, second.follows_id) == (world.id("backup-2"), cut_off)
        assert (second.from_name, second.fixed, second.driver) == ("sales-main", True, "daemon")
        assert second.pace is None
        taken = await world.rows(memberships, memberships.c.instance_id == world.id("backup-2"))
        free = {Status.PENDING, Status.READY, Status.DEFERRED, Status.BLOCKED}
        assert {row.group_id for row in taken} == {n for n, one in enumerate(stand, 1) if one in free}
        loss = await world.loss("backup-1")
        assert loss is not None
        assert loss.recovery_id == second.id
        (message,) = await world.told("instance.lost")
        data = json.loads(message.data)
        assert data["cut_off"] == cut_off
        assert data["is_in"] == 1
        assert data["may_be_in"] == len(data["may_be_in_groups"]) == 3
        assert loss.detail == "left to a person: groups that backup-1 is in (1) or may be in (3)"
        assert [json.loads(one.data)["outcome"] for one in await world.told("recovery.finished")] == [
            "instance_lost"
        ]


async def test_a_group_whose_join_was_never_cleared_up_is_left_to_a_person(sqlite_url: str) -> None:
    async with lookout(sqlite_url, number_of_groups=2, on_backup_lost="next") as world:
        await _place(world, "backup-1", Scope("sales-main"))
        await _stand(world, [Status.BLOCKED, Status.PENDING])
        await _write(
            world,
            update(memberships)
            .where(memberships.c.group_id == 1)
            .values(reason=Reason.OUTCOME_UNKNOWN.value, requested_at=5.0),
        )
        await lose(world, "backup-1")
        taken = await world.rows(memberships, memberships.c.instance_id == world.id("backup-2"))
        assert [row.group_id for row in taken] == [2]


async def test_a_loop_that_still_runs_ends_its_own_recovery_first(sqlite_url: str) -> None:
    async with lookout(sqlite_url, on_backup_lost="next") as world:
        cut_off = await _place(world, "backup-1", Scope("sales-main"))
        await world.set("backup-1", lease_until=world.time.now() + 86_400.0)
        await lose(world, "backup-1")
        assert len(await world.recoveries()) == 1
        assert (await world.recoveries())[0].state == "running"
        await _finish(world, cut_off, "instance_lost")
        await world.watch(30.0)
        assert [one.follows_id for one in await world.recoveries()] == [None, cut_off]


async def test_stop_means_stop(sqlite_url: str) -> None:
    async with lookout(sqlite_url, on_backup_lost="stop") as world:
        cut_off = await _place(world, "backup-1", Scope("sales-main"))
        await lose(world, "backup-1")
        (recovery,) = await world.recoveries()
        assert (recovery.id, recovery.outcome) == (cut_off, "instance_lost")
        (message,) = await world.told("instance.lost")
        assert json.loads(message.data)["action"] == "notify"


async def test_the_loss_of_an_idle_backup_is_told_and_nothing_else(sqlite_url: str) -> None:
    async with lookout(sqlite_url, on_loss="recover", on_backup_lost="next") as world:
        await lose(world, "backup-2")
        assert await world.recoveries() == []
        assert len(await world.told("instance.lost")) == 1


async def test_one_backup_after_the_other(sqlite_url: str) -> None:
    async with lookout(sqlite_url, backups=3, on_loss="recover", on_backup_lost="next") as world:
        await lose(world)
        await lose(world, "backup-1")
        await lose(world, "backup-2")
        found = await world.recoveries()
        assert [one.to_instance_id for one in found] == [world.id(f"backup-{n}") for n in (1, 2, 3)]
        assert [one.follows_id for one in found] == [None, found[0].id, found[1].id]
        assert [one.state for one in found] == ["finished", "finished", "running"]


async def test_a_suspected_backup_is_not_chosen(sqlite_url: str) -> None:
    async with lookout(sqlite_url, on_loss="recover") as world:
        await world.watch(EVERY)
        world.gateways["sales-main"].log_out()
        await world.watch(300.0)
        world.gateways["backup-1"].log_out()
        await world.watch(EVERY)
        world.gateways["backup-1"].state = InstanceState.WORKING  # it says so, but its calls fail
        await world.watch(300.0)
        (recovery,) = await world.recoveries()
        assert recovery.to_instance_id == world.id("backup-2")
        suspected = await world.loss("backup-1")
        assert suspected is not None
        assert suspected.case.suspected


@asynccontextmanager
async def _waiting_world(url: str, *, backups: int) -> AsyncIterator[Lookout]:
    """Groups 1 to 4 are of sales-main, and 1 and 2 deferred on backup-1; 5 and 6 are of another primary."""
    settings: dict[str, Any] = {"on_loss": "recover", "on_backup_lost": "next"}
    async with lookout(url, primaries=("sales-main", "other"), backups=backups, **settings) as world:
        theirs = update(group_instances).where(group_instances.c.group_id > 4)
        await _write(world, theirs.values(instance_name="other"))
        await _place(world, "backup-1", Scope("sales-main"))
        await _stand(world, [Status.DEFERRED, Status.DEFERRED, Status.ACTIVE, Status.ACTIVE])
        yield world


async def _due(world: Lookout, waits: dict[int, float]) -> None:
    """When deferred groups are tried again, in seconds from now."""
    for group_id, wait in waits.items():
        this = update(memberships).where(memberships.c.group_id == group_id)
        await _write(world, this.values(next_attempt_at=world.time.now() + wait, reason="group_full"))


async def _groups_in(world: Lookout, recovery_id: int) -> list[int]:
    rows = await world.rows(memberships, memberships.c.recovery_id == recovery_id)
    return sorted(row.group_id for row in rows)


async def _place(world: Lookout, name: str, scope: Scope) -> int:
    async with world.database.write() as connection:
        await instances.lock(connection, world.id(name))
        return await orders.place(connection, Order(world.id(name), scope, "daemon@test"), world.time.now())


async def _finish(world: Lookout, recovery_id: int, outcome: str) -> None:
    """As the recovery's own loop would."""
    async with world.database.write() as connection:
        await recoveries.finish(
            connection, recovery_id, state="finished", outcome=outcome, counted={}, now=world.time.now()
        )


async def _stand(world: Lookout, statuses: list[Status]) -> None:
    async with world.database.write() as connection:
        for group_id, status in enumerate(statuses, 1):
            await connection.execute(
                update(memberships).where(memberships.c.group_id == group_id).values(status=status.value)
            )


async def _write(world: Lookout, statement: object) -> None:
    async with world.database.write() as connection:
        await connection.execute(statement)  # type: ignore[call-overload]
