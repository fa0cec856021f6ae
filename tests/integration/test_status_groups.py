from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.domain.errors import NotFoundError, UsageError
from orchestrator.domain.hints import Mover
from orchestrator.domain.memberships import Bucket, Reason, Status
from orchestrator.status.as_json import explanation_json, group_json
from orchestrator.status.group_status import list_memberships
from orchestrator.status.past import ChangeFeed, history, read_journal
from orchestrator.status.views import Phase
from orchestrator.store import schema
from orchestrator.store.engine import Database
from orchestrator.store.group_rows import Filters
from orchestrator.store.tables import memberships
from tests.integration.status_rows import NOW, Rows
from tests.support.defaults import explain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.store.group_rows import GroupRow


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    await schema.upgrade(opened)
    yield opened
    await opened.close()


@pytest.fixture
def rows(database: Database) -> Rows:
    return Rows(database)


async def listed(database: Database, filters: Filters | None = None, **more: Any) -> list[GroupRow]:
    found = list_memberships(database, filters or Filters(), now=NOW, **more)
    return [row async for row in found]


async def test_a_group_without_any_membership_is_listed_and_waits(database: Database, rows: Rows) -> None:
    await rows.group("Team Porto", labels=("vip", "north"), code="abcd", jid="1@g.us")

    (row,) = await listed(database)

    assert group_json(row) == {
        "group": "Team Porto",
        "slug": "team-porto",
        "jid": "1@g.us",
        "instance": None,
        "status": None,
        "reason": None,
        "bucket": "waiting",
        "detail": None,
        "since": None,
        "attempts": 0,
        "next_attempt_at": None,
        "joined_at": None,
        "confirmed_at": None,
        "evidence": None,
        "greeting": None,
        "code_last4": "abcd",
        "labels": ["north", "vip"],
        "priority": 0,
        "members": None,
        "recovery": None,
    }


async def test_a_group_has_one_row_for_each_instance(database: Database, rows: Rows) -> None:
    group = await rows.group("Shared")
    for name in ("backup-1", "backup-2"):
        await rows.membership(await rows.instance(name), Status.ACTIVE, group=group)

    assert [row.instance for row in await listed(database)] == ["backup-1", "backup-2"]


async def test_the_filters_narrow_the_list(database: Database, rows: Rows) -> None:
    to = await rows.instance()
    other = await rows.instance("backup-2")
    one = await rows.group("Retail Braga", labels=("vip",))
    two = await rows.group("Suppliers 100%")
    three = await rows.group("Gone")
    await rows.group("Untouched")
    await rows.membership(to, Status.ACTIVE, group=one)
    await rows.membership(to, Status.BLOCKED, Reason.CODE_REVOKED, group=two)
    await rows.membership(other, Status.LEFT, Reason.OPERATOR, group=three)

    async def names(filters: Filters) -> list[str]:
        return [row.group for row in await listed(database, filters)]

    assert await names(Filters(bucket=Bucket.DONE)) == ["Retail Braga"]
    assert await names(Filters(bucket=Bucket.NEEDS_YOU)) == ["Suppliers 100%"]
    assert await names(Filters(bucket=Bucket.SKIPPED)) == ["Gone"]
    assert await names(Filters(bucket=Bucket.WAITING)) == ["Untouched"]
    assert await names(Filters(labels=["vip"])) == ["Retail Braga"]
    assert await names(Filters(search="braga")) == ["Retail Braga"]
    assert await names(Filters(search="0%")) == ["Suppliers 100%"]
    assert await names(Filters(instance="backup-2")) == ["Gone"]
    assert await names(Filters(status=Status.BLOCKED, reason=Reason.CODE_REVOKED)) == ["Suppliers 100%"]
    assert await names(Filters(status=Status.BLOCKED, reason=Reason.GROUP_FULL)) == []


