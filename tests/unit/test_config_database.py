from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.engine import make_url

from tests.unit.config_files import problems, settings

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.config import Settings


def database(folder: Path, url: str) -> Settings:
    return settings(folder, f"[database]\nurl = '{url}'")


@pytest.mark.parametrize("url", ["sqlite:///data/a b#1.db", "sqlite+aiosqlite:///data/a b#1.db"])
def test_a_relative_file_lies_beside_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir("/")
    found = database(tmp_path, url).database

    assert found.async_url == f"sqlite+aiosqlite:///{tmp_path}/data/a b#1.db"
    assert make_url(found.async_url).database == f"{tmp_path}/data/a b#1.db"
    assert found.sqlite_path == tmp_path / "data" / "a b#1.db"
    assert found.safe_url == f"sqlite:///{tmp_path}/data/a b#1.db"


def test_the_defaults_lie_beside_the_configuration(tmp_path: Path) -> None:
    found = settings(tmp_path).database

    assert found.async_url == f"sqlite+aiosqlite:///{tmp_path}/rejoin.db"
    assert found.key_file == tmp_path / "rejoin.key"


def test_an_absolute_file_stays(tmp_path: Path) -> None:
    found = database(tmp_path, "sqlite:////var/lib/rejoin/r.db").database

    assert found.async_url == "sqlite+aiosqlite:////var/lib/rejoin/r.db"
    assert found.is_sqlite


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_postgresql_goes_by_each_of_its_names(tmp_path: Path, scheme: str) -> None:
    found = database(tmp_path, f"{scheme}://me:p%40ss:w@db.example.org:5433/rejoin?sslmode=require").database

    assert found.async_url == "postgresql+asyncpg://me:p%40ss:w@db.example.org:5433/rejoin?ssl=require"
    assert found.safe_url == "postgresql://me:********@db.example.org:5433/rejoin?ssl=require"
    assert make_url(found.async_url).password == "p@ss:w"
    assert found.sqlite_path is None
    assert not found.is_sqlite


@pytest.mark.parametrize(
    "start", ["postgresql://postgres:@/postgres", "postgresql:///postgres", "postgresql://me@/postgres"]
)
def test_a_socket_folder_reaches_the_driver(tmp_path: Path, start: str) -> None:
    found = database(tmp_path, f"{start}?host=/run/pg%20x").database
    driver: Any = dialect
    _, arguments = driver().create_connect_args(make_url(found.async_url))

    assert arguments["host"] == "/run/pg x"
    assert arguments["database"] == "postgres"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("rejoin.db", "must begin with sqlite:/// or postgresql://"),
        ("mysql://a:t0k3n@b/c", "must begin with sqlite:/// or postgresql://"),
        ("sqlite://", "must name a file"),
        ("sqlite:///", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///x.db?mode=ro", "must name a file"),
        ("sqlite:///folder/", "must name a file"),
        ("sqlite:///a%20b.db", "must not lead to a file or folder with ? or %"),
        ("postgresql+psycopg2://a:t0k3n@b/c", "must look like postgresql://"),
        ("postgresql://a:t0k/3n@b/c", "must look like postgresql://"),
        ("postgresql://a:t0k@3n@b/c", "must look like postgresql://"),
        ("postgresql://a@b/c?password=t0k3n", "carries a query parameter that is not known here"),
        ("postgresql://a:t0k3n@../c", "must name a host"),
        ("postgresql://a:t0k3n@.b/c", "must name a host"),
        ("postgresql://a:t0k3n@ü..x/c", "must name a host"),
        ("postgresql://a:t0k3n@[:]/c", "must name a host"),
        ("postgresql://a:t0k3n@１２７.0.0.1/c", "must name a host"),
        ("postgresql://a:t0k3n@١٢٧.0.0.1/c", "must name a host"),
        ("postgresql://a:t0k3n@b:٣/c", "must look like postgresql://"),
        ("postgresql://b/c?port=٣", "must name a port"),
        ("postgresql://b/c?prepared_statement_cache_size=٣", "must give prepared_statement_cache_size"),
        ("postgresql://a:t0k3n@b%00/c", "must name a host"),
        (f"postgresql://a:t0k3n@{'b' * 64}.org/c", "must name a host"),
        ("postgresql://a:t0k3n@b/c?host=..", "must name a host"),
        ("postgresql:///c?host=a,b", "must name a host"),
        ("postgresql:///c?host=a&host=b", "carries a query parameter twice"),
        ("postgresql://b/c?port=1&port=2", "carries a query parameter twice"),
        ("postgresql://b/c?prepared_statement_cache_size=x", "must give prepared_statement_cache_size"),
        ("postgresql://b/c?prepared_statement_cache_size=-1", "must give prepared_statement_cache_size"),
        ("postgresql://a@b/c#t0k3n", "must look like postgresql://"),
    ],
)
def test_other_addresses_are_refused_and_hidden(tmp_path: Path, url: str, sentence: str) -> None:
    (found,) = problems(tmp_path, f"[database]\nurl = '{url}'")

    assert found.startswith(f"rejoin.toml:2: database.url: {sentence}")
    assert found.endswith("(hidden)")


@pytest.mark.parametrize(
    "host", ["db", "db.example.org.", "[::1]", "127.0.0.1", "bücher.example", "my_db-1", ""]
)
def test_a_sound_host_is_taken(tmp_path: Path, host: str) -> None:
    found = database(tmp_path, f"postgresql://me:pw@{host}/rejoin").database

    assert found.async_url == f"postgresql+asyncpg://me:pw@{host}/rejoin"


def test_a_folder_that_no_address_can_carry_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "a?b"
    folder.mkdir()

    assert "must not lead to a file or folder with ? or %" in problems(folder, "timezone = 'UTC'")[0]
