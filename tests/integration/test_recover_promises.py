"""The promises one by one, where a whole recovery would show them only by luck."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from orchestrator.account.recovery_settings import stretched
from orchestrator.domain.errors import LeaseLostError
from orchestrator.domain.memberships import Status
from orchestrator.domain.outcomes import Outcome
from orchestrator.operations import pausing, retry_skip
from orchestrator.simulator import scenario
from orchestrator.simulator.faults import Trouble, When
from orchestrator.simulator.truth import LOOKS, Effect, Kind
from orchestrator.store import instances
from orchestrator.store.tables import instances as instance_table
from orchestrator.store.tables import invite_codes, journal, memberships, slots
from tests.integration.test_recover_machine import SETTINGS, RecoveryMachine
from tests.support.fake_gateway import Fate
from tests.support.stage import brisk, set_stage
from tests.support.worlds import ACCOUNT, group, judge_rows, named, trouble, world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.sql import Select

    from orchestrator.domain.outcomes import ProbeAnswer
    from orchestrator.simulator.truth import Request

SPEED = 150.0
LIFE, WINDOW = SETTINGS.policy.life, SETTINGS.policy.window


@pytest.fixture
def machine() -> Iterator[RecoveryMachine]:
    """The state machine's world, moved by hand: one account, seven groups, time that stands still."""
    made = RecoveryMachine()
    yield made
    made.check_invariants_by_hand()
    made.teardown()


def stored(machine: RecoveryMachine, query: Select[Any]) -> list[Any]:
    async def read() -> list[Any]:
        async with machine.database.read() as connection:
            return list((await connection.execute(query)).all())

    return list(machine.run(read()))


def when_reached(machine: RecoveryMachine, name: str, act: Callable[[], None]) -> None:
    """Do something each time that the loop passes a point."""

    class Told:
        def reach(self, point: str) -> None:
            if point == name:
                act()

    machine.context.points = Told()


# 1. The pace


@pytest.mark.parametrize("point", ["slot.reserved", "join.connected"])
def test_a_sender_that_was_held_up_beyond_the_slots_life_drops_it(
    machine: RecoveryMachine, point: str
) -> None:
    machine.probe()

    def hold_up() -> None:
        machine.time.true += LIFE + 0.1

    when_reached(machine, point, hold_up)
    machine.join(Fate())
    assert machine.gateway.arrivals == []
    assert len(stored(machine, select(slots))) == 1  # and it is not given back
    assert {row.attempts for row in stored(machine, select(memberships))} == {0}


def test_a_sender_that_was_held_up_within_the_slots_life_still_sends(machine: RecoveryMachine) -> None:
    machine.probe()

    def hold_up() -> None:
        machine.time.true += LIFE - 1.0

    when_reached(machine, "join.connected", hold_up)
    machine.join(Fate())
    assert len(machine.gateway.arrivals) == 1


def test_a_dropped_slot_is_used_up(machine: RecoveryMachine) -> None:
    machine.probe()
    machine.points.armed = "slot.reserved"
    machine.join(Fate())
    reserved = stored(machine, select(slots))[0].send_at
    machine.probe()
    for _ in range(40):
        machine.join(Fate())
        machine.time.true += 1.0
    assert machine.gateway.arrivals
    assert machine.gateway.arrivals[0] + machine.time.offset >= reserved + 12.0


def test_joins_whose_end_nobody_recorded_count_until_their_life_and_time_out_are_over(
    machine: RecoveryMachine,
) -> None:
    """Five processes die one after the other, each with a join on its way that arrives late."""
    for number in range(1, 6):
        while len(machine.gateway.arrivals) < number:
            machine.probe()
            machine.join(Fate(way=95.0, killed=True, takes_effect=False))
            machine.time.true += 0.5
    first, sent = min(machine.gateway.arrivals), len(machine.gateway.arrivals)
    while machine.time.true < first + WINDOW - 1.0:
        machine.probe()
        machine.join(Fate())
        machine.time.true += 1.0
    assert len(machine.gateway.arrivals) == sent


def test_the_slot_and_the_intent_are_on_disk_before_the_request_leaves(machine: RecoveryMachine) -> None:
    machine.probe()
    seen: list[tuple[int, set[str]]] = []
    real_join = machine.gateway.join

    async def join(code: str, **more: Any) -> Any:
        async with machine.database.read() as connection:
            reserved = (await connection.execute(select(slots))).all()
            statuses = (await connection.execute(select(memberships.c.status))).scalars().all()
        seen.append((len(reserved), set(statuses)))
        return await real_join(code, **more)

    machine.gateway.join = join  # type: ignore[method-assign]
    machine.join(Fate())
    assert seen == [(1, {"joining", "pending"})]


