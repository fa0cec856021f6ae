"""Reconciles stored memberships with the gateway, for accounts that no recovery drives.

Looks that have come due, greetings that were left over, and now and then a comparison with the account's own
list. It joins nothing and needs no lease; as soon as a recovery drives an account, it keeps off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.account.accounts import Account, Share
from orchestrator.account.comparing import Comparer, know_ourselves, look_later, may_ask
from orchestrator.account.context import Context
from orchestrator.account.greet import Greeter, give_up_on_unsure
from orchestrator.account.looking import Looker, start_lookups_after_crash
from orchestrator.clock import Clock
from orchestrator.domain.errors import HandedOverError
from orchestrator.store import due_work
from orchestrator.store.due_work import Need
from orchestrator.store.engine import Database
from orchestrator.tasks import side_by_side

ACCOUNTS_AT_ONCE = 8
LONGEST_WAIT = 60.0  # seconds: news wake it earlier
SHORTEST = 0.05
REAL_SHORTEST = 0.25  # real seconds between two steps without work; more only in accelerated time
BEGINS_FOR = 15.0  # seconds of one step: accounts whose turn has not come by then are the next step's
TOOK_LONG = 5.0  # seconds in one account's turn: what is still due is for the next one
REAL_LONG = 1.0  # real seconds for each of both; more only in accelerated time
LONGEST = 20.0  # seconds for a look, a greeting or a comparing step, with all tries
REAL_LONGEST = 2.0
FIRST_REST, LONGEST_REST = 300.0, 1800.0  # seconds that an account is put off whose gateway answers too late
CUT_OFF_AFTER = 300.0  # seconds after which nobody is at work any more on a join that nobody drives


class _AccountState:
    """What is kept of one account from step to step."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.looker = Looker(context)
        self.greeter = Greeter(context)
        self.comparer = Comparer(context, self.looker)
        self.unsure_settled = (
            False  # greetings that may have been sent: before this process began, or cut off
        )
        self.begun_at = float("-inf")  # its last turn; instants are boot time
        self.rests_until = float("-inf")
        self._rest = FIRST_REST

    async def look(self) -> float | None:
        return await self.looker.step() if await know_ourselves(self.context) else None

    async def greet(self) -> float | None:
        if not self.unsure_settled:
            await give_up_on_unsure(self.context)
            self.unsure_settled = True
        return await self.greeter.step()

    def too_late(self, boottime: float) -> None:
        """Its gateway hangs: others get their turn first, for longer each time."""
        self.unsure_settled = False
        self.rests_until = boottime + self._rest
        self._rest = min(LONGEST_REST, 2 * self._rest)

    def in_time(self) -> None:
        self._rest = FIRST_REST


@dataclass(frozen=True, slots=True)
class _Due:
    """What one account needs now, and when it needs something next (seconds)."""

    look: bool
    greet: bool
    compare: bool
    cut_off: bool
    wait: float

    @property
    def anything(self) -> bool:
        return self.look or self.greet or self.compare or self.cut_off


