"""The short benchmarks, one after the other: `python -m benchmarks`, or any of them by name.

`dialects` takes three minutes, `fleet` and `soak` seven each.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

SHORT = ("recovery", "import_100k", "status_100k", "hostile")
NAMES = (*SHORT, "dialects", "fleet", "soak")


def main(wanted: list[str]) -> int:
    """Run each in a process of its own, so that none inherits another's memory."""
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        print(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    failed = 0
    for name in wanted or SHORT:
        if importlib.util.find_spec(f"benchmarks.{name}") is None:
            raise FileNotFoundError(name)
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        failed |= subprocess.run(command, check=False, cwd=Path(__file__).parent.parent).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