async def test_a_label_and_an_instance_are_listed_however_they_are_typed(
    database: Database, rows: Rows
) -> None:
    one = await rows.group("A", labels=("Köln",))
    two = await rows.group("B", labels=("KÖLN",))
    await rows.group("C", labels=("Koln",))
    await rows.membership(await rows.instance("backup-1"), Status.ACTIVE, group=one)
    await rows.membership(await rows.instance("Backup-1"), Status.ACTIVE, group=two)
    await rows.membership(await rows.instance("Backup-2"), Status.ACTIVE, group=two)

    assert [row.group for row in await listed(database, label="köln", instance="backup-1")] == ["A"]
    assert [row.group for row in await listed(database, label="KO\u0308LN", instance="backup-2")] == ["B"]
    assert await listed(database, label="Kol") == []
    assert await listed(database, instance="backup-3") == []
    with pytest.raises(UsageError, match="Several instances"):
        await listed(database, instance="BACKUP-1")
    assert (await explain(database, "b", instance="BACKUP-2", now=NOW)).row.instance == "Backup-2"


async def test_pending_groups_of_a_paused_instance_show_its_reason_and_end(
    database: Database, rows: Rows
) -> None:
    to = await rows.instance(pause_reason="restricted", paused_until=NOW + 500)
    await rows.membership(to, Status.PENDING)
    await rows.membership(to, Status.BLOCKED, Reason.CODE_REVOKED)

    first, second = await listed(database)

    assert (first.reason, first.next_attempt_at) == (Reason.RESTRICTED, NOW + 500)
    assert (second.reason, second.next_attempt_at) == (Reason.CODE_REVOKED, None)


async def test_explain_tells_the_place_in_line_and_the_time_of_its_turn(
    database: Database, rows: Rows
) -> None:
    to = await rows.instance()
    recovery = await rows.recovery(to, pace=4.0)
    await rows.membership(to, Status.READY, recovery=recovery)
    last = await rows.group("Last")
    await rows.membership(to, Status.PENDING, recovery=recovery, priority=5)
    await rows.membership(to, Status.PENDING, recovery=recovery)
    await rows.membership(to, Status.PENDING, recovery=recovery, group=last)
    await rows.membership(to, Status.PENDING, recovery=recovery)

    found = await explain(database, "last", now=NOW)

    assert found.place == 3
    assert found.expected_at == NOW + 3 * 15
    assert found.until == found.expected_at
    assert found.hint.mover is Mover.REJOIN


async def test_explain_says_when_nobody_works_on_it(database: Database, rows: Rows) -> None:
    to = await rows.instance(lease_until=None)
    group = await rows.group("Idle")
    await rows.membership(to, Status.PENDING, recovery=await rows.recovery(to), group=group)

    found = await explain(database, "Idle", now=NOW)

    assert str(found.hint.command) == "rejoin run --from sales-main"
    assert found.expected_at is None


async def test_explain_names_the_pause_where_nobody_works_and_a_run_would_only_wait(
    database: Database, rows: Rows
) -> None:
    paused = {"lease_until": None, "pause_reason": "gateway_limit", "paused_at": NOW - 5}
    for name, until in (("backup-1", NOW + 7200), ("backup-2", None)):
        to = await rows.instance(name, paused_until=until, **paused)
        group = await rows.group(f"Idle {name}")
        await rows.membership(to, Status.PENDING, recovery=await rows.recovery(to), group=group)

    waits = await explain(database, "Idle backup-1", now=NOW)
    stands = await explain(database, "Idle backup-2", now=NOW)

    assert "the gateway's own limit" in waits.hint.sentence
    assert str(waits.hint.command).startswith("rejoin run")
    assert waits.until == NOW + 7200
    assert str(stands.hint.command).startswith("rejoin resume")


async def test_explain_of_a_group_that_nothing_was_tried_for(database: Database, rows: Rows) -> None:
    await rows.group("Fresh")

    found = await explain(database, "fresh", now=NOW)

    assert found.row.status is None
    assert str(found.hint.command) == "rejoin plan"


async def test_explain_shows_identity_joins_and_journal(database: Database, rows: Rows) -> None:
    to = await rows.instance()
    group = await rows.group("VIP Lisbon", jid="1203@g.us", subject="VIP Lisbon", owner="351900000000")
    member = await rows.membership(
        to,
        Status.BLOCKED,
        Reason.IDENTITY_MISMATCH,
        group=group,
        detail="expected 1203@g.us",
        seen_subject="Crypto Deals",
    )
    await rows.slot(to, member, NOW - 50, outcome="unknown")
    await rows.line("call.probe", group_id=group, data='{"outcome":"ok"}')

    found = explanation_json(await explain(database, "1203@g.us", now=NOW))

    assert found["identity"]["expected"] == {
        "jid": "1203@g.us",
        "subject": "VIP Lisbon",
        "owner": "351900000000",
    }
    assert found["identity"]["seen"]["subject"] == "Crypto Deals"
    assert [join["outcome"] for join in found["joins"]] == ["unknown"]
    assert [line["kind"] for line in found["journal"]] == ["call.probe"]
    assert found["command"] == "rejoin groups set-code vip-lisbon"


