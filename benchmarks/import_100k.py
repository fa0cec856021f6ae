"""What importing 100,000 groups costs, as whole processes: `python -m benchmarks.import_100k [GROUPS]`.

Wall-clock seconds and peak memory of `rejoin groups import` on SQLite and PostgreSQL: the first time, again
with nothing changed, and as a dry run, beside `rejoin --version`; the seconds also as a ratio to a plain
insert of the same rows with `sqlite3`. Asked: under 15 s and 150 MB; of a million groups under 300 MB.
"""

from __future__ import annotations

import csv
import os
import random
import sqlite3
import string
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUPS = 100_000
LETTERS = string.ascii_letters + string.digits


def write_list(path: Path, number: int) -> None:
    """An organisation's list, as a spreadsheet would save it."""
    rng = random.Random(8)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "code", "jid", "subject", "owner", "instances", "labels", "priority"])
        for n in range(number):
            code = "".join(rng.choices(LETTERS, k=22))
            link, jid = f"https://chat.whatsapp.com/{code}", f"1203630{n:011d}@g.us"
            owner, label = "15550100001", f"region-{n % 40}"
            writer.writerow([f"Group {n}", link, jid, f"Group {n}", owner, "sales-main", label, n % 100])


def measure(folder: Path, *words: str) -> tuple[float, float]:
    """Seconds and megabytes of one whole command."""
    command = [sys.executable, "-m", "orchestrator", *words]
    home = Path(__file__).parent.parent
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(home)}, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode != 0:
        raise RuntimeError(f"rejoin {' '.join(words)} ended with {process.returncode}")
    return seconds, usage.ru_maxrss / 1024


def plain_insert(folder: Path) -> float:
    """Seconds for the same rows in one transaction, with nothing read into or compared."""
    began = time.perf_counter()
    with closing(sqlite3.connect(folder / "plain.db")) as database, database:
        database.execute("CREATE TABLE plain (name, code, jid, subject, owner, instances, labels, priority)")
        with (folder / "groups.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            next(rows)
            database.executemany("INSERT INTO plain VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return time.perf_counter() - began


def cases(folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "--version", ("--version",)
    yield "dry run", ("groups", "import", "groups.csv", "--dry-run", "-q")
    yield "first import", ("groups", "import", "groups.csv", "-q")
    yield "again, unchanged", ("groups", "import", "groups.csv", "-q")
    del folder


def run_on(name: str, folder: Path, *, number: int, url: str | None) -> None:
    folder.mkdir()
    write_list(folder / "groups.csv", number)
    plain = plain_insert(folder)
    measure(folder, "init", *(["--database-url", url] if url else []))
    for case, words in cases(folder):
        seconds, megabytes = measure(folder, *words)
        ratio = seconds / plain
        print(f"{name:11} {case:18} {seconds:7.2f} s {megabytes:7.0f} MB {ratio:6.1f} inserts", flush=True)


def main(number: int) -> None:
    print(f"{number} groups; asked for 100,000: under 15 s and 150 MB; for 1,000,000: under 300 MB")
    with tempfile.TemporaryDirectory() as folder:
        run_on("sqlite", Path(folder) / "sqlite", number=number, url=None)
        server = PostgresServer.start(durable=True)
        try:
            url = server.url(server.create_database()).replace("+asyncpg", "")
            run_on("postgresql", Path(folder) / "postgresql", number=number, url=url)
        finally:
            server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else GROUPS)
