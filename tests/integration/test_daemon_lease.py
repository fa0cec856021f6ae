"""The daemons' leases: one place on SQLite, one for each daemon on PostgreSQL."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from orchestrator.account.lease import current_holder
from orchestrator.clock import SystemClock
from orchestrator.daemon.daemon_lease import DaemonLease
from orchestrator.domain.errors import LeaseLostError
from orchestrator.store import daemons, schema
from orchestrator.store.daemons import Trouble
from orchestrator.store.engine import Database
from orchestrator.store.tables import daemon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    await schema.upgrade(database)
    try:
        yield database
    finally:
        await database.close()


async def row(database: Database) -> daemons.DaemonRow:
    async with database.read() as connection:
        return (await daemons.rows(connection))[0]


async def held_by(database: Database, holder: str) -> None:
    async with database.write() as connection:
        await connection.execute(update(daemon).values(holder=holder))


def a_dead_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


async def test_the_second_stands_by_and_takes_over_when_the_first_leaves(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database:
        first, second = DaemonLease(database, SystemClock()), DaemonLease(database, SystemClock())
        assert await first.take()
        await held_by(database, json.dumps(asdict(replace(current_holder(), host="elsewhere", boot_id="x"))))
        assert not await second.take()

        await first.release()

        assert await second.take()
        assert second.fence == first.fence + 1


async def test_a_seat_that_could_not_be_given_back_is_taken_again_by_its_own_process(
    database_url: str,
) -> None:
    async with opened(database_url) as database:
        await DaemonLease(database, SystemClock()).take()  # and an outage kept it from leaving

        assert await DaemonLease(database, SystemClock()).take()


async def test_a_seat_whose_process_is_dead_is_taken_at_once(database_url: str) -> None:
    dead = replace(current_holder(), pid=a_dead_process(), pid_start="1")
    async with opened(database_url) as database:
        await DaemonLease(database, SystemClock()).take()
        await held_by(database, json.dumps(asdict(dead)))

        assert await DaemonLease(database, SystemClock()).take()


async def test_a_silent_daemon_of_another_machine_is_waited_for_until_its_lease_is_over(
    sqlite_url: str,
) -> None:
    elsewhere = replace(current_holder(), host="elsewhere", boot_id="another")
    async with opened(sqlite_url) as database:
        await DaemonLease(database, SystemClock()).take()
        await held_by(database, json.dumps(asdict(elsewhere)))
        assert not await DaemonLease(database, SystemClock()).take()

        async with database.write() as connection:
            await connection.execute(update(daemon).values(until=await database.now(connection) - 1.0))

        assert await DaemonLease(database, SystemClock()).take()


async def test_on_postgresql_each_daemon_has_a_place_and_a_fence_of_its_own(postgres_url: str) -> None:
    elsewhere = json.dumps(asdict(replace(current_holder(), host="elsewhere", boot_id="another")))
    async with opened(postgres_url) as database:
        first, second, third = (DaemonLease(database, SystemClock()) for _ in range(3))
        assert await first.take()
        await held_by(database, elsewhere)

        assert await second.take()
        await held_by(database, elsewhere)
        await first.release()
        assert await third.take()

        async with database.read() as connection:
            places = [(one.id, one.fence) for one in await daemons.rows(connection)]
        assert places == [(1, third.fence), (2, second.fence)]
        assert first.fence < second.fence < third.fence


async def test_who_was_replaced_learns_it_by_its_next_sign_of_life(database_url: str) -> None:
    async with opened(database_url) as database:
        slow, quick = DaemonLease(database, SystemClock()), DaemonLease(database, SystemClock())
        await slow.take()
        await slow.release()
        await quick.take()

        with pytest.raises(LeaseLostError):
            await slow.renew([])
        await slow.release()  # must not throw the other one out

        assert (await row(database)).fence == quick.fence
        assert (await row(database)).holder is not None


async def test_a_sign_of_life_tells_the_troubles(database_url: str) -> None:
    async with opened(database_url) as database:
        lease = DaemonLease(database, SystemClock())
        await lease.take()

        await lease.renew([Trouble("outbox crm", 1.0, "answered 503")])

        found = await row(database)
        assert daemons.troubles_of(found) == [Trouble("outbox crm", 1.0, "answered 503")]
        async with database.read() as connection:
            assert found.alive(await database.now(connection))
