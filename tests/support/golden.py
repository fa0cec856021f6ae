"""What the commands say of two stored recoveries, held in files: what a rebuild must not change.

`mid` is the demo's network with a run that was killed on its way, `end` the same after the run, a daemon and
two acts of a person. The dumps were made once, with the program as it was then, and are migrated before they
are asked; the clock stands still at their last line. `python -m tests.support.golden` writes the answers
anew.
"""

from __future__ import annotations

import getpass
import re
import shlex
import shutil
import socket
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.account.lease import current_holder
from orchestrator.cli.command_list import COMMANDS
from tests.support.command import Rejoin
from tests.support.migrated import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

STORED = Path(__file__).parents[1] / "golden"
ANSWERS = STORED / "answers"
_IDENTITY = "2328208/@65024"  # of the file that was dumped
_STANDING = "0.000000001"  # the speed of a clock that stands still
_WORLDS = ("mid", "end")

_LOOKS = (
    "status",
    "explain couriers-north",
    "explain returns-desk",
    "explain flash-deals",
    "explain management",
    "groups list",
    "groups list --bucket needs_you",
    "groups list --search zzz",
    "groups show couriers-north",
    "log -n 12",
    "history",
    "outbox list",
    "hooks list",
)
_ONLY_PIPED = ("groups export", "healthcheck", "healthcheck --ready")
# Refused on the way; at the end it would wait for a clock that stands still.
_ONLY_ON_THE_WAY = ("run --from sales-main --yes",)
_ONLY_AT_THE_END = ("config show", "config validate", "db check", "plan")
_ACTS = (
    "pause",
    "resume",
    "stop",
    "retry couriers-north",
    "retry --all-needs-you",
    "skip couriers-north --because closed",
    "groups set-code couriers-north",
    "groups import groups.csv",
    "groups import groups.csv --dry-run",
    "groups import bad.csv",
    "run --detach --yes",
    "explain nobody",
    "status --wrong",
    "pauze",
    "db rekey --yes",
    "db upgrade",
)
_FILES = {
    "groups.csv": "name,code,labels\n"
    "Couriers North,ZyXwVuTsRqPoNmLkJiHgFe,north\nNew,AbCdEfGhIjKlMnOpQrStUv,\n",
    "bad.csv": "name,code\nA,short\n,AbCdEfGhIjKlMnOpQrStUv\n",
}


@dataclass(frozen=True, slots=True)
class Face:
    """One call, as one kind of reader sees it."""

    world: str  # "" without any configuration
    words: str
    columns: int = 0  # of the terminal; 0: there is none

    @property
    def file(self) -> Path:
        name = re.sub(r"[^\w.-]+", "_", self.words).strip("_")
        return ANSWERS / f"{self.world or 'none'}-{name}{f'-{self.columns}' if self.columns else ''}.txt"


def faces() -> Iterator[Face]:
    yield from (Face("", f"{' '.join(one.path)} --help") for one in COMMANDS)
    for world in _WORLDS:
        for words in _LOOKS:
            yield Face(world, words)
            yield Face(world, f"{words} --json")
            yield from (Face(world, words, columns) for columns in (80, 60))
        yield from (Face(world, words) for words in (*_ONLY_PIPED, *_ACTS))
        yield from (Face(world, f"{words} --json") for words in _ACTS)
    yield from (Face("mid", words) for words in _ONLY_ON_THE_WAY)
    for words in _ONLY_AT_THE_END:
        yield from (Face("end", words, columns) for columns in (0, 80))
        yield Face("end", f"{words} --json")


def answer(face: Face) -> str:
    """What the program says: output, talk and exit code."""
    # Where lines end depends on how long the folder's name is: it is the same everywhere.
    with tempfile.TemporaryDirectory(prefix="face-", dir="/tmp") as folder:
        return _answer(face, Path(folder))


def _answer(face: Face, folder: Path) -> str:
    rejoin = Rejoin(folder, {"REJOIN_CLOCK_SPEED": _STANDING, "LINES": "60", "COLUMNS": "80"})
    if face.world:
        _lay_out(face.world, folder)
    words = shlex.split(face.words)
    if face.columns:
        code, shown = rejoin.on_terminal(*words, COLUMNS=str(face.columns))
        parts = [shown.replace("\r\n", "\n"), f"exit code {code}\n"]
    else:
        said = rejoin(*words, stdin="https://chat.whatsapp.com/ZyXwVuTsRqPoNmLkJiHgFe\n")
        parts = [said.out, *(["--- talk\n", said.err] if said.err else []), f"exit code {said.code}\n"]
    text = "".join(part if part.endswith("\n") or not part else f"{part}\n" for part in parts)
    return f"$ rejoin {face.words}\n" + _same_everywhere(text, folder)


def _lay_out(world: str, folder: Path) -> None:
    for stored, name in (("rejoin.toml", "rejoin.toml"), ("key.json", "rejoin.key")):
        shutil.copy(STORED / stored, folder / name)
        (folder / name).chmod(0o600)
    (folder / "secrets").mkdir(mode=0o700)
    for name in ("sales-main", "backup-1"):
        token = folder / "secrets" / f"{name}.token"
        token.write_text(f"token-of-{name}-0123456789\n")
        token.chmod(0o600)
    for name, text in _FILES.items():
        (folder / name).write_text(text)
    database = folder / "rejoin.db"
    database.write_bytes(_migrated(world))
    with sqlite3.connect(database) as connection:
        found = database.stat()
        here = f"{found.st_ino}/@{found.st_dev}"
        connection.execute("update meta set value = ? where value = ?", (here, _IDENTITY))
        connection.execute(
            "update meta set value = (select max(at) + 30 from journal) where key = 'created_at'"
        )
        connection.execute("update instances set seen_database = ?", (here,))
        # The killed run was one of this machine: that it lives no more is known here only.
        holder = current_holder()
        connection.execute(
            "update instances set lease_holder = json_set(lease_holder, '$.boot_id', ?, '$.pid_space', ?)",
            (holder.boot_id, holder.pid_space),
        )
    connection.close()
    database.chmod(0o644)  # whatever the machine's umask is: some answers tell it


@cache
def _migrated(world: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rejoin.db"
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript((STORED / f"{world}.sql").read_text())
        migrate(f"sqlite+aiosqlite:///{file}")
        return file.read_bytes()


def _same_everywhere(text: str, folder: Path) -> str:
    for found, said in (
        (str(folder), "FOLDER"),
        (f"{getpass.getuser()}@{socket.gethostname()}", "ACTOR"),
    ):
        text = text.replace(found, said)
    return re.sub(r"\bk[0-9a-f]{8}\b", "KEY", text)


def main() -> int:
    shutil.rmtree(ANSWERS, ignore_errors=True)
    ANSWERS.mkdir(parents=True)
    for face in faces():
        face.file.write_text(answer(face))
    return 0


if __name__ == "__main__":
    sys.exit(main())