class Reconciler:
    """A part of the daemon: keeps stored memberships as the gateway shows them."""

    name = "tending"

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        accounts: Mapping[int, Account],
        context_for: Callable[[Account], Context],
        every: float,
        share: Share | None = None,
    ) -> None:
        """`every`: seconds between two comparisons of one account (`watch.memberships_every`).

        `context_for` gives a context without a lease (`fence=None`); it is asked once for each account.
        """
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._context_for = context_for
        self._every = every
        self._share = share or Share()
        self._states: dict[int, _AccountState] = {}

    async def step(self) -> float:
        """One query finds what is due. Each account gets at most one look, greeting and comparing step.

        However its gateways hang, it takes no longer than BEGINS_FOR, twice TOOK_LONG and LONGEST together.
        """
        async with self._database.read() as connection:
            now = await self._database.now(connection)
            needs = await due_work.needs(connection)
        due = list(self._due(needs, now))
        busy = [(need, what) for need, what in due if what.anything]
        busy.sort(key=lambda item: self._begun_at(item[0]))
        until = self._clock.boottime() + self._long(BEGINS_FOR)
        waits = await side_by_side(busy, lambda item: self._reconcile(*item, until), at_once=ACCOUNTS_AT_ONCE)
        shortest = min(LONGEST_WAIT, REAL_SHORTEST / self._clock.real(1.0))
        idle = [max(shortest, what.wait) for _need, what in due if not what.anything]
        return max(SHORTEST, min([LONGEST_WAIT, *idle, *waits]))

    def _begun_at(self, need: Need) -> float:
        state = self._states.get(need.instance_id)
        return float("-inf") if state is None else state.begun_at

    def _long(self, seconds: float) -> float:
        return max(seconds, REAL_LONG / self._clock.real(1.0))

    def _due(self, needs: Sequence[Need], now: float) -> Iterator[tuple[Need, _Due]]:
        for need in needs:
            if need.instance_id not in self._accounts:
                continue
            if not self._share.has(need.instance_id, self._clock.boottime()):
                continue
            if need.lease_until is not None and need.lease_until > now:
                continue
            yield need, self._what(need, now)

    def _what(self, need: Need, now: float) -> _Due:
        state = self._states.get(need.instance_id)
        compare_at = float("inf")
        if need.active:
            compare_at = float("-inf") if need.compared_at is None else need.compared_at + self._every
        compare = compare_at <= now or (state is not None and state.comparer.under_way)
        look_at = float("inf") if need.look_at is None else need.look_at
        rest = 0.0 if state is None else state.rests_until - self._clock.boottime()
        cut_off_at = float("inf") if need.cut_off_at is None else need.cut_off_at + CUT_OFF_AFTER
        return _Due(
            look=look_at <= now and rest <= 0,
            greet=need.greetings and rest <= 0,
            compare=compare and rest <= 0,
            cut_off=cut_off_at <= now,
            wait=max(rest, min(look_at, compare_at, cut_off_at) - now),
        )

    async def _reconcile(self, need: Need, due: _Due, until: float) -> float:
        begun = self._clock.boottime()
        if begun >= until:
            return 0.0
        state = self._state_of(need.instance_id)
        state.begun_at = begun
        try:
            if due.cut_off:
                await start_lookups_after_crash(state.context)
                return 0.0  # they are due now
            if not await may_ask(state.context):
                return LONGEST_WAIT
            return await self._turn(state, due)
        except TimeoutError:
            state.too_late(self._clock.boottime())
            return 0.0  # what else is to be done is seen at once
        except HandedOverError:
            del self._states[need.instance_id]  # what it remembers is old if the account ever comes back
            return LONGEST_WAIT

    async def _turn(self, state: _AccountState, due: _Due) -> float:
        """One after the other, until one takes long. Raises TimeoutError."""
        begun, waits = self._clock.boottime(), [LONGEST_WAIT]
        steps: list[Callable[[], Awaitable[float | None]]] = []
        if due.look:
            steps.append(lambda: self._look(state))
        if due.greet:
            steps.append(lambda: self._in_time(state.greet()))
        if due.compare:
            steps.append(lambda: self._in_time(state.comparer.step()))
        for step in steps:
            if not self._share.has(state.context.instance_id, self._clock.boottime()):
                return LONGEST_WAIT  # another daemon goes on with it
            wait = await step()
            if wait is not None:
                waits.append(wait)
            if self._clock.boottime() - begun > self._long(TOOK_LONG):
                return 0.0
        state.in_time()
        return min(waits)

    async def _look(self, state: _AccountState) -> float | None:
        try:
            return await self._in_time(state.look())
        except TimeoutError:
            await look_later(state.context)
            raise

    async def _in_time(self, step: Awaitable[float | None]) -> float | None:
        async with asyncio.timeout(max(REAL_LONGEST, self._clock.real(LONGEST))):
            return await step

    def _state_of(self, instance_id: int) -> _AccountState:
        if instance_id not in self._states:
            self._states[instance_id] = _AccountState(self._context_for(self._accounts[instance_id]))
        return self._states[instance_id]