def test_a_days_limit_is_kept(machine: RecoveryMachine) -> None:
    machine.joiner._base = replace(machine.joiner._base, daily_limit=2)
    machine.go_well(60)
    assert len(machine.gateway.arrivals) == 2
    machine.time.true += 86_400.0
    machine.beat()
    machine.go_well(60)
    assert len(machine.gateway.arrivals) == 4


# 2. Verified first


def test_a_verification_that_grew_old_is_made_again(machine: RecoveryMachine) -> None:
    machine.probe()
    machine.time.true += SETTINGS.freshness + 1.0
    machine.join(Fate())
    assert machine.gateway.arrivals == []
    assert "ready" not in {row.status for row in stored(machine, select(memberships))}
    machine.probe()
    machine.join(Fate())
    assert len(machine.gateway.arrivals) == 1


def test_only_the_very_code_that_was_probed_is_joined_with(machine: RecoveryMachine) -> None:
    machine.probe()

    async def renew() -> None:
        async with machine.database.write() as connection:
            old = (await connection.execute(select(invite_codes))).mappings().all()
            await connection.execute(update(invite_codes).values(current=False))
            fresh = [dict(row) | {"id": row["id"] + 100, "fingerprint": f"new {row['id']}"} for row in old]
            await connection.execute(insert(invite_codes), fresh)

    machine.run(renew())
    machine.join(Fate())
    assert machine.gateway.arrivals == []


# 3. Active means in


def test_the_jid_is_on_disk_before_anything_else_follows(machine: RecoveryMachine) -> None:
    machine.probe()
    machine.points.armed = "join.recorded"
    machine.join(Fate())
    machine.gateway.lists_lie = True
    row = next(r for r in stored(machine, select(memberships)) if r.joined_at is not None)
    assert row.jid is not None
    assert row.status in (Status.CONFIRMING, Status.ACTIVE)


def test_a_receipt_alone_makes_nothing_active(machine: RecoveryMachine) -> None:
    machine.probe()
    machine.join(Fate(settle=60.0))
    machine.time.true += 4.0
    machine.look_and_greet()
    assert "active" not in {row.status for row in stored(machine, select(memberships))}
    machine.time.true += 60.0
    machine.look_and_greet()
    assert "active" in {row.status for row in stored(machine, select(memberships))}


# 4. Never twice


@pytest.mark.parametrize("settle", [0.0, 30.0, 75.0])
def test_a_join_that_was_cut_off_by_a_crash_is_looked_up_until_whatsapp_must_have_decided(
    machine: RecoveryMachine, settle: float
) -> None:
    machine.gateway.lists_lie = True
    machine.probe()
    machine.join(Fate(killed=True, settle=settle, way=10.0))
    for _ in range(200):
        machine.gateway.fate = Fate(refusal=Outcome.GROUP_FULL)
        machine.look_and_greet()
        machine.time.true += 1.0
    entered = [g for g in machine.gateway.groups_by_code.values() if g.inside]
    assert len(entered) == 1
    active = [row for row in stored(machine, select(memberships)) if row.status == "active"]
    assert [row.jid for row in active] == [entered[0].jid]


async def test_a_refusal_that_comes_after_the_time_out_is_an_unknown_outcome(database_url: str) -> None:
    """WhatsApp refused, but nobody heard it in time: the group is looked up before it is joined again."""
    content = world(group("Packed", "full = true"))
    async with set_stage(database_url, content=content, speed=SPEED) as stage:
        packed = named(stage, "Packed")
        trouble(stage, Trouble.SLOW, Kind.JOIN, times=1, seconds=100_000.0)

        def make_room(request: Request) -> None:
            packed.full = packed.full and not (stage.log.joins() and request.kind in LOOKS)

        stage.log.watchers.append(make_room)
        await stage.recover(brisk(patience=1000.0))

        first, second = stage.log.joins()
        assert (first.iq, first.status) == (419, 0)
        assert second.effect is Effect.JOINED
        looks = [r for r in stage.log.requests[first.number : second.number] if r.kind in LOOKS]
        assert looks
        assert stage.log.blind_repeats() == []


async def test_a_driver_that_was_replaced_stops_with_one_plain_error_and_sends_nothing_more(
    database_url: str,
) -> None:
    async with set_stage(database_url, content=world(generate=30), speed=SPEED) as stage:
        taken: list[asyncio.Task[float]] = []

        async def take_over() -> float:
            async with stage.database.write() as connection:
                record = await instances.get(connection, ACCOUNT)
                await instances.set_values(connection, record.id, fence=record.fence + 1)
            return stage.clock.now()

        class TakenOver:
            """Another process takes the lease while a join has just been answered."""

            def reach(self, name: str) -> None:
                if name == "join.answered" and not taken:
                    taken.append(asyncio.create_task(take_over()))

        with pytest.raises(LeaseLostError):
            await stage.recover(brisk(), points=TakenOver())
        since = await taken[0]
        await stage.clock.sleep(200.0)
        life = stretched(brisk().policy, stage.clock.real(1.0)).life
        assert [r for r in stage.log.joins() if r.at > since + life] == []
        assert len(stage.log.joins()) < 30


