"""What the commands that are typed or polled most cost, as ratios to the interpreter's bare start.

`python benchmarks/start.py [RUNS]` prints processor seconds of whole processes, the runs taken in turn: the
least and the median. Exit code 1 when a median ratio is above what is allowed. Bytecode is written first, as
an installation does.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS = 15
BARE = ("-c", "pass")
COMMANDS = {
    "bare Python": BARE,
    "rejoin status": ("-m", "orchestrator", "status"),
    "rejoin healthcheck": ("-m", "orchestrator", "healthcheck"),
}
ALLOWED = {"rejoin status": 40.0, "rejoin healthcheck": 5.0}


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with tempfile.TemporaryDirectory() as folder:
        environ = os.environ | {
            "PYTHONPATH": str(Path(__file__).parent.parent),
            "PYTHONPYCACHEPREFIX": str(Path(folder, "bytecode")),
        }
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        for words in (("-m", "orchestrator", "init"), *COMMANDS.values()):
            _cost(words, folder, environ)
        found: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for _ in range(runs):
            for name, words in COMMANDS.items():
                found[name].append(_cost(words, folder, environ))
    return _report(found)


def _cost(words: tuple[str, ...], folder: str, environ: dict[str, str]) -> float:
    before = _spent()
    subprocess.run([sys.executable, *words], cwd=folder, env=environ, stdout=subprocess.DEVNULL, check=True)
    return _spent() - before


def _spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _report(found: dict[str, list[float]]) -> int:
    least, median = min(found["bare Python"]), statistics.median(found["bare Python"])
    print(f"{'':20}{'least':>8}{'median':>8}{'x bare':>8}{'x bare':>8}{'allowed':>9}")
    for name, costs in found.items():
        figures = min(costs), statistics.median(costs)
        ratios = figures[0] / least, figures[1] / median
        print(f"{name:20}{figures[0]:8.3f}{figures[1]:8.3f}{ratios[0]:8.1f}{ratios[1]:8.1f}", end="")
        print(f"{ALLOWED[name]:9.0f}" if name in ALLOWED else "")
    return int(any(statistics.median(found[name]) / median > most for name, most in ALLOWED.items()))


if __name__ == "__main__":
    sys.exit(main())
