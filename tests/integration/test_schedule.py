"""The scheduler against real databases: what is due is done once, whatever the clock and other daemons do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select, update

from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.times import CronTimes
from orchestrator.failover.scheduler import DAY, LONGEST_WAIT, NEVER, Recover, Scheduler
from orchestrator.status.schedule_view import Entry, entries_of, read_schedule
from orchestrator.store import daemons, schema
from orchestrator.store.engine import Database
from orchestrator.store.tables import instances, losses, memberships, messages, recoveries
from tests.integration.status_rows import Rows
from tests.support.worlds import told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncConnection

NOON = 1_800_014_400.0  # 2027-01-15 12:00 UTC
HOUR, MINUTE = 3600.0, 60.0
SIX = NOON + 18 * HOUR
UTC = ZoneInfo("UTC")


class HandClock:
    """The database's clock under the test's hand."""

    def __init__(self, at: float) -> None:
        self.at = at

    def sql(self, dialect: str) -> str:
        return f"cast({self.at!r} as {'real' if dialect == 'sqlite' else 'double precision'})"


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOON)


@pytest.fixture
async def database(database_url: str, clock: HandClock) -> AsyncIterator[Database]:
    opened = Database(database_url, clock)
    await schema.upgrade(opened)
    yield opened
    await opened.close()


@pytest.fixture
async def lite(sqlite_url: str, clock: HandClock) -> AsyncIterator[Database]:
    opened = Database(sqlite_url, clock)
    await schema.upgrade(opened)
    yield opened
    await opened.close()


class Counted:
    """Work that only counts."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.fails = False

    async def __call__(self, connection: AsyncConnection, now: float) -> str:
        await connection.execute(insert(instances).values(**_row(f"trace-{len(self.times)}-{now}")))
        if self.fails:
            raise RuntimeError("no")
        self.times.append(now)
        return f"run {len(self.times)}"


def _row(name: str) -> dict[str, Any]:
    return {"name": name, "role": "backup", "gateway": "wawp", "account": name, "known_since": 0.0}


def scheduler(
    database: Database, work: Any, expression: str = "0 6 * * *", zone: ZoneInfo = UTC
) -> Scheduler:
    return Scheduler(database, [Entry("recover", CronTimes(expression, zone))], {"recover": work})


async def kept(database: Database) -> daemons.ScheduleEntry | None:
    async with database.read() as connection:
        return (await daemons.schedule_entries(connection)).get("recover")


async def traces(database: Database) -> int:
    async with database.read() as connection:
        return len((await connection.execute(select(instances.c.id))).all())


async def test_what_is_due_is_done_once_and_the_first_look_makes_nothing_up(
    database: Database, clock: HandClock
) -> None:
    work = Counted()
    part = scheduler(database, work)

    assert await part.step() == LONGEST_WAIT
    clock.at = SIX - 20.0
    assert await part.step() == 20.0
    assert work.times == []
    clock.at = SIX
    await part.step()
    clock.at = SIX + 1.0
    await part.step()
    await scheduler(database, work).step()

    assert work.times == [SIX]
    found = await kept(database)
    assert found == daemons.ScheduleEntry("recover", "0 6 * * * UTC", SIX, SIX, "run 1")


async def test_two_daemons_at_the_same_moment_do_it_once(database: Database, clock: HandClock) -> None:
    first, second = Counted(), Counted()
    one, other = scheduler(database, first), scheduler(database, second)
    await one.step()
    await other.step()
    stale = await kept(database)
    assert stale is not None
    clock.at = SIX
    await one.step()

    await other._carry_out(stale, SIX)  # it had read the row before the first one was done

    assert len(first.times) == 1
    assert second.times == []
    assert await traces(database) == 1


async def test_work_that_fails_leaves_nothing_behind_and_is_still_due(
    database: Database, clock: HandClock
) -> None:
    work = Counted()
    part = scheduler(database, work)
    await part.step()
    clock.at, work.fails = SIX, True
    with pytest.raises(RuntimeError):
        await part.step()
    assert await traces(database) == 0

    work.fails = False
    await part.step()

    assert work.times == [SIX]


