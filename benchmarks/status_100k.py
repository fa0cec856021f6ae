"""What `rejoin status` costs over 100,000 groups: `python benchmarks/status_100k.py [GROUPS]`.

Prints wall-clock and processor seconds (the best of five) and peak memory of whole processes, beside
`rejoin --version`, the bare start of the program, and beside `rejoin status` over an empty database, the
start of everything that it needs. Exit code 1 when it takes longer beyond that start than allowed.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from orchestrator.store import schema
from orchestrator.store.engine import Database
from orchestrator.store.tables import (
    group_labels,
    groups,
    instances,
    invite_codes,
    journal,
    memberships,
    recoveries,
    slots,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Table

GROUPS = 100_000
SLOTS = 20_000
AT_A_TIME = 5_000
RUNS = 5
ALLOWED = 0.3  # seconds beyond its start-up

CONFIGURATION = """
[database]
url = "sqlite:///rejoin.db"
key_file = "rejoin.key"

[[instances]]
name = "backup-1"
role = "backup"
base_url = "http://127.0.0.1:9"
instance_id = "210987654321"
access_token = "made-up-for-this-benchmark"
"""

# One of ten: of every kind, so that nothing is cheap by being empty.
KINDS: tuple[tuple[str, str | None], ...] = (
    ("active", None),
    ("active", None),
    ("active", None),
    ("active", None),
    ("pending", None),
    ("pending", None),
    ("deferred", "gateway_error"),
    ("deferred", "group_full"),
    ("blocked", "code_revoked"),
    ("awaiting_approval", None),
)


@dataclass(frozen=True)
class Cost:
    """Of one process: wall-clock seconds, processor seconds, peak memory in MB."""

    seconds: float
    processor: float
    megabytes: float


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else GROUPS
    with tempfile.TemporaryDirectory() as folder:
        full, empty = Path(folder, "full"), Path(folder, "empty")
        for place, groups_there in ((full, count), (empty, 0)):
            _prepare(place)
            asyncio.run(_fill(place / "rejoin.db", groups_there))
        return _report(full, empty, count)


def _report(full: Path, empty: Path, count: int) -> int:
    bare = _best(full, "--version")
    start = _best(empty, "status", "--json")
    print(f"{'':34}{'seconds':>9}{'processor':>11}{'MB':>6}{'x --version':>13}")
    commands = {
        "rejoin --version": bare,
        "rejoin status, no groups": start,
        f"rejoin status, {count:,} groups": _best(full, "status"),
        "rejoin status --json": _best(full, "status", "--json"),
        "rejoin status --check": _best(full, "status", "--check"),
        "rejoin explain GROUP": _best(full, "explain", f"group-{count - 1}"),
    }
    for name, cost in commands.items():
        ratio = cost.processor / bare.processor
        print(f"{name:34}{cost.seconds:9.3f}{cost.processor:11.3f}{cost.megabytes:6.0f}{ratio:13.1f}")
    whole = commands[f"rejoin status, {count:,} groups"]
    beyond = whole.processor - start.processor
    wall = whole.seconds - start.seconds
    print(f"beyond its start-up: {beyond:.3f} s of processor, {wall:.3f} s of wall clock")
    print(f"allowed: {ALLOWED} s")
    return 0 if beyond <= ALLOWED else 1


def _best(place: Path, *words: str) -> Cost:
    costs = [_run(place, *words) for _ in range(RUNS)]
    return Cost(
        min(cost.seconds for cost in costs),
        min(cost.processor for cost in costs),
        max(cost.megabytes for cost in costs),
    )


# A small process measures: a child counts the memory of whoever started it as its own.
_RUNNER = """
import json, os, sys, time
before = time.perf_counter()
child = os.fork()
if not child:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
cost = [time.perf_counter() - before, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]
print(json.dumps([os.waitstatus_to_exitcode(status), *cost]))
"""


def _run(place: Path, *words: str) -> Cost:
    command = [sys.executable, "-m", "orchestrator", *words]
    environ = os.environ | {
        "PYTHONPATH": str(Path(__file__).parent.parent),
        "REJOIN_CONFIG": str(place / "rejoin.toml"),
    }
    done = subprocess.run(
        [sys.executable, "-ISc", _RUNNER, *command], env=environ, stdout=subprocess.PIPE, check=True
    )
    code, *cost = json.loads(done.stdout)
    if code not in (0, 3, 8):
        raise SystemExit(f"{' '.join(words)} ended with {code}")
    return Cost(*cost)


def _prepare(place: Path) -> None:
    place.mkdir()
    configuration = place / "rejoin.toml"
    configuration.write_text(CONFIGURATION)
    configuration.chmod(0o600)


async def _fill(path: Path, count: int) -> None:
    database = Database(f"sqlite+aiosqlite:///{path}")
    await schema.upgrade(database)
    now = time.time()
    if count:
        async with database.write() as connection:
            for table, rows in _tables(count, now):
                await connection.execute(insert(table), rows)
    await database.close()


def _tables(count: int, now: float) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    yield instances, [_instance(now)]
    yield (
        recoveries,
        [{"id": 1, "to_instance_id": 1, "state": "running", "actor": "bench", "created_at": now}],
    )
    for begin in range(1, count + 1, AT_A_TIME):
        ids = range(begin, min(begin + AT_A_TIME, count + 1))
        yield groups, [_group(number, now) for number in ids]
        yield group_labels, [{"group_id": number, "label": f"label-{number % 7}"} for number in ids]
        yield invite_codes, [_code(number, now) for number in ids]
        yield memberships, [_membership(number, now) for number in ids]
        yield journal, [_line(number, now) for number in ids]
    yield slots, [_slot(number, count, now) for number in range(1, min(SLOTS, count) + 1)]


def _instance(now: float) -> dict[str, Any]:
    return {
        "id": 1,
        "name": "backup-1",
        "role": "backup",
        "gateway": "wawp",
        "account": "bench",
        "known_since": 0,
        "lease_holder": json.dumps({"host": "bench", "pid": 1}),
        "lease_until": now + 86400,
        "seen_at": now,
    }


def _group(number: int, now: float) -> dict[str, Any]:
    return {
        "id": number,
        "slug": f"group-{number}",
        "name": f"Group {number}",
        "jid": f"{120363000000000000 + number}@g.us",
        "subject": f"Group {number}",
        "priority": number % 5,
        "created_at": now,
        "updated_at": now,
    }


def _code(number: int, now: float) -> dict[str, Any]:
    return {
        "group_id": number,
        "ciphertext": bytes(60),
        "key_id": "k",
        "fingerprint": f"{number:032x}",
        "last4": "abcd",
        "current": True,
        "source": "import",
        "created_at": now,
    }


def _membership(number: int, now: float) -> dict[str, Any]:
    status, reason = KINDS[number % len(KINDS)]
    return {
        "instance_id": 1,
        "group_id": number,
        "recovery_id": 1,
        "priority": number % 5,
        "status": status,
        "reason": reason,
        "status_since": now,
        "next_attempt_at": now + number % 9973 if status == "deferred" else None,
        "jid": f"{120363000000000000 + number}@g.us" if status == "active" else None,
    }


def _line(number: int, now: float) -> dict[str, Any]:
    return {
        "at": now,
        "kind": "move",
        "actor": "bench",
        "instance_id": 1,
        "group_id": number,
        "recovery_id": 1,
        "data": '{"from":"pending","to":"ready"}',
    }


def _slot(number: int, count: int, now: float) -> dict[str, Any]:
    at = now - (min(SLOTS, count) - number) * 15.0 - 30
    return {
        "instance_id": 1,
        "n": number,
        "membership_id": number,
        "recovery_id": 1,
        "fence": 1,
        "reserved_at": at,
        "send_at": at,
        "dice": 0.5,
        "sent_at": at,
        "finished_at": at + 1,
        "outcome": "joined",
    }


if __name__ == "__main__":
    sys.exit(main())
