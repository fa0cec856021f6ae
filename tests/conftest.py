"""What every test stands on: a real database, a quiet network, and no skip that nobody sees."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from orchestrator import redact
from tests.support.migrated import copy_database, copy_file, migrate
from tests.support.postgres import PostgresServer, fast_folder, running_server

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

# Skips that CI accepts: the test's id, and why it cannot run there.
MAY_SKIP_IN_CI = {
    "tests/unit/test_config_secrets.py::test_an_unreadable_file_is_refused": "root reads everything",
}

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


def pytest_configure() -> None:
    settings.load_profile("ci" if in_ci() else "default")
    # SQLite under test waits for the disk at every commit, and a crash of the machine is not under test.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", fast_folder())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest by waiting begins first, so that nobody waits for it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


def pytest_collection_finish() -> None:
    """What was loaded stays: looking for garbage in it again and again was a sixth of the processor time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report, item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report, collector.nodeid)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport, nodeid: str) -> None:
    """In CI a skip is a failure. An expected failure (xfail) is a statement, and stays one."""
    if not in_ci() or not report.skipped or hasattr(report, "wasxfail") or nodeid in MAY_SKIP_IN_CI:
        return
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"{nodeid} was skipped, and CI skips nothing (tests/conftest.py): {why}"


@pytest.fixture(autouse=True)
def _as_in_a_new_process() -> Iterator[None]:
    """What one test configures as a secret is none in the next."""
    yield
    redact.forget()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for this test process (one for each worker of xdist), started when first asked for."""
    try:
        yield from running_server()
    except LookupError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    name = postgres_server.create_database()
    migrate(postgres_server.url(name))
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "rejoin.db"
    migrate(f"sqlite+aiosqlite:///{file}")
    return file


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """A fresh database for this test, with the schema in place and nothing in it."""
    name = copy_database(postgres_server, postgres_template)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """A fresh file for this test, with the schema in place and nothing in it."""
    return copy_file(sqlite_template, tmp_path / "rejoin.db")


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Without our schema."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """A file that does not exist yet."""
    return f"sqlite+aiosqlite:///{tmp_path / 'rejoin.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The test runs twice, once on each."""
    fixture = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    return str(request.getfixturevalue(fixture))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """The test runs twice, and makes the schema itself."""
    fixture = {"sqlite": "empty_sqlite_url", "postgresql": "empty_postgres_url"}[request.param]
    return str(request.getfixturevalue(fixture))