@pytest.mark.parametrize(
    ("expression", "away", "runs"),
    [
        ("0 6 * * *", 18 * HOUR + 5 * HOUR, 1),  # back five hours late
        ("0 6 * * *", 18 * HOUR + 23.9 * HOUR, 1),
        ("0 6 15 * *", 33 * DAY, 0),  # the run of two days ago is not made up
        ("0 6 * * *", 10 * DAY, 1),  # ten missed ones are one
        ("*/10 * * * *", 300 * DAY, 1),
    ],
)
async def test_after_a_downtime_at_most_one_run_of_the_last_day_is_made_up(
    lite: Database, clock: HandClock, expression: str, away: float, runs: int
) -> None:
    work = Counted()
    await scheduler(lite, work, expression).step()
    clock.at = NOON + away

    for _ in range(3):
        await scheduler(lite, work, expression).step()

    assert len(work.times) == runs


async def test_another_expression_or_zone_begins_anew(lite: Database, clock: HandClock) -> None:
    work = Counted()
    await scheduler(lite, work, "0 6 * * *").step()
    clock.at = SIX + HOUR

    await scheduler(lite, work, "30 6 * * *").step()
    await scheduler(lite, work, "30 6 * * *", ZoneInfo("Etc/GMT+0")).step()
    assert work.times == []
    clock.at = SIX + DAY + HOUR
    await scheduler(lite, work, "30 6 * * *", ZoneInfo("Etc/GMT+0")).step()

    assert len(work.times) == 1


async def test_an_entry_that_was_taken_out_for_a_while_begins_anew(lite: Database, clock: HandClock) -> None:
    work = Counted()
    await scheduler(lite, work).step()
    assert await Scheduler(lite, [], {}).step() == NEVER
    clock.at = SIX + HOUR

    await scheduler(lite, work).step()

    assert work.times == []


async def test_a_clock_that_is_set_back_repeats_nothing(lite: Database, clock: HandClock) -> None:
    work = Counted()
    part = scheduler(lite, work)
    await part.step()
    for clock.at in (SIX + MINUTE, SIX - HOUR, SIX, SIX + HOUR, SIX - 5 * HOUR, SIX + 2 * HOUR):
        await part.step()

    assert work.times == [SIX + MINUTE]
    clock.at = SIX + DAY
    await part.step()
    assert len(work.times) == 2


async def test_a_clock_that_was_a_year_ahead_for_a_moment_does_not_end_the_schedule(
    lite: Database, clock: HandClock
) -> None:
    work = Counted()
    part = scheduler(lite, work)
    await part.step()
    clock.at = NOON + 365 * DAY
    await part.step()
    clock.at = NOON + HOUR
    await part.step()
    done = len(work.times)
    clock.at = SIX
    await part.step()

    assert len(work.times) == done + 1


def recover(*backups: str) -> Recover:
    return Recover(backups, actor="daemon@box")


async def ran(database: Database, clock: HandClock, *backups: str) -> str:
    """What one due run says."""
    part = scheduler(database, recover(*backups))
    await part.step()
    clock.at = max(clock.at + DAY, SIX)
    await part.step()
    found = await kept(database)
    assert found is not None
    assert found.last_result is not None
    return found.last_result


async def placed(database: Database) -> list[Any]:
    async with database.read() as connection:
        query = select(recoveries).where(recoveries.c.driver == "daemon").order_by(recoveries.c.id)
        return list((await connection.execute(query)).all())


async def test_a_recovery_is_placed_for_what_is_missing(database: Database, clock: HandClock) -> None:
    rows = Rows(database)
    backup = await rows.instance(lease_until=None, lease_holder=None)
    await rows.instance("backup-2")
    await rows.membership(backup, Status.ACTIVE)
    await rows.membership(backup, Status.DEFERRED, Reason.GROUP_FULL, next_attempt_at=NOON)
    await rows.membership(backup, Status.BLOCKED, Reason.CODE_REVOKED)
    await rows.group()

    assert await ran(database, clock, "backup-1", "backup-2") == (
        "began recovery 1 onto backup-1 for 2 of 4 groups"
    )

    (made,) = await placed(database)
    assert (made.to_instance_id, made.state, made.actor, made.pace) == (backup, "running", "daemon@box", None)
    (line,) = await told(database, "recovery.started")
    (why,) = await told(database, "schedule.recover")
    assert "for 2 of 4 groups" in why.data
    assert (line.recovery_id, line.actor) == (made.id, "daemon@box")
    async with database.read() as connection:
        kinds = (await connection.scalars(select(messages.c.kind))).all()
        taken = (await connection.scalars(select(memberships.c.recovery_id))).all()
    assert kinds == ["recovery.started"]
    assert taken == [made.id] * 4


