"""The commands as a person or a script calls them."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.bootstrap import open_app
from orchestrator.cli.call import Call
from orchestrator.cli.output import Output
from orchestrator.cli.watch import INTERRUPTED_FOR, watch_recovery
from orchestrator.config import load
from orchestrator.domain.memberships import Reason, Status
from orchestrator.store import schema
from orchestrator.store.engine import Database
from orchestrator.store.tables import instances, memberships, recoveries
from tests.integration.status_rows import Rows
from tests.support.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parent.parent.parent
CONFIGURATION = """
timezone = "America/Sao_Paulo"
[database]
url = "sqlite:///rejoin.db"
key_file = "rejoin.key"
[[instances]]
name = "backup-1"
role = "backup"
base_url = "http://127.0.0.1:9"
instance_id = "210987654321"
access_token = "made-up-for-this-test"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    file = tmp_path / "rejoin.toml"
    file.write_text(CONFIGURATION)
    file.chmod(0o600)
    return tmp_path


@pytest.fixture
async def database(place: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite+aiosqlite:///{place / 'rejoin.db'}")
    await schema.upgrade(opened)
    yield opened
    await opened.close()


@pytest.fixture
async def recovery(database: Database) -> int:
    """One group is back, one is blocked, one waits; somebody drives it."""
    rows = Rows(database)
    to = await rows.instance(lease_until=time.time() + 3600, seen_at=time.time())
    found = await rows.recovery(to)
    await rows.membership(to, Status.ACTIVE, recovery=found)
    blocked = await rows.group("Suppliers North")
    await rows.membership(to, Status.BLOCKED, Reason.CODE_REVOKED, recovery=found, group=blocked)
    moving = await rows.group("Retail Braga")
    await rows.membership(to, Status.PENDING, recovery=found, group=moving)
    return found


async def rejoin(place: Path, *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the real command."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(place)}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "orchestrator", *words],
        cwd=place,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


async def change(database: Database, recovery: int, *, status: Status, ended: bool) -> None:
    """What the loop would do: move the group, write it down, and end."""
    async with database.write() as connection:
        await connection.execute(
            memberships.update()
            .where(memberships.c.status == Status.PENDING.value)
            .values(status=status.value)
        )
        if ended:
            await connection.execute(recoveries.update().values(state="finished", outcome="needs_you"))
    await Rows(database).line(group_id=3, recovery_id=recovery)


@pytest.mark.usefixtures("recovery")
async def test_status_reads_zero_and_with_check_says_how_it_stands(place: Path) -> None:
    assert (await rejoin(place, "status"))[0] == 0
    code, out, err = await rejoin(place, "status", "--check", "--json")

    assert code == 8
    assert err == ""
    found = json.loads(out)
    assert (found["recovery"]["active"], found["recovery"]["total"]) == (1, 3)
    assert found["needs_you"][0]["command"] == "rejoin groups set-code suppliers-north"


@pytest.mark.usefixtures("recovery")
async def test_off_a_terminal_the_text_has_no_colour(place: Path) -> None:
    _, out, _ = await rejoin(place, "status")

    assert out.startswith("Recovering onto backup-1: 1 of 3 groups of sales-main are back.")
    assert "\x1b" not in out


@pytest.mark.usefixtures("recovery")
async def test_explain_answers_for_people_and_for_scripts(place: Path) -> None:
    _, text, _ = await rejoin(place, "explain", "suppliers-north")
    code, out, _ = await rejoin(place, "explain", "Suppliers North", "--json")

    assert "yours: store a new code: rejoin groups set-code suppliers-north" in text
    assert (code, json.loads(out)["mover"]) == (0, "you")


@pytest.mark.usefixtures("recovery")
async def test_what_does_not_exist_is_one_sentence_and_code_2(place: Path) -> None:
    code, out, err = await rejoin(place, "explain", "nope", "--json")
    assert (code, out, json.loads(err)["code"]) == (2, "", "not_found")

    code, out, err = await rejoin(place, "status", "99")
    assert (code, out) == (2, "")
    assert "there is no recovery 99" in err


@pytest.mark.usefixtures("recovery")
async def test_watching_more_often_than_once_a_second_is_refused(place: Path) -> None:
    code, _, err = await rejoin(place, "status", "--watch", "0.5")

    assert code == 2
    assert "at least 1 second" in err


async def test_a_watch_of_an_ended_recovery_writes_the_summary_last_and_exits_with_its_result(
    place: Path, database: Database, recovery: int
) -> None:
    await change(database, recovery, status=Status.ACTIVE, ended=True)

    code, out, _ = await rejoin(place, "status", "--watch", "--json")

    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 3
    assert lines[-1]["type"] == "summary"
    assert lines[-1]["exit_code"] == 3
    assert [line["type"] for line in lines[:-1]] == ["progress"]


async def _watch(place: Path, clock: ManualClock, *, as_json: bool) -> tuple[asyncio.Task[int], io.StringIO]:
    written = io.StringIO()
    call = Call(json=as_json)
    call.__dict__["out"] = Output(json=as_json, stdout=written, stderr=io.StringIO())
    settings = load(place / "rejoin.toml", {})

    async def run() -> int:
        async with open_app(settings) as app:
            return await watch_recovery(app, call, None, every=2.0, clock=clock)

    return asyncio.create_task(run()), written


async def test_a_watch_tells_changes_as_they_come_and_ends_with_the_recovery(
    place: Path, database: Database, recovery: int
) -> None:
    clock = ManualClock()
    task, written = await _watch(place, clock, as_json=True)
    await clock.sleeping()

    await change(database, recovery, status=Status.READY, ended=False)
    await clock.advance(2.0)
    await clock.sleeping()
    await change(database, recovery, status=Status.READY, ended=True)
    await clock.advance(2.0)

    assert await task == 3
    lines: list[dict[str, Any]] = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line["type"] for line in lines] == ["progress", "group", "progress", "progress", "summary"]
    assert (lines[1]["group"], lines[1]["status"]) == ("Retail Braga", "ready")


async def test_a_watch_off_a_terminal_writes_a_line_for_each_change(
    place: Path, database: Database, recovery: int
) -> None:
    clock = ManualClock()
    task, written = await _watch(place, clock, as_json=False)
    await clock.sleeping()
    await change(database, recovery, status=Status.READY, ended=True)
    await clock.advance(2.0)

    await task
    lines = written.getvalue().splitlines()
    assert lines[0].startswith("Recovering onto backup-1: 1 of 3 groups of sales-main are back.")
    assert lines[1].endswith("Retail Braga  ready")
    assert any(line.startswith("The recovery onto backup-1 ended") for line in lines)


@pytest.mark.usefixtures("recovery")
async def test_a_watch_gives_up_when_nobody_drives_the_recovery_for_a_while(
    place: Path, database: Database
) -> None:
    async with database.write() as connection:
        await connection.execute(instances.update().values(lease_until=None, lease_holder=None))
    clock = ManualClock()
    task, _ = await _watch(place, clock, as_json=True)

    waited = 0.0
    while True:
        asleep = asyncio.create_task(clock.sleeping())
        await asyncio.wait({task, asleep}, return_when=asyncio.FIRST_COMPLETED)
        asleep.cancel()
        if task.done():
            break
        await clock.advance(2.0)
        waited += 2.0

    assert task.result() == 8
    assert INTERRUPTED_FOR < waited <= INTERRUPTED_FOR + 4
