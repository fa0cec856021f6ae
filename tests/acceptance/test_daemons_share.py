"""Several daemons on one PostgreSQL database: processes that divide the accounts, die, or are held up."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from orchestrator.store import instances, meta, orders
from orchestrator.store.engine import Database, DatabaseTime
from orchestrator.store.orders import Order
from orchestrator.store.recoveries import Scope
from tests.support.command import PATIENCE
from tests.support.daemon import Town
from tests.support.daemon import until as usual_until
from tests.support.ports import free_port

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

BACKUPS, GROUPS = 4, 8
SPEED = 20.0
SCENARIO = "".join(
    f'[[accounts]]\nname = "{name}"\ninstance_id = "{100 + n}"\nphone = "1555{n:07}"\nlid = "9000{n:011}"\n'
    for n, name in enumerate(["sales-main", *(f"backup-{n}" for n in range(1, BACKUPS + 1))])
) + (
    '[gateway]\nlatency = [0.1, 0.6]\n[import]\ninstances = ["sales-main"]\n'
    f'[generate]\ngroups = {GROUPS}\nmembers = [6, 40]\nowner = "15550000000"\nadmins = ["sales-main"]\n'
)


def until(holds: Callable[[], Any]) -> Any:
    """Asked seldom: each question is a connection of its own."""
    return usual_until(holds, every=0.5)


class Shared(Town):
    """A town whose database is PostgreSQL; any number of daemons, each with a port of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url, self.dsn = url, url.replace("postgresql+asyncpg", "postgresql")
        self.daemons: list[subprocess.Popen[str]] = []
        super().__init__(
            folder, 'name = "shared"\nseed = 5\n' + SCENARIO, speed=SPEED, REJOIN_DATABASE__URL=self.dsn
        )

    def start(self) -> subprocess.Popen[str]:
        process = self.launch()
        until(lambda: self.accounts_of(process) is not None)
        return process

    def launch(self) -> subprocess.Popen[str]:
        number = len(self.daemons)
        errors = (self.folder / f"daemon-{number}.err").open("a")
        words = ("daemon", "--log-format", "json")
        listen = f"127.0.0.1:{free_port()}"
        process = self.rejoin.start(*words, stderr=errors, REJOIN_WEB__LISTEN=listen)
        errors.close()
        self.daemons.append(process)
        return process

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        async def ask() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(self.dsn)
            try:
                return [tuple(row) for row in await connection.fetch(query, *values)]
            finally:
                await connection.close()

        return asyncio.run(ask())

    @property
    def status(self) -> Any:
        return self("status", "--json").json

    def accounts_of(self, process: subprocess.Popen[str]) -> int | None:
        """How many accounts that daemon works for; None while it is none."""
        assert process.poll() is None, self.logs
        query = (
            "SELECT (SELECT count(*) FROM instances WHERE daemon_fence = daemon.fence) FROM daemon"
            " WHERE (holder::json ->> 'pid')::int = $1 AND listen IS NOT NULL"
        )
        found = self.rows(query, process.pid)
        return int(found[0][0]) if found else None

    def divided(self) -> list[int | None]:
        return [self.accounts_of(one) for one in self.daemons]

    @property
    def active(self) -> int:
        return int(self.rows("SELECT count(*) FROM memberships WHERE status = 'active'")[0][0])

    @property
    def logs(self) -> str:
        return "".join(file.read_text() for file in sorted(self.folder.glob("daemon-*.err")))

    def recover(self, *, pace: float | None = None) -> None:
        """As `run --detach` for each backup, all at once."""
        asyncio.run(self._place(pace))

    async def _place(self, pace: float | None) -> None:
        database = Database(self.url)
        async with database.read() as connection:
            created = await meta.get(connection, meta.CREATED_AT)
        database.clock = DatabaseTime(SPEED, float(created or 0.0))
        try:
            for name in (f"backup-{n}" for n in range(1, BACKUPS + 1)):
                async with database.write() as connection:
                    record = await instances.lock(connection, (await instances.get(connection, name)).id)
                    order = Order(record.id, Scope(), "test", pace=pace)
                    await orders.place(connection, order, await database.now(connection))
        finally:
            await database.close()

    def ends_well(self) -> None:
        """Every recovery is over, everybody is in, and nothing that was promised was broken."""
        until(lambda: self.active == BACKUPS * GROUPS)
        until(lambda: self.rows("SELECT count(*) FROM recoveries WHERE state = 'running'")[0][0] == 0)
        verdict = self.asks("/_sim/verdict")
        assert verdict["double_effects"] == []
        assert verdict["joins_repeated_without_look"] == 0
        assert verdict["joins"] == BACKUPS * GROUPS
        assert all(one <= 5 for one in worst_windows(verdict))
        assert "Traceback" not in self.logs

    def close(self) -> None:
        for process in self.daemons:
            with process:
                process.send_signal(signal.SIGCONT)
                process.kill()
        super().close()