async def test_nothing_is_placed_when_nothing_could_move(lite: Database, clock: HandClock) -> None:
    rows = Rows(lite)
    backup = await rows.instance()
    await rows.membership(backup, Status.ACTIVE)

    assert await ran(lite, clock, "backup-1") == "nothing to do on backup-1: 1 of 1 groups are active"
    await rows.membership(backup, Status.AWAITING_APPROVAL)
    await rows.membership(backup, Status.SKIPPED)

    assert await ran(lite, clock, "backup-1") == (
        "nothing to do on backup-1: 1 of 3 groups are active, 1 wait for a person"
    )
    assert await placed(lite) == []


async def test_a_recovery_that_has_not_ended_is_left_alone(lite: Database, clock: HandClock) -> None:
    rows = Rows(lite)
    backup = await rows.instance(lease_until=SIX + DAY)
    number = await rows.recovery(backup)
    await rows.group()

    assert await ran(lite, clock, "backup-1") == f"skipped: recovery {number} onto backup-1 has not ended"
    assert await placed(lite) == []


async def test_one_that_nobody_drives_is_left_to_a_person_who_is_told_what_to_do(
    lite: Database, clock: HandClock
) -> None:
    rows = Rows(lite)
    backup = await rows.instance(lease_until=None, lease_holder=None)
    number = await rows.recovery(backup)
    await rows.group()
    said = f"skipped: recovery {number} onto backup-1 has not ended"

    assert await ran(lite, clock, "backup-1") == (
        f"{said}, and nobody drives it: `rejoin run --from sales-main --to backup-1` goes on with it, "
        f"`rejoin stop {number}` ends it"
    )
    assert await placed(lite) == []
    async with lite.write() as connection:
        await connection.execute(update(recoveries).values(driver="daemon"))
    assert await ran(lite, clock, "backup-1") == said


async def test_groups_that_the_lost_backup_before_it_holds_stay_left_to_a_person_for_good(
    database: Database, clock: HandClock
) -> None:
    rows = Rows(database)
    lost = await rows.instance(state="lost")
    backup = await rows.instance("backup-2")
    first = await rows.recovery(lost, state="finished", from_name=None)
    states = [
        (Status.ACTIVE, None),
        (Status.CONFIRMING, None),
        (Status.JOINING, None),
        (Status.AWAITING_APPROVAL, None),
        (Status.BLOCKED, Reason.OUTCOME_UNKNOWN),
        (Status.PENDING, None),
    ]
    for status, reason in states:
        await rows.membership(lost, status, reason, recovery=first, requested_at=NOON)
    await rows.recovery(
        backup, state="finished", from_name=None, follows_id=first, fixed=True, driver="daemon"
    )
    new = await rows.group()  # imported since
    left_out = "; 5 left to a person: a backup before it is or may be in them"

    said = await ran(database, clock, "backup-1", "backup-2")
    assert said == f"began recovery 3 onto backup-2 for 2 of 2 groups{left_out}"
    assert await _groups_of(database, backup) == [6, new]

    async with database.write() as connection:
        await connection.execute(update(recoveries).values(state="finished"))
        mine = memberships.c.instance_id == backup
        await connection.execute(update(memberships).where(mine).values(status=Status.ACTIVE.value))
    said = await ran(database, clock, "backup-1", "backup-2")
    assert said == f"nothing to do on backup-2: 2 of 2 groups are active{left_out}"
    assert await _groups_of(database, backup) == [6, new]


async def test_after_a_plan_of_chosen_groups_no_others_are_taken(lite: Database, clock: HandClock) -> None:
    rows = Rows(lite)
    backup = await rows.instance()
    plan = await rows.recovery(backup, state="finished", from_name=None, fixed=True)
    await rows.membership(backup, Status.DEFERRED, Reason.GROUP_FULL, recovery=plan, next_attempt_at=NOON)
    await rows.group()

    assert await ran(lite, clock, "backup-1") == "began recovery 2 onto backup-1 for 1 of 1 groups"
    assert await _groups_of(lite, backup) == [1]


