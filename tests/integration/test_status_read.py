from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.domain.errors import NotFoundError
from orchestrator.domain.eta import EtaReason
from orchestrator.domain.memberships import Bucket, Reason, Status
from orchestrator.status.as_json import to_json
from orchestrator.status.past import read_journal
from orchestrator.status.result import result
from orchestrator.status.views import Phase
from orchestrator.store import schema
from orchestrator.store.engine import Database
from tests.integration.status_rows import NOW, Rows
from tests.support.defaults import read_status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    await schema.upgrade(opened)
    yield opened
    await opened.close()


@pytest.fixture
def rows(database: Database) -> Rows:
    return Rows(database)


async def test_without_a_recovery_the_status_says_so_and_counts_the_catalogue(
    database: Database, rows: Rows
) -> None:
    await rows.group("One", code="abcd")
    await rows.group("Two")

    view = await read_status(database, now=NOW)

    assert view.recovery is None
    assert (view.catalogue.groups, view.catalogue.with_code) == (2, 1)
    assert view.total == 0
    assert result(view) == 8


async def test_every_status_is_counted_in_its_bucket(database: Database, rows: Rows) -> None:
    to = await rows.instance()
    recovery = await rows.recovery(to)
    for status, reason in (
        (Status.ACTIVE, None),
        (Status.ACTIVE, None),
        (Status.PENDING, None),
        (Status.READY, None),
        (Status.BLOCKED, Reason.CODE_REVOKED),
        (Status.AWAITING_APPROVAL, None),
        (Status.LEFT, Reason.OPERATOR),
        (Status.LEFT, Reason.REMOVED_BY_ADMIN),
        (Status.SKIPPED, None),
    ):
        await rows.membership(to, status, reason, recovery=recovery)
    await rows.membership(to, Status.DEFERRED, Reason.GROUP_FULL, recovery=recovery, next_attempt_at=NOW + 99)

    view = await read_status(database, now=NOW)

    assert view.counts[Status.ACTIVE] == 2
    assert view.counts[Status.JOINING] == 0
    assert view.buckets == {
        Bucket.DONE: 2,
        Bucket.WORKING: 1,
        Bucket.WAITING: 2,
        Bucket.NEEDS_YOU: 3,
        Bucket.SKIPPED: 2,
    }


async def test_the_latest_recovery_is_shown_and_an_older_one_on_request(
    database: Database, rows: Rows
) -> None:
    to = await rows.instance()
    older = await rows.recovery(to, state="finished", outcome="complete")
    await rows.membership(to, Status.ACTIVE, recovery=older)
    latest = await rows.recovery(to)
    await rows.membership(to, Status.PENDING, recovery=latest)

    latest_view = await read_status(database, now=NOW)
    older_view = await read_status(database, recovery_id=older, now=NOW)

    assert latest_view.counts[Status.PENDING] == 1
    assert latest_view.counts[Status.ACTIVE] == 0
    assert older_view.counts[Status.ACTIVE] == 1
    assert result(older_view) == 0


async def test_a_recovery_that_does_not_exist_is_an_error(database: Database) -> None:
    with pytest.raises(NotFoundError, match="no recovery 7"):
        await read_status(database, recovery_id=7, now=NOW)


@pytest.mark.parametrize(
    ("state", "lease_until", "stop", "phase"),
    [
        ("running", NOW + 20, None, Phase.RUNNING),
        ("running", NOW + 20, NOW - 3, Phase.STOPPING),
        ("running", NOW - 1, None, Phase.INTERRUPTED),
        ("running", None, None, Phase.INTERRUPTED),
        ("stopped", NOW + 20, None, Phase.STOPPED),
        ("finished", None, None, Phase.FINISHED),
    ],
)
async def test_the_phase_follows_from_the_stored_state_and_the_lease(
    database: Database,
    rows: Rows,
    *,
    state: str,
    lease_until: float | None,
    stop: float | None,
    phase: Phase,
) -> None:
    to = await rows.instance(lease_until=lease_until)
    await rows.recovery(to, state=state, stop_requested_at=stop)

    view = await read_status(database, now=NOW)

    assert view.recovery is not None
    assert view.recovery.phase is phase
    assert view.runner.running is (lease_until == NOW + 20)


