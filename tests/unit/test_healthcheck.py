"""The container's probe: what makes it say no, and what it costs."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from orchestrator.cli import health
from orchestrator.store.keyring import KeyRing
from tests.support.command import PATIENCE
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A folder as `rejoin init` leaves it, as far as the probe looks."""
    (tmp_path / "rejoin.toml").write_text("")
    KeyRing.create(tmp_path / "rejoin.key")
    with closing(sqlite3.connect(tmp_path / "rejoin.db")) as database:
        database.executescript(
            """
            CREATE TABLE alembic_version (version_num TEXT);
            CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);
            CREATE TABLE daemon (id INTEGER PRIMARY KEY, holder TEXT, heartbeat_at REAL);
            INSERT INTO daemon (id) VALUES (1);
            """
        )
    file = tmp_path / "rejoin.toml"
    execute(file, "INSERT INTO alembic_version VALUES (?)", health._newest_revision())
    return file


def execute(config: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(config.with_name("rejoin.db"))) as database, database:
        database.execute(statement, values)


def beat(config: Path, at: float) -> None:
    execute(config, "UPDATE daemon SET holder = '{}', heartbeat_at = ?", at)


def fault(config: Path, *, ready: bool = False, daemon: bool = False, **environ: str) -> str | None:
    return health.find_fault(config, environ, ready=ready, daemon=daemon)


@pytest.mark.parametrize(
    "written",
    [
        "x = " + "[" * 3000 + "]" * 3000,
        f"x = {'9' * 5000}",
        "database = 1\nweb = []",
        "[database]\nurl = []\nkey_file = 1\n[web]\nlisten = {}",
        '[database]\nurl = "sqlite:///\\u0000"\nkey_file = "\\u0000"',
        '[database]\nkey_file = "\\u0000"',
        "[database]\nurl = 'postgresql://127.0.0.1:99999/x'\n[web]\nlisten = '127.0.0.1:99999'",
        "[database]\nurl = 'postgresql://x?host=a..b&port=99999'\n[web]\nlisten = 'a..b:80'",
        "[database]\nurl_file = []",
    ],
)
def test_whatever_the_configuration_holds_the_answer_is_a_sentence(config: Path, written: str) -> None:
    beat(config, time.time())
    config.write_text(written)

    for ready, daemon in [(False, False), (True, False), (False, True)]:
        said = fault(config, ready=ready, daemon=daemon)  # and it raises nothing
        assert said is None or len(said.splitlines()) == 1


def test_all_is_well(config: Path) -> None:
    beat(config, time.time())

    assert fault(config) is None
    assert fault(config, ready=True, daemon=True) is None


def test_ready_needs_a_key_file_that_can_be_used(config: Path) -> None:
    key = config.with_name("rejoin.key")
    key.write_text("{}")
    assert "not a key file of rejoin" in (fault(config, ready=True) or "")
    key.unlink()
    assert "rejoin.key" in (fault(config, ready=True) or "")

    KeyRing.create(config.with_name("other.key"))
    assert fault(config, ready=True, REJOIN_DATABASE__KEY_FILE="other.key") is None
    assert fault(config) is None


def test_ready_needs_the_key_that_the_database_uses(config: Path) -> None:
    execute(config, "INSERT INTO meta VALUES ('active_key', 'another')")
    said = fault(config, ready=True) or ""
    assert said.startswith("the key file does not hold the key another that the database uses")
    assert "rejoin db forget-codes" in said

    execute(config, "UPDATE meta SET value = ?", KeyRing.load(config.with_name("rejoin.key")).newest)
    assert fault(config, ready=True) is None


def test_ready_needs_this_programs_schema(config: Path) -> None:
    execute(config, "UPDATE alembic_version SET version_num = '0000'")

    assert "schema" in (fault(config, ready=True) or "")


def test_a_daemon_must_have_beaten_within_a_minute(config: Path) -> None:
    assert fault(config, daemon=True) == "no daemon runs"
    beat(config, time.time() - 100)
    assert "last sign of life 100 s ago" in (fault(config, daemon=True) or "")
    beat(config, time.time() - 50)
    assert fault(config, daemon=True) is None
    execute(config, "UPDATE daemon SET holder = NULL")
    assert fault(config, daemon=True) == "no daemon runs"


def test_a_heartbeat_in_accelerated_time_is_as_old_as_it_really_is(config: Path) -> None:
    born = time.time() - 1000
    execute(config, "INSERT INTO meta VALUES ('created_at', ?)", repr(born))
    beat(config, born + (1000 - 30) * 600.0)  # thirty real seconds ago

    assert fault(config, daemon=True, REJOIN_CLOCK_SPEED="600") is None
    beat(config, born + (1000 - 90) * 600.0)
    assert "90 s ago" in (fault(config, daemon=True, REJOIN_CLOCK_SPEED="600") or "")


def test_a_database_without_the_table_is_named(config: Path) -> None:
    execute(config, "DROP TABLE daemon")

    assert "no such table: daemon" in (fault(config, daemon=True) or "")


def test_no_configuration_is_enough_only_for_the_plain_probe(tmp_path: Path) -> None:
    missing = tmp_path / "rejoin.toml"

    assert fault(missing) is None
    assert "there is no configuration" in (fault(missing, daemon=True) or "")


@contextmanager
def server(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Answers one request; `heard` has it."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                heard.append(connection.recv(4096))
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", heard
        thread.join(PATIENCE)


def test_without_a_file_the_daemons_own_server_is_asked() -> None:
    with server(b"HTTP/1.1 200 OK\r\n\r\nok") as (listen, heard):
        health.check_daemon(None, listen, {})
    assert heard[0].startswith(b"GET /healthz HTTP/1.0\r\n")

    with server(b"HTTP/1.1 503 Service Unavailable\r\n\r\n") as (listen, _):
        port = listen.partition(":")[2]
        with pytest.raises(health.UnhealthyError, match="answers 503"):
            health.check_daemon(None, f"0.0.0.0:{port}", {})


def test_a_server_that_is_not_there_is_no_daemon() -> None:
    with pytest.raises(health.UnhealthyError, match="no daemon answers at"):
        health.check_daemon(None, f"127.0.0.1:{free_port()}", {})


PROGRAM = """
import sys
from orchestrator.__main__ import run
code = run(sys.argv[1:])
heavy = ("cyclopts", "asyncio", "pydantic", "sqlalchemy", "urllib.request", "http.client", "ssl", "email")
print([name for name in heavy if name in sys.modules], code)
"""


@pytest.mark.parametrize("words", [("--daemon",), ("--ready",), ("--ready", "--daemon")], ids=" ".join)
def test_the_strict_probes_are_light_too(config: Path, words: tuple[str, ...]) -> None:
    beat(config, time.time())
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "healthcheck", *words],
        cwd=config.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert done.stdout.splitlines() == ["ok", "[] 0"], done.stderr


def test_a_flag_said_by_a_variable_counts(config: Path) -> None:
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path), "REJOIN_DAEMON": "true"}
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "healthcheck"],
        cwd=config.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert done.returncode == 1
    assert "no daemon runs" in done.stderr


@pytest.mark.parametrize("name", ["a" * 300, "b/" * 3000])
def test_a_name_that_no_file_can_have_is_told_not_raised(tmp_path: Path, name: str) -> None:
    config = tmp_path / "rejoin.toml"
    config.write_text(f'[database]\nurl = "sqlite:///{name}"\n')

    for file in (config, tmp_path / name):
        said = health.find_fault(file, {}, ready=False)
        assert said is not None
        assert said.endswith("File name too long")
