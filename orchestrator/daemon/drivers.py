"""Driving recoveries: one loop for each instance that has one, any number of instances."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from orchestrator.account import loop
from orchestrator.account.accounts import Share
from orchestrator.account.context import Context
from orchestrator.account.loop import Job
from orchestrator.clock import Clock
from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import DatabaseReplacedError, LeaseLostError, LockHeldError, RejoinError
from orchestrator.domain.memberships import Reason
from orchestrator.domain.recoveries import End
from orchestrator.redact import scrub
from orchestrator.store import instances, journal, losses, orders, outbox, recoveries
from orchestrator.store.engine import Database, DatabaseGoneError
from orchestrator.store.outgoing_messages import INSTANCE_HALTED
from orchestrator.store.recoveries import Recovery
from orchestrator.store.unit_of_work import UnitOfWork

TRY_AGAIN = 5.0  # seconds after a lock that another holds, or an outage
LOOK_AGAIN = 60.0
HALTED = f"Its loop died and it stands still until `{Operation.RESUME}`; the others go on. Please report it."
MONITOR_SILENT = 300.0  # seconds after which a loop counts as stuck

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Drive:
    """One recovery under way."""

    recovery_id: int
    task: asyncio.Task[None]
    context: Context | None = None  # once it has begun


class Drivers:
    """Starts a loop for every open recovery that is the daemon's, and sees to it that none is forgotten."""

    name = "recoveries"

    def __init__(  # noqa: PLR0913 - named each, and made in one place
        self,
        database: Database,
        clock: Clock,
        *,
        known: Collection[int],
        context_for: Callable[[Recovery], Awaitable[Context]],
        on_end: Callable[[], None],
        actor: str,
        share: Share | None = None,
    ) -> None:
        """`known`: the ids of the instances that are configured; the recoveries of others wait."""
        self._share = share or Share()
        self._database, self._clock = database, clock
        self._known, self._context_for, self._on_end = known, context_for, on_end
        self._actor = actor
        self._said: dict[int, str] = {}  # by recovery: why it waits, said once
        self._drives: dict[int, Drive] = {}  # by instance
        self._revisions: dict[int, int] = {}  # by instance, as last seen
        self._stopping = False

    async def step(self) -> float:
        """Reap what ended, go on with what people put back in line, and start what waits for a driver."""
        await self._reap()
        if self._stopping:
            return LOOK_AGAIN
        await self._go_on_with_what_is_back_in_line()
        async with self._database.read() as connection:
            waiting = await recoveries.waiting(connection)
            lost = await losses.lost_ids(connection)
            halted = await instances.paused_for(connection, Reason.INTERNAL_ERROR)
        for drive_of, drive in self._drives.items():
            if drive_of in lost and drive.context is not None:
                drive.context.lost = True
                drive.context.wake()
        for drive_of in self._drives:
            if not self._is_ours(drive_of):
                self._let_go(drive_of)
        for one in waiting:
            if not self._is_ours(one.to_instance_id):
                continue
            if one.to_instance_id not in self._known:
                self._say(one, "its instance is not configured any more")
            elif one.to_instance_id not in self._drives and one.to_instance_id not in halted:
                task = asyncio.create_task(self._drive(one), name=f"recovery {one.id}")
                self._drives[one.to_instance_id] = Drive(one.id, task)
        return LOOK_AGAIN

    def _is_ours(self, instance_id: int) -> bool:
        return self._share.has(instance_id, self._clock.boottime())

    def _let_go(self, instance_id: int) -> None:
        """Another daemon is to go on with it: joins under way end and are recorded."""
        drive = self._drives[instance_id]
        if self._share.is_known(self._clock.boottime()) and drive.context is not None:
            drive.context.stopping = True
            drive.context.wake()

    def works_for(self, instance_id: int) -> bool:
        """Whether a recovery onto it is being driven here."""
        return instance_id in self._drives

    def wake(self) -> None:
        """Somebody acted: every loop looks again."""
        for drive in self._drives.values():
            if drive.context is not None:
                drive.context.wake()

    def saw(self, instance_id: int, revision: int) -> bool:
        """What an account's revision is now: its loop looks again if others wrote since it did.

        True where none works and somebody wrote: a recovery may have been placed.
        """
        before, self._revisions[instance_id] = self._revisions.get(instance_id, revision), revision
        drive = self._drives.get(instance_id)
        if drive is None or drive.context is None:
            return revision != before
        if drive.context.agenda.saw(revision):
            drive.context.wake()
        return False

    def stuck(self) -> list[str]:
        """Loops that have not turned for long: the watchdog is not fed for them."""
        now = self._clock.boottime()
        return [
            drive.context.instance_name
            for drive in self._drives.values()
            if drive.context is not None and drive.context.alive_at < now - self._too_long()
        ]

    @property
    def running(self) -> int:
        return len(self._drives)

    async def drain(self) -> None:
        """Begin nothing new; joins under way end and are recorded. Recoveries stay open for the next one."""
        self._stopping = True
        for drive in self._drives.values():
            if drive.context is not None:
                drive.context.stopping = True
                drive.context.wake()
        await asyncio.gather(*(drive.task for drive in self._drives.values()), return_exceptions=True)
        await self._reap()

    async def cancel(self) -> None:
        """At once. What was under way is looked up by whoever comes next."""
        self._stopping = True
        for drive in self._drives.values():
            drive.task.cancel()
        await asyncio.gather(*(drive.task for drive in self._drives.values()), return_exceptions=True)
        self._drives.clear()

    def _too_long(self) -> float:
        return max(MONITOR_SILENT, MONITOR_SILENT / self._clock.real(1.0))

    async def _reap(self) -> None:
        done = [one for one, drive in self._drives.items() if drive.task.done()]
        for drive in [self._drives.pop(one) for one in done]:
            if not drive.task.cancelled():
                await drive.task  # it carries no error but the database's

    async def _go_on_with_what_is_back_in_line(self) -> None:
        async with self._database.read() as connection:
            found = await orders.put_back_in_line(connection)
        for order in found:
            if not self._is_ours(order.instance_id):
                continue
            async with self._database.write(many=True) as connection:
                await instances.lock(connection, order.instance_id)
                if order in await orders.put_back_in_line(connection):
                    await orders.place(connection, order, await self._database.now(connection))

    async def _drive(self, one: Recovery) -> None:
        """One recovery to its end, whatever holds it up on the way."""
        try:
            while self._goes_on_with(one) and not await self._ran(one):
                await self._clock.sleep(TRY_AGAIN)
        finally:
            self._on_end()

    def _goes_on_with(self, one: Recovery) -> bool:
        return not self._stopping and one.to_instance_id not in self._share.others

    async def _ran(self, one: Recovery) -> bool:
        """Whether there is nothing more to do about it now."""
        context: Context | None = None
        try:
            context = await self._context_for(one)
            drive = self._drives[one.to_instance_id]
            drive.context, context.alive_at = context, self._clock.boottime()
            context.stopping = not self._goes_on_with(one)
            _log.info("recovery %s onto %s begins, or goes on", one.id, context.instance_name)
            ended = await loop.run(context, Job(adopt=one.id))
        except (LockHeldError, LeaseLostError) as error:
            self._say(one, error.message)
            return False
        except DatabaseGoneError:
            return False
        except DatabaseReplacedError:
            raise  # it ends the whole runtime
        except RejoinError as error:
            return await self._gave_up(one, context, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it halts one instance, not the daemon
            _log.exception("the loop of recovery %s failed", one.id)
            await self._halt(one, scrub(f"{type(error).__name__}: {error}"))
            return True
        _log.info("recovery %s: %s", ended.recovery_id, ended.end.value)
        return True

    async def _gave_up(self, one: Recovery, context: Context | None, error: RejoinError) -> bool:
        """The loop said why it cannot go on. A lost instance ends the recovery; stopping leaves it open."""
        if not self._goes_on_with(one):
            return True
        if context is not None and context.lost:
            await _close_lost(context, one.id)
            return True
        self._say(one, scrub(error.message))
        async with self._database.read() as connection:
            return all(other.id != one.id for other in await recoveries.waiting(connection))

    def _say(self, one: Recovery, why: str) -> None:
        if self._said.get(one.id) != why:
            self._said[one.id] = why
            _log.warning("recovery %s waits: %s", one.id, why)

    async def _halt(self, one: Recovery, text: str) -> None:
        """A loop that died stops its instance, visibly, until a person resumes; the others go on."""
        async with self._database.write() as connection:
            record = await instances.lock(connection, one.to_instance_id)
            now = await self._database.now(connection)
            reason = Reason.INTERNAL_ERROR.value
            unit = UnitOfWork(connection, record, now, self._actor, one.id)
            await unit.pause(Reason.INTERNAL_ERROR, text)
            line = journal.Entry(
                "instance.paused",
                self._actor,
                {"reason": reason, "text": text},
                record.id,
                recovery_id=one.id,
            )
            await journal.append(connection, now, [line])
            data = {"instance": record.name, "sentence": f"{HALTED} ({text})"}
            told = outbox.Message(
                INSTANCE_HALTED, f"instance:{record.id}", data, record.id, recovery_id=one.id
            )
            await outbox.append(connection, now, [told])


async def _close_lost(context: Context, recovery_id: int) -> None:
    """End a recovery whose instance was lost before its loop began; a wish to stop it comes first."""
    context.fence, context.share, context.recovery_id = None, Share(), recovery_id
    async with context.database.read() as connection:
        recovery = await recoveries.get(connection, recovery_id)
    stopped = recovery is not None and recovery.stop_requested_at is not None
    await loop.close(context, End.STOPPED if stopped else End.INSTANCE_LOST)
