"""A fact and the message that tells it are written together or not at all, once for each time it comes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, select

from orchestrator.account import pauses
from orchestrator.domain.memberships import MembershipEvidence, Reason, Status
from orchestrator.operations.ordering import stop
from orchestrator.operations.pausing import pause
from orchestrator.operations.retry_skip import retry, skip
from orchestrator.store import memberships
from orchestrator.store.tables import group_labels, messages
from tests.support.by_hand import BACKUP, put, put_recovery, set_group, set_instance
from tests.support.stage import Stage, brisk, set_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.account.context import Context
    from orchestrator.store.memberships import Membership

ANA = "ana@box"
JID = "120363025246125486@g.us"
LINK = "chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv"


on_both = pytest.mark.usefixtures("database_url")


@pytest.fixture
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """On SQLite; on both databases where a test says so."""
    wanted = "database_url" if "database_url" in request.fixturenames else "sqlite_url"
    async with set_stage(request.getfixturevalue(wanted), groups=3) as prepared:
        yield prepared


@pytest.fixture
async def context(stage: Stage) -> AsyncIterator[Context]:
    made = await stage.context(brisk(), fence=None)
    yield made
    await made.gateway.close()


async def told(stage: Stage, kind: str | None = None) -> list[dict[str, Any]]:
    """Kind, the outbox's subject (`about`) and data of the messages, in order."""
    m = messages.c
    async with stage.database.read() as connection:
        rows = (await connection.execute(select(m.kind, m.subject, m.data).order_by(m.id))).all()
    found = [{"kind": row[0], "about": row[1], **json.loads(row[2])} for row in rows]
    return [one for one in found if kind in (None, one["kind"])]


async def read(stage: Stage, group_id: int) -> Membership:
    async with stage.database.read() as connection:
        work = await memberships.by_group(connection, 2, group_id)
    assert work is not None
    return work.membership


@on_both
async def test_a_group_that_became_active_is_told_with_its_jid_and_evidence(
    stage: Stage, context: Context
) -> None:
    await put(stage, 1, Status.CONFIRMING, requested_at=1.0)
    await set_group(stage, 1, name=f"North {LINK}")
    async with stage.database.write() as connection:
        rows = [{"group_id": 1, "label": "vip"}, {"group_id": 1, "label": "north"}]
        await connection.execute(group_labels.insert(), rows)
    old = await read(stage, 1)

    async with context.writing() as writing:
        at, proof = 1_800_000_000.0, MembershipEvidence.PARTICIPANT
        writing.move(old, Status.ACTIVE, jid=JID, evidence=proof, confirmed_at=at)

    (message,) = await told(stage)
    subject = message.pop("subject")
    assert subject == stage.world.rows[0].subject
    assert message == {
        "kind": "group.active",
        "about": "group:1",
        "group": "North chat.whatsapp.com/…StUv",
        "slug": "group-1",
        "jid": JID,
        "labels": ["north", "vip"],
        "instance": BACKUP,
        "recovery": None,
        "status": "active",
        "was": "confirming",
        "reason": None,
        "sentence": "in the group, with its JID and evidence on disk",
        "mover": "rejoin",
        "hint": "nothing to do",
        "command": None,
        "detail": None,
        "evidence": "participant",
        "members": None,
        "joined_at": None,
        "confirmed_at": "2027-01-15T08:00:00Z",
    }


@on_both
async def test_a_retry_that_blocks_again_is_told_again_and_the_retry_is_not(
    stage: Stage, context: Context
) -> None:
    await put(stage, 1, Status.PENDING)
    for _ in range(2):
        old = await read(stage, 1)
        async with context.writing() as writing:
            writing.move(old, Status.BLOCKED, Reason.CODE_REVOKED)
        await retry(stage.database, BACKUP, actor=ANA, groups=["group-1"])
    await skip(stage.database, BACKUP, ["group-1"], actor=ANA)

    blocked = await told(stage)
    assert [one["kind"] for one in blocked] == ["group.blocked"] * 2
    assert blocked[0]["command"] == "rejoin groups set-code group-1"