async def test_a_retry_of_one_group_narrows_nothing_down(lite: Database, clock: HandClock) -> None:
    rows = Rows(lite)
    backup = await rows.instance()
    await rows.recovery(backup, state="finished", from_name=None, labels=["vip"])
    retry = await rows.recovery(backup, state="finished", from_name=None, fixed=True, driver="daemon")
    retried = await rows.group(labels=("vip",))
    await rows.membership(backup, Status.ACTIVE, recovery=retry, group=retried)
    await rows.group(labels=("vip",))
    await rows.group()

    assert await ran(lite, clock, "backup-1") == "began recovery 3 onto backup-1 for 1 of 2 groups"


async def _groups_of(database: Database, instance_id: int) -> list[int]:
    async with database.read() as connection:
        mine = select(memberships.c.group_id).where(memberships.c.instance_id == instance_id)
        return list((await connection.scalars(mine.order_by(memberships.c.group_id))).all())


async def test_a_pause_that_the_working_session_cures_is_no_hindrance(
    lite: Database, clock: HandClock
) -> None:
    rows = Rows(lite)
    backup = await rows.instance(
        pause_reason=Reason.INSTANCE_UNAVAILABLE.value, paused_at=NOON, state="starting"
    )
    await rows.group()
    assert (await ran(lite, clock, "backup-1")).startswith("skipped: backup-1 is paused (")

    async with lite.write() as connection:
        await connection.execute(update(instances).where(instances.c.id == backup).values(state="working"))
    assert (await ran(lite, clock, "backup-1")).startswith("began recovery 1 onto backup-1")


async def test_the_backup_and_the_scope_of_the_latest_recovery_are_kept(
    lite: Database, clock: HandClock
) -> None:
    rows = Rows(lite)
    await rows.instance()
    second = await rows.instance("backup-2")
    await rows.recovery(second, state="finished", from_name=None, labels=["vip"])
    await rows.group(labels=("vip",))
    await rows.group()

    said = await ran(lite, clock, "backup-1", "backup-2")

    assert said == "began recovery 2 onto backup-2 for 1 of 1 groups"
    (made,) = await placed(lite)
    assert (made.from_name, made.labels) == (None, ["vip"])


async def test_an_unfit_backup_is_passed_over_only_before_the_first_recovery(
    lite: Database, clock: HandClock
) -> None:
    rows = Rows(lite)
    first = await rows.instance(pause_reason="operator", paused_at=NOON)
    second = await rows.instance("backup-2", state="lost")
    third = await rows.instance("backup-3")
    async with lite.write() as connection:
        values = {"instance_id": third, "state": "lost", "suspected_at": NOON}
        await connection.execute(insert(losses).values(**values))
    await rows.group()
    said = await ran(lite, clock, "backup-1", "backup-2", "backup-3", "backup-4")
    assert said.startswith("skipped: backup-1 is paused (")
    assert said.endswith(
        "backup-2 is logged out; backup-3 seems to be lost; backup-4 was never seen by this database"
    )

    await _mend(lite, second)
    assert (await ran(lite, clock, "backup-1", "backup-2")).startswith("began recovery 1 onto backup-2")

    async with lite.write() as connection:
        await connection.execute(update(recoveries).values(state="finished"))
        await connection.execute(update(instances).where(instances.c.id == second).values(state="lost"))
    await _mend(lite, first)
    assert await ran(lite, clock, "backup-1", "backup-2") == "skipped: backup-2 is logged out"


async def _mend(database: Database, instance_id: int) -> None:
    async with database.write() as connection:
        values = {"state": "working", "pause_reason": None}
        await connection.execute(update(instances).where(instances.c.id == instance_id).values(**values))


async def test_the_view_tells_the_next_run_in_both_times(lite: Database, clock: HandClock) -> None:
    entries = entries_of({"recover": "0 6 * * *", "audit": "0 7 * * *"}, ZoneInfo("America/Sao_Paulo"))
    await Scheduler(lite, entries, {"recover": Counted()}).step()

    async with lite.read() as connection:
        (view,) = await read_schedule(connection, entries, clock.at)

    assert (view.name, view.expression, view.timezone) == ("recover", "0 6 * * *", "America/Sao_Paulo")
    assert view.next_at == SIX + 3 * HOUR
    assert view.next_local == "Sat 2027-01-16 06:00 -03:00 America/Sao_Paulo"
    assert (view.last_ran_at, view.last_result) == (None, None)
