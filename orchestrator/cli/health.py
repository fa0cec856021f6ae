"""The container's probe. Standard library only: it is asked every half minute for ever.

Plain: the interpreter starts and, where there is a configuration, its database can be read (SQLite) or
answers on its port (PostgreSQL). Ready: there must be a configuration, with its key file, and the SQLite
database must have this program's schema and take writes.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import sys
import tomllib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE = 3.0  # seconds for a database to answer
_PORT = 5432


class UnhealthyError(Exception):
    """The reason, fit to be shown."""


def main(*, ready: bool, config: Path | None = None) -> int:
    """Print `ok`, or the reason on stderr; 0 or 1."""
    reason = find_fault(config, os.environ, ready=ready)
    if reason is None:
        print("ok")  # noqa: T201 - the answer
        return 0
    print(f"rejoin: {reason}", file=sys.stderr)  # noqa: T201 - without the output's room, which is not light
    return 1


def find_fault(config: Path | None, environ: Mapping[str, str], *, ready: bool) -> str | None:
    """What is wrong, or None."""
    try:
        _check(config or Path(environ.get("REJOIN_CONFIG") or "rejoin.toml"), environ, ready=ready)
    except UnhealthyError as error:
        return str(error)
    return None


def _check(file: Path, environ: Mapping[str, str], *, ready: bool) -> None:
    if not file.exists():
        if ready:
            raise UnhealthyError(f"{file}: there is no configuration")
        return
    section = _database_section(file)
    if ready:
        _check_key_file(_setting(section, environ, "key_file", default="rejoin.key"), file)
    url = _database_url(section, environ, file)
    if url.startswith("sqlite"):
        _check_sqlite(file.absolute().parent / url.partition(":///")[2], ready=ready)
    elif url.startswith("postgres"):
        _check_postgres(url)
    else:
        raise UnhealthyError(f"{file}: database.url begins neither with sqlite nor with postgresql")


def _database_section(file: Path) -> dict[str, Any]:
    try:
        section = tomllib.loads(file.read_text(encoding="utf-8-sig")).get("database", {})
    except OSError as error:
        raise UnhealthyError(f"{file}: {error.strerror}") from None
    except ValueError:  # not UTF-8, or not TOML; the parser's error may hold the text
        raise UnhealthyError(f"{file}: is not valid TOML; rejoin config validate says more") from None
    return section if isinstance(section, dict) else {}


def _setting(section: dict[str, Any], environ: Mapping[str, str], key: str, *, default: str) -> str:
    return environ.get(f"REJOIN_DATABASE__{key.upper()}") or str(section.get(key) or default)


def _database_url(section: dict[str, Any], environ: Mapping[str, str], file: Path) -> str:
    plain = environ.get("REJOIN_DATABASE__URL")
    url_file = "" if plain else _setting(section, environ, "url_file", default="")
    if not url_file:
        return _setting(section, environ, "url", default="sqlite:///rejoin.db")
    try:
        return (file.absolute().parent / url_file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        raise UnhealthyError(f"{file}: the file of database.url_file cannot be read") from None


def _check_key_file(name: str, file: Path) -> None:
    path = file.absolute().parent / name
    if not os.access(path, os.R_OK):
        raise UnhealthyError(f"{path}: there is no key file that can be read")


def _check_sqlite(path: Path, *, ready: bool) -> None:
    if not path.exists():
        raise UnhealthyError(f"{path}: there is no database")
    mode = "rw" if ready else "ro"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, timeout=PATIENCE)) as database:
            found = database.execute("SELECT version_num FROM alembic_version").fetchone()
            if ready:
                _check_ready(database, str(found[0]) if found else "")
    except sqlite3.Error as error:
        raise UnhealthyError(f"{path}: {error}") from None


def _check_ready(database: sqlite3.Connection, revision: str) -> None:
    if revision != _newest_revision():
        raise UnhealthyError("the database's schema is not this program's; rejoin db check says more")
    database.isolation_level = None
    database.execute("BEGIN IMMEDIATE")
    database.execute("ROLLBACK")


def _newest_revision() -> str:
    package = Path(__file__).parents[1]
    inside = package / "migrations"
    folder = inside if inside.is_dir() else package.parent / "migrations"
    return max((file.name.split("_", 1)[0] for file in folder.glob("versions/[0-9]*_*.py")), default="")


def _check_postgres(url: str) -> None:
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        host = query.get("host", [unquote(parts.hostname or "localhost")])[0]
        port = int(query.get("port", [str(parts.port or _PORT)])[0])
    except ValueError:
        raise UnhealthyError("database.url is no address; rejoin config validate says more") from None
    try:
        _knock(host, port)
    except OSError as error:
        raise UnhealthyError(f"PostgreSQL does not answer at {host} port {port}: {error}") from None


def _knock(host: str, port: int) -> None:
    if host.startswith("/"):
        with closing(socket.socket(socket.AF_UNIX)) as knock:
            knock.settimeout(PATIENCE)
            knock.connect(f"{host}/.s.PGSQL.{port}")
    else:
        socket.create_connection((host, port), PATIENCE).close()
