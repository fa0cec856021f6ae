"""Every hot query of the read model goes along an index, whatever the number of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, insert, text

from orchestrator.domain.memberships import Status
from orchestrator.status.past import ChangeFeed, read_journal
from orchestrator.store.engine import Database
from orchestrator.store.tables import (
    deliveries,
    events,
    groups,
    invite_codes,
    journal,
    losses,
    memberships,
    messages,
    slots,
)
from tests.integration.status_rows import NOW, Rows
from tests.support.defaults import explain, read_status
from tests.support.migrated import copy_database, copy_file, in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

    from tests.support.postgres import PostgresServer

GROUPS = 12_000
RECOVERIES = 20
BIG = (
    *("memberships", "slots", "journal", "groups", "invite_codes"),
    *("messages", "deliveries", "events", "losses"),
)
STATUSES = ("active", "active", "active", "pending", "deferred", "blocked")
# Counted whole, along an index that has nothing else in it.
COUNTED = (
    "count(*) AS count_1 FROM groups",
    "FROM invite_codes WHERE current",
    "FROM deliveries WHERE state = 'pending'",
    "FROM messages WHERE NOT fanned_out",
    "FROM (SELECT DISTINCT memberships.group_id",
)


# One process fills one database of each kind, and every test gets a copy.
pytestmark = pytest.mark.xdist_group("status_plans")


@pytest.fixture(scope="module")
def filled_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("filled") / "rejoin.db"
    in_thread(_filled(copy_file(sqlite_template, file)))
    return file


@pytest.fixture(scope="module")
def filled_database(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    name = copy_database(postgres_server, postgres_template)
    in_thread(_filled(postgres_server.url(name)))
    yield name
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        opened = Database(copy_file(request.getfixturevalue("filled_file"), tmp_path / "rejoin.db"))
    else:
        server = request.getfixturevalue("postgres_server")
        opened = Database(server.url(copy_database(server, request.getfixturevalue("filled_database"))))
    yield opened
    await opened.close()


async def _filled(url: str) -> None:
    database = Database(url)
    await _fill(database)
    await database.close()


async def _fill(database: Database) -> None:
    """Twenty instances with a recovery each share the groups, so that one of them is a small part."""
    rows = Rows(database)
    for number in range(1, RECOVERIES + 1):
        await rows.recovery(await rows.instance(f"backup-{number}"))
    async with database.write() as connection:
        for table, make in (
            (groups, _group),
            (invite_codes, _code),
            (memberships, _membership),
            (slots, _slot),
            (journal, _line),
            (messages, _message),
            (deliveries, _delivery),
            (events, _event),
            (losses, _loss),
        ):
            await connection.execute(insert(table), [make(number) for number in range(1, GROUPS + 1)])
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        vacuum = "VACUUM ANALYZE" if database.dialect == "postgresql" else "ANALYZE"
        await connection.exec_driver_sql(vacuum)


def _owner(number: int) -> int:
    return number % RECOVERIES + 1


def _group(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "slug": f"group-{number}",
        "name": f"Group {number}",
        "jid": f"{number}@g.us",
        "created_at": NOW,
        "updated_at": NOW,
    }


def _code(number: int) -> dict[str, Any]:
    return {
        "group_id": number,
        "ciphertext": b"x",
        "key_id": "k",
        "fingerprint": f"f{number}",
        "last4": "abcd",
        "current": True,
        "source": "import",
        "created_at": NOW,
    }


def _membership(number: int) -> dict[str, Any]:
    status = STATUSES[number // RECOVERIES % len(STATUSES)]
    return {
        "id": number,
        "instance_id": _owner(number),
        "group_id": number,
        "recovery_id": _owner(number),
        "status": status,
        "reason": "gateway_error" if status in ("deferred", "blocked") else None,
        "status_since": NOW,
        "priority": number % 7,
        "next_attempt_at": NOW + number if status == "deferred" else None,
    }


def _slot(number: int) -> dict[str, Any]:
    return {
        "instance_id": _owner(number),
        "n": number,
        "membership_id": number,
        "fence": 1,
        "reserved_at": NOW - 90000 + number * 15,
        "send_at": NOW - 90000 + number * 15,
        "sent_at": NOW - 90000 + number * 15,
        "finished_at": NOW - 90000 + number * 15,
        "dice": 0.5,
        "outcome": "joined",
    }


def _line(number: int) -> dict[str, Any]:
    return {
        "at": NOW,
        "kind": "move",
        "actor": "loop",
        "group_id": number,
        "recovery_id": _owner(number),
        "data": "{}",
    }


def _message(number: int) -> dict[str, Any]:
    row = {"id": number, "uid": f"msg_{number}", "kind": "group.active", "at": NOW - number}
    return row | {"subject": f"group:{number}", "data": "{}", "fanned_out": number > 5}


def _delivery(number: int) -> dict[str, Any]:
    state = {1: "pending", 2: "parked"}.get(number % 1000, "delivered")
    row = {"id": number, "message_id": number, "sink": "hook:crm", "subject": f"group:{number}"}
    return row | {"state": state}


def _event(number: int) -> dict[str, Any]:
    row = {"instance_id": _owner(number), "received_at": NOW - number * 600, "key": f"e{number}"}
    return row | {"kind": "group.v2.join", "body": "{}", "state": "done" if number % 1000 else "new"}


def _loss(number: int) -> dict[str, Any]:
    return {"instance_id": _owner(number), "state": "dismissed", "suspected_at": NOW - 99999 + number}


async def _plans(database: Database, statements: list[tuple[str, Any]]) -> dict[str, str]:
    found = {}
    async with database.read() as connection:
        for statement, parameters in statements:
            found[statement] = await _plan(connection, database.dialect, statement, parameters)
    return found


async def _plan(connection: AsyncConnection, dialect: str, statement: str, parameters: Any) -> str:
    explain_word = "EXPLAIN" if dialect == "postgresql" else "EXPLAIN QUERY PLAN"
    rows = await connection.exec_driver_sql(f"{explain_word} {statement}", parameters)
    return "\n".join(str(row[-1]) for row in rows)


def _reads_everything(dialect: str, statement: str, plan: str) -> bool:
    """A scan of a big table, other than the counts that are a scan of an index by nature."""
    if any(part in " ".join(statement.split()) for part in COUNTED):
        return False
    if "FROM journal ORDER BY journal.id DESC LIMIT" in " ".join(statement.split()):
        return (
            "TEMP B-TREE FOR ORDER BY" in plan
        )  # the end of the journal, read from its end: SQLite calls it a scan
    word = "Seq Scan on " if dialect == "postgresql" else "SCAN "
    return any(f"{word}{table}" in plan for table in BIG)


async def _asked(database: Database, *, what: str) -> list[tuple[str, Any]]:
    """The statements that a use of the read model really sends."""
    asked: list[tuple[str, Any]] = []

    def remember(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", remember)
    match what:
        case "status":
            await read_status(database, now=NOW)
        case "explain":
            pending = STATUSES.index(Status.PENDING.value) * RECOVERIES
            await explain(database, f"group-{pending}", now=NOW)
        case "journal":
            await read_journal(database, limit=20)
            await read_journal(database, recovery=3, limit=20)
            await read_journal(database, group="group-7", limit=20)
            await read_journal(database, recovery=3, after_id=GROUPS - 100, limit=20)
        case "watch":
            feed = ChangeFeed(database, 3, "backup-3")
            await feed.poll()
            await Rows(database).line(group_id=2, recovery_id=3)
            await feed.poll()
    event.remove(database.engine.sync_engine, "before_cursor_execute", remember)
    return asked


@pytest.mark.parametrize("what", ["status", "explain", "journal", "watch"])
async def test_no_hot_query_reads_a_whole_table(database: Database, what: str) -> None:
    asked = await _asked(database, what=what)
    assert len(asked) > 3

    plans = await _plans(database, asked)

    scans = {query: plan for query, plan in plans.items() if _reads_everything(database.dialect, query, plan)}
    assert not scans, "\n\n".join(f"{query}\n{plan}" for query, plan in scans.items())


async def test_the_counts_are_read_from_the_index_alone(database: Database) -> None:
    plans = await _plans(database, await _asked(database, what="status"))

    (plan,) = (plan for query, plan in plans.items() if "GROUP BY memberships.status" in query)
    assert "ix_memberships_recovery_id" in plan
    assert ("Index Only Scan" if database.dialect == "postgresql" else "COVERING INDEX") in plan


async def test_the_check_would_notice_a_scan(database: Database) -> None:
    query = "SELECT count(*) FROM memberships WHERE memberships.detail = 'x'"
    async with database.read() as connection:
        plan = await _plan(connection, database.dialect, query, ())
        await connection.execute(text(query))

    assert _reads_everything(database.dialect, query, plan)
