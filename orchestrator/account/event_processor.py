"""Stored events in their order: confirmed joins, looks that follow up, and the state of sessions.

The events of one account are taken in one transaction behind its row's lock, together with what follows from
them, so that each is carried out once. It joins nothing and needs no lease: a recovery may run all the while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from orchestrator.account import follow_ups
from orchestrator.account.accounts import Account
from orchestrator.account.context import Context
from orchestrator.account.event_batch import EventBatch
from orchestrator.account.follow_ups import FollowUp
from orchestrator.account.gap import Gap
from orchestrator.account.looking import Looker
from orchestrator.account.presence import know_ourselves, may_ask
from orchestrator.clock import Clock
from orchestrator.domain.errors import DatabaseReplacedError
from orchestrator.domain.event_rules import EventResult
from orchestrator.store import events
from orchestrator.store.engine import Database, DatabaseGoneError
from orchestrator.store.events import StoredEvent
from orchestrator.tasks import side_by_side

AT_A_TIME = 500  # events in one step
ACCOUNTS_AT_ONCE = 8
LONGEST_WAIT = 60.0  # seconds: news wake it earlier
LOOKS_FOR = 15.0  # seconds of one step: whoever has not had a look by then has it in the next one
REAL_LOOKS_FOR = 1.0  # real seconds; more only in accelerated time
LONGEST = 25.0  # seconds for all that is asked for one follow-up
REAL_LONGEST = 3.0

_log = logging.getLogger(__name__)


class _AccountEvents:
    """One account as this part keeps it from step to step."""

    def __init__(self, context: Context, account: Account) -> None:
        self.context = context
        self.account = account
        self.looker = Looker(context)
        self.looked_at = float("-inf")  # boot time
        self.gap = Gap(context.clock, context.settings.look_gap, context.rng)


class EventProcessor:
    """A part of the daemon: processes what the gateways told."""

    name = "events"

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
        self._states: dict[int, _AccountEvents] = {}

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
        await side_by_side(in_turn, lambda item: self._process(*item, until), at_once=ACCOUNTS_AT_ONCE)
        return 0.0 if len(found) == AT_A_TIME else await self._until_next()

    async def _until_next(self) -> float:
        async with self._database.read() as connection:
            now = await self._database.now(connection)
            due = await events.next_try(connection)
        return LONGEST_WAIT if due is None else min(LONGEST_WAIT, max(0.05, due - now))

    def _looked_at(self, instance_id: int) -> float:
        state = self._states.get(instance_id)
        return float("-inf") if state is None else state.looked_at

    async def _process(self, instance_id: int, found: Sequence[StoredEvent], until: float) -> None:
        """The events at once, however late it is; what must be asked for only while there is time."""
        account = self._accounts.get(instance_id)
        if account is None:
            await self._finish(found, EventResult.IGNORED)
            return
        state = self._states.get(instance_id)
        if state is None:
            state = self._states[instance_id] = _AccountEvents(self._context_for(account), account)
        needed = await self._process_batch(state, found)
        if needed and self._clock.boottime() >= until:
            await follow_ups.queue(state.context, needed)
        elif needed:
            await self._follow_up_in_time(state, needed)

    async def _process_batch(self, state: _AccountEvents, found: Sequence[StoredEvent]) -> list[FollowUp]:
        """All in one transaction; if one of them cannot be taken, one by one: it shall hold up no other."""
        try:
            batch = EventBatch(state.context, state.account.read_event, gateway_id=state.account.gateway_id)
            return await batch.process(found)
        except (DatabaseGoneError, DatabaseReplacedError):
            raise
        except Exception:  # noqa: BLE001 - the edge of the loop: whatever one event brings about ends with it
            _log.exception("events %s cannot be taken", [event.id for event in found])
        if len(found) == 1:
            await self._finish(found, EventResult.FAILED)
            return []
        return [one for event in found for one in await self._process_batch(state, [event])]

    async def _follow_up_in_time(self, state: _AccountEvents, needed: Sequence[FollowUp]) -> None:
        """A gateway that hangs is asked again after as long a time as the events have waited."""
        state.looked_at = self._clock.boottime()
        try:
            async with asyncio.timeout(max(REAL_LONGEST, self._clock.real(LONGEST))):
                await self._follow_up(state, needed)
        except TimeoutError:
            await follow_ups.postpone(state.context, needed)

    async def _follow_up(self, state: _AccountEvents, needed: Sequence[FollowUp]) -> None:
        context = state.context
        if not await may_ask(context) or not await know_ourselves(context):
            await follow_ups.postpone(context, needed)
            return
        if state.gap.remaining() > 0:
            await follow_ups.queue(context, needed)
            return
        await follow_ups.queue(context, needed[1:])
        state.gap.taken()
        await follow_ups.look(context, state.looker, needed[0])

    async def _finish(self, found: Sequence[StoredEvent], result: EventResult) -> None:
        async with self._database.write() as connection:
            now = await self._database.now(connection)
            for event in found:
                await events.finish(connection, event.id, result=result.value, now=now)
