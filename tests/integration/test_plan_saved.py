"""Saved plans: read back as they were, private, without codes, and refused once they are stale."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, update

from orchestrator.account import plan_json as saved
from orchestrator.account.loop import Job, run
from orchestrator.account.plan_making import make_plan
from orchestrator.account.plan_result import Decision, Plan
from orchestrator.domain.errors import InputRejectedError, UsageError
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.verification import Mode
from orchestrator.store.recoveries import Scope
from orchestrator.store.tables import group_instances, groups, invite_codes
from tests.support.by_hand import BACKUP, network_group, now, put, set_group
from tests.support.defaults import allowing
from tests.support.stage import Stage, brisk, set_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ALLOW = allowing()


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    async with set_stage(database_url, groups=4) as prepared:
        yield prepared


def leftovers(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir() if one.name.startswith(".plan")]


async def plan_of(stage: Stage) -> Plan:
    return await make_plan(stage.database, BACKUP, Scope(), settings=brisk())


async def test_a_saved_plan_is_read_back_as_it_was(stage: Stage, tmp_path: Path) -> None:
    await put(stage, 3, Status.DEFERRED, Reason.GROUP_FULL, next_attempt_at=round(await now(stage)) + 1000.0)
    plan = await plan_of(stage)
    file = tmp_path / "plan.json"

    saved.save(plan, file)
    read = saved.load(file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read.lines == plan.lines
    assert (read.instance, read.scope, read.counts) == (plan.instance, plan.scope, plan.counts)
    assert read.made_at == pytest.approx(plan.made_at, abs=0.001)
    assert leftovers(tmp_path) == []


async def test_a_saved_plan_holds_no_code(stage: Stage) -> None:
    text = json.dumps(saved.to_json(await plan_of(stage)))
    for row in stage.world.rows:
        assert row.code not in text
    assert "fp-1" in text


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"type":"plan","schema":1}', '{"type":"plan","schema":2}', "é"]
)
def test_what_is_no_plan_is_refused_with_a_sentence(text: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match="not a plan"):
        saved.load(file)


async def test_a_plan_is_fresh_until_a_code_or_an_expectation_of_its_joins_changes(stage: Stage) -> None:
    await put(stage, 4, Status.SKIPPED)
    plan = await plan_of(stage)
    assert await saved.check_saved(stage.database, plan, ALLOW) == []
    assert plan.counts[Decision.JOIN] == 3

    async with stage.database.write() as connection:
        changed = update(invite_codes).where(invite_codes.c.group_id == 1)
        await connection.execute(changed.values(fingerprint="another"))
    await set_group(stage, 2, subject="Something else")
    await set_group(stage, 4, subject="Of no matter: it is not joined")
    async with stage.database.write() as connection:
        await connection.execute(delete(invite_codes).where(invite_codes.c.group_id == 3))

    name = {line.group_id: f"line {n}: {line.group}" for n, line in enumerate(plan.lines, 1)}
    assert set(await saved.check_saved(stage.database, plan, ALLOW)) == {
        f"{name[1]}: its invite code changed",
        f"{name[2]}: what the allow-list expects of it changed",
        f"{name[3]}: its invite code is gone",
    }
    with pytest.raises(InputRejectedError) as stale:
        await saved.require_fresh(stage.database, plan, ALLOW)
    assert len(stale.value.problems) == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [("id", "1e9999"), ("id", "9" * 30), ("priority", "9" * 25), ("sentence", "[" * 400 + "]" * 400)],
)
async def test_a_plan_with_what_no_plan_holds_is_refused(stage: Stage, field: str, value: str) -> None:
    whole = saved.to_json(await plan_of(stage))
    whole["groups"][0][field] = "HERE"

    with pytest.raises(UsageError, match="not a plan"):
        saved.from_json(json.dumps(whole).replace('"HERE"', value))


async def test_a_stricter_allow_list_makes_every_line_stale(stage: Stage) -> None:
    plan = await plan_of(stage)
    strict = allowing(mode=Mode.LISTED_JIDS)
    assert len(await saved.check_saved(stage.database, plan, strict)) == 4
    owned = allowing(owners=frozenset({"15550100001"}))
    assert len(await saved.check_saved(stage.database, plan, owned)) == 4


async def test_a_group_that_is_gone_makes_the_plan_stale(stage: Stage) -> None:
    plan = await plan_of(stage)
    async with stage.database.write() as connection:
        await connection.execute(delete(invite_codes).where(invite_codes.c.group_id == 2))
        await connection.execute(delete(group_instances).where(group_instances.c.group_id == 2))
        await connection.execute(delete(groups).where(groups.c.id == 2))
    problems = await saved.check_saved(stage.database, plan, ALLOW)
    assert len(problems) == 1
    assert "not in the list any more" in problems[0]


async def test_a_run_of_a_saved_plan_joins_exactly_its_joins(stage: Stage) -> None:
    await put(stage, 4, Status.SKIPPED)
    plan = await plan_of(stage)
    await put(stage, 3, Status.PENDING)  # left over from an earlier recovery
    context = await stage.context(brisk())
    try:
        ended = await run(context, Job(plan.scope, only=plan.join_ids[:2]))
    finally:
        await context.gateway.close()

    joined = {request.group for request in stage.log.joins(BACKUP)}
    assert joined == {network_group(stage, number).jid for number in plan.join_ids[:2]}
    assert ended.counts["active"] == 2
