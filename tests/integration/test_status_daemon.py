"""What the status shows of the daemon, read from rows put there by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, update

from orchestrator.domain.memberships import Reason, Status
from orchestrator.status.past import history
from orchestrator.status.result import result
from orchestrator.status.views import Phase
from orchestrator.store import schema
from orchestrator.store.engine import Database
from orchestrator.store.tables import daemon, deliveries, events, losses, messages
from tests.integration.status_rows import HOLDER, NOW, Rows
from tests.support.defaults import explain, read_status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Table


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    await schema.upgrade(opened)
    yield opened
    await opened.close()


async def lives(database: Database, **values: Any) -> None:
    usual = {"holder": HOLDER, "started_at": NOW - 50, "heartbeat_at": NOW - 3, "until": NOW + 20}
    async with database.write() as connection:
        await connection.execute(update(daemon).values(**usual | values))


async def put(database: Database, table: Table, *rows: dict[str, Any]) -> None:
    async with database.write() as connection:
        for row in rows:
            await connection.execute(insert(table).values(**row))


def reading(at: float, kind: str, says: str, *, gone: bool | None = True) -> dict[str, Any]:
    return {"at": at, "kind": kind, "gone": gone, "says": says, "text": ""}


async def test_a_daemon_lives_as_long_as_its_last_sign_of_life_holds(database: Database) -> None:
    assert (await read_status(database, now=NOW)).daemon.heartbeat_at is None
    told = json.dumps([{"part": "outbox hook:crm", "since": NOW - 60, "text": "refused"}])
    await lives(database, version="0.2", listen="127.0.0.1:8080", troubles=told)

    living = (await read_status(database, now=NOW)).daemon
    late = (await read_status(database, now=NOW + 21)).daemon

    assert (living.running, living.host, living.pid, living.version) == (True, "box", 4711, "0.2")
    assert [(one.part, one.text) for one in living.troubles] == [("outbox hook:crm", "refused")]
    assert (late.running, late.heartbeat_at, late.pid, late.troubles) == (False, NOW - 3, None, ())


async def test_a_daemons_recovery_is_not_interrupted_while_the_daemon_is_about_to_drive_it(
    database: Database,
) -> None:
    rows = Rows(database)
    to = await rows.instance(lease_until=None, lease_holder=None)
    await rows.recovery(to, driver="daemon")

    async def phase() -> Phase | None:
        view = await read_status(database, now=NOW)
        return None if view.recovery is None else view.recovery.phase

    assert await phase() is Phase.INTERRUPTED
    await lives(database)
    assert await phase() is Phase.RUNNING
    assert [one.phase for one in await history(database)] == [Phase.RUNNING]
    await lives(database, stopping=True)
    assert await phase() is Phase.INTERRUPTED


async def test_a_runs_own_recovery_is_not_the_daemons_to_drive(database: Database) -> None:
    rows = Rows(database)
    await rows.recovery(await rows.instance(lease_until=None))
    await lives(database)

    view = await read_status(database, now=NOW)

    assert view.recovery is not None
    assert view.recovery.phase is Phase.INTERRUPTED


async def test_the_latest_loss_of_each_account_is_there_with_how_it_was_decided(database: Database) -> None:
    rows = Rows(database)
    lost, backup, fine = [await rows.instance(name) for name in ("sales-main", "backup-1", "backup-2")]
    recovery = await rows.recovery(backup, follows_id=3)
    against = [reading(NOW - 900, "state", "needs_login"), reading(NOW - 890, "list", "session_down")]
    await put(
        database,
        losses,
        {"instance_id": lost, "state": "returned", "suspected_at": NOW - 9000, "decided_at": NOW - 8000},
        {
            "instance_id": lost,
            "state": "lost",
            "suspected_at": NOW - 900,
            "decided_at": NOW - 300,
            "evidence": json.dumps([*against, reading(NOW - 10, "state", "working", gone=False)]),
            "action": "recover",
            "recovery_id": recovery,
        },
        {"instance_id": backup, "state": "suspected", "suspected_at": NOW - 60},
        {"instance_id": fine, "state": "dismissed", "suspected_at": NOW - 60},
    )

    view = await read_status(database, now=NOW)

    assert [(one.instance, one.state.value) for one in view.losses] == [
        ("sales-main", "lost"),
        ("backup-1", "suspected"),
    ]
    one, suspected = view.losses
    assert (one.recovery, one.to, one.action) == (recovery, "backup-1", "recover")
    assert one.decided_by is not None
    assert one.decided_by.endswith("the session's state, asked for; a look at its list of groups")
    assert "10 min" in one.decided_by
    assert suspected.decided_by is None
    assert view.recovery is not None
    assert view.recovery.follows == 3


async def test_letters_are_counted_by_receiver_without_those_that_are_done(database: Database) -> None:
    rows = Rows(database)
    instance = await rows.instance()
    for number in range(1, 6):
        row = {"id": number, "uid": f"msg_{number}", "kind": "k", "at": NOW - 600 + number, "subject": "s"}
        await put(database, messages, row | {"data": "{}", "fanned_out": number < 5})
    states = ("delivered", "pending", "pending", "parked")
    for number, state in enumerate(states, 1):
        row = {"message_id": number, "sink": "hook:crm", "subject": "s", "state": state}
        await put(database, deliveries, row, row | {"sink": "people", "state": "delivered"})
    await put(
        database,
        events,
        *(
            {
                "instance_id": instance,
                "key": key,
                "kind": "x",
                "body": "{}",
                "received_at": at,
                "state": state,
            }
            for key, at, state in (
                ("a", NOW - 90000, "done"),
                ("b", NOW - 60, "done"),
                ("c", NOW - 6, "waiting"),
                ("d", NOW - 7, "new"),
            )
        ),
    )

    view = await read_status(database, now=NOW)

    outbox = view.outbox
    assert (outbox.unsorted, outbox.pending, outbox.parked) == (1, 2, 1)
    assert outbox.oldest_pending_at == NOW - 598
    assert [(one.name, one.pending, one.parked) for one in outbox.sinks] == [("hook:crm", 2, 1)]
    assert (view.events.received_last_day, view.events.open, view.events.last_at) == (3, 2, NOW - 6)


async def test_none_of_it_changes_what_the_status_means_to_a_script(database: Database) -> None:
    rows = Rows(database)
    to = await rows.instance()
    recovery = await rows.recovery(to, state="finished", outcome="complete", finished_at=NOW)
    await rows.membership(to, Status.ACTIVE, recovery=recovery)
    other = await rows.instance("sales-main", role="primary")
    await put(database, losses, {"instance_id": other, "state": "lost", "suspected_at": NOW - 60})

    assert result(await read_status(database, now=NOW)) == 0


async def test_an_approval_confirms_by_itself_only_where_somebody_looks(database: Database) -> None:
    rows = Rows(database)
    to = await rows.instance(lease_until=None)
    recovery = await rows.recovery(to, state="finished", outcome="needs_you", finished_at=NOW)
    group = await rows.group("Team Porto")
    await rows.membership(
        to, Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING, recovery=recovery, group=group
    )

    alone = (await explain(database, "team-porto", now=NOW)).hint
    (told,) = (await read_status(database, now=NOW)).needs_you
    await lives(database)
    watched = (await explain(database, "team-porto", now=NOW)).hint

    assert alone.move == "ask an admin to approve; the next run confirms it"
    assert str(alone.command) == "rejoin run --from sales-main"
    assert told.hint == alone
    assert (watched.move, watched.command) == ("ask an admin to approve; confirms by itself", None)


async def test_what_is_put_off_is_tried_by_itself_only_where_somebody_works(database: Database) -> None:
    rows = Rows(database)
    to = await rows.instance(lease_until=None)
    recovery = await rows.recovery(to, state="stopped", outcome="stopped")
    group = await rows.group("Team Porto")
    late: dict[str, Any] = {"recovery": recovery, "group": group, "next_attempt_at": NOW + 60}
    await rows.membership(to, Status.DEFERRED, Reason.GATEWAY_ERROR, **late)

    await lives(database)
    hint = (await explain(database, "team-porto", now=NOW)).hint

    assert hint.sentence == "the gateway failed"
    assert (hint.mover.value, str(hint.command)) == ("you", "rejoin run --from sales-main")


async def test_open_recoveries_of_other_instances_are_not_hidden_by_the_latest(database: Database) -> None:
    rows = Rows(database)
    one, two, three = [await rows.instance(name) for name in ("backup-1", "backup-2", "backup-3")]
    await rows.recovery(one, state="finished", outcome="complete", finished_at=NOW)
    still_open = await rows.recovery(one)
    await rows.recovery(two, state="stopped", outcome="stopped")
    latest = await rows.recovery(three)

    view = await read_status(database, now=NOW)
    other = await read_status(database, recovery_id=still_open, now=NOW)

    assert [(found.id, found.to_name, found.phase) for found in view.others] == [
        (still_open, "backup-1", Phase.RUNNING)
    ]
    assert [found.id for found in other.others] == [latest]
