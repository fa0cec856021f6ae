"""Events against a real database and a simulated network: what they prove, and what only a look proves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.account.recovery_settings import ConfirmMethod
from orchestrator.account.session_state import recorded
from orchestrator.domain.memberships import Greeting, Reason, Status
from orchestrator.gateways.wawp.event_reading import read_event
from orchestrator.simulator.faults import Trouble
from orchestrator.simulator.model import AccountState
from orchestrator.simulator.truth import Kind
from tests.support.by_hand import membership, now, put, record, set_group, set_instance
from tests.support.defaults import greeting
from tests.support.events import drive, jid, process_all, processing, results, status, tell, waha, wawp
from tests.support.stage import Stage, brisk, set_stage
from tests.support.worlds import ACCOUNT, group, named, told, trouble, world

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.domain.outcomes import GatewayEvent

SPEED = 400.0
JOIN, LEAVE = "group.v2.join", "group.v2.leave"
GREETS = greeting(enabled=True)
OWN = {"own_phone": "15550100002", "own_lid": "900000000000002", "state": "working"}


async def asked(stage: Stage, kind: Status = Status.CONFIRMING, **values: Any) -> float:
    """The first group's join was sent a moment ago; when."""
    await set_instance(stage, **OWN)
    sent = await now(stage) - 5.0
    facts: dict[str, Any] = {
        "requested_at": sent,
        "jid": jid(stage, "Odd"),
        "joined_at": sent + 1,
        "next_attempt_at": sent + 9000,
    }
    await put(stage, 1, kind, **facts | values)
    return sent


async def active(stage: Stage, *, inside: bool = True) -> float:
    """The first group is active; since when."""
    since = await now(stage)
    await asked(stage, Status.ACTIVE, next_attempt_at=None, evidence="participant", confirmed_at=since)
    if inside:
        enter(stage)
    return since


def enter(stage: Stage) -> None:
    network = stage.world.network
    network.add_member(network.account(ACCOUNT), named(stage, "Odd"))


@pytest.mark.parametrize(
    "shape",
    [
        lambda jid, at: waha(JOIN, jid, at),
        lambda jid, at: waha("group.join", jid, at),
        lambda jid, at: wawp(JOIN, jid, at, "15550100002@c.us"),
        lambda jid, at: wawp(JOIN, jid, at, "15550107777@c.us", "900000000000002@lid"),
    ],
    ids=["waha", "old name", "wawp by phone", "wawp by lid"],
)
async def test_our_own_open_join_is_confirmed_by_an_event(
    sqlite_url: str, shape: Callable[[str, float], dict[str, Any]]
) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        sent = await asked(stage)
        async with processing(stage, brisk()) as processor:
            await tell(stage, shape(jid(stage, "Odd"), sent + 2))
            await processor.step()
        found = await membership(stage, 1)
        assert (found.status, found.evidence, found.jid) == (Status.ACTIVE, "event", jid(stage, "Odd"))
        assert found.confirmed_at is not None
        assert await results(stage) == ["confirmed"]
        assert stage.log.requests == []


@pytest.mark.parametrize(
    ("more", "result"),
    [
        ({"session": "wawp-84729105", "me": None}, "confirmed"),
        ({"session": "wawp-1", "me": None}, "ignored"),
        ({"session": "wawp-1"}, "confirmed"),  # for our own number
        ({"session": "wawp-84729105", "me": {"id": "15550109999@c.us"}}, "ignored"),
    ],
)
async def test_an_event_by_the_gateways_own_name_of_the_session_is_ours(
    sqlite_url: str, more: dict[str, Any], result: str
) -> None:
    """The name is the one that session/info told."""
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        stage.world.network.account(ACCOUNT).session_name = "wawp-84729105"
        sent = await asked(stage)
        context = await stage.context(brisk(), fence=None)
        async with recorded(context, await context.gateway.session()):
            pass
        await context.gateway.close()
        async with processing(stage, brisk()) as processor:
            await tell(stage, waha(JOIN, jid(stage, "Odd"), sent + 2, **more))
            await processor.step()
        assert await results(stage) == [result]


