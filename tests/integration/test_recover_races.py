"""What a person, a lying gateway, a slow one or a database that restarts does between two steps of a run."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, update

from orchestrator.account.loop import Ended, Job, run
from orchestrator.domain.errors import LockHeldError
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.recoveries import End
from orchestrator.operations.ordering import stop
from orchestrator.operations.retry_skip import retry
from orchestrator.simulator.faults import Trouble, When
from orchestrator.simulator.model import AccountState
from orchestrator.simulator.truth import Kind
from orchestrator.store import instances, unit_of_work
from orchestrator.store.recoveries import Scope
from orchestrator.store.tables import groups, invite_codes, memberships
from tests.support.command import PATIENCE
from tests.support.defaults import greeting
from tests.support.stage import Stage, brisk, set_stage
from tests.support.worlds import ACCOUNT, group, joins_of, judge, named, row, told, trouble, world

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer

SPEED = 150.0
SLOW = 20.0  # where several things must fit between two slots


@pytest.mark.parametrize(
    ("iq", "status", "reason"),
    [
        (304, Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING),
        (409, Status.BLOCKED, Reason.ATTEMPTS_EXHAUSTED),
    ],
)
async def test_a_probe_that_says_we_are_in_where_no_look_finds_us_does_not_go_round_for_ever(
    sqlite_url: str, iq: int, status: Status, reason: Reason
) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd"), generate=1), speed=SPEED * 2) as stage:
        trouble(stage, Trouble.IQ, Kind.PROBE, group=named(stage, "Odd").jid, iq=iq)
        ended = await stage.recover(brisk())
        found = await row(stage, "Odd")
        assert (found.status, found.reason) == (status, reason)
        assert ended.end is End.NEEDS_YOU
        assert joins_of(stage, "Odd") == []
        await judge(stage)


@pytest.mark.parametrize("kind", [Kind.PROBE, Kind.JOIN])
async def test_a_group_whose_answers_blame_a_session_that_works_does_not_hold_up_the_others(
    sqlite_url: str, kind: Kind
) -> None:
    content = world(group("Odd", "import.priority = 9"), generate=3)
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        trouble(stage, Trouble.SESSION, kind, group=named(stage, "Odd").jid)
        ended = await stage.recover(brisk())
        found = await row(stage, "Odd")
        assert (found.status, found.reason) == (Status.DEFERRED, Reason.INSTANCE_UNAVAILABLE)
        assert found.attempts == 0
        assert (ended.end, ended.counts["active"]) == (End.DEFERRED, 3)
        await judge(stage)


async def run_limited(stage: Stage, limit: int) -> Ended:
    context = await stage.context(brisk())
    context.joins_left = limit
    try:
        return await run(context, Job(Scope()))
    finally:
        await context.gateway.close()


async def test_a_limit_counts_joins_that_are_still_under_way(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=6), speed=SLOW) as stage:
        trouble(stage, Trouble.SLOW, Kind.JOIN, seconds=50.0)
        ended = await run_limited(stage, 1)
        assert ended.end is End.INTERRUPTED
        assert len(stage.log.joins(ACCOUNT)) == 1


async def set_code(stage: Stage, name: str) -> None:
    """As `groups set-code` would, from another process. It opens the same group."""
    code = str(named(stage, name).current_code)
    group_id = (await row(stage, name)).group_id
    c = invite_codes.c
    async with stage.database.write() as connection:
        now = await stage.database.now(connection)
        await connection.execute(
            update(invite_codes).where(c.group_id == group_id).values(current=False, retired_at=now)
        )
        new: dict[str, Any] = {"ciphertext": code.encode(), "fingerprint": "fp-new", "last4": code[-4:]}
        new |= {"group_id": group_id, "key_id": "clear", "source": "set-code"}
        await connection.execute(insert(invite_codes).values(**new, current=True, created_at=now))
        await unit_of_work.reopen_after_new_code(connection, group_ids=[group_id], actor="test", now=now)


async def set_jid(stage: Stage, name: str) -> None:
    """As an import would that corrects what was expected."""
    group_id = (await row(stage, name)).group_id
    async with stage.database.write() as connection:
        now = await stage.database.now(connection)
        jid = named(stage, name).jid
        await connection.execute(update(groups).where(groups.c.id == group_id).values(jid=jid))
        await unit_of_work.reopen_after_new_identity(connection, group_ids=[group_id], actor="test", now=now)


async def recover_with(stage: Stage, kind: Kind, meanwhile: Any) -> Ended:
    """Something happens while the first answer of that kind is on its way."""
    context = await stage.context(brisk())
    plain, acts = getattr(context.gateway, kind.value), [meanwhile]

    async def call(*args: Any, **named_args: Any) -> Any:
        answer = await plain(*args, **named_args)
        if acts:
            await acts.pop()
        return answer

    context.gateway.__dict__[kind.value] = call
    try:
        return await run(context, Job(Scope()))
    finally:
        await context.gateway.close()


@pytest.mark.parametrize("kind", [Kind.PROBE, Kind.JOIN])
async def test_a_code_that_is_set_while_the_old_one_is_refused_is_used(database_url: str, kind: Kind) -> None:
    async with set_stage(database_url, content=world(group("Odd")), speed=SPEED) as stage:
        trouble(stage, Trouble.IQ, kind, iq=410, times=1)
        ended = await recover_with(stage, kind, set_code(stage, "Odd"))
        assert (await row(stage, "Odd")).status == Status.ACTIVE
        assert ended.end is End.COMPLETE
        await judge(stage)


async def test_an_expectation_that_is_corrected_during_the_probe_counts(sqlite_url: str) -> None:
    wrong = 'import.jid = "120363000000000001@g.us"'
    async with set_stage(sqlite_url, content=world(group("Odd", wrong)), speed=SPEED) as stage:
        ended = await recover_with(stage, Kind.PROBE, set_jid(stage, "Odd"))
        assert (await row(stage, "Odd")).status == Status.ACTIVE
        assert ended.end is End.COMPLETE
        await judge(stage)


async def test_an_invite_link_in_a_subject_reaches_neither_the_journal_nor_the_membership(
    sqlite_url: str,
) -> None:
    code = "AbCdEfGhIjKlMnOpQrStU1"
    wrong = 'import.jid = "120363000000000001@g.us"'
    content = world(group(f"Join chat.whatsapp.com/{code}", wrong))
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        await stage.recover(brisk())
        probe = (await told(stage.database, "probe"))[0]
        assert "identity_mismatch" in probe.data
        assert code not in probe.data
        seen = (await row(stage, f"Join chat.whatsapp.com/{code}")).seen_subject
        assert (seen.startswith("Join chat.whatsapp.com/"), code in seen) == (True, False)


async def test_greetings_that_were_still_to_be_sent_are_not_once_they_are_switched_off(
    sqlite_url: str,
) -> None:
    async with set_stage(sqlite_url, content=world(generate=2), speed=SPEED) as stage:
        await stage.recover(brisk())
        async with stage.database.write() as connection:
            await connection.execute(update(memberships).values(greeting="pending"))
        await stage.recover(brisk())
        assert stage.log.of(Kind.SEND, ACCOUNT) == []


async def test_a_run_that_waits_for_the_session_holds_its_lease(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=2), speed=SLOW) as stage:
        account = stage.world.network.account(ACCOUNT)
        account.state = AccountState.STARTING
        first = asyncio.create_task(stage.recover(brisk()))
        await stage.clock.sleep(130.0)  # more than a lease
        with pytest.raises(LockHeldError):
            await stage.recover(brisk())
        account.state = AccountState.WORKING
        assert (await first).end is End.COMPLETE


async def lease_left(stage: Stage) -> float | None:
    """Seconds until it ends; None while nobody has it."""
    async with stage.database.read() as connection:
        record = await instances.get(connection, ACCOUNT)
        now = await stage.database.now(connection)
    return None if record.lease_until is None else record.lease_until - now


async def test_a_gateway_that_keeps_the_session_waiting_does_not_cost_the_lease(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=8), speed=SLOW) as stage:
        trouble(stage, Trouble.HANG, Kind.SESSION, skip=1, seconds=85.0)
        first = asyncio.create_task(stage.recover(brisk(2.0)))
        async with asyncio.timeout(PATIENCE):
            while (await lease_left(stage)) is None:
                await stage.clock.sleep(1.0)
        for _ in range(14):
            await stage.clock.sleep(10.0)
            left = await lease_left(stage)
            assert left is not None
            assert left > 0
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first


async def test_a_wish_to_stop_counts_although_the_run_still_waits_for_the_session(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=6), speed=60.0) as stage:
        assert (await run_limited(stage, 1)).end is End.INTERRUPTED
        account = stage.world.network.account(ACCOUNT)
        account.state = AccountState.STARTING
        again = asyncio.create_task(stage.recover(brisk()))
        await stage.clock.sleep(20.0)
        assert not (await stop(stage.database, actor="a person")).ended
        account.state = AccountState.WORKING
        assert (await again).end is End.STOPPED
        assert (await stage.recover(brisk())).end is End.COMPLETE  # an old wish holds nobody up


async def test_a_database_that_refuses_connections_for_a_while_is_waited_for(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    name = postgres_url.partition("@/")[2].partition("?")[0]
    async with set_stage(postgres_url, content=world(generate=8), speed=60.0) as stage:
        recovery = asyncio.create_task(stage.recover(brisk(patience=36_000.0)))
        while not stage.log.joins(ACCOUNT):
            await stage.clock.sleep(1.0)
        postgres_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        postgres_server.execute(f"{cut} AND backend_type = 'client backend'")  # our own server
        await stage.clock.sleep(90.0)
        postgres_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert (await recovery).end is End.COMPLETE
        await judge(stage)


async def test_an_account_under_a_new_name_waits_for_a_full_window(sqlite_url: str) -> None:
    content = world(generate=1)
    async with set_stage(sqlite_url, content=content) as stage, stage.database.write() as connection:
        now = await stage.database.now(connection)
        renamed = instances.Configured("spare", "backup", "wawp", "sim#200")
        fresh = instances.Configured("other", "backup", "wawp", "sim#300")
        await instances.sync(connection, [renamed, fresh], now)
        assert (await instances.get(connection, "spare")).known_since == now
        assert (await instances.get(connection, "other")).known_since < now


async def left_before(stage: Stage, name: str, **more: Any) -> None:
    """It was in, long ago, and a person wants it back."""
    was: dict[str, Any] = {"status": "pending", "reason": None, "joined_at": 1000.0, "requested_at": 1000.0}
    async with stage.database.write() as connection:
        group_id = (await row(stage, name)).group_id
        mine = memberships.c.group_id == group_id
        await connection.execute(update(memberships).where(mine).values(**was | more))
    network = stage.world.network
    network.leave(network.account(ACCOUNT), named(stage, name).jid)


async def test_the_second_join_of_a_group_has_its_own_time(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        await stage.recover(brisk())
        await left_before(stage, "Odd")
        trouble(stage, Trouble.CUT, Kind.JOIN, effect=When.DONE, times=1)
        await stage.recover(brisk())
        found = await row(stage, "Odd")
        assert found.status == Status.ACTIVE
        assert found.joined_at > found.requested_at > 1000.0


async def test_a_group_that_was_left_long_ago_was_not_joined_by_mistake(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        await stage.recover(brisk())
        await left_before(stage, "Odd")
        async with stage.database.write() as connection:
            await connection.execute(update(groups).values(jid="120363000000000001@g.us"))
        await stage.recover(brisk())
        found = await row(stage, "Odd")
        assert (found.status, found.reason) == (Status.BLOCKED, Reason.IDENTITY_MISMATCH)
        done = await retry(stage.database, ACCOUNT, actor="a person", groups=["group-1"])
        assert done.groups[0].status is Status.PENDING


@pytest.mark.parametrize(
    ("expected", "requeued"), [("120363000000000001@g.us", 0), ("120363000000000009@g.us", 1)]
)
async def test_an_import_does_not_forget_a_group_that_was_entered_by_mistake(
    sqlite_url: str, expected: str, requeued: int
) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        await stage.recover(brisk())
        foreign = {"status": "blocked", "reason": "identity_mismatch", "jid": "120363000000000009@g.us"}
        async with stage.database.write() as connection:
            await connection.execute(update(memberships).values(**foreign))
            await connection.execute(update(groups).values(jid=expected))
            moved = await unit_of_work.reopen_after_new_identity(
                connection, group_ids=[1], actor="test", now=5.0
            )
            assert moved == requeued


DAY = 86400.0
LEFT_OUTSIDE: dict[str, dict[str, Any]] = {
    "deferred": {"status": "deferred", "reason": "group_full"},
    "greetings": {"greeting": "pending"},
}


@pytest.mark.parametrize("left", LEFT_OUTSIDE.values(), ids=LEFT_OUTSIDE)
async def test_what_an_earlier_recovery_left_outside_the_scope_holds_up_nothing(
    sqlite_url: str, left: dict[str, Any]
) -> None:
    content = world(group("Mine"), generate=2, gateway="list_participants = false")
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        await stage.recover(brisk())
        moment, mine = stage.clock.now(), await row(stage, "Mine")
        async with stage.database.write() as connection:
            values = {"next_attempt_at": moment + DAY} | left
            await connection.execute(update(memberships).where(memberships.c.id != mine.id).values(**values))
        context = await stage.context(brisk(greeting=greeting(), greeting_gap=DAY))
        ended = await run(context, Job(Scope(), only=[mine.group_id]))
        await context.gateway.close()

        assert ended.end is End.COMPLETE
        assert stage.clock.now() - moment < DAY / 2  # it waited for neither
