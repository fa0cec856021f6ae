"""The read lane: what one account asks of its gateway while no recovery drives it, one turn at a time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from orchestrator.account.accounts import Account, Share
from orchestrator.account.comparing import Comparer
from orchestrator.account.context import Context
from orchestrator.account.gateway_calls import Gap
from orchestrator.account.greet import Greeter
from orchestrator.account.looking import Looker
from orchestrator.clock import Clock
from orchestrator.store.engine import Database

AT_ONCE = 4  # accounts of one gateway that ask it at a time
STALE = 5.0  # seconds: what an account needed so long before its turn came is looked at once more
REAL_STALE = 1.0  # real seconds; more only in accelerated time
PATIENCE = 0.25  # real seconds that a step waits for turns under way, which mostly is enough for an answer
UNDER_WAY = 1.0  # seconds until a step looks again for those that take longer
GRACE = 1.0  # real seconds that a turn has for its end when the process stops


class ReadLane:
    """One account's: the kinds of question keep their gaps here, whichever part of the daemon asks."""

    def __init__(self, account: Account, context: Context) -> None:
        self.account = account
        self.context = context
        self.looker = Looker(context)
        self.greeter = Greeter(context)
        self.comparer = Comparer(context, self.looker)
        self.follow_up_gap = Gap(context.clock, context.settings.look_gap, context.rng)
        self.unsure_settled = False  # greetings that may have been sent: before this process, or cut off


def _gate() -> asyncio.Semaphore:
    return asyncio.Semaphore(AT_ONCE)


@dataclass(slots=True)
class ReadLanes:
    """The lanes of the accounts that this process knows, each made when it is needed first.

    `context_for` gives a context without a lease (`fence=None`).
    """

    database: Database
    clock: Clock
    accounts: Mapping[int, Account]
    context_for: Callable[[Account], Context]
    share: Share = field(default_factory=Share)
    _lanes: dict[int, ReadLane] = field(default_factory=dict)
    _turns: dict[int, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    _gates: dict[str, asyncio.Semaphore] = field(default_factory=lambda: defaultdict(_gate))

    def works_for(self, instance_id: int) -> bool:
        """Whether the account is known here and, now, this process's to work for."""
        return instance_id in self.accounts and self.share.has(instance_id, self.clock.boottime())

    @asynccontextmanager
    async def turn(self, instance_id: int) -> AsyncIterator[ReadLane | None]:
        """The account's turn to ask its gateway; None where it came too late to be what was wanted.

        Then, too, where another daemon works for the account by now.
        """
        wanted = self.clock.boottime()
        async with self._turns[instance_id], self._gates[self.accounts[instance_id].address]:
            late = self.clock.boottime() - wanted > max(STALE, REAL_STALE / self.clock.real(1.0))
            yield None if late or not self.works_for(instance_id) else self.of(instance_id)

    def of(self, instance_id: int) -> ReadLane:
        if instance_id not in self._lanes:
            account = self.accounts[instance_id]
            self._lanes[instance_id] = ReadLane(account, self.context_for(account))
        return self._lanes[instance_id]

    def compares(self, instance_id: int) -> bool:
        """Whether a comparison with the gateway's list is under way."""
        return instance_id in self._lanes and self._lanes[instance_id].comparer.under_way

    def forget(self, instance_id: int) -> None:
        """Another daemon works for it: what is remembered here is old if the account ever comes back."""
        self._lanes.pop(instance_id, None)
