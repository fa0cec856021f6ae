"""Daemons on one database keep to their own accounts, also when one was held up and does not know it yet."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.account.accounts import Share
from orchestrator.account.event_processor import EventProcessor
from orchestrator.account.lease import current_holder
from orchestrator.account.read_lane import ReadLanes
from orchestrator.daemon.daemon_lease import DaemonLease
from orchestrator.daemon.sharing import OneAtATime, Sharing
from orchestrator.domain.errors import HandedOverError, LeaseLostError
from orchestrator.domain.loss_judgement import LossState
from orchestrator.domain.memberships import Greeting, Status
from orchestrator.failover.watch_settings import Watch
from orchestrator.failover.watcher import Watcher
from orchestrator.simulator.truth import Kind
from orchestrator.store import daemons, instances
from orchestrator.store.instances import Configured
from tests.support.by_hand import let_in, membership, now, put, set_instance
from tests.support.command import PATIENCE
from tests.support.defaults import greeting
from tests.support.events import drive, jid, processing, reconciling, results, tell, waha
from tests.support.fake_gateway import HandTime
from tests.support.stage import Stage, brisk, set_stage
from tests.support.watching import Lookout, lookout
from tests.support.worlds import group, world

if TYPE_CHECKING:
    from collections.abc import Callable

SPEED = 400.0
BACKUP = 2  # the id of backup-1
ANOTHERS, OURS = 8, 7  # fences of daemons
OWN = {"own_phone": "15550100002", "own_lid": "900000000000002", "state": "working"}
NOT_OURS = [
    pytest.param(Share(OURS), ANOTHERS, id="handed over unnoticed"),
    pytest.param(Share(OURS, others=frozenset({BACKUP})), OURS, id="handing over"),
    pytest.param(Share(OURS, until=0.0), OURS, id="held up past its lease"),
]


async def join_sent(stage: Stage) -> float:
    sent = await now(stage) - 5.0
    facts: dict[str, Any] = {"requested_at": sent, "jid": jid(stage, "Odd"), "next_attempt_at": sent + 9000}
    await put(stage, 1, Status.CONFIRMING, joined_at=sent + 1, **facts)
    return sent


@pytest.mark.parametrize(("share", "owner"), NOT_OURS)
async def test_events_of_an_account_that_is_anothers_stay_for_that_one(
    database_url: str, share: Share, owner: int
) -> None:
    async with set_stage(database_url, content=world(group("Odd")), speed=SPEED) as stage:
        await set_instance(stage, daemon_fence=owner, **OWN)
        sent = await join_sent(stage)
        await tell(stage, waha("group.v2.join", jid(stage, "Odd"), sent + 2))
        async with processing(stage, brisk(), share=share) as processor:
            await processor.step()
        assert await results(stage) == [None]
        assert (await membership(stage, 1)).status is Status.CONFIRMING

        async with processing(stage, brisk(), share=Share(owner)) as processor:
            await processor.step()
        assert await results(stage) == ["confirmed"]


async def test_events_of_an_account_that_only_another_file_has_are_not_thrown_away(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        await set_instance(stage, **OWN)
        sent = await join_sent(stage)
        await tell(stage, waha("group.v2.join", jid(stage, "Odd"), sent + 2))
        nobodys = EventProcessor(
            ReadLanes(stage.database, stage.clock, {}, lambda _one: pytest.fail("not known"))
        )
        await nobodys.step()
        assert await results(stage) == [None]

        await set_instance(stage, configured=False)
        await nobodys.step()
        assert await results(stage) == ["ignored"]


@pytest.mark.parametrize(("share", "owner"), NOT_OURS)
async def test_nothing_is_looked_up_or_greeted_for_an_account_that_is_anothers(
    database_url: str, share: Share, owner: int
) -> None:
    async with set_stage(database_url, content=world(group("Odd")), speed=SPEED) as stage:
        await set_instance(stage, daemon_fence=owner, **OWN)
        facts: dict[str, Any] = {"evidence": "participant", "confirmed_at": await now(stage) - 900}
        await put(stage, 1, Status.ACTIVE, jid=let_in(stage, 1), greeting=Greeting.PENDING, **facts)
        settings = brisk(greeting=greeting(enabled=True))
        async with reconciling(stage, settings, share=share) as reconciler:
            await drive(stage, reconciler, seconds=60)
        assert stage.log.of(Kind.SEND) == []
        assert (await membership(stage, 1)).greeting is Greeting.PENDING

        async with reconciling(stage, settings, share=Share(owner)) as reconciler:
            await drive(stage, reconciler, seconds=60)
        assert len(stage.log.of(Kind.SEND)) == 1


async def test_a_write_about_an_account_that_was_handed_over_is_refused(database_url: str) -> None:
    async with set_stage(database_url, content=world(group("Odd")), speed=SPEED) as stage:
        context = await stage.context(brisk(), fence=None, share=Share(OURS))
        await set_instance(stage, daemon_fence=OURS)
        async with context.writing():
            pass
        await set_instance(stage, daemon_fence=ANOTHERS)
        with pytest.raises(HandedOverError):
            async with context.writing():
                pass
        await context.gateway.close()


# The watcher


def watcher(world: Lookout, share: Share) -> Watcher:
    return Watcher(Watch(world.database, world.time, world.accounts, world.settings, "daemon@test", share))


async def watch(time: HandTime, *watchers: Watcher, seconds: float) -> None:
    """Side by side, each as often as it wants to."""
    end = time.true + seconds
    due = dict.fromkeys(watchers, time.true)
    while (first := min(due, key=due.__getitem__)) is not None and due[first] <= end:
        time.true = max(time.true, due[first])
        due[first] = time.true + max(await first.step(), 0.001)
    time.true = end


async def test_one_daemon_asks_and_the_one_that_leads_decides(database_url: str) -> None:
    async with lookout(database_url, backups=0, lost_after=480.0) as world:
        main = world.id("sales-main")
        await world.set("sales-main", daemon_fence=OURS)
        asks = watcher(world, Share(OURS, led=frozenset({main})))
        leads = watcher(world, Share(ANOTHERS, others=frozenset({main})))
        world.gateways["sales-main"].log_out()

        await watch(world.time, leads, seconds=1000.0)
        assert world.gateways["sales-main"].asked == 0

        await watch(world.time, asks, seconds=3000.0)
        loss = await world.loss("sales-main")
        assert loss is not None
        assert loss.case.standing is LossState.SUSPECTED  # decided by the one that leads only

        await watch(world.time, asks, leads, seconds=200.0)
        loss = await world.loss("sales-main")
        assert loss is not None
        assert loss.case.standing is LossState.LOST
        assert len(await world.told("instance.lost")) == 1
        await asks.close()
        await leads.close()


async def test_a_reading_of_an_account_that_was_handed_over_is_not_noted(database_url: str) -> None:
    async with lookout(database_url, backups=0) as world:
        await world.set("sales-main", daemon_fence=ANOTHERS)
        world.gateways["sales-main"].log_out()
        late = watcher(world, Share(OURS))

        await watch(world.time, late, seconds=1000.0)

        assert world.gateways["sales-main"].asked > 0
        async with world.database.read() as connection:
            assert (await instances.get(connection, "sales-main")).state is None
        assert await world.loss("sales-main") is None
        await late.close()


async def test_a_loss_that_the_one_that_leads_knows_nothing_of_is_decided_by_its_own_daemon(
    database_url: str,
) -> None:
    async with lookout(database_url, backups=0, lost_after=480.0) as world:
        await world.set("sales-main", daemon_fence=OURS)
        own = watcher(world, Share(OURS, led=frozenset({99})))
        world.gateways["sales-main"].log_out()

        await watch(world.time, own, seconds=3000.0)

        loss = await world.loss("sales-main")
        assert loss is not None
        assert loss.case.standing is LossState.LOST
        await own.close()


async def test_what_was_remembered_of_an_account_is_forgotten_while_it_is_anothers(sqlite_url: str) -> None:
    async with lookout(sqlite_url, backups=0, every=60.0, lost_after=480.0) as world:
        gateway, share = world.gateways["sales-main"], Share(OURS)
        await world.set("sales-main", daemon_fence=OURS)
        daemon = watcher(world, share)
        await until_a_call_fails(world, daemon)
        gateway.log_in()
        share.others = frozenset({world.id("sales-main")})
        await watch(world.time, daemon, seconds=10000.0)
        share.others = frozenset()

        await until_a_call_fails(world, daemon)
        gateway.log_out()
        await watch(world.time, daemon, seconds=120.0)

        loss = await world.loss("sales-main")
        assert loss is not None
        assert loss.case.standing is LossState.SUSPECTED  # for two minutes, and not for three hours
        await daemon.close()


async def until_a_call_fails(world: Lookout, daemon: Watcher) -> None:
    """Its calls fail, and its state lies; up to the first call."""
    gateway = world.gateways["sales-main"]
    gateway.log_out(told=False)
    gateway.called.clear()
    while True:
        wait = await daemon.step()
        if gateway.called:
            return
        world.time.true += max(wait, 0.001)


# The share


async def sharing(world: Lookout, *names: str, busy: Callable[[int], bool] = lambda _one: False) -> Daemon:
    """As a runtime begins it, on another host, so that it is not taken for this process."""
    known = {world.id(name): name for name in names}
    lease, share = DaemonLease(world.database, world.time, names), Share()
    assert await lease.take()
    async with world.database.write() as connection:
        await daemons.record(connection, lease.fence, holder=a_holder(host=f"host-{lease.fence}"))
    divides = Sharing(lease, share, names=known, works_for=busy)
    await divides.begin("alike")
    return Daemon(lease, share, divides)


def a_holder(**values: Any) -> str:
    return json.dumps(asdict(replace(current_holder(), boot_id="another", **values)))


@dataclass
class Daemon:
    lease: DaemonLease
    share: Share
    divides: Sharing

    async def beat(self) -> bool:
        await self.lease.renew([])
        return await self.divides.divide()


async def owners(world: Lookout) -> dict[int, int | None]:
    async with world.database.read() as connection:
        return {one.id: one.owner for one in await daemons.claims(connection)}


def names_of(world: Lookout) -> tuple[str, ...]:
    return tuple(account.name for account in world.accounts)


async def test_a_daemon_alone_works_for_all_it_knows_and_leaves_them_free(database_url: str) -> None:
    async with lookout(database_url, backups=2) as world:
        one = await sharing(world, *names_of(world))

        assert (one.share.fence, one.share.others, one.share.led) == (one.lease.fence, frozenset(), None)
        assert set((await owners(world)).values()) == {one.lease.fence}
        await one.lease.release()
        assert set((await owners(world)).values()) == {None}


async def test_who_was_held_up_past_its_lease_does_nothing_before_it_renewed_it(database_url: str) -> None:
    async with lookout(database_url, backups=1) as world:
        one, first = await sharing(world, *names_of(world)), world.accounts[0].id
        assert one.share.has(first, world.time.boottime())

        world.time.true += one.lease.length + 1.0

        assert not one.share.has(first, world.time.boottime())
        assert not one.share.leads(world.time.boottime())
        with pytest.raises(LeaseLostError):
            await one.divides.divide()
        assert await one.beat()  # everybody looks again
        assert one.share.has(first, world.time.boottime())
        assert not await one.beat()


async def test_what_is_more_than_a_share_is_given_up_when_nothing_of_it_is_under_way(
    postgres_url: str,
) -> None:
    async with lookout(postgres_url, backups=3) as world:
        under_way = {account.id for account in world.accounts}
        first = await sharing(world, *names_of(world), busy=under_way.__contains__)
        second = await sharing(world, *names_of(world))
        assert list((await owners(world)).values()) == [first.lease.fence] * 4

        await first.beat()
        surplus = first.share.others  # nothing new is begun for these
        assert len(surplus) == 2
        world.time.true += 61.0
        for daemon in (first, second):  # both live on
            await daemon.lease.renew([])
        await first.beat()
        assert list((await owners(world)).values()) == [first.lease.fence] * 4  # a recovery is under way
        under_way.clear()
        await first.beat()
        await second.beat()

        found = await owners(world)
        assert {one for one, fence in found.items() if fence == second.lease.fence} == surplus
        assert {one for one, fence in found.items() if fence == first.lease.fence} == second.share.others


async def test_a_silent_daemons_accounts_are_taken_and_the_next_one_leads(postgres_url: str) -> None:
    async with lookout(postgres_url, backups=3) as world:
        first = await sharing(world, *names_of(world))
        second = await sharing(world, *names_of(world))
        third = await sharing(world, *names_of(world))
        assert None not in (second.share.led, third.share.led)

        world.time.true += first.lease.length + 1.0
        for daemon in (third, second):
            await daemon.lease.renew([])
        for daemon in (third, second):
            await daemon.beat()

        assert (
            sorted(filter(None, (await owners(world)).values()))
            == [second.lease.fence] * 2 + [third.lease.fence] * 2
        )
        assert (second.share.led, third.share.led) == (None, frozenset(await owners(world)))
        assert second.divides.others_left  # what only the dead one knew may be configured nowhere now
        await second.beat()
        assert not second.divides.others_left
        with pytest.raises(LeaseLostError):
            await first.divides.divide()


async def test_an_account_whose_row_is_held_is_taken_later_and_holds_up_nobody(postgres_url: str) -> None:
    async with lookout(postgres_url, backups=1) as world:
        held, free = world.id("sales-main"), world.id("backup-1")
        async with world.database.write() as connection:
            await instances.lock(connection, held)
            async with asyncio.timeout(PATIENCE):
                one = await sharing(world, *names_of(world))
            assert one.share.others == {held}
        assert await one.beat()
        assert await owners(world) == {held: one.lease.fence, free: one.lease.fence}


async def test_daemons_that_begin_at_once_have_places_and_fences_of_their_own(postgres_url: str) -> None:
    async with lookout(postgres_url, backups=1) as world:
        made = [DaemonLease(world.database, world.time) for _ in range(4)]

        async with world.database.write() as connection:  # they all wait for one moment
            await daemons.lock(connection)
            taking = [asyncio.create_task(lease.take()) for lease in made]
            await asyncio.sleep(0.2)
        async with asyncio.timeout(PATIENCE):
            assert all(await asyncio.gather(*taking))

        assert sorted(lease.fence for lease in made) == [1, 2, 3, 4]


async def test_daemons_that_do_not_agree_say_so(postgres_url: str) -> None:
    async with lookout(postgres_url, backups=1) as world:
        first = await sharing(world, *names_of(world))
        second = await sharing(world, *names_of(world))
        assert first.divides.differs_since is None

        await second.divides.begin("otherwise")
        await first.beat()
        assert first.divides.differs_since is not None

        await second.divides.begin("alike")
        await first.beat()
        assert first.divides.differs_since is None


async def test_what_one_daemon_at_a_time_does_waits_for_the_lead() -> None:
    time, share = HandTime(), Share(OURS, led=frozenset())

    class Counting:
        name, steps = "counting", 0

        async def step(self) -> float:
            self.steps += 1
            return 1.0

    counting = Counting()
    part = OneAtATime(counting, share, time)
    assert (part.name, await part.step(), counting.steps) == ("counting", 60.0, 0)
    share.led = None
    assert (await part.step(), counting.steps) == (1.0, 1)


async def test_an_instance_is_configured_as_long_as_a_living_daemon_knows_it(database_url: str) -> None:
    async with lookout(database_url, backups=1) as world:
        only = [Configured("sales-main", "primary", "wawp", "http://sales-main.test#0")]
        backup = world.id("backup-1")
        async with world.database.write() as connection:
            await instances.sync(connection, only, world.time.now(), known_elsewhere=[backup])
            assert (await instances.get(connection, "backup-1")).configured
            await instances.sync(connection, only, world.time.now())
            assert not (await instances.get(connection, "backup-1")).configured
