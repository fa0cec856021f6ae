"""Tending: memberships are kept true for accounts that no recovery drives.

Looks that have come due, greetings that were left over, and now and then a comparison with the account's own
list. It joins nothing and needs no lease; as soon as a recovery drives an account, it keeps off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.services.recover.greeting import Greeter, give_up_on_unsure
from orchestrator.services.recover.looking import Looker, start_lookups_after_crash
from orchestrator.services.side_by_side import side_by_side
from orchestrator.services.tend.comparing import Comparer
from orchestrator.services.tend.presence import know_ourselves, may_ask
from orchestrator.store import whereabouts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from orchestrator.clock import Clock
    from orchestrator.services.accounts import Account
    from orchestrator.services.recover.context import Context
    from orchestrator.store.engine import Database
    from orchestrator.store.whereabouts import Need

ACCOUNTS_AT_ONCE = 8
LONGEST_WAIT = 60.0  # seconds: news wake it earlier
SHORTEST = 0.05
REAL_SHORTEST = 0.25  # real seconds between two steps without work; more only in accelerated time
TOOK_LONG = 20.0
REAL_TOOK_LONG = 1.0  # real seconds; more only in accelerated time
CUT_OFF_AFTER = 300.0  # seconds after which nobody is at work any more on a join that nobody drives


class _Ward:
    """One account as this part keeps it from step to step."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.looker = Looker(context)
        self.greeter = Greeter(context)
        self.comparer = Comparer(context, self.looker)
        self.unsure_settled = False  # greetings that may have been sent before this process began


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


class Tender:
    """A part of the daemon: keeps memberships true."""

    name = "tending"

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        accounts: Mapping[int, Account],
        context_for: Callable[[Account], Context],
        every: float,
    ) -> None:
        """`every`: seconds between two comparisons of one account (`watch.memberships_every`).

        `context_for` gives a context without a lease (`fence=None`); it is asked once for each account.
        """
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._context_for = context_for
        self._every = every
        self._wards: dict[int, _Ward] = {}

    async def step(self) -> float:
        """One query finds what is due. Each account gets at most one look, greeting and comparing step."""
        async with self._database.read() as connection:
            now = await self._database.now(connection)
            needs = await whereabouts.needs(connection)
        due = list(self._due(needs, now))
        at_work = [(need, what) for need, what in due if what.anything]
        waits = await side_by_side(at_work, lambda item: self._tend(*item), at_once=ACCOUNTS_AT_ONCE)
        shortest = min(LONGEST_WAIT, REAL_SHORTEST / self._clock.real(1.0))
        idle = [max(shortest, what.wait) for _need, what in due if not what.anything]
        return max(SHORTEST, min([LONGEST_WAIT, *idle, *waits]))

    def _due(self, needs: Sequence[Need], now: float) -> Iterator[tuple[Need, _Due]]:
        for need in needs:
            if need.instance_id not in self._accounts:
                continue
            if need.lease_until is not None and need.lease_until > now:
                continue
            yield need, self._what(need, now)

    def _what(self, need: Need, now: float) -> _Due:
        ward = self._wards.get(need.instance_id)
        compare_at = float("inf")
        if need.active:
            compare_at = float("-inf") if need.compared_at is None else need.compared_at + self._every
        compare = compare_at <= now or (ward is not None and ward.comparer.under_way)
        look_at = float("inf") if need.look_at is None else need.look_at
        cut_off_at = float("inf") if need.cut_off_at is None else need.cut_off_at + CUT_OFF_AFTER
        return _Due(
            look=look_at <= now,
            greet=need.greetings,
            compare=compare,
            cut_off=cut_off_at <= now,
            wait=min(look_at, compare_at, cut_off_at) - now,
        )

    async def _tend(self, need: Need, due: _Due) -> float:
        ward = self._ward(need.instance_id)
        context = ward.context
        if due.cut_off:
            await start_lookups_after_crash(context)
            return 0.0  # they are due now
        if not await may_ask(context):
            return LONGEST_WAIT
        steps: list[Callable[[], Awaitable[float | None]]] = []
        if due.look and await know_ourselves(context):
            steps.append(ward.looker.step)
        if due.greet:
            steps.append(lambda: self._greet(ward))
        if due.compare:
            steps.append(ward.comparer.step)
        return await self._one_after_the_other(steps)

    async def _one_after_the_other(self, steps: Sequence[Callable[[], Awaitable[float | None]]]) -> float:
        """Until one takes long: a gateway that hangs holds up other accounts for one call's time only."""
        begun, waits = self._clock.boottime(), [LONGEST_WAIT]
        for step in steps:
            wait = await step()
            if wait is not None:
                waits.append(wait)
            if self._clock.boottime() - begun > max(TOOK_LONG, REAL_TOOK_LONG / self._clock.real(1.0)):
                return 0.0
        return min(waits)

    async def _greet(self, ward: _Ward) -> float | None:
        if not ward.unsure_settled:
            await give_up_on_unsure(ward.context)
            ward.unsure_settled = True
        return await ward.greeter.step()

    def _ward(self, instance_id: int) -> _Ward:
        if instance_id not in self._wards:
            self._wards[instance_id] = _Ward(self._context_for(self._accounts[instance_id]))
        return self._wards[instance_id]