async def test_the_eta_is_the_remaining_joins_at_the_pace_after_the_next_slot(
    database: Database, rows: Rows
) -> None:
    to = await rows.instance()
    recovery = await rows.recovery(to, pace=4.0)
    first = await rows.membership(to, Status.ACTIVE, recovery=recovery)
    await rows.slot(to, first, NOW - 5)
    for _ in range(5):
        await rows.membership(to, Status.PENDING, recovery=recovery)

    view = await read_status(database, now=NOW)

    assert view.pace.next_join_at == NOW + 10  # 15 s after the last, at 4 a minute
    assert view.pace.next_join_reason == "spacing"
    assert view.eta.at == pytest.approx(NOW + 10 + 4 * 15)
    assert view.eta.reason is EtaReason.PACE


async def test_half_pace_is_shown_and_doubles_the_eta(database: Database, rows: Rows) -> None:
    to = await rows.instance(slow_until=NOW + 3600)
    recovery = await rows.recovery(to, pace=4.0)
    for _ in range(5):
        await rows.membership(to, Status.PENDING, recovery=recovery)

    view = await read_status(database, now=NOW)

    assert view.pace.joins_per_minute == 2.0
    assert view.pace.slow_until == NOW + 3600
    assert view.eta.at == pytest.approx(NOW + 4 * 30)


async def test_a_deferred_group_moves_the_eta_to_its_time_and_says_later(
    database: Database, rows: Rows
) -> None:
    to = await rows.instance()
    recovery = await rows.recovery(to)
    await rows.membership(
        to, Status.DEFERRED, Reason.GATEWAY_ERROR, recovery=recovery, next_attempt_at=NOW + 3600
    )

    view = await read_status(database, now=NOW)

    assert view.eta.at == NOW + 3600
    assert view.eta.reason is EtaReason.LATER
    assert (view.pace.next_join_at, view.pace.next_join_reason) == (NOW + 3600, "later")
    (line,) = view.waiting
    assert (line.cause, line.count, line.until) == ("gateway_error", 1, NOW + 3600)
    assert view.eta.most_at is None


async def test_groups_put_off_for_long_are_told_apart_from_those_that_come_soon(
    database: Database, rows: Rows
) -> None:
    """One full group for six hours must not make it seem that the others take as long."""
    to = await rows.instance()
    recovery = await rows.recovery(to, pace=4.0)
    await rows.membership(to, Status.ACTIVE, recovery=recovery)
    for _ in range(5):
        await rows.membership(to, Status.PENDING, recovery=recovery)
    for reason, wait in ((Reason.GATEWAY_ERROR, 120), (Reason.GROUP_FULL, 21600)):
        await rows.membership(to, Status.DEFERRED, reason, recovery=recovery, next_attempt_at=NOW + wait)

    view = await read_status(database, now=NOW)

    assert view.eta.at == pytest.approx(NOW + 21600)
    assert view.eta.most == 7
    assert view.eta.most_at == pytest.approx(NOW + 120)
    (full,) = view.eta.put_off
    assert (full.reason, full.count, full.first_at) == (Reason.GROUP_FULL, 1, NOW + 21600)
    (waits,) = [line for line in view.waiting if line.status is Status.PENDING]
    assert waits.until == view.eta.most_at


async def test_while_the_instance_is_paused_its_groups_wait_for_that_with_its_reason_and_end(
    database: Database, rows: Rows
) -> None:
    to = await rows.instance(
        pause_reason="rate_limited", paused_until=NOW + 3600, paused_at=NOW - 60, pause_text="rate-overlimit"
    )
    recovery = await rows.recovery(to)
    await rows.membership(to, Status.PENDING, recovery=recovery)
    await rows.membership(to, Status.READY, recovery=recovery)

    view = await read_status(database, now=NOW)

    assert {(one.status, one.reason, one.until) for one in view.waiting} == {
        (Status.PENDING, Reason.RATE_LIMITED, NOW + 3600),
        (Status.READY, Reason.RATE_LIMITED, NOW + 3600),
    }
    assert (view.pace.next_join_at, view.pace.next_join_reason) == (NOW + 3600, "rate_limited")
    assert view.eta.at is not None
    assert view.eta.at >= NOW + 3600


