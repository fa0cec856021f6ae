"""What a run learns of the codes: it is on record, the doctor sees it, and it costs no statement twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, select

from orchestrator.account.plan_making import make_plan
from orchestrator.account.plan_probes import Probing
from orchestrator.account.plan_result import Decision
from orchestrator.domain.memberships import Status
from orchestrator.simulator.faults import Trouble
from orchestrator.simulator.truth import Kind
from orchestrator.store import groups
from orchestrator.store.recoveries import Scope
from orchestrator.store.tables import invite_codes, memberships
from tests.support.by_hand import BACKUP, lines, membership, network_group, put, set_group, trouble
from tests.support.defaults import retrying
from tests.support.stage import Stage, brisk, plain_code, set_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.account.plan_result import Plan

ONE_TRY = retrying(read_tries=1)


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    async with set_stage(database_url, groups=4, speed=600.0) as prepared:
        yield prepared


async def planned(stage: Stage) -> Plan:
    gateway = stage.gateway()
    probing = Probing(gateway, stage.clock, plain_code, "ana@box")
    settings = brisk(retry=ONE_TRY, probe_gap=0.0)
    try:
        return await make_plan(stage.database, BACKUP, Scope(), settings=settings, probing=probing)
    finally:
        await gateway.close()


async def verdicts(stage: Stage) -> list[str | None]:
    query = select(invite_codes.c.verdict).order_by(invite_codes.c.group_id)
    async with stage.database.read() as connection:
        return list((await connection.execute(query)).scalars())


async def test_a_run_records_what_its_probes_say_of_the_codes_and_the_doctor_sees_it(stage: Stage) -> None:
    stage.world.network.reset_code(network_group(stage, 1))
    await set_group(stage, 2, jid="120363999999999999@g.us")

    await stage.recover(brisk())

    assert await verdicts(stage) == ["code_revoked", "identity_mismatch", "good", "good"]
    async with stage.database.read() as connection:
        dead = await groups.with_dead_code(connection)
    assert (dead.count, dead.slugs) == (2, ("group-1", "group-2"))


async def test_a_code_that_died_between_its_probe_and_its_join_is_known_as_dead(stage: Stage) -> None:
    trouble(stage, Trouble.IQ, Kind.JOIN, times=1, iq=410, group=network_group(stage, 1).jid)

    await stage.recover(brisk())

    assert await verdicts(stage) == ["code_revoked", "good", "good", "good"]


async def test_what_is_known_of_a_code_already_is_not_written_again(stage: Stage) -> None:
    await stage.recover(brisk())
    async with stage.database.write() as connection:
        again = memberships.update().values(status=Status.PENDING.value, jid=None, verified_at=None)
        await connection.execute(again)
    written: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: Any) -> None:
        if statement.startswith("UPDATE invite_codes"):
            written.append(statement)

    engine = stage.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await stage.recover(brisk())
    finally:
        event.remove(engine, "before_cursor_execute", note)

    assert await verdicts(stage) == ["good"] * 4
    assert written == []


async def test_a_plan_says_what_a_run_does_at_the_last_attempt(stage: Stage) -> None:
    await put(stage, 1, Status.PENDING, attempts=4)
    trouble(stage, Trouble.CUT, Kind.PROBE, times=1, group=network_group(stage, 1).jid)
    told = (await planned(stage)).lines[0]
    trouble(stage, Trouble.CUT, Kind.PROBE, times=1, group=network_group(stage, 1).jid)
    await stage.recover(brisk(retry=ONE_TRY))

    done = await membership(stage, 1)
    assert (told.decision, told.reason) == (Decision.BLOCKED, "attempts_exhausted")
    assert (done.status, done.reason) == (Status.BLOCKED, "attempts_exhausted")


async def test_one_call_that_the_gateway_does_not_know_puts_one_group_off_as_in_a_run(stage: Stage) -> None:
    trouble(stage, Trouble.HTTP, Kind.PROBE, times=1, status=405, group=network_group(stage, 1).jid)

    plan = await planned(stage)

    assert [line.decision for line in plan.lines] == [Decision.DEFERRED] + 3 * [Decision.JOIN]
    assert plan.lines[0].reason == "not_supported"


async def test_neither_plan_nor_journal_shows_a_secret_of_a_groups_subject(stage: Stage) -> None:
    code, token = "SalesteamnorthgateHmbg", "q1w2e3r4t5"
    network_group(stage, 1).subject = f"Sales {code} token={token}"
    await set_group(stage, 1, jid="120363999999999999@g.us")

    plan = await planned(stage)
    await stage.recover(brisk())

    assert plan.lines[0].reason == "identity_mismatch"
    shown = f"{plan} {await lines(stage, 'probe')} {(await membership(stage, 1)).detail}"
    assert code not in shown
    assert token not in shown
    assert "…Hmbg" in shown
