"""The schedule as the status and the doctor show it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import update

from orchestrator.doctor import daemon_checks
from orchestrator.doctor.findings import State
from orchestrator.status.as_json import to_json
from orchestrator.status.schedule_view import entries_of
from orchestrator.store import daemons, schema
from orchestrator.store.engine import Database
from orchestrator.store.tables import daemon
from tests.support.defaults import read_status

if TYPE_CHECKING:
    from orchestrator.doctor.findings import DoctorContext

NOON = 1_800_014_400.0  # 2027-01-15 12:00 UTC


class Frozen:
    def sql(self, dialect: str) -> str:
        return f"cast({NOON!r} as {'real' if dialect == 'sqlite' else 'double precision'})"


class ContextWith:
    """What the doctor asks about the schedule."""

    def __init__(self, database: Database, expression: str) -> None:
        self.database = database
        self.schedule = entries_of({"recover": expression}, ZoneInfo("Europe/Berlin"))


async def test_the_doctor_tells_the_next_runs_in_both_times_and_misses_the_daemon(sqlite_url: str) -> None:
    database = Database(sqlite_url, Frozen())
    await schema.upgrade(database)
    context: DoctorContext = ContextWith(database, "30 6 * * *")  # type: ignore[assignment]

    (alone,) = await daemon_checks.schedule(context)
    async with database.write() as connection:
        await connection.execute(update(daemon).values(holder="{}", until=NOON + 10))
    (kept,) = await daemon_checks.schedule(context)
    (nothing,) = await daemon_checks.schedule(ContextWith(database, ""))  # type: ignore[arg-type]
    await database.close()

    assert alone.state is State.WARNING
    assert alone.hint == "rejoin daemon carries it out"
    assert kept.state is State.OK
    assert kept.sentence.startswith(
        "recover: next 2027-01-16T05:30Z (Sat 2027-01-16 06:30 +01:00 Europe/Berlin); 2027-01-17T05:30Z ("
    )
    assert (nothing.state, nothing.sentence) == (State.OK, "nothing is scheduled")


async def test_the_status_tells_what_the_schedule_did_and_will_do(sqlite_url: str) -> None:
    database = Database(sqlite_url, Frozen())
    await schema.upgrade(database)
    entries = entries_of({"recover": "0 6 * * *"}, ZoneInfo("UTC"))
    async with database.write() as connection:
        await daemons.begin_entry(connection, "recover", "0 6 * * * UTC", NOON - 90000)
        before = (await daemons.schedule_entries(connection))["recover"]
        assert await daemons.claim_entry(connection, before, due=NOON - 21600, now=NOON - 21599)
        await daemons.set_entry_result(connection, "recover", "nothing to do")

    shown = to_json(await read_status(database, schedule=entries))
    without = to_json(await read_status(database))
    await database.close()

    assert without["schedule"] == []
    assert shown["schedule"] == [
        {
            "name": "recover",
            "expression": "0 6 * * *",
            "timezone": "UTC",
            "next_at": "2027-01-16T06:00:00Z",
            "next_local": "Sat 2027-01-16 06:00 +00:00 UTC",
            "last_ran_at": "2027-01-15T06:00:01Z",
            "last_result": "nothing to do",
        }
    ]