async def test_a_pause_without_end_gives_no_eta_and_names_the_command(database: Database, rows: Rows) -> None:
    to = await rows.instance(pause_reason="operator", paused_until=None)
    recovery = await rows.recovery(to)
    await rows.membership(to, Status.PENDING, recovery=recovery)

    view = await read_status(database, now=NOW)

    assert (view.eta.at, view.eta.reason) == (None, EtaReason.PAUSED)
    assert view.target is not None
    assert view.target.pause is not None
    assert str(view.target.pause.hint.command) == "rejoin resume --to backup-1"


async def test_a_pause_that_is_over_is_no_pause(database: Database, rows: Rows) -> None:
    to = await rows.instance(pause_reason="rate_limited", paused_until=NOW - 1)
    recovery = await rows.recovery(to)
    await rows.membership(to, Status.PENDING, recovery=recovery)

    view = await read_status(database, now=NOW)

    assert view.target is not None
    assert view.target.pause is None
    assert [line.cause for line in view.waiting] == ["turn"]


async def test_when_nobody_drives_it_every_waiting_group_says_so(database: Database, rows: Rows) -> None:
    to = await rows.instance(lease_until=NOW - 100)
    recovery = await rows.recovery(to)
    await rows.membership(to, Status.PENDING, recovery=recovery)

    view = await read_status(database, now=NOW)

    assert [line.cause for line in view.waiting] == ["not_running"]
    assert (view.eta.at, view.eta.reason) == (None, EtaReason.NOT_RUNNING)
    assert view.pace.next_join_at is None
    assert result(view) == 8


async def test_the_worst_window_is_recomputed_from_the_log_and_would_show_a_breach(
    database: Database, rows: Rows
) -> None:
    to = await rows.instance()
    member = await rows.membership(to, Status.ACTIVE, recovery=await rows.recovery(to))
    for at in (-500, -495, -490, -485, -480, -475, -100):
        await rows.slot(to, member, NOW + at)
    await rows.slot(to, member, NOW - 470, sent_at=None)  # never left
    await rows.slot(to, member, NOW - 90000)  # before the last day

    view = await read_status(database, now=NOW)

    assert view.pace.worst_window == 6
    assert view.pace.sent_last_day == 7
    assert view.pace.window_limit == 5


async def test_what_needs_a_person_comes_by_priority_with_the_move_and_the_command(
    database: Database, rows: Rows
) -> None:
    to = await rows.instance()
    recovery = await rows.recovery(to)
    low = await rows.group("Low", priority=1)
    high = await rows.group("High One", priority=9)
    await rows.membership(to, Status.BLOCKED, Reason.GROUP_FULL, recovery=recovery, group=low, priority=1)
    await rows.membership(to, Status.BLOCKED, Reason.CODE_REVOKED, recovery=recovery, group=high, priority=9)

    view = await read_status(database, now=NOW, needs_you_limit=1)

    (first,) = view.needs_you
    assert first.row.group == "High One"
    assert str(first.hint.command) == "rejoin groups set-code high-one"
    assert view.buckets[Bucket.NEEDS_YOU] == 2