@on_both
async def test_a_move_that_somebody_else_forestalled_is_not_told(stage: Stage, context: Context) -> None:
    await put(stage, 1, Status.PENDING)
    old = await read(stage, 1)
    await skip(stage.database, BACKUP, ["group-1"], actor=ANA)

    async with context.writing() as writing:
        writing.move(old, Status.BLOCKED, Reason.CODE_REVOKED)

    assert await told(stage) == []


async def test_a_status_that_stays_is_not_told(stage: Stage, context: Context) -> None:
    await put(stage, 1, Status.BLOCKED, Reason.GROUP_FULL)
    old = await read(stage, 1)

    async with context.writing() as writing:
        writing.move(old, Status.BLOCKED, Reason.GROUP_LOCKED)

    assert await told(stage) == []


@on_both
async def test_what_is_undone_is_not_told(stage: Stage, context: Context) -> None:
    await put(stage, 1, Status.PENDING)
    old = await read(stage, 1)

    async def break_off() -> None:
        async with context.writing() as writing:
            writing.move(old, Status.BLOCKED, Reason.CODE_REVOKED)
            await writing.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await break_off()

    assert await told(stage) == []


async def test_where_nothing_concerns_anybody_nothing_more_is_asked(stage: Stage, context: Context) -> None:
    await put(stage, 1, Status.PENDING)
    old = await read(stage, 1)
    asked: list[str] = []
    event.listen(stage.database.engine.sync_engine, "before_cursor_execute", lambda *a: asked.append(a[2]))

    async with context.writing() as writing:
        writing.move(old, Status.CONFIRMING, next_attempt_at=1.0)
        writing.note("look", None, seen="listed")

    assert not [one for one in asked if "messages" in one or "FROM groups" in one]


async def test_a_pause_is_told_and_one_that_changes_nothing_is_not(stage: Stage, context: Context) -> None:
    async with context.writing() as writing:
        await pauses.restrict(writing, writing.now + 3600)
    await pause(stage.database, BACKUP, actor=ANA, because="tea", until=(await _now(stage)) + 60)
    await set_instance(stage, pause_reason=None)
    await pause(stage.database, BACKUP, actor=ANA, because="tea", until=(await _now(stage)) + 60)

    automatic, by_person = await told(stage)
    assert (automatic["kind"], automatic["reason"], automatic["short"]) == (
        "instance.paused",
        "restricted",
        False,
    )
    assert (by_person["reason"], by_person["text"], by_person["by"], by_person["short"]) == (
        "operator",
        "tea",
        ANA,
        True,
    )


async def _now(stage: Stage) -> float:
    async with stage.database.read() as connection:
        return await stage.database.now(connection)


async def test_a_recovery_that_a_person_ends_is_told_with_its_counts(stage: Stage) -> None:
    number = await put_recovery(stage)

    await stop(stage.database, number, actor=ANA)
    await stop(stage.database, number, actor=ANA)

    (ended,) = await told(stage)
    assert (ended["kind"], ended["about"]) == ("recovery.finished", f"recovery:{number}")
    assert (ended["outcome"], ended["total"], ended["active"]) == ("stopped", 3, 0)
    assert ended["counts"]["pending"] == 3


async def test_a_whole_recovery_tells_its_start_each_group_and_its_end(stage: Stage) -> None:
    ended = await stage.recover(brisk())

    kinds = [one["kind"] for one in await told(stage)]
    assert kinds == ["recovery.started", *["group.active"] * 3, "recovery.finished"]
    last = (await told(stage))[-1]
    assert (last["outcome"], last["active"], last["total"], last["by_itself"]) == ("complete", 3, 3, False)
    assert last["recovery"] == ended.recovery_id
    groups = await told(stage, "group.active")
    assert {one["about"] for one in groups} == {"group:1", "group:2", "group:3"}
    everything = json.dumps(await told(stage))
    codes = [row.code for row in stage.world.rows]
    token = stage.world.network.account(BACKUP).access_token
    assert not [secret for secret in (*codes, token) if secret in everything]
