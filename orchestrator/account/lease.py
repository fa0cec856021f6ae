"""The lease: one driver for one instance, with a fence that grows at every taking."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.account.context import Context, Writing
from orchestrator.account.recovery_settings import stretched
from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import LockHeldError, first_of
from orchestrator.domain.instances import ClockPair, Continuity, InstanceRecord
from orchestrator.domain.pacing import STEP_NOTICED
from orchestrator.store import instances, journal
from orchestrator.store.daemons import DaemonRow
from orchestrator.store.engine import DatabaseGoneError, database_identity

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease: enough to tell, on the same machine, whether that process still lives."""

    host: str
    boot_id: str
    pid_space: str
    pid: int
    pid_start: str

    @property
    def is_dead(self) -> bool:
        """True only when it is certain: same boot, same pid name space, and no such process."""
        here = current_holder()
        if (self.boot_id, self.pid_space) != (here.boot_id, here.pid_space) or not self.boot_id:
            return False
        return _pid_start(self.pid) != self.pid_start


def current_holder() -> Holder:
    return Holder(socket.gethostname(), boot_id(), _pid_space(), os.getpid(), _pid_start(os.getpid()))


def boot_id() -> str:
    """Linux's id of this boot; elsewhere empty, and then nothing is concluded from it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _pid_space() -> str:
    try:
        return str(os.readlink("/proc/self/ns/pid"))  # noqa: PTH115 - this link has no path to resolve
    except OSError:
        return ""


def _pid_start(pid: int) -> str:
    """When a process began, in clock ticks since boot (field 22 of its stat); empty if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]  # a zombie works no more


REAL_LEASE = 5.0  # real seconds that a loaded machine may be late with a sign of life
READING_TAKES = 0.1  # real seconds that may lie between reading the one clock and the other


def length(context: Context) -> float:
    """Seconds that a lease lasts without a sign of life; longer only in accelerated time."""
    return max(context.settings.lease, REAL_LEASE / context.clock.real(1.0))


def _pair(context: Context, now: float, boottime: float, database: str) -> ClockPair:
    tolerance = max(STEP_NOTICED, READING_TAKES / context.clock.real(1.0))  # more only in accelerated time
    policy = stretched(context.settings.policy, context.clock.real(1.0))
    return ClockPair(now, boottime, context.boot_id, database, tolerance, policy.life + policy.timeout)


async def _reading(writing: Writing) -> ClockPair:
    """Both clocks as they were read together when the transaction began."""
    database = await database_identity(writing.context.database, writing.connection)
    return _pair(writing.context, writing.now, writing.boottimes[1], database)


async def clocks_agree(writing: Writing) -> bool:
    """Whether the database's clock moved with the boot-time timer since the last beat.

    If not, no slot is given now, and a full window passes first: older slots may look older than they are.
    """
    instance = writing.instance
    pair = _pair(writing.context, writing.now, writing.boottimes[1], instance.seen_database or "")
    found = instances.continuity_with(instance, pair)
    if found is Continuity.WHOLE:
        return True
    await instances.pass_gap(writing.connection, instance, pair, found)
    _note_gap(writing, pair, found)
    return False


async def doubt(writing: Writing) -> None:
    """Joins may have been sent that the log of slots does not know: wait, and look before each join."""
    pair = await _reading(writing)
    await instances.pass_gap(writing.connection, writing.instance, pair, Continuity.HISTORY)
    _note_gap(writing, pair, Continuity.HISTORY)
    _say_doubt(writing.context, pair)


def _note_gap(writing: Writing, pair: ClockPair, found: Continuity) -> None:
    writing.instance_changed = True
    writing.context.agenda.doubt()  # verifications are void now
    kind = "history.doubted" if found is Continuity.HISTORY else "clock.jumped"
    writing.note(kind, database=pair.database_now, boottime=pair.boottime)


