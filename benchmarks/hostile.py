"""What a siege of the webhook port costs: `python benchmarks/hostile.py [REQUESTS]` (else 10,000).

Prints how long a good event waits for its answer while nothing else happens and during the siege, the
processor seconds of one hostile request beside those of one good event, and what the crowd was answered. Both
sides run in this one process, so the numbers hold the crowd's own work too. Exit code 1 when anything hostile
was taken, or a good event was not.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import time
from collections import Counter
from typing import TYPE_CHECKING

import structlog

from tests.support.hooks import good, receiver
from tests.support.hostile import besiege

if TYPE_CHECKING:
    from tests.support.hooks import Receiver
    from tests.support.hostile import Siege

REQUESTS = 10_000
QUIET = 200
FIRST = 500_000
REFUSED = {0, 400, 404, 405, 413}


async def measure(count: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        async with receiver(f"sqlite+aiosqlite:///{folder}/rejoin.db", patience=2.0) as found:
            each, waits = await in_peace(found)
            began = time.process_time()
            siege = await besiege(found.server.port, count)
            spent = time.process_time() - began
            kept = await found.count()
    report(siege, waits, each, spent)
    refused = all(status in REFUSED for kind, status in siege.answers if kind != "replayed")
    served = set(siege.good) == {200} and kept <= QUIET + 1 + len(siege.waits) + 1
    return 0 if refused and served else 1


async def in_peace(found: Receiver) -> tuple[float, list[float]]:
    """Processor seconds of one good event, and the real seconds that each waited."""
    waits = []
    began = time.process_time()
    for number in range(QUIET):
        at = time.perf_counter()
        await found.ask(good(FIRST + number))
        waits.append(time.perf_counter() - at)
    return (time.process_time() - began) / QUIET, sorted(waits)


def report(siege: Siege, waits: list[float], each: float, spent: float) -> None:
    hostile = siege.answers.total()
    cost = max(0.0, spent - each * siege.good.total()) / hostile
    print(
        f"{hostile:,} hostile requests in {siege.seconds:.1f} s, {hostile / siege.seconds:,.0f} in a second"
    )
    ratio = f"{cost / each:.2f} of a good event's {1000 * each:.2f} ms"
    print(f"processor time of one: {1000 * cost:.2f} ms, {ratio}")
    for name, quiet, busy in (
        ("median", waits[len(waits) // 2], siege.quantile(0.5)),
        ("99 %", waits[int(0.99 * len(waits))], siege.quantile(0.99)),
    ):
        print(f"a good event waits, {name}: {1000 * quiet:.0f} ms in peace, {1000 * busy:.0f} ms under siege")
    by_status: Counter[int] = Counter()
    for (_, status), number in siege.answers.items():
        by_status[status] += number
    print(
        "answered:", ", ".join(f"{number:,} x {status or 'hung up'}" for status, number in by_status.items())
    )
    print("good events:", ", ".join(f"{number:,} x {status}" for status, number in siege.good.items()))


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    return asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS))


if __name__ == "__main__":
    sys.exit(main())
