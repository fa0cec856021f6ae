"""Reconciles stored memberships with the gateway, for accounts that no recovery drives.

Looks that have come due, greetings that were left over, and now and then a comparison with the account's own
list. It joins nothing and needs no lease; as soon as a recovery drives an account, it keeps off.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from orchestrator.account import read_lane
from orchestrator.account.comparing import know_ourselves, look_later, may_ask
from orchestrator.account.greet import give_up_on_unsure
from orchestrator.account.looking import start_lookups_after_crash
from orchestrator.account.read_lane import ReadLane, ReadLanes
from orchestrator.domain.errors import HandedOverError
from orchestrator.store import due_work
from orchestrator.store.due_work import Need
from orchestrator.tasks import Turns, results

LONGEST_WAIT = 60.0  # seconds: news wake it earlier
SHORTEST = 0.05
REAL_SHORTEST = 0.25  # real seconds between two steps without work; more only in accelerated time
LONGEST = 20.0  # seconds for a look, a greeting or a comparing step, with all tries
REAL_LONGEST = 2.0
FIRST_REST, LONGEST_REST = 300.0, 1800.0  # seconds that an account is put off whose gateway answers too late
CUT_OFF_AFTER = 300.0  # seconds after which nobody is at work any more on a join that nobody drives

T = TypeVar("T")


@dataclass(slots=True)
class _Rest:
    """An account whose gateway hangs is left alone, for longer each time."""

    until: float = float("-inf")  # boot time
    next_one: float = FIRST_REST

    def begin(self, boottime: float) -> None:
        self.until = boottime + self.next_one
        self.next_one = min(LONGEST_REST, 2 * self.next_one)


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

    name = "reconciling"
    patience = read_lane.PATIENCE

    def __init__(self, lanes: ReadLanes, *, every: float) -> None:
        """`every`: seconds between two comparisons of one account (`watch.memberships_every`)."""
        self._lanes = lanes
        self._clock = lanes.clock
        self._every = every
        self._rests: dict[int, _Rest] = defaultdict(_Rest)
        self._turns: Turns[float] = Turns()

    async def step(self) -> float:
        """One query finds what is due. Each account gets at most one look, greeting and comparing step.

        However a gateway hangs, the step is over soon, and all other accounts have their turn.
        """
        async with self._lanes.database.read() as connection:
            now = await self._lanes.database.now(connection)
            needs = await due_work.needs(connection)
        due = list(self._due(needs, now))
        for need, what in due:
            if what.anything:
                self._turns.begin(need.instance_id, self._reconcile(need.instance_id, what))
        waits = results(await self._turns.ended(self.patience))
        shortest = min(LONGEST_WAIT, REAL_SHORTEST / self._clock.real(1.0))
        waits += [max(shortest, what.wait) for _need, what in due if not what.anything]
        if self._turns.under_way:
            waits.append(read_lane.UNDER_WAY)
        return max(SHORTEST, min([LONGEST_WAIT, *waits]))

    async def close(self) -> None:
        """Give up the turns under way; a greeting that leaves this moment may end."""
        await self._turns.close(read_lane.GRACE)

    def _due(self, needs: Sequence[Need], now: float) -> Iterator[tuple[Need, _Due]]:
        for need in needs:
            driven = need.lease_until is not None and need.lease_until > now
            if driven or not self._lanes.works_for(need.instance_id):
                continue
            if need.instance_id not in self._turns.under_way:
                yield need, self._what(need, now)

    def _what(self, need: Need, now: float) -> _Due:
        compare_at = float("inf")
        if need.active:
            compare_at = float("-inf") if need.compared_at is None else need.compared_at + self._every
        compare = compare_at <= now or self._lanes.compares(need.instance_id)
        look_at = float("inf") if need.look_at is None else need.look_at
        rest = self._rests[need.instance_id].until - self._clock.boottime()
        cut_off_at = float("inf") if need.cut_off_at is None else need.cut_off_at + CUT_OFF_AFTER
        return _Due(
            look=look_at <= now and rest <= 0,
            greet=need.greetings and rest <= 0,
            compare=compare and rest <= 0,
            cut_off=cut_off_at <= now,
            wait=max(rest, min(look_at, compare_at, cut_off_at) - now),
        )

    async def _reconcile(self, instance_id: int, due: _Due) -> float:
        try:
            async with self._lanes.turn(instance_id) as lane:
                if lane is None:
                    return 0.0  # what is due now is seen at once
                wait = await self._turn(lane, due)
        except TimeoutError:
            self._rests[instance_id].begin(self._clock.boottime())
            return 0.0
        except HandedOverError:
            self._lanes.forget(instance_id)
            return LONGEST_WAIT
        self._rests.pop(instance_id, None)
        return wait

    async def _turn(self, lane: ReadLane, due: _Due) -> float:
        """One after the other, as long as no recovery drives the account. Raises TimeoutError."""
        if due.cut_off:
            await start_lookups_after_crash(lane.context)
            return 0.0  # they are due now
        waits: list[float | None] = [LONGEST_WAIT]
        steps: list[tuple[bool, Callable[[], Awaitable[float | None]]]] = [
            (due.look, lambda: self._look(lane)),
            (due.greet, lambda: self._greet(lane)),
            (due.compare, lambda: self._in_time(lane.comparer.step())),
        ]
        for is_due, step in steps:
            if is_due and self._lanes.works_for(lane.account.id):
                if not await may_ask(lane.context, beside_a_recovery=False):
                    break
                waits.append(await step())
        return min(wait for wait in waits if wait is not None)

    async def _look(self, lane: ReadLane) -> float | None:
        try:
            knows = await self._in_time(know_ourselves(lane.context))
            return await self._in_time(lane.looker.step()) if knows else None
        except TimeoutError:
            await look_later(lane.context)
            raise

    async def _greet(self, lane: ReadLane) -> float | None:
        if not lane.unsure_settled:
            await give_up_on_unsure(lane.context)
        lane.unsure_settled = False  # one that is cut off may have been sent
        wait = await self._in_time(lane.greeter.step())
        lane.unsure_settled = True
        return wait

    async def _in_time(self, step: Awaitable[T]) -> T:
        async with asyncio.timeout(max(REAL_LONGEST, self._clock.real(LONGEST))):
            return await step
