"""Two instances of one number: the later one stands still, whoever is asked first, until they differ."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.account.session_state import Reader, record_answer, recorded
from orchestrator.domain.errors import ConfigurationError
from orchestrator.domain.identity import OwnIds
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.outcomes import GatewayAnswer, InstanceState, Outcome, SessionAnswer
from orchestrator.domain.recoveries import End
from orchestrator.operations import pausing
from orchestrator.simulator import deeds
from orchestrator.store import instances
from tests.support.by_hand import record
from tests.support.stage import brisk, set_stage
from tests.support.worlds import ACCOUNT, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.account.context import Context
    from tests.support.stage import Stage

PHONE, LID = "15550100002", "900000000000002"
PRIMARY = "sales-main"


@pytest.fixture(params=["sqlite", "postgresql"])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    url = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    async with set_stage(url, content=world(generate=3)) as made:
        yield made


async def configure(stage: Stage, *names: str, **accounts: str) -> None:
    roles = {PRIMARY: "primary"}
    entries = [
        instances.Configured(name, roles.get(name, "backup"), "wawp", accounts.get(name, f"sim#{name}"))
        for name in names
    ]
    async with stage.database.write() as connection:
        await instances.sync(connection, entries, await stage.database.now(connection))


async def said(stage: Stage, name: str, **ids: Any) -> None:
    """What a session says, as the watcher records it."""
    answer = SessionAnswer(GatewayAnswer(Outcome.OK), InstanceState.WORKING, "WORKING", **ids)
    async with stage.database.write() as connection:
        rows = await instances.lock_all(connection)
        now = await stage.database.now(connection)
        one = await instances.get(connection, name)
        await record_answer(connection, one, answer, Reader("watcher", now), rows)


async def test_a_backup_that_is_the_primarys_number_stands_still(stage: Stage) -> None:
    await said(stage, PRIMARY, phone=PHONE)
    with pytest.raises(ConfigurationError, match=f"the same number as {PRIMARY}"):
        await stage.recover(brisk())
    row = await record(stage)
    assert (row.pause_reason, row.pause_text) == (Reason.SAME_ACCOUNT.value, f"the same number as {PRIMARY}")
    assert stage.log.joins(ACCOUNT) == []


async def test_a_number_that_is_known_by_its_lid_alone_is_recognised(stage: Stage) -> None:
    await said(stage, PRIMARY, lid=LID)
    with pytest.raises(ConfigurationError):
        await stage.recover(brisk())
    assert stage.log.joins(ACCOUNT) == []


@pytest.mark.parametrize("later", [False, True])
async def test_a_phone_alone_and_a_lid_alone_may_be_one_number(stage: Stage, later: bool) -> None:
    """Nothing keeps the two apart, until both tell one kind; who joined first does not matter."""
    account = stage.world.network.account(ACCOUNT)
    account.lid, phone = "", account.phone
    if later:  # it has joined one before the other one says anything
        await stage.recover(brisk(), joins_left=1)
    await said(stage, PRIMARY, lid=LID)
    joined = len(stage.log.joins(ACCOUNT))

    with pytest.raises(ConfigurationError, match=rf"perhaps .* the same number as {PRIMARY}"):
        await stage.recover(brisk())
    assert (await record(stage)).pause_reason == Reason.SAME_ACCOUNT.value
    assert len(stage.log.joins(ACCOUNT)) == joined == later

    await said(stage, PRIMARY, phone="15550100009", lid=LID)
    assert (await record(stage)).own == OwnIds(phone)
    assert (await stage.recover(brisk())).end is End.COMPLETE


async def test_it_goes_on_by_itself_when_the_other_one_left_the_configuration(stage: Stage) -> None:
    await said(stage, PRIMARY, phone=PHONE)
    await said(stage, ACCOUNT, phone=PHONE)
    assert (await record(stage)).pause_reason == Reason.SAME_ACCOUNT.value
    await configure(stage, ACCOUNT)
    await said(stage, ACCOUNT, phone=PHONE)
    assert (await record(stage)).pause_reason is None
    assert (await stage.recover(brisk())).end is End.COMPLETE


async def test_it_goes_on_by_itself_when_the_other_one_is_another_number(stage: Stage) -> None:
    await said(stage, PRIMARY, phone=PHONE)
    await said(stage, ACCOUNT, phone=PHONE)
    await said(stage, PRIMARY, phone="15550100009")
    assert (await record(stage)).pause_reason is None


async def test_a_person_who_resumes_it_gets_no_slot_for_it(stage: Stage) -> None:
    await said(stage, PRIMARY, phone=PHONE)
    await said(stage, ACCOUNT, phone=PHONE)
    await pausing.resume(stage.database, ACCOUNT, actor="ana")
    with pytest.raises(ConfigurationError):
        await stage.recover(brisk())
    assert (await record(stage)).pause_reason == Reason.SAME_ACCOUNT.value
    assert stage.log.joins(ACCOUNT) == []


async def test_a_persons_pause_stays_and_still_no_slot_is_given(stage: Stage) -> None:
    await said(stage, PRIMARY, phone=PHONE)
    await pausing.pause(stage.database, ACCOUNT, actor="ana")
    with pytest.raises(ConfigurationError, match="the same number"):
        await stage.recover(brisk())
    assert (await record(stage)).pause_reason == Reason.OPERATOR.value
    assert stage.log.joins(ACCOUNT) == []


async def test_an_entry_that_leads_to_another_account_is_compared_with_the_old_one(stage: Stage) -> None:
    """`instance_id` was changed in the file: the memberships of the old number count for nothing."""
    await stage.recover(brisk())
    await configure(stage, PRIMARY, ACCOUNT, **{ACCOUNT: "sim#300"})
    deeds.do(stage.world.network, {"do": "pair", "account": ACCOUNT, "phone": "15550100777"})
    context = await stage.context(brisk(), fence=None)
    async with recorded(context, await context.gateway.session()) as (_writing, seen):
        assert seen.record.own == OwnIds("15550100777")
    await context.gateway.close()
    assert {one for one, _ in (await stage.statuses()).values()} == {Status.LEFT}


async def test_an_entry_that_leads_to_the_same_number_elsewhere_keeps_its_memberships(stage: Stage) -> None:
    await stage.recover(brisk())
    await configure(stage, PRIMARY, ACCOUNT, **{ACCOUNT: "sim#300"})
    context = await stage.context(brisk(), fence=None)
    async with recorded(context, await context.gateway.session()):
        pass
    await context.gateway.close()
    assert {one for one, _ in (await stage.statuses()).values()} == {Status.ACTIVE}


async def test_no_slot_is_given_before_a_reading_under_this_very_lease(stage: Stage) -> None:
    """A reading of the lease before does not count."""
    await stage.recover(brisk())
    before = await record(stage)
    assert before.identified_fence == before.fence
    stage.world.network.account(ACCOUNT).phone = stage.world.network.account(ACCOUNT).lid = ""
    with pytest.raises(Exception, match="does not say which number"):
        await stage.recover(brisk(patience=20.0))
    after = await record(stage)
    assert after.fence > before.fence
    assert after.identified_fence != after.fence


async def test_of_two_that_say_at_one_moment_who_they_are_only_the_earlier_one_may_join(
    stage: Stage,
) -> None:
    """Each in a transaction of its own, neither known before: one of them sees what the other wrote."""
    await configure(stage, PRIMARY, ACCOUNT, "backup-2")
    contexts = [await stage.context(brisk()), await stage.context(brisk())]
    contexts[1].instance_id = (await record(stage, "backup-2")).id
    unknown = ("own_phone", "own_lid", "identified_fence", "pause_reason", "pause_text")
    answer = await contexts[0].gateway.session()
    for _ in range(15):
        async with stage.database.write() as connection:
            for context in contexts:
                await instances.set_values(connection, context.instance_id, **dict.fromkeys(unknown))
        await asyncio.gather(*(_record(context, answer) for context in contexts))
        earlier, later = await record(stage), await record(stage, "backup-2")
        assert earlier.identified_fence == contexts[0].fence
        assert later.identified_fence is None
        assert later.pause_reason == Reason.SAME_ACCOUNT.value
    for context in contexts:
        await context.gateway.close()


async def _record(context: Context, answer: SessionAnswer) -> None:
    async with recorded(context, answer):
        await asyncio.sleep(0)
