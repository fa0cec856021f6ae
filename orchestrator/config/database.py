"""The database section: which store, and how its address is shown without its password."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo

from orchestrator.config.values import PathBeside, folder_of, is_host

MASK = "********"
_SQLITE = re.compile(r"sqlite(?:\+aiosqlite)?:///(?P<path>[^?]+)")
# Stricter than libpq on purpose: an unquoted @, / or # in a password could end up shown as host name.
_POSTGRES = re.compile(
    r"postgres(?:ql)?(?:\+asyncpg)?://"
    r"(?:(?P<user>[^:/@?#]*)(?::(?P<password>[^/@?#]*))?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/@?#]*)(?::(?P<port>[0-9]+))?"
    r"(?:/(?P<name>[^/@?#]*))?(?:\?(?P<query>[^#]*))?"
)
_CACHE_SIZE = re.compile(r"[0-9]{1,9}")
_PORT = re.compile(r"[0-9]{1,5}")
# libpq's spelling on the left, asyncpg's on the right.
_QUERY_KEYS = {
    "host": "host",
    "port": "port",
    "ssl": "ssl",
    "sslmode": "ssl",
    "prepared_statement_cache_size": "prepared_statement_cache_size",
}


def normal_database_url(secret: SecretStr, info: ValidationInfo) -> SecretStr:
    """`sqlite:////absolute/file` or `postgresql://…` with asyncpg's query keys. Raises ValueError."""
    url = secret.get_secret_value()
    if "\0" in url:
        raise ValueError("must not hold a NUL character")
    if url.startswith("sqlite"):
        return SecretStr(_normal_sqlite(url, folder_of(info)))
    if url.startswith("postgres"):
        return SecretStr(_normal_postgres(url))
    raise ValueError("must begin with sqlite:/// or postgresql://")


def _normal_sqlite(url: str, folder: Path) -> str:
    found = _SQLITE.fullmatch(url)
    if found is None or found["path"].endswith("/") or found["path"] == ":memory:":
        raise ValueError(
            "must name a file: sqlite:///rejoin.db (beside this file) or sqlite:////var/lib/rejoin/rejoin.db"
        )
    path = str((folder / found["path"]).absolute())
    # SQLAlchemy 2.1 decodes %XX in a file's name, 2.0 does not.
    if "?" in path or "%" in path:
        raise ValueError(
            "must not lead to a file or folder with ? or % in its name: a database URL cannot carry them"
        )
    return f"sqlite:///{path}"


def _normal_postgres(url: str) -> str:
    found = _POSTGRES.fullmatch(url)
    if found is None:
        raise ValueError(
            "must look like postgresql://user:password@host/database;"
            " write signs such as @ or / in the password as %40, %2F"
        )
    pairs = parse_qsl(found["query"] or "", keep_blank_values=True)
    unknown = sorted({key for key, _ in pairs} - _QUERY_KEYS.keys())
    if unknown:
        raise ValueError(f"carries a query parameter that is not known here; known: {', '.join(_QUERY_KEYS)}")
    if len(pairs) > len(dict(pairs)):
        raise ValueError("carries a query parameter twice")
    query = dict(pairs)
    if not _CACHE_SIZE.fullmatch(query.get("prepared_statement_cache_size", "0")):
        raise ValueError("must give prepared_statement_cache_size as a whole number")
    hosts = {unquote(found["host"]).strip("[]"), query.get("host", "")} - {""}
    if not all(host.startswith("/") or is_host(host) for host in hosts):
        raise ValueError("must name a host, or a socket's folder, and only one")
    ports = [found["port"] or "5432", *(value for key, value in pairs if key == "port")]
    if not all(_PORT.fullmatch(port) and 0 < int(port) <= 65535 for port in ports):
        raise ValueError("must name a port between 1 and 65535")
    head = re.sub(r"^postgres(?:ql)?(?:\+asyncpg)?", "postgresql", url.partition("?")[0])
    written = urlencode([(_QUERY_KEYS[key], value) for key, value in pairs], quote_via=quote, safe="/")
    return f"{head}?{written}" if written else head


DatabaseUrl = Annotated[SecretStr, AfterValidator(normal_database_url)]


class DatabaseSettings(BaseModel):
    """Where the state lives."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True, defer_build=True
    )

    url: DatabaseUrl = SecretStr("sqlite:///rejoin.db")
    key_file: PathBeside = Field(default=Path("rejoin.key"))

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_secret_value().startswith("sqlite")

    @property
    def sqlite_path(self) -> Path | None:
        """The SQLite file, absolute; None on PostgreSQL."""
        return Path(self.url.get_secret_value().removeprefix("sqlite:///")) if self.is_sqlite else None

    @property
    def async_url(self) -> str:
        """For SQLAlchemy's async engine. Holds the password: never show it, show `safe_url`."""
        driver = "sqlite+aiosqlite" if self.is_sqlite else "postgresql+asyncpg"
        return driver + ":" + self.url.get_secret_value().partition(":")[2]

    @property
    def password(self) -> str:
        """As written by a person; empty without one, and for one that says no more than the address does."""
        parts = urlsplit(self.url.get_secret_value())
        password = unquote(parts.password or "")
        public = {unquote(parts.username or ""), parts.hostname or "", parts.path.strip("/"), "postgres"}
        return "" if password.lower() in {word.lower() for word in public} else password

    @property
    def safe_url(self) -> str:
        """The address with its password masked."""
        return re.sub(r"^(postgresql://[^:/@?#]*):[^/@?#]*@", rf"\1:{MASK}@", self.url.get_secret_value())
