"""Hearing: stored events in their order, confirmed joins, tips for a look, and the state of sessions.

The events of one account are taken in one transaction behind its row's lock, together with what follows from
them, so that each is carried out once. It joins nothing and needs no lease: a recovery may run all the while.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from orchestrator.domain.errors import DatabaseReplacedError
from orchestrator.domain.hearing import Result
from orchestrator.services.hearing import tips
from orchestrator.services.hearing.taking import Taking
from orchestrator.services.recover.gap import Gap
from orchestrator.services.recover.looking import Looker
from orchestrator.services.tend.presence import know_ourselves, may_ask
from orchestrator.store import events
from orchestrator.store.engine import DatabaseGoneError
from orchestrator.tasks import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.clock import Clock
    from orchestrator.services.accounts import Account
    from orchestrator.services.hearing.tips import Hint
    from orchestrator.services.recover.context import Context
    from orchestrator.store.engine import Database
    from orchestrator.store.events import StoredEvent

AT_A_TIME = 500  # events in one step
ACCOUNTS_AT_ONCE = 8
LONGEST_WAIT = 60.0  # seconds: news wake it earlier
LOOKS_FOR = 15.0  # seconds of one step: whoever has not had a look by then has it in the next one
REAL_LOOKS_FOR = 1.0  # real seconds; more only in accelerated time
LONGEST = 25.0  # seconds for all that is asked about one hint
REAL_LONGEST = 3.0

_log = logging.getLogger(__name__)


class _Ear:
    """One account as this part keeps it from step to step."""

    def __init__(self, context: Context, account: Account) -> None:
        self.context = context
        self.account = account
        self.looker = Looker(context)
        self.looked_at = float("-inf")  # boot time
        self.gap = Gap(context.clock, context.settings.look_gap, context.dice)


class Hearer:
    """A part of the daemon: takes what the gateways told."""

    name = "hearing"

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        accounts: Mapping[int, Account],
        context_for: Callable[[Account], Context],
    ) -> None:
        """`context_for` gives a context without a lease (`fence=None`); it is asked once for each account."""
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._context_for = context_for
        self._ears: dict[int, _Ear] = {}

    async def step(self) -> float:
        """Take all open events, and make at most one look for each account."""
        async with self._database.read() as connection:
            now = await self._database.now(connection)
            found = await events.open_events(connection, now, limit=AT_A_TIME)
        by_account: dict[int, list[StoredEvent]] = {}
        for event in found:
            by_account.setdefault(event.instance_id, []).append(event)
        looks_for = max(LOOKS_FOR, REAL_LOOKS_FOR / self._clock.real(1.0))
        until = self._clock.boottime() + looks_for
        in_turn = sorted(by_account.items(), key=lambda item: self._looked_at(item[0]))
        await side_by_side(in_turn, lambda item: self._take(*item, until), at_once=ACCOUNTS_AT_ONCE)
        return 0.0 if len(found) == AT_A_TIME else await self._until_next()

    async def _until_next(self) -> float:
        async with self._database.read() as connection:
            now = await self._database.now(connection)
            due = await events.next_try(connection)
        return LONGEST_WAIT if due is None else min(LONGEST_WAIT, max(0.05, due - now))

    def _looked_at(self, instance_id: int) -> float:
        ear = self._ears.get(instance_id)
        return float("-inf") if ear is None else ear.looked_at

    async def _take(self, instance_id: int, found: Sequence[StoredEvent], until: float) -> None:
        """The events at once, however late it is; what must be asked for only while there is time."""
        account = self._accounts.get(instance_id)
        if account is None:
            await self._finish(found, Result.IGNORED)
            return
        ear = self._ears.get(instance_id)
        if ear is None:
            ear = self._ears[instance_id] = _Ear(self._context_for(account), account)
        hints = await self._hear(ear, found)
        if hints and self._clock.boottime() >= until:
            await tips.queue(ear.context, hints)
        elif hints:
            await self._follow_up_in_time(ear, hints)

    async def _hear(self, ear: _Ear, found: Sequence[StoredEvent]) -> list[Hint]:
        """All in one transaction; if one of them cannot be taken, one by one: it shall hold up no other."""
        try:
            taking = Taking(ear.context, ear.account.read_event, gateway_id=ear.account.gateway_id)
            return await taking.take(found)
        except (DatabaseGoneError, DatabaseReplacedError):
            raise
        except Exception:  # noqa: BLE001 - the edge of the loop: whatever one event brings about ends with it
            _log.exception("events %s cannot be taken", [event.id for event in found])
        if len(found) == 1:
            await self._finish(found, Result.FAILED)
            return []
        return [hint for event in found for hint in await self._hear(ear, [event])]

    async def _follow_up_in_time(self, ear: _Ear, hints: Sequence[Hint]) -> None:
        """A gateway that hangs is asked again after as long a time as the events have waited."""
        ear.looked_at = self._clock.boottime()
        try:
            async with asyncio.timeout(max(REAL_LONGEST, self._clock.real(LONGEST))):
                await self._follow_up(ear, hints)
        except TimeoutError:
            await tips.postpone(ear.context, hints)

    async def _follow_up(self, ear: _Ear, hints: Sequence[Hint]) -> None:
        context = ear.context
        if not await may_ask(context) or not await know_ourselves(context):
            await tips.postpone(context, hints)
            return
        if ear.gap.remaining() > 0:
            await tips.queue(context, hints)
            return
        await tips.queue(context, hints[1:])
        ear.gap.taken()
        await tips.look(context, ear.looker, hints[0])

    async def _finish(self, found: Sequence[StoredEvent], result: Result) -> None:
        async with self._database.write() as connection:
            now = await self._database.now(connection)
            for event in found:
                await events.finish(connection, event.id, result=result.value, now=now)
