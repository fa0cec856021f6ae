"""A state machine over claim, probe, reserve, send, crash, look, retry, skip and pause, on a SQLite file.

Time stands still until a rule moves it, so that each step is one rule's doing. A crash is an exception that
nothing catches, thrown at a named point or while a join waits for its answer; then a new process begins, as
a second run would. After every step the gateway's memory and the database are compared.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import func, insert, select, update

from orchestrator.account import lease
from orchestrator.account.context import POINTS, Context
from orchestrator.account.greet import Greeter
from orchestrator.account.joining import Joiner
from orchestrator.account.looking import Looker
from orchestrator.account.monitor import Monitor
from orchestrator.account.preparing import open_recovery, recognise, require_session
from orchestrator.account.probing import Prober
from orchestrator.account.requests import Request
from orchestrator.domain.errors import LeaseLostError, RejoinError
from orchestrator.domain.outcomes import Outcome
from orchestrator.domain.pacing import WINDOW, worst_window
from orchestrator.operations import pausing, retry_skip
from orchestrator.store import instances, schema
from orchestrator.store.engine import Database
from orchestrator.store.groups import keys_of
from orchestrator.store.tables import groups, invite_codes, journal, memberships
from orchestrator.store.tables import instances as instance_table
from tests.support.defaults import greeting, pacing, recovery
from tests.support.fake_gateway import FakeGateway, FakeGroup, Fate, HandTime, Killed
from tests.support.migrated import make_original

if TYPE_CHECKING:
    from collections.abc import Coroutine


GROUPS = 7
SETTINGS = recovery(policy=pacing(joins_per_minute=5.0), greeting=greeting())
DIED_AT = [name for name in POINTS if name != "recovery.finished"]

seconds = st.sampled_from([0.0, 0.1, 1.0, 5.0, 20.0, 45.0, 70.0, 99.0])
fates = st.builds(
    Fate,
    way=seconds,
    back=seconds,
    settle=st.sampled_from([0.0, 1.0, 30.0, 60.0]),
    takes_effect=st.booleans(),
    answer_lost=st.booleans(),
    refusal=st.sampled_from([None, None, None, None, Outcome.GROUP_FULL, Outcome.JOIN_LIMITED]),
    killed=st.sampled_from([False, False, True]),
)
_template: list[Path] = []


def fresh_database() -> Path:
    """A copy of one migrated file, since a migration for each example would be most of the work."""
    folder = Path(tempfile.mkdtemp(prefix="rejoin-machine-"))
    if not _template:
        made = Path(tempfile.mkdtemp(prefix="rejoin-template-")) / "rejoin.db"

        async def migrate() -> None:
            database = Database(f"sqlite+aiosqlite:///{made}")
            await schema.upgrade(database)
            await database.close()

        asyncio.run(migrate())
        _template.append(made)
    shutil.copyfile(_template[0], folder / "rejoin.db")
    make_original(folder / "rejoin.db")
    return folder


class Deadly:
    """Points of which one may kill."""

    def __init__(self) -> None:
        self.armed: str | None = None

    def reach(self, name: str) -> None:
        if name == self.armed:
            self.armed = None
            raise Killed


class RecoveryMachine(RuleBasedStateMachine):
    """One account, seven groups, any number of processes one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.time = HandTime()
        self.folder = fresh_database()
        self.database = Database(f"sqlite+aiosqlite:///{self.folder / 'rejoin.db'}", self.time)
        codes = {f"code{n}": FakeGroup(f"{n}@g.us", f"Group {n}") for n in range(1, GROUPS + 1)}
        self.gateway = FakeGateway(self.time, codes)
        self.points = Deadly()
        self.lines = 0
        self.run(self._seed())
        self._begin()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    async def _seed(self) -> None:
        async with self.database.write() as connection:
            now = await self.database.now(connection)
            backup = instances.Configured("backup-1", "backup", "fake", "fake#1")
            await instances.sync(connection, [backup], now)
            await connection.execute(update(instance_table).values(known_since=now - 2 * WINDOW))
            for n, (code, group) in enumerate(self.gateway.groups_by_code.items(), 1):
                named = {"name": group.subject, "subject": group.subject}
                await connection.execute(
                    insert(groups).values(
                        id=n, slug=f"g{n}", jid=group.jid if n % 2 else None, priority=n,
                        created_at=now, updated_at=now, **named, **keys_of(named),
                    )
                )  # fmt: skip
                await connection.execute(
                    insert(invite_codes).values(
                        group_id=n, ciphertext=code.encode(), key_id="clear", fingerprint=code,
                        last4=code[-4:], current=True, source="import", created_at=now,
                    )
                )  # fmt: skip

    # A process begins, works and dies

    def _begin(self) -> None:
        """As a run does until its stages begin; if it is killed on the way, the next one begins."""
        while True:
            self.context = Context(
                database=self.database, gateway=self.gateway, clock=self.time, settings=SETTINGS,
                reveal=lambda code: bytes(code.ciphertext).decode(), instance_id=1,
                instance_name="backup-1", actor="machine", boot_id="boot", points=self.points,
                rng=random.Random(3),
            )  # fmt: skip
            self.looker, self.prober = Looker(self.context), Prober(self.context)
            self.joiner, self.greeter = Joiner(self.context), Greeter(self.context)
            self.monitor = Monitor(self.context, self.joiner)
            try:
                self.run(self._prepare())
            except Killed:
                self._bury()
            else:
                return

    async def _prepare(self) -> None:
        await lease.take(self.context)
        await require_session(self.context, self.monitor)
        await open_recovery(self.context, Request(), pace=5.0)
        await recognise(self.context, self.looker)

    def _bury(self) -> None:
        """The lease of a dead process is free at once; here both live in one, so it is freed by hand."""

        async def free() -> None:
            async with self.database.write() as connection:
                await connection.execute(update(instance_table).values(lease_until=0.0))

        self.run(free())

    def _step(self, stage: Any) -> None:
        try:
            self.run(stage.step())
        except Killed:
            self._bury()
            self._begin()

    @rule()
    def probe(self) -> None:
        self._step(self.prober)

    @rule(fate=fates)
    def join(self, fate: Fate) -> None:
        self.gateway.fate = fate
        self._step(self.joiner)

    @initialize(some=st.lists(fates, min_size=1, max_size=6))
    def begin_with_a_storm(self, some: list[Fate]) -> None:
        self.storm(some)

    @rule(some=st.lists(fates, min_size=1, max_size=6))
    def storm(self, some: list[Fate]) -> None:
        """One join after the other, as soon as the pace and the groups allow; looks are made on the way."""
        for fate in some:
            before = len(self.gateway.arrivals)
            for _ in range(12):
                self.gateway.fate = fate
                self._step(self.prober)
                self._step(self.joiner)
                if len(self.gateway.arrivals) > before:
                    break
                self._step(self.looker)
                self.time.true += 3.0

    @rule(rounds=st.integers(2, 15))
    def go_well(self, rounds: int) -> None:
        """The common case, so that examples get somewhere."""
        self.gateway.fate = Fate()
        for _ in range(rounds):
            self._step(self.prober)
            self._step(self.joiner)
            self._step(self.looker)
            self.time.true += 4.0

    @rule()
    def look_and_greet(self) -> None:
        self._step(self.looker)
        self._step(self.greeter)

    @rule()
    def beat(self) -> None:
        self._step(self.monitor)
        self.monitor.end = None

    @rule(by=st.sampled_from([0.5, 12.0, 60.0, 130.0, 400.0]))
    def wait(self, by: float) -> None:
        self.time.true += by
        self._step(self.monitor)
        self.monitor.end = None

    @rule(point=st.sampled_from(DIED_AT))
    def arm(self, point: str) -> None:
        self.points.armed = point

    @rule(then=st.lists(fates, max_size=3))
    def crash(self, then: list[Fate]) -> None:
        self._bury()
        self._begin()
        self.storm(then)

    @rule(fate=fates, times=st.integers(1, 6))
    def die_again_and_again(self, fate: Fate, times: int) -> None:
        """Each process dies with its first join on its way."""
        self.storm([replace(fate, killed=True)] * times)

    @rule(then=st.lists(fates, max_size=2))
    def freeze(self, then: list[Fate]) -> None:
        """This process is held up until its lease is over; another one takes over; then it wakes."""
        zombies = (self.joiner, self.prober, self.looker, self.greeter, self.monitor)
        self.time.true += SETTINGS.lease + 1.0
        self._bury()  # after a step back of the clock the lease would last longer
        self._begin()
        self.storm(then)
        for _ in range(4):
            self._step(self.prober)
            self.time.true += 15.0
        before, self.points.armed = len(self.gateway.arrivals), None
        self.gateway.fate = Fate()
        for zombie in zombies:
            with suppress(LeaseLostError):
                self.run(zombie.step())
        assert len(self.gateway.arrivals) == before

    # What others do

    @rule(n=st.integers(1, GROUPS), what=st.sampled_from(["retry", "retry", "skip", "pause"]))
    def person(self, n: int, what: str) -> None:
        if what == "retry":
            self._act(retry_skip.retry(self.database, "backup-1", actor="a person", groups=[f"Group {n}"]))
        elif what == "skip":
            self._act(retry_skip.skip(self.database, "backup-1", [f"Group {n}"], actor="a person"))
        else:
            self._pause()

    def _pause(self) -> None:
        self._act(pausing.pause(self.database, "backup-1", actor="a person"))
        before = len(self.gateway.arrivals)
        for stage in (self.prober, self.joiner, self.looker):
            self._step(stage)
        assert len(self.gateway.arrivals) == before
        self._act(pausing.resume(self.database, "backup-1", actor="a person"))

    def _act(self, act: Coroutine[Any, Any, Any]) -> None:
        with suppress(RejoinError):  # refused with a sentence, and nothing written
            self.run(act)

    @rule(lists_lie=st.booleans(), reads_fail=st.sampled_from([False, False, True]))
    def gateway_turns(self, lists_lie: bool, reads_fail: bool) -> None:
        self.gateway.lists_lie, self.gateway.reads_fail = lists_lie, reads_fail

    @rule(by=st.sampled_from([-500.0, -30.0, -0.5, 0.5, 20.0, 90.0, 4000.0]))
    def set_the_clock(self, by: float) -> None:
        self.time.offset += by

    # What must hold

    @invariant()
    def the_gateway_receives_at_most_five_joins_in_sixty_seconds(self) -> None:
        assert worst_window(self.gateway.arrivals, WINDOW - 1e-3) <= 5

    @invariant()
    def no_group_is_entered_twice_nor_joined_while_in_it(self) -> None:
        assert all(group.entered <= 1 for group in self.gateway.groups_by_code.values())
        assert self.gateway.needless == []

    @invariant()
    def every_join_follows_a_probe_and_no_second_one_a_lost_first_one_without_a_look(self) -> None:
        probed: dict[str, float] = {}
        blind: set[str] = set()
        for place, (at, kind, what) in enumerate(self.gateway.heard):
            if kind == "probe":
                probed[what] = at
            elif kind == "look":
                blind.discard(f"code{what.removesuffix('@g.us')}")
            elif kind == "list":
                blind.clear()
            else:
                assert at - probed.pop(what) <= SETTINGS.freshness + SETTINGS.policy.life + 1.0
                assert what not in blind
                if place not in self.gateway.refused:
                    blind.add(what)

    @invariant()
    def whoever_was_greeted_was_greeted_once(self) -> None:
        assert all(number == 1 for number in self.gateway.greeted.values())

    @invariant()
    def what_is_stored_is_whole_and_true(self) -> None:
        rows, lines = self.run(self._stored())
        inside = {group.jid for group in self.gateway.groups_by_code.values() if group.inside}
        for row in rows:
            if row.status == "active":
                assert row.jid in inside
                assert row.evidence
            if row.status in ("deferred", "blocked"):
                assert row.reason
            if row.status == "deferred":
                assert row.next_attempt_at is not None
        assert lines >= self.lines
        self.lines = lines

    def check_invariants_by_hand(self) -> None:
        """For tests that move the machine themselves."""
        self.the_gateway_receives_at_most_five_joins_in_sixty_seconds()
        self.no_group_is_entered_twice_nor_joined_while_in_it()
        self.every_join_follows_a_probe_and_no_second_one_a_lost_first_one_without_a_look()
        self.whoever_was_greeted_was_greeted_once()
        self.what_is_stored_is_whole_and_true()

    async def _stored(self) -> tuple[list[Any], int]:
        async with self.database.read() as connection:
            rows = list((await connection.execute(select(memberships))).all())
            lines = await connection.scalar(select(func.count()).select_from(journal))
        return rows, int(lines or 0)

    def teardown(self) -> None:
        self.run(self.database.close())
        self.loop.close()
        shutil.rmtree(self.folder)


TestRecovery = RecoveryMachine.TestCase
TestRecovery.settings = settings(
    max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