def worst_windows(verdict: Any) -> list[int]:
    by_account = verdict["worst_window_60s"]
    return list(by_account.values()) if isinstance(by_account, dict) else [by_account]


@pytest.fixture
def shared(tmp_path: Path, postgres_url: str) -> Iterator[Shared]:
    made = Shared(tmp_path, postgres_url)
    try:
        yield made
    finally:
        made.close()


def test_a_second_daemon_gets_its_share_of_accounts_and_of_recoveries_under_way(shared: Shared) -> None:
    first = shared.start()
    assert shared.accounts_of(first) == 1 + BACKUPS
    shared.recover(pace=2.0)
    until(lambda: shared.active >= 2)

    second = shared.start()

    until(lambda: shared.divided() == [3, 2])
    told = shared.status
    assert [one["leads"] for one in told["daemons"]] == [True, False]
    assert [one["pid"] for one in told["daemons"]] == [first.pid, second.pid]
    assert sorted(name for one in told["daemons"] for name in one["accounts"]) == [
        *(f"backup-{n}" for n in range(1, BACKUPS + 1)),
        "sales-main",
    ]
    assert {one["daemon"]["pid"] for one in told["instances"]} == {first.pid, second.pid}
    handed_over = "SELECT count(*) FROM journal WHERE kind = 'recovery.ended' AND data LIKE '%goes_on%'"
    assert shared.rows(handed_over) == [(1,)]  # the share is three: one of four busy ones
    shared.ends_well()


def test_daemons_that_start_at_once_divide_the_accounts_of_a_fresh_database(shared: Shared) -> None:
    for _ in range(3):
        shared.launch()

    until(lambda: sorted(one or 0 for one in shared.divided()) == [1, 2, 2])
    assert [one["leads"] for one in shared.status["daemons"]] == [True, False, False]
    assert "Traceback" not in shared.logs


def test_the_accounts_of_a_dead_daemon_go_on_with_another(shared: Shared) -> None:
    first, second = shared.start(), shared.start()
    until(lambda: shared.divided() == [3, 2])
    shared.recover()
    until(lambda: shared.active >= 2)

    first.kill()
    first.communicate(timeout=PATIENCE)
    shared.daemons.remove(first)

    until(lambda: shared.divided() == [1 + BACKUPS])
    until(lambda: [(one["pid"], one["leads"]) for one in shared.status["daemons"]] == [(second.pid, True)])
    shared.ends_well()


def test_a_daemon_that_was_held_up_past_its_lease_finds_its_accounts_with_another(shared: Shared) -> None:
    first, second = shared.start(), shared.start()
    until(lambda: shared.divided() == [3, 2])
    shared.recover(pace=2.0)
    until(lambda: shared.active >= 2)

    first.send_signal(signal.SIGSTOP)
    until(lambda: shared.accounts_of(second) == 1 + BACKUPS)
    first.send_signal(signal.SIGCONT)

    until(lambda: sorted(one or 0 for one in shared.divided()) == [2, 3])
    shared.ends_well()
    for process in (first, second):
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
    shared.daemons.clear()
    assert shared.status["daemons"] == []
    assert shared.rows("SELECT count(*) FROM instances WHERE daemon_fence IS NOT NULL") == [(0,)]
