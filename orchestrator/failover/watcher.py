"""The watcher: asks for every account's session, evenly spread, and brings to disk what it learns.

A gateway that does not answer is said once, and once more when it does.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass, field

from orchestrator.account.accounts import Account
from orchestrator.domain.loss_judgement import LossState, NoSuspicion, judge
from orchestrator.failover import consequence, noting
from orchestrator.failover.asking import Asked, Track, ask
from orchestrator.failover.watch_settings import Watch
from orchestrator.store import losses
from orchestrator.store.losses import Loss
from orchestrator.tasks import Turns

_log = logging.getLogger(__name__)

AT_ONCE = 4  # questions to one gateway at a time
REAL_PATIENCE = 0.1  # the least, in accelerated time
UNANSWERED = 1.0  # seconds until a step looks again for answers that are on their way
TOGETHER = 10  # so many batches of questions in one interval


class Watcher:
    """A part of the daemon: one step asks whoever is due. `close` gives up the questions under way."""

    name = "watching"
    patience = 2.0  # seconds that a step waits for answers; later ones are taken by the next step

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._debounce = watch.settings.debounce
        self._tracks: dict[int, Track] = {}
        self._turns: Turns[Asked] = Turns()
        self._gates = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(AT_ONCE))
        self._reach = Reach(self._debounce.every)
        self._shift = 0.0  # the database's time less the boot time
        self._unsettled = False  # a loss waits for a backup, or its recovery for its end
        self._settle_at = 0.0  # boot time

    async def step(self) -> float:
        """Ask who is due, record what was answered, and carry out what follows.

        Where several daemons share the database, each asks for its own accounts, and one carries out.
        """
        boottime = self._watch.clock.boottime()
        if not self._watch.share.is_known(boottime):
            return self._debounce.every
        ripe = await self._look_around()
        asked = await self._answers()
        if asked:
            noted = await noting.write_down(self._watch, asked, self._reach.news)
            self._reach.news.clear()
            self._shift = noted.shift
            self._hasten(asked)
            ripe += noted.ripe
        mine = [account for account in ripe if self._watch.decides(account.id)]
        decided = [await consequence.decide(self._watch, account) for account in mine]
        await self._settle(at_once=any(decided))
        return self._wait()

    async def close(self) -> None:
        """Give up the questions under way; nothing of them is half written."""
        await self._turns.close()

    async def _look_around(self) -> list[Account]:
        """What events opened or added to since the last step, and what still waits. Returns the accounts of
        other daemons whose suspicion is to be decided now.
        """
        database, clock = self._watch.database, self._watch.clock
        async with database.read() as connection:
            open_ones = await losses.open_ones(connection)
            if not self._tracks or any(not self._is_ours(one) for one in open_ones):
                self._shift = await database.now(connection) - clock.boottime()
        if not self._tracks:
            self._begin()
        if open_ones.keys() - self._tracks.keys() and self._watch.share.leads(clock.boottime()):
            await consequence.end_unconfigured(self._watch)
        for track in self._tracks.values():
            if not self._is_ours(track.account.id):
                self._put_off(track)
            self._hurry(track, open_ones.get(track.account.id))
        self._unsettled = any(map(self._waits, open_ones.values()))
        return [account for loss in open_ones.values() if (account := self._ripe_elsewhere(loss)) is not None]

    def _ripe_elsewhere(self, loss: Loss) -> Account | None:
        """Another daemon's account, of a loss that this one decides, by what that one has just noted."""
        account = self._watch.account(loss.instance_id)
        if account is None or self._is_ours(account.id) or not self._watch.decides(account.id):
            return None
        if not loss.case.suspected:
            return None
        self._unsettled = True
        now, last = self._watch.clock.boottime() + self._shift, max(one.at for one in loss.case.evidence)
        is_fresh = now - last < 2 * self._debounce.every
        return account if is_fresh and judge(loss.case, self._debounce) is LossState.LOST else None

    def _put_off(self, track: Track) -> None:
        """Another daemon asks for it. If it comes back, what is remembered of it here is old."""
        boottime = self._watch.clock.boottime()
        track.no_suspicion, track.told_nothing = NoSuspicion(), 0
        track.due = boottime + track.spread * self._debounce.every
        track.called_at = boottime - (1 - track.spread) * self._debounce.call_every

    def _is_ours(self, instance_id: int) -> bool:
        return self._watch.share.has(instance_id, self._watch.clock.boottime())

    def _begin(self) -> None:
        """Spread the first polls evenly over one interval, and the first calls over theirs."""
        boottime, number = self._watch.clock.boottime(), len(self._watch.accounts)
        for place, account in enumerate(self._watch.accounts):
            share = place / number
            self._tracks[account.id] = Track(
                account,
                due=boottime + share * self._debounce.every,
                called_at=boottime - (1 - share) * self._debounce.call_every,
                spread=share,
            )

    def _hurry(self, track: Track, loss: Loss | None) -> None:
        """A suspicion that an event opened does not wait for the next regular poll."""
        known, track.case = track.case, None if loss is None else loss.case
        if known is None and track.case is not None and track.case.suspected:
            track.due = min(track.due, self._watch.clock.boottime())

    def _waits(self, loss: Loss) -> bool:
        account = self._watch.account(loss.instance_id)
        if account is None or not self._watch.decides(account.id):
            return False
        return loss.waits_for_a_backup or (loss.is_lost and account.role == "backup")

    async def _answers(self) -> list[Asked]:
        """Ask who is due, all at once; what is not answered soon holds nobody up and is taken later."""
        boottime = self._watch.clock.boottime()
        batch = self._debounce.every / TOGETHER
        for track in self._tracks.values():
            account = track.account
            idle = account.id not in self._turns.under_way
            if idle and track.due <= boottime + batch and self._is_ours(account.id):
                self._turns.begin(account.id, self._ask(track))
        ended = await self._turns.ended(max(REAL_PATIENCE, self._watch.clock.real(self.patience)))
        answered = [self._answered(self._tracks[number], task) for number, task in ended.items()]
        return [asked for asked in answered if asked is not None]

    async def _ask(self, track: Track) -> Asked:
        """In its turn: a gateway that is slow holds up its own accounts only."""
        async with self._gates[track.account.address]:
            return await ask(self._watch, track, self._shift)

    def _answered(self, track: Track, task: asyncio.Task[Asked]) -> Asked | None:
        boottime = self._watch.clock.boottime()
        self._plan_next(track, boottime)
        try:
            asked = task.result()
        # An adapter's defect leaves one account unread, not all of them.
        except Exception:  # noqa: BLE001 - see above
            _log.exception("%s could not be asked; it is tried again in its turn", track.account.name)
            return None
        self._reach.heard(track.account.address, answered=not asked.out_of_reach, boottime=boottime)
        track.due = max(track.due, boottime + asked.peace)
        return asked

    def _plan_next(self, track: Track, boottime: float) -> None:
        """In step with the others, unless it is late or suspected."""
        if track.case is not None and track.case.suspected:
            track.due = boottime + self._debounce.poll_when_suspected
        else:
            track.due = max(track.due + self._debounce.every, boottime + self._debounce.every / 2)

    def _hasten(self, asked: list[Asked]) -> None:
        """Whom these answers made suspect is asked again soon."""
        soon = self._watch.clock.boottime() + self._debounce.poll_when_suspected
        for one in asked:
            if one.track.case is not None and one.track.case.suspected:
                one.track.due = min(one.track.due, soon + one.peace)

    async def _settle(self, *, at_once: bool) -> None:
        boottime = self._watch.clock.boottime()
        if at_once or (self._unsettled and boottime >= self._settle_at):
            self._unsettled = True
            self._settle_at = boottime + self._debounce.poll_when_suspected
            await consequence.catch_up(self._watch)

    def _wait(self) -> float:
        boottime = self._watch.clock.boottime()
        asking = self._turns.under_way
        idle = [track for track in self._tracks.values() if track.account.id not in asking]
        waits = [track.due - boottime for track in idle if self._is_ours(track.account.id)]
        if asking:
            waits.append(UNANSWERED)
        if self._unsettled:
            waits.append(self._settle_at - boottime)
        return max(0.0, min(waits, default=self._debounce.every))


_log = logging.getLogger(__name__)
UNREACHABLE, ANSWERS = "gateway.unreachable", "gateway.answers"
SILENT_POLLS = 3


@dataclass(slots=True)
class Address:
    """One gateway. A boot time."""

    silent_since: float | None = None
    said: bool = False


@dataclass(slots=True)
class Reach:
    """By the gateway's address. `news`: what is to be written into the journal, and then cleared."""

    every: float  # seconds between two polls
    addresses: dict[str, Address] = field(default_factory=dict)
    news: dict[str, str] = field(default_factory=dict)

    def heard(self, address: str, *, answered: bool, boottime: float) -> None:
        """One more try. One account's answer is enough to show that the gateway is there."""
        known = self.addresses.setdefault(address, Address())
        if answered:
            known.silent_since = None
            if known.said:
                known.said = False
                self.news[address] = ANSWERS
                _log.info("the gateway answers again: %s", address)
            return
        if known.silent_since is None:
            known.silent_since = boottime
        if not known.said and boottime - known.silent_since >= SILENT_POLLS * self.every:
            known.said = True
            self.news[address] = UNREACHABLE
            _log.warning("the gateway does not answer: %s. It is asked again all the while", address)