@pytest.mark.parametrize(
    ("phase", "instance", "statuses", "code"),
    [
        ("running", {}, [(Status.ACTIVE, None)], 0),
        ("running", {}, [(Status.PENDING, None), (Status.BLOCKED, Reason.CODE_REVOKED)], 8),
        ("running", {}, [(Status.BLOCKED, Reason.CODE_REVOKED)], 3),
        ("finished", {}, [(Status.DEFERRED, Reason.GROUP_FULL), (Status.BLOCKED, Reason.CODE_REVOKED)], 3),
        ("finished", {}, [(Status.DEFERRED, Reason.GROUP_FULL)], 8),
        ("finished", {}, [(Status.ACTIVE, None), (Status.SKIPPED, None)], 0),
        ("running", {"state": "lost"}, [(Status.PENDING, None)], 7),
        ("running", {"pause_reason": "credentials_refused"}, [(Status.PENDING, None)], 4),
    ],
)
async def test_the_result_tells_a_script_how_it_stands(
    database: Database,
    rows: Rows,
    *,
    phase: str,
    instance: dict[str, str],
    statuses: list[tuple[Status, Reason | None]],
    code: int,
) -> None:
    to = await rows.instance(**instance)
    recovery = await rows.recovery(to, state=phase)
    for status, reason in statuses:
        await rows.membership(to, status, reason, recovery=recovery, next_attempt_at=NOW + 5000)

    assert result(await read_status(database, now=NOW)) == code


async def test_many_deferred_times_become_one_line_for_each_reason(database: Database, rows: Rows) -> None:
    to = await rows.instance()
    recovery = await rows.recovery(to)
    for number in range(25):
        reason = Reason.GATEWAY_ERROR if number % 2 else Reason.GROUP_FULL
        await rows.membership(
            to, Status.DEFERRED, reason, recovery=recovery, next_attempt_at=NOW + number * 60
        )

    view = await read_status(database, now=NOW)

    assert [(one.reason, one.count, one.until, one.until_last) for one in view.waiting] == [
        (Reason.GROUP_FULL, 13, NOW, NOW + 24 * 60),
        (Reason.GATEWAY_ERROR, 12, NOW + 60, NOW + 23 * 60),
    ]


async def test_the_status_reads_the_databases_clock_when_no_time_is_given(
    database: Database, rows: Rows
) -> None:
    await rows.instance()

    view = await read_status(database)

    assert to_json(view)["at"].startswith("20")
    assert view.now > 1_700_000_000


@pytest.mark.parametrize(
    ("instance", "code"), [({"pause_reason": "credentials_refused"}, 4), ({"state": "needs_login"}, 7)]
)
async def test_a_first_run_that_could_not_begin_is_told_without_a_recovery(
    database: Database, rows: Rows, instance: dict[str, str], code: int
) -> None:
    await rows.instance(**instance)
    view = await read_status(database, now=NOW)
    other = view.instances[0]._replace(pause=None, state=None)

    assert result(view) == code
    assert result(view._replace(instances=(*view.instances, other))) == 8  # another backup may still do it


async def test_the_journal_of_a_recovery_that_never_was_is_an_error(database: Database) -> None:
    with pytest.raises(NotFoundError, match="there is no recovery 99"):
        await read_journal(database, recovery=99)


async def test_what_no_recovery_has_taken_up_is_counted_within_the_scope_and_beyond(
    database: Database, rows: Rows
) -> None:
    to = await rows.instance()
    recovery = await rows.recovery(to, from_name=None, labels=["vip", "north"])
    taken = await rows.group("Taken", labels=("vip", "north"))
    await rows.membership(to, Status.ACTIVE, recovery=recovery, group=taken)
    await rows.group("Fresh", labels=("vip", "north"))  # counted once, though it has both
    await rows.group("Another", labels=("south",))
    await rows.group("Bare")

    view = await read_status(database, now=NOW)

    assert view.recovery is not None
    assert (view.recovery.never_tried, view.recovery.beyond) == (1, 2)
    assert str(view.recovery.command) == "rejoin run --label vip --label north"


async def test_without_a_scope_every_group_that_came_in_later_was_never_tried(
    database: Database, rows: Rows
) -> None:
    to = await rows.instance()
    recovery = await rows.recovery(to, from_name=None, state="finished", outcome="complete")
    await rows.membership(to, Status.ACTIVE, recovery=recovery)
    await rows.group("Imported later")

    view = await read_status(database, now=NOW)

    assert view.recovery is not None
    assert (view.recovery.never_tried, view.recovery.beyond) == (1, 0)
    assert str(view.recovery.command) == "rejoin run"