def _say_doubt(context: Context, pair: ClockPair) -> None:
    wait = pair.under_way + context.settings.policy.window
    sentence = (
        f"{context.instance_name}: this database may not know every join that was sent (a restored copy, or"
        f" another one): no join for {wait:.0f} s, and a look at each group before it is joined"
    )
    _log.warning("%s", sentence)
    context.say(sentence)


async def take(context: Context) -> InstanceRecord:
    """Become the driver, or raise LockHeldError. A holder that is surely dead is replaced at once."""
    async with context.database.write() as connection:
        record = await instances.lock(connection, context.instance_id)
        now = await context.database.now(connection)
        boottime = context.clock.boottime()
        refuse_if_held(record, now)
        pair = _pair(context, now, boottime, await database_identity(context.database, connection))
        found = instances.continuity_with(record, pair)
        if await context.high_water_mark.contradicted(connection):
            found = Continuity.HISTORY
        context.fence = await instances.take_lease(
            connection,
            record,
            json.dumps(asdict(current_holder())),
            until=now + length(context),
            pair=pair,
            found=found,
        )
        context.driving_since = now
        if found is Continuity.HISTORY:
            line = journal.Entry("history.doubted", context.actor, {}, instance_id=record.id)
            await journal.append(connection, now, [line])
    if found is Continuity.HISTORY:
        context.high_water_mark.accept()
        _say_doubt(context, pair)
    context.points.reach("lease.taken")
    return record


def living_holder(record: InstanceRecord, now: float) -> Holder | None:
    """Who drives the instance, as far as anybody can tell."""
    if record.lease_holder is None or not record.driven(now):
        return None
    holder = Holder(**json.loads(record.lease_holder))
    return None if holder.is_dead else holder


def is_taken(row: DaemonRow, now: float) -> bool:
    """Whether a daemon's place is held by a process that may be alive. What this process could not release in
    an outage is its own.
    """
    if not row.alive(now):
        return False
    holder = Holder(**json.loads(row.holder or "{}"))
    return holder != current_holder() and not holder.is_dead


def refuse_if_held(record: InstanceRecord, now: float) -> None:
    holder = living_holder(record, now)
    if holder is None:
        return
    left = (record.lease_until or now) - now
    status = Operation.STATUS
    raise LockHeldError(
        f"another recovery works for {record.name}: process {holder.pid} on {holder.host}",
        hint=f"its lock ends {left:.0f} s after its last sign of life; `{status}` shows what it does",
    )


@asynccontextmanager
async def kept(context: Context) -> AsyncIterator[None]:
    """Show signs of life all the while, however long a gateway takes over an answer.

    What makes them impossible ends the work at once: another driver, another file, a defect.
    """
    over = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_show_signs(context, over), name="lease")
            try:
                yield
            finally:
                over.set()
    except BaseExceptionGroup as group:
        raise first_of(group) from None


async def _show_signs(context: Context, over: asyncio.Event) -> None:
    """Until it is over. A database that is away is waited for, and said."""
    while not over.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(context.clock.real(length(context) / 3)):
                await over.wait()
                return
        try:
            await renew(context)
        except DatabaseGoneError as error:
            _log.warning(
                "%s: no sign of life could be stored: %s; %.0f s after the last one another may take over",
                context.instance_name, error.message, length(context),
            )  # fmt: skip


async def renew(context: Context) -> bool:
    """Show a sign of life. False if the clocks did not move together: joins now wait for a full window."""
    async with context.writing() as writing:
        return await _renew(writing)


async def _renew(writing: Writing) -> bool:
    context = writing.context
    pair = await _reading(writing)
    until = writing.now + length(context)
    found = await instances.renew_lease(writing.connection, writing.instance, until=until, pair=pair)
    if found is not Continuity.WHOLE:
        _note_gap(writing, pair, found)
    if found is Continuity.HISTORY:
        _say_doubt(context, pair)
    return found is Continuity.WHOLE


async def release(context: Context) -> None:
    async with context.writing() as writing:
        await instances.release_lease(writing.connection, writing.instance, await _reading(writing))