async def test_explain_takes_the_instance_that_worked_on_it_last_or_the_one_named(
    database: Database, rows: Rows
) -> None:
    group = await rows.group("Shared")
    for name in ("backup-1", "backup-2"):
        to = await rows.instance(name)
        await rows.membership(to, Status.PENDING, recovery=await rows.recovery(to), group=group)

    assert (await explain(database, "shared", now=NOW)).row.instance == "backup-2"
    assert (await explain(database, "shared", instance="backup-1", now=NOW)).row.instance == "backup-1"
    with pytest.raises(NotFoundError, match="backup-3 has nothing to do with shared"):
        await explain(database, "shared", instance="backup-3", now=NOW)


async def test_a_group_is_found_by_its_name_as_the_screen_shows_it(database: Database, rows: Rows) -> None:
    await rows.group("\u202aÉquipe\u200b Nord\u202c", slug="equipe-nord")

    assert (await explain(database, "équipe  nord", now=NOW)).row.slug == "equipe-nord"


async def test_a_name_that_two_groups_share_must_be_said_better(database: Database, rows: Rows) -> None:
    await rows.group("Sales", slug="sales")
    await rows.group("Team", slug="team-1")
    await rows.group("Team", slug="team-2")

    with pytest.raises(UsageError) as caught:
        await explain(database, "team", now=NOW)
    assert "team-1, team-2" in caught.value.hint
    with pytest.raises(NotFoundError, match="no group is called"):
        await explain(database, "nope", now=NOW)


async def test_history_lists_recoveries_newest_first_with_their_counts(
    database: Database, rows: Rows
) -> None:
    to = await rows.instance(lease_until=None)
    await rows.recovery(to, state="finished", outcome="complete", finished_at=NOW, counts={"active": 61})
    latest = await rows.recovery(to)
    await rows.membership(to, Status.PENDING, recovery=latest)

    newest, older = await history(database)

    assert (newest.phase, newest.counts[Status.PENDING], newest.seconds) == (Phase.INTERRUPTED, 1, None)
    assert (older.phase, older.counts[Status.ACTIVE], older.seconds) == (Phase.FINISHED, 61, 600.0)


async def test_the_journal_is_read_from_its_end_by_group_by_recovery_and_onwards(
    database: Database, rows: Rows
) -> None:
    await rows.recovery(await rows.instance())
    group = await rows.group("One")
    ids = [await rows.line(f"k{number}", recovery_id=number % 2) for number in range(6)]
    await rows.line("of-group", group_id=group)

    assert [line.kind for line in await read_journal(database, limit=2)] == ["k5", "of-group"]
    assert [line.kind for line in await read_journal(database, group="one")] == ["of-group"]
    assert [line.kind for line in await read_journal(database, recovery=1)] == ["k1", "k3", "k5"]
    onwards = await read_journal(database, after_id=ids[2], limit=2)
    assert [line.kind for line in onwards] == ["k3", "k4"]


async def test_the_feed_tells_each_change_once(database: Database, rows: Rows) -> None:
    to = await rows.instance()
    recovery = await rows.recovery(to)
    group = await rows.group("Mover")
    member = await rows.membership(to, Status.PENDING, recovery=recovery, group=group)
    await rows.line(group_id=group, recovery_id=recovery)
    feed = ChangeFeed(database, recovery, "backup-1")

    assert await feed.poll() == []
    await rows.line(group_id=group, recovery_id=recovery)
    assert [row.status for row in await feed.poll()] == [Status.PENDING]
    await rows.line(group_id=group, recovery_id=recovery)
    assert await feed.poll() == []

    async with database.write() as connection:
        await connection.execute(
            memberships.update().where(memberships.c.id == member).values(status=Status.ACTIVE.value)
        )
    await rows.line(group_id=group, recovery_id=recovery)
    assert [row.status for row in await feed.poll()] == [Status.ACTIVE]
