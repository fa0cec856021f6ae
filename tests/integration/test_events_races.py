"""Events heard while a recovery runs: before a join's answer, before the look, and beside a departure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from orchestrator.account.greet import Greeter
from orchestrator.account.loop import Ended, Job, run
from orchestrator.domain.memberships import Status
from orchestrator.domain.recoveries import End
from orchestrator.simulator.faults import Trouble, When
from orchestrator.simulator.truth import Effect, Kind
from orchestrator.store.recoveries import Scope
from orchestrator.store.tables import slots
from tests.support.by_hand import lines, membership, now, put, set_instance
from tests.support.defaults import greeting
from tests.support.events import jid, process_all, processing, tell, waha
from tests.support.stage import brisk, set_stage
from tests.support.worlds import ACCOUNT, group, judge, named, told, trouble, world

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.stage import Stage

SPEED = 100.0
JOIN, LEAVE = "group.v2.join", "group.v2.leave"
GREETS = brisk(greeting=greeting(enabled=True))


async def recover_with(
    stage: Stage, call: str, act: Callable[[], Awaitable[None]], *, before: bool = False
) -> Ended:
    """Something happens once while the answer to that call is on its way (or just before it leaves)."""
    context = await stage.context(GREETS)
    plain, acts = getattr(context.gateway, call), [act]

    async def played(*args: Any, **more: Any) -> Any:
        if before and acts:
            await acts.pop()()
        answer = await plain(*args, **more)
        if acts:
            await acts.pop()()
        return answer

    context.gateway.__dict__[call] = played
    try:
        return await run(context, Job(Scope()))
    finally:
        await context.gateway.close()


async def process_event(stage: Stage, event: str, *, wait: bool = True) -> None:
    async with processing(stage, GREETS) as processor:
        await tell(stage, waha(event, jid(stage, "Odd"), await now(stage)))
        if wait:
            await process_all(stage, processor)
        else:
            await processor.step()


async def slot_ends(stage: Stage) -> list[tuple[bool, str | None]]:
    async with stage.database.read() as connection:
        rows = (await connection.execute(select(slots).order_by(slots.c.id))).all()
    return [(row.finished_at is not None, row.outcome) for row in rows]


def greetings(stage: Stage) -> int:
    return len(stage.log.of(Kind.SEND))


@pytest.mark.parametrize(
    ("what", "outcome"), [(None, "joined"), (Trouble.CUT, "unknown"), (Trouble.NO_ID, "accepted")], ids=str
)
async def test_an_event_before_the_joins_own_answer_stands(
    sqlite_url: str, what: Trouble | None, outcome: str
) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        if what is not None:
            trouble(stage, what, Kind.JOIN, effect=When.DONE, times=1)
        ended = await recover_with(stage, "join", lambda: process_event(stage, JOIN))
        found = await membership(stage, 1)
        assert (found.status, found.evidence) == (Status.ACTIVE, "event")
        assert found.joined_at is not None
        assert (ended.end, ended.counts["active"]) == (End.COMPLETE, 1)
        assert await slot_ends(stage) == [(True, outcome)]
        assert [line["status"] for line in await lines(stage, "join")] == ["active"]
        assert greetings(stage) == 1
        assert len(await told(stage.database, "heard")) == 1
        await judge(stage)


async def test_an_event_whose_join_did_not_bring_us_in_greets_nobody(sqlite_url: str) -> None:
    """An admin let us in at the last moment, and WhatsApp says so to our join, or it was never sent."""
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:

        async def let_in() -> None:
            network = stage.world.network
            network.add_member(network.account(ACCOUNT), named(stage, "Odd"))
            await process_event(stage, JOIN)
            assert (await membership(stage, 1)).joined_at is not None  # as far as could be known

        await recover_with(stage, "join", let_in, before=True)
        found = await membership(stage, 1)
        assert (found.status, found.evidence, found.joined_at) == (Status.ACTIVE, "event", None)
        assert [ended for ended, _outcome in await slot_ends(stage)] == [True]


async def test_a_limit_that_is_met_by_a_join_which_an_event_confirmed_stops_the_account(
    sqlite_url: str,
) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        trouble(stage, Trouble.IQ, Kind.JOIN, iq=429, times=1)
        await recover_with(stage, "join", lambda: process_event(stage, JOIN))
        assert (await membership(stage, 1)).status is Status.ACTIVE
        paused = await lines(stage, "instance.paused")
        assert [line["reason"] for line in paused] == ["rate_limited"]


async def test_an_event_between_the_receipt_and_the_look_stands(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        ended = await recover_with(stage, "participants", lambda: process_event(stage, JOIN))
        found = await membership(stage, 1)
        assert (found.status, found.evidence) == (Status.ACTIVE, "event")
        assert (ended.end, greetings(stage)) == (End.COMPLETE, 1)
        await judge(stage)


async def test_a_departure_while_the_join_is_under_way_is_looked_up_afterwards(sqlite_url: str) -> None:
    """The event is untrue, or from before: it neither hinders the join nor is it forgotten."""
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        ended = await recover_with(stage, "join", lambda: process_event(stage, LEAVE, wait=False))
        assert ended.end is End.COMPLETE
        async with processing(stage, GREETS) as processor:
            await process_all(stage, processor)
        assert (await membership(stage, 1)).status is Status.ACTIVE
        await judge(stage)


async def test_who_is_removed_right_after_the_join_is_left_and_not_joined_again(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:

        async def thrown_out() -> None:
            async with processing(stage, GREETS) as processor:
                network = stage.world.network
                network.remove(network.account(ACCOUNT), named(stage, "Odd"))
                moment, odd = await now(stage), jid(stage, "Odd")
                await tell(stage, waha(JOIN, odd, moment), waha(LEAVE, odd, moment))
                await process_all(stage, processor)

        await recover_with(stage, "join", thrown_out)
        assert (await membership(stage, 1)).status is Status.LEFT
        assert [line["status"] for line in await lines(stage, "join")] == ["left"]
        assert len(stage.log.joins()) == 1
        assert not stage.log.effects(Effect.SENT)


async def test_two_that_greet_for_one_account_greet_once(database_url: str) -> None:
    """The daemon, and a recovery that begins just now."""
    async with set_stage(database_url, content=world(group("Odd")), speed=SPEED) as stage:
        network = stage.world.network
        network.add_member(network.account(ACCOUNT), named(stage, "Odd"))
        await set_instance(stage, own_phone="15550100002")
        facts: dict[str, Any] = {"jid": jid(stage, "Odd"), "evidence": "event", "greeting": "pending"}
        await put(stage, 1, Status.ACTIVE, **facts, confirmed_at=await now(stage))
        one = await stage.context(GREETS, fence=None)
        other = await stage.context(GREETS, fence=None)
        plain = one.gateway.group

        async def overtaken(jid: str) -> Any:
            answer = await plain(jid)
            await Greeter(other).step()
            return answer

        one.gateway.__dict__["group"] = overtaken
        await Greeter(one).step()
        assert greetings(stage) == 1
        assert (await membership(stage, 1)).greeting == "sent"
        await one.gateway.close()
        await other.gateway.close()


async def test_whoever_was_in_before_is_not_greeted_when_whatsapp_says_so_to_a_join(sqlite_url: str) -> None:
    content = world(group("Home", 'inside = ["backup-1"]'))
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        trouble(stage, Trouble.LIST_EMPTY, Kind.LIST)
        await stage.recover(GREETS)
        found = await membership(stage, 1)
        assert len(stage.log.joins()) == 1
        assert (found.status, found.joined_at, greetings(stage)) == (Status.ACTIVE, None, 0)


async def test_a_join_of_unknown_outcome_that_a_later_one_reveals_is_our_own_and_greeted(
    sqlite_url: str,
) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        trouble(stage, Trouble.LIST_EMPTY, Kind.LIST)
        network = stage.world.network
        network.add_member(network.account(ACCOUNT), named(stage, "Odd"))
        await put(stage, 1, Status.PENDING, unknowns=1, requested_at=await now(stage) - 600)
        await stage.recover(GREETS)
        found = await membership(stage, 1)
        assert (found.status, greetings(stage)) == (Status.ACTIVE, 1)
        assert found.joined_at is not None