# 5. Trouble with the account stops the account


def test_a_pause_that_comes_between_the_look_at_the_pace_and_the_reservation_counts(
    machine: RecoveryMachine,
) -> None:
    machine.probe()
    look_at_the_pace = machine.joiner._seconds_to_next

    async def then_pause() -> float | None:
        wait = await look_at_the_pace()
        await pausing.pause(machine.database, "backup-1", actor="a person")
        return wait

    machine.joiner._seconds_to_next = then_pause  # type: ignore[method-assign]
    machine.join(Fate())
    assert machine.gateway.arrivals == []
    assert stored(machine, select(slots)) == []


# 6. Nothing recorded is lost


def test_what_a_person_decided_during_a_probe_stands(machine: RecoveryMachine) -> None:
    ask = machine.gateway.probe

    async def probe(code: str) -> ProbeAnswer:
        answer = await ask(code)
        name = machine.gateway.groups_by_code[code].subject
        await retry_skip.skip(machine.database, "backup-1", [name], actor="a person")
        return answer

    machine.gateway.probe = probe  # type: ignore[method-assign]
    machine.probe()
    machine.join(Fate())
    statuses = sorted(row.status for row in stored(machine, select(memberships)))
    assert statuses == ["pending"] * 6 + ["skipped"]
    assert machine.gateway.arrivals == []


# 7. Secrets stay secret


async def test_neither_codes_nor_tokens_reach_the_database_in_clear_beside_the_codes_own_table(
    sqlite_url: str,
) -> None:
    content = world(*(group(name) for name in ("One", "Two", "Three", "Four")))
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        token = stage.world.network.account(ACCOUNT).access_token
        codes = [named(stage, name).current_code or "" for name in ("One", "Two", "Three", "Four")]
        words = f"gone: https://chat.whatsapp.com/{codes[0]} with {token}"
        trouble(stage, Trouble.IQ, Kind.PROBE, group=named(stage, "One").jid, iq=410, text=words)
        trouble(stage, Trouble.HTTP, Kind.JOIN, group=named(stage, "Two").jid, text=words + codes[1])
        trouble(stage, Trouble.ERROR_BODY, Kind.JOIN, group=named(stage, "Three").jid, text=codes[2])
        await stage.recover(brisk())
        written = ""
        async with stage.database.read() as connection:
            for table in (journal, memberships, instance_table, slots):
                written += repr((await connection.execute(select(table))).all())
        assert codes[1][-4:] in written
        for secret in (token, *codes):
            assert secret not in written


# 8. It says why


async def test_on_a_bad_day_everything_ends_with_a_reason_and_a_time(database_url: str) -> None:
    content = scenario.built_in("chaos").read_text()
    async with set_stage(database_url, content=content, speed=300.0) as stage:
        trouble(stage, Trouble.SLOW, Kind.JOIN, probability=0.05, seconds=70.0, effect=When.DONE)
        for _ in range(2):
            await stage.recover(brisk(patience=1000.0))
        log = stage.log
        assert log.worst_window(ACCOUNT) <= 5
        assert log.double_effects() == []
        assert log.needless_joins() == []
        assert log.joins_without_probe() == []
        assert log.blind_repeats() == []
        await judge_rows(stage.database, stage.world.network.groups)
        async with stage.database.read() as connection:
            backup = (
                await connection.execute(select(instance_table).where(instance_table.c.name == ACCOUNT))
            ).one()
        if backup.pause_reason is not None:
            assert backup.paused_at is not None


@pytest.mark.parametrize("noticed_by", ["beat", "join", "crash"])
def test_a_verification_from_before_the_clock_stepped_is_made_again(
    machine: RecoveryMachine, noticed_by: str
) -> None:
    """By the clock that stepped back it looks young again when as much time has passed."""
    machine.probe()
    assert stored(machine, select(memberships.c.status).where(memberships.c.status == Status.READY))
    machine.set_the_clock(-500.0)
    if noticed_by == "crash":
        machine.crash([])
    elif noticed_by == "beat":
        machine.beat()
    else:
        machine.join(Fate())
    machine.time.true += 530.0
    for _ in range(30):
        machine.probe()
        machine.join(Fate())
        machine.time.true += 4.0
    assert machine.gateway.arrivals
    machine.check_invariants_by_hand()
