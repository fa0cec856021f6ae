"""The database, its clock, and the disk."""

from __future__ import annotations

import shutil

from orchestrator.doctor.findings import DoctorContext, Finding, failed, ok, warning
from orchestrator.domain.commands import Operation
from orchestrator.store import instances, schema
from orchestrator.store.engine import DatabaseGoneError, DriverError, database_identity
from orchestrator.store.schema import SchemaState

CLOCK_WATCHED_FOR = 1.0  # seconds
SKEW_LIMIT = 2.0  # seconds between the database's clock and this machine's
DRIFT_LIMIT = 0.25  # seconds within the watch
READING_TAKES = 0.1  # real seconds that may lie between reading the one clock and the other
DISK_LOW = 500 * 2**20  # bytes
DISK_FULL = 50 * 2**20
_UPGRADE = f"run: {Operation.UPGRADE_DATABASE}"
SAFE = {
    "journal_mode": ("wal",),
    "synchronous": ("2", "3"),  # FULL, EXTRA
    "synchronous_commit": ("on", "local", "remote_write", "remote_apply"),
    "fsync": ("on",),
}


async def database(context: DoctorContext) -> list[Finding]:
    """Reachable, at the right schema, writable, durable. The first failure ends it."""
    if context.database_error is not None:
        return [failed("database", context.database_error.message, context.database_error.hint)]
    try:
        state = await schema.check(context.database)
    except (DriverError, OSError) as error:
        return [failed("database", f"cannot be used: {said(error)}", "check database.url")]
    answers = ok("database", f"{context.database.dialect} answers")
    if state is not SchemaState.UP_TO_DATE:
        sentence = f"the schema is {state.value.replace('_', ' ')}"
        hint = "install the newest rejoin" if state is SchemaState.AHEAD else _UPGRADE
        return [answers, failed("schema", sentence, hint)]
    at_head = ok("schema", f"at {schema.head()}, as this rejoin needs it")
    return [answers, at_head, await _writable(context), await _durable(context)]


async def _writable(context: DoctorContext) -> Finding:
    try:
        await schema.try_write(context.database)
    except (DriverError, DatabaseGoneError) as error:
        return failed("writable", f"cannot be written: {said(error)}", "check rights and free space")
    return ok("writable", "can be written")


async def _durable(context: DoctorContext) -> Finding:
    async with context.database.read() as connection:
        found = await schema.durability(connection)
    shown = ", ".join(f"{name} {value}" for name, value in found.items())
    wrong = [name for name, value in found.items() if value not in SAFE[name]]
    if wrong:
        return failed("durable", f"a power cut could lose what was committed: {shown}", f"set {wrong[0]}")
    return ok("durable", f"what is committed is on disk ({shown})")


async def clock(context: DoctorContext) -> Finding:
    """Skew against this machine's clock, and progress against the boot-time timer, watched for a second."""
    before = await _reading(context)
    await context.clock.sleep(CLOCK_WATCHED_FOR)
    after = await _reading(context)
    slack = READING_TAKES / context.clock.real(1.0)  # matters in accelerated time only
    drift = (after[0] - before[0]) - (after[1] - before[1])
    skew = after[0] - after[2]
    if drift > max(DRIFT_LIMIT, slack):
        return failed(
            "clock",
            f"the database's clock ran {drift:.2f} s ahead within {CLOCK_WATCHED_FOR:.0f} s",
            "joins are paced by it: make it run evenly (NTP on the database's machine)",
        )
    if abs(skew) > max(SKEW_LIMIT, slack):
        return warning(
            "clock",
            f"the database's clock differs from this machine's by {skew:+.1f} s",
            "times shown are the database's; set both by NTP",
        )
    return await _long_drift(context) or ok("clock", f"even; {skew:+.2f} s from this machine's")


async def _reading(context: DoctorContext) -> tuple[float, float, float]:
    """The database's clock, the timer and the wall clock, as near to one moment as can be."""
    async with context.database.read() as connection:
        early = context.clock.boottime(), context.clock.now()
        now = await context.database.now(connection)
        late = context.clock.boottime(), context.clock.now()
    return now, (early[0] + late[0]) / 2, (early[1] + late[1]) / 2


async def _long_drift(context: DoctorContext) -> Finding | None:
    """Since the last run on this machine, in this boot, with this database."""
    async with context.database.read() as connection:
        identity = await database_identity(context.database, connection)
        records = await instances.all_records(connection)
        now = await context.database.now(connection)
    boottime = context.clock.boottime()
    slack = max(1.0, READING_TAKES / context.clock.real(1.0))
    for record in records:
        if (record.seen_boot_id, record.seen_database) != (context.boot_id, identity) or not context.boot_id:
            continue
        drift = (now - (record.seen_at or now)) - (boottime - (record.seen_boottime or boottime))
        if drift > slack:
            sentence = f"the database's clock ran {drift:.1f} s ahead since {record.name} was last driven"
            return warning("clock", sentence, "the next run waits for a full window before its first join")
    return None


def disk(context: DoctorContext) -> Finding:
    """Room for the database, or for what stands beside the configuration."""
    try:
        free = shutil.disk_usage(context.folder).free
    except OSError as error:
        return warning("disk", f"{context.folder}: {error.strerror or error}")
    shown = f"{free / 2**20:,.0f} MB free in {context.folder}"
    if free < DISK_FULL:
        return failed("disk", shown, "make room: a run stops when nothing can be written")
    return warning("disk", shown, "make room") if free < DISK_LOW else ok("disk", shown)


def said(error: DriverError | DatabaseGoneError | OSError) -> str:
    """The driver's own words; SQLAlchemy's carry parameters, which may be secrets."""
    if isinstance(error, DriverError):
        lines = str(error.orig or "").strip().splitlines()
        return lines[-1] if lines else type(error).__name__
    if isinstance(error, DatabaseGoneError):
        return error.message
    return error.strerror or type(error).__name__
