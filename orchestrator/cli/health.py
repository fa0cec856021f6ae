"""The container's probe. Standard library only: it is asked every half minute for ever.

Plain: the interpreter starts and, where there is a configuration, its database can be read (SQLite) or
answers on its port (PostgreSQL). Ready: there must be a configuration, with a key file that fits, and the
SQLite database must have this program's schema and take writes. Daemon: one must run, and have given a sign
of life within a minute: by its heartbeat in a SQLite database, else by its own HTTP server.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tomllib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import config_file

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE = 3.0  # seconds for a database to answer
_PORT = 5432
OLDEST = 60.0
"""Real seconds since the last sign of life."""
_ROW = """
SELECT holder, heartbeat_at, (julianday('now') - 2440587.5) * 86400.0,
       (SELECT value FROM meta WHERE key = 'created_at')
FROM daemon WHERE id = 1
"""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound


class UnhealthyError(Exception):
    """The reason, fit to be shown."""


def main(*, ready: bool = False, daemon: bool = False, config: Path | None = None) -> int:
    """Print `ok`, or the reason on stderr; 0 or 1."""
    reason = find_fault(config, os.environ, ready=ready, daemon=daemon)
    if reason is None:
        print("ok")  # noqa: T201 - the answer
        return 0
    print(f"rejoin: {reason}", file=sys.stderr)  # noqa: T201 - without the output's room, which is not light
    return 1


def find_fault(
    config: Path | None, environ: Mapping[str, str], *, ready: bool, daemon: bool = False
) -> str | None:
    """What is wrong, or None."""
    file = config_file.find(config, environ)
    try:
        if _exists(file):
            _check(file, environ, ready=ready, daemon=daemon)
        elif ready or daemon:
            raise UnhealthyError(f"{file}: there is no configuration")  # noqa: TRY301 - told like the others
    except UnhealthyError as error:
        return str(error)
    return None


def _exists(file: Path) -> bool:
    """Raises UnhealthyError where that cannot be told: in a closed folder, with a name that is too long."""
    try:
        return file.exists()
    except OSError as error:
        raise UnhealthyError(f"{file}: {error.strerror}") from None


def _check(file: Path, environ: Mapping[str, str], *, ready: bool, daemon: bool) -> None:
    written = _written(file)
    section = _section(written, "database")
    key_file = _setting(section, environ, "DATABASE__KEY_FILE", default="rejoin.key")
    keys = _keys(file.absolute().parent / key_file) if ready else None
    url = _database_url(section, environ, file)
    path = file.absolute().parent / url.partition(":///")[2]
    if url.startswith("sqlite"):
        _check_sqlite(path, keys)
    elif url.startswith("postgres"):
        _check_postgres(url)
    else:
        raise UnhealthyError(f"{file}: database.url begins neither with sqlite nor with postgresql")
    if daemon:
        listen = _setting(_section(written, "web"), environ, "WEB__LISTEN", default="127.0.0.1:8080")
        check_daemon(path if url.startswith("sqlite") else None, listen, environ)


def _written(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UnhealthyError(f"{file}: {error.strerror}") from None
    except (ValueError, RecursionError):  # not UTF-8, or not TOML; the parser's error may hold the text
        raise UnhealthyError(f"{file}: is not valid TOML; rejoin config validate says more") from None


def _section(written: dict[str, Any], name: str) -> dict[str, Any]:
    section = written.get(name, {})
    return section if isinstance(section, dict) else {}


def _setting(section: dict[str, Any], environ: Mapping[str, str], name: str, *, default: str) -> str:
    key = name.partition("__")[2].lower()
    return environ.get(f"REJOIN_{name}") or str(section.get(key) or default)


def _database_url(section: dict[str, Any], environ: Mapping[str, str], file: Path) -> str:
    plain = environ.get("REJOIN_DATABASE__URL")
    url_file = "" if plain else _setting(section, environ, "DATABASE__URL_FILE", default="")
    if not url_file:
        return _setting(section, environ, "DATABASE__URL", default="sqlite:///rejoin.db")
    try:
        return (file.absolute().parent / url_file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        raise UnhealthyError(f"{file}: the file of database.url_file cannot be read") from None


def _keys(path: Path) -> tuple[str, ...]:
    """The ids of the keys in the key file. Raises UnhealthyError."""
    from orchestrator.domain.errors import ConfigurationError  # noqa: PLC0415 - for --ready only
    from orchestrator.store.keyring import KeyRing  # noqa: PLC0415 - the same

    try:
        return KeyRing.load(path).ids
    except ConfigurationError as error:
        raise UnhealthyError(f"{error.message}; {error.hint}") from None
    except ValueError:
        raise UnhealthyError("database.key_file is not the name of a file") from None


def _check_sqlite(path: Path, keys: tuple[str, ...] | None) -> None:
    """`keys` are given where it must be ready."""
    if not _exists(path):
        raise UnhealthyError(f"{path}: there is no database")
    mode = "ro" if keys is None else "rw"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, timeout=PATIENCE)) as database:
            found = database.execute("SELECT version_num FROM alembic_version").fetchone()
            if keys is not None:
                _check_ready(database, str(found[0]) if found else "", keys)
    except sqlite3.Error as error:
        raise UnhealthyError(f"{path}: {error}") from None


def _check_ready(database: sqlite3.Connection, revision: str, keys: tuple[str, ...]) -> None:
    if revision != _newest_revision():
        raise UnhealthyError("the database's schema is not this program's; rejoin db check says more")
    from orchestrator.store.keyring import WHEN_LOST  # noqa: PLC0415 - for --ready only

    used = database.execute("SELECT value FROM meta WHERE key = 'active_key'").fetchone()
    if used is not None and used[0] not in keys:
        said = f"the key file does not hold the key {used[0]} that the database uses"
        raise UnhealthyError(f"{said}; {WHEN_LOST}")
    database.isolation_level = None
    database.execute("BEGIN IMMEDIATE")
    database.execute("ROLLBACK")


def _newest_revision() -> str:
    package = Path(__file__).parents[1]
    inside = package / "migrations"
    folder = inside if inside.is_dir() else package.parent / "migrations"
    return max((file.name.split("_", 1)[0] for file in folder.glob("versions/[0-9]*_*.py")), default="")


def _check_postgres(url: str) -> None:
    from urllib.parse import parse_qs, unquote, urlsplit  # noqa: PLC0415 - the same

    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        host = query.get("host", [unquote(parts.hostname or "localhost")])[0]
        port = int(query.get("port", [str(parts.port or _PORT)])[0])
    except ValueError:
        raise UnhealthyError("database.url is no address; rejoin config validate says more") from None
    try:
        _knock(host, port)
    except (OSError, ValueError, OverflowError) as error:  # the last two: no host name, or no port
        raise UnhealthyError(f"PostgreSQL does not answer at {host} port {port}: {error}") from None


def _knock(host: str, port: int) -> None:
    import socket  # noqa: PLC0415 - SQLite needs none

    if host.startswith("/"):
        with closing(socket.socket(socket.AF_UNIX)) as knock:
            knock.settimeout(PATIENCE)
            knock.connect(f"{host}/.s.PGSQL.{port}")
    else:
        socket.create_connection((host, port), PATIENCE).close()


def check_daemon(sqlite_file: Path | None, listen: str, environ: Mapping[str, str]) -> None:
    """`listen` is `web.listen`, asked where the database is not a file. Raises UnhealthyError."""
    if sqlite_file is None:
        _ask(listen)
        return
    uri = f"{sqlite_file.as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE)) as database:
            row = database.execute(_ROW).fetchone()
    except sqlite3.Error as error:
        raise UnhealthyError(f"{sqlite_file}: {error}") from None
    if row is None or row[0] is None or row[1] is None:
        raise UnhealthyError("no daemon runs")
    age = _age(float(row[1]), float(row[2]), born=float(row[3] or 0.0), environ=environ)
    if age > OLDEST:
        raise UnhealthyError(f"the daemon gave its last sign of life {age:.0f} s ago")


def _age(heartbeat: float, now: float, *, born: float, environ: Mapping[str, str]) -> float:
    """In real seconds, also where a test's clock is accelerated about the database's creation."""
    try:
        speed = float(environ.get("REJOIN_CLOCK_SPEED") or 1.0)
    except ValueError:
        speed = 1.0
    return (born + (now - born) * speed - heartbeat) / speed


def _ask(listen: str) -> None:
    """`GET /healthz`, by hand: a client library would take longer than the answer."""
    import socket  # noqa: PLC0415 - a SQLite file needs none

    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    host = _EVERYWHERE.get(host, host)
    try:
        with socket.create_connection((host, int(port)), PATIENCE) as connection:
            connection.sendall(f"GET /healthz HTTP/1.0\r\nHost: {listen}\r\n\r\n".encode())
            words = connection.recv(64).split()
    except (OSError, ValueError, OverflowError) as error:  # the last two: no host name, or no port
        raise UnhealthyError(f"no daemon answers at {listen}: {error}") from None
    if len(words) < 2 or words[1] != b"200":
        told = words[1].decode(errors="replace") if len(words) > 1 else "nothing"
        raise UnhealthyError(f"the daemon at {listen} answers {told}")