async def test_a_confirmed_group_is_to_be_greeted_and_told_of_in_the_journal(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        sent = await asked(stage, Status.AWAITING_APPROVAL, reason=Reason.APPROVAL_PENDING, joined_at=None)
        async with processing(stage, brisk(greeting=GREETS)) as processor:
            await tell(stage, waha(JOIN, jid(stage, "Odd"), sent + 2))
            await processor.step()
        found = await membership(stage, 1)
        assert (found.status, found.greeting) == (Status.ACTIVE, Greeting.PENDING)
        assert found.joined_at == found.confirmed_at
        lines = await told(stage.database, "heard")
        assert [line.group_id for line in lines] == [1]


async def test_replays_duplicates_and_old_events_change_nothing(database_url: str) -> None:
    async with set_stage(database_url, content=world(group("Odd")), speed=SPEED) as stage:
        sent = await asked(stage)
        event = waha(JOIN, jid(stage, "Odd"), sent + 2)
        async with processing(stage, brisk()) as processor:
            await tell(stage, waha(JOIN, jid(stage, "Odd"), sent - 500), event, event)
            await processor.step()
            first = await membership(stage, 1)
            await tell(stage, event, event | {"id": "evt_again"}, waha(LEAVE, jid(stage, "Odd"), sent - 500))
            await processor.step()
        assert first.status is Status.ACTIVE
        assert await membership(stage, 1) == first
        assert await results(stage) == ["stale", "confirmed", "known", "stale"]
        assert stage.log.requests == []


async def test_a_departure_that_is_heard_before_the_join_is_not_forgotten(database_url: str) -> None:
    """We joined, and were removed a moment later; the events come the wrong way round."""
    async with set_stage(database_url, content=world(group("Odd")), speed=SPEED) as stage:
        sent = await asked(stage)
        async with processing(stage, brisk()) as processor:
            await tell(stage, waha(LEAVE, jid(stage, "Odd"), sent + 4))
            await process_all(stage, processor)
            await tell(stage, waha(JOIN, jid(stage, "Odd"), sent + 2))
            await process_all(stage, processor)
        assert (await membership(stage, 1)).status is Status.CONFIRMING
        assert await results(stage) == ["absent", "absent"]


async def test_a_departure_in_the_same_batch_as_the_join_has_the_last_word(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        sent = await asked(stage)
        events = [waha(LEAVE, jid(stage, "Odd"), sent + 4), waha(JOIN, jid(stage, "Odd"), sent + 2)]
        async with processing(stage, brisk(greeting=GREETS)) as processor:
            await tell(stage, *events)
            await process_all(stage, processor)
        found = await membership(stage, 1)
        assert (found.status, found.greeting) == (Status.LEFT, Greeting.SKIPPED)


@pytest.mark.parametrize("known", ["phone", "nothing"])
async def test_a_removal_is_a_tip_and_the_look_decides(sqlite_url: str, known: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        since = await active(stage)
        if known == "nothing":
            await set_instance(stage, own_phone=None, own_lid=None)
        network = stage.world.network
        network.remove(network.account(ACCOUNT), named(stage, "Odd"))
        async with processing(stage, brisk()) as processor:
            await tell(stage, waha(LEAVE, jid(stage, "Odd"), since + 9))
            await process_all(stage, processor)
        found = await membership(stage, 1)
        assert (found.status, found.reason) == (Status.LEFT, None)
        assert await results(stage) == ["left"]
        assert stage.log.joins() == []


async def test_a_removal_that_is_told_as_one_says_whose_doing_it_was(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        since = await active(stage, inside=False)
        event = wawp("group.v2.participants", jid(stage, "Odd"), since + 9, "15550100002@c.us")
        event["payload"]["action"] = "remove"
        async with processing(stage, brisk()) as processor:
            await tell(stage, event)
            await process_all(stage, processor)
        found = await membership(stage, 1)
        assert (found.status, found.reason) == (Status.LEFT, Reason.REMOVED_BY_ADMIN)


async def test_what_a_person_wanted_to_leave_is_nobody_elses_doing(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        since = await active(stage, inside=False)
        async with stage.database.write() as connection:
            number = (await record(stage)).id
            await connection.exec_driver_sql(
                "insert into journal (at, kind, actor, instance_id, group_id, data)"  # noqa: S608 - numbers
                f" values ({since + 1}, 'act.leave', 'me', {number}, 1, '{{}}')"
            )
        async with processing(stage, brisk()) as processor:
            await tell(stage, waha(LEAVE, jid(stage, "Odd"), since + 9))
            await process_all(stage, processor)
        assert (await membership(stage, 1)).reason is Reason.OPERATOR


async def test_a_departure_that_is_not_true_moves_nothing(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        since = await active(stage)
        async with processing(stage, brisk()) as processor:
            await tell(stage, *(waha(LEAVE, jid(stage, "Odd"), since + n) for n in range(20)))
            await process_all(stage, processor)
        assert (await membership(stage, 1)).status is Status.ACTIVE
        assert set(await results(stage)) == {"known"}
        assert len(stage.log.of(Kind.PARTICIPANTS)) <= 2  # one at once, one when it had settled


async def test_refusals_of_a_session_that_does_not_work_prove_no_absence(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        since = await active(stage)
        trouble(stage, Trouble.IQ, Kind.PARTICIPANTS, iq=403)
        network = stage.world.network
        network.show_state(network.account(ACCOUNT), AccountState.STARTING)
        async with processing(stage, brisk()) as processor:
            await tell(stage, waha(LEAVE, jid(stage, "Odd"), since + 9))
            await drive(stage, processor, seconds=300)
        assert stage.log.of(Kind.PARTICIPANTS)
        assert (await membership(stage, 1)).status is Status.ACTIVE
        assert await results(stage) == [None]


async def test_a_tip_waits_while_the_session_is_down(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        since = await active(stage, inside=False)
        await set_instance(stage, state="disconnected")
        async with processing(stage, brisk()) as processor:
            await tell(stage, waha(LEAVE, jid(stage, "Odd"), since + 9))
            await drive(stage, processor, seconds=100)
            assert stage.log.requests == []
            assert await results(stage) == [None]
            await set_instance(stage, state="working")
            await process_all(stage, processor)
        assert (await membership(stage, 1)).status is Status.LEFT


@pytest.mark.parametrize(
    "status_", [Status.PENDING, Status.DEFERRED, Status.BLOCKED, Status.LEFT, Status.SKIPPED]
)
async def test_who_is_added_by_an_admin_is_in_after_a_look_and_greets_nobody(
    sqlite_url: str, status_: Status
) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        sent = await asked(stage, status_, reason=Reason.GROUP_FULL, joined_at=None, status_since=1.0)
        enter(stage)
        async with processing(stage, brisk(greeting=GREETS)) as processor:
            await tell(stage, waha(JOIN, jid(stage, "Odd"), sent + 2))
            await process_all(stage, processor)
        found = await membership(stage, 1)
        assert (found.status, found.evidence, found.greeting) == (Status.ACTIVE, "participant", Greeting.NONE)
        assert await results(stage) == ["seen_in"]


async def test_a_group_that_was_entered_by_mistake_does_not_become_active(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        await set_group(stage, 1, jid=None)
        sent = await asked(stage, Status.BLOCKED, reason=Reason.IDENTITY_MISMATCH)
        enter(stage)
        before = await membership(stage, 1)
        async with processing(stage, brisk()) as processor:
            await tell(stage, waha(JOIN, jid(stage, "Odd"), sent + 2))
            await process_all(stage, processor)
        assert await membership(stage, 1) == before
        assert await results(stage) == ["unknown_group"]


async def test_what_is_not_about_our_groups_is_recorded_and_asks_nothing(sqlite_url: str) -> None:
    """A community took us along; others join; it was meant for another account; nobody knows what it is."""
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        sent = await asked(stage)
        before = await membership(stage, 1)
        odd, stranger = jid(stage, "Odd"), {"id": "15550109999@c.us"}
        async with processing(stage, brisk()) as processor:
            await tell(
                stage,
                waha(JOIN, "120363999999999999@g.us", sent + 2),
                wawp(JOIN, odd, sent + 2, "15550107777@c.us", "15550100002@lid"),
                waha(JOIN, odd, sent + 2, me=stranger),
                waha("presence.update", odd, sent + 2),
            )
            await processor.step()
        assert await membership(stage, 1) == before
        assert await results(stage) == ["unknown_group", "not_us", "ignored", "ignored"]
        assert stage.log.requests == []


async def test_where_only_looks_count_an_event_causes_one(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        sent = await asked(stage)
        enter(stage)
        async with processing(stage, brisk(confirm=ConfirmMethod.LOOKUP)) as processor:
            await tell(stage, waha(JOIN, jid(stage, "Odd"), sent + 2))
            await process_all(stage, processor)
        found = await membership(stage, 1)
        assert (found.status, found.evidence) == (Status.ACTIVE, "participant")


async def test_the_sessions_state_is_taken_in_and_an_old_one_is_not(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        moment = await now(stage)
        await set_instance(stage, state="working", state_checked_at=moment - 100)
        async with processing(stage, brisk()) as processor:
            await tell(stage, status("SCAN_QR_CODE", moment - 10), status("WORKING", moment - 50))
            await processor.step()
        found = await record(stage)
        assert found.state == "needs_login"
        assert found.state_checked_at == pytest.approx(moment - 10, abs=0.01)
        assert await results(stage) == ["session", "stale"]


async def test_one_event_that_cannot_be_taken_holds_up_no_other(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def read(body: Any) -> GatewayEvent | None:
        if body["event"] == "poison":
            raise RuntimeError("a defect")
        return read_event(body)

    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        sent = await asked(stage)
        async with processing(stage, brisk(), read) as processor:
            odd = jid(stage, "Odd")
            await tell(stage, waha("poison", odd, sent), waha(JOIN, odd, sent + 2), waha("poison", odd, sent))
            await processor.step()
        assert await results(stage) == ["failed", "confirmed", "failed"]
        assert "a defect" in caplog.text


async def test_many_events_of_one_account_are_one_transaction(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Odd")), speed=SPEED) as stage:
        sent = await asked(stage)
        async with processing(stage, brisk()) as processor:
            odd = jid(stage, "Odd")
            await tell(stage, *(wawp(JOIN, odd, sent, "15550107777@c.us") for _ in range(100)))
            writes = 0
            plain = stage.database.write

            def counted(**how: bool) -> Any:
                nonlocal writes
                writes += 1
                return plain(**how)

            stage.database.write = counted  # type: ignore[method-assign]
            await processor.step()
        assert writes == 1
        assert set(await results(stage)) == {"not_us"}
