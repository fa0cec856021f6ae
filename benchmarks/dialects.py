"""The demo's forty groups through every dialect: `python -m benchmarks.dialects [--speed 120] [NAME ...]`.

Prints, for each, where the groups ended, how many joins the network saw and how many requests it took, as a
ratio to the first. Exit code 1 if a promise about joins was broken, or a group that is shown as active is
not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from orchestrator.simulator.faces import DIALECTS
from orchestrator.simulator.scenario import built_in
from tests.support.daemon import Town, town

NAMES = sorted(name for name in DIALECTS if f"{DIALECTS[name][0]}-noweb" not in DIALECTS or "-" in name)


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.dialects")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--speed", type=float, default=120.0, help="simulated seconds in a real one")
    options = parser.parse_args()
    heads = ("active", "needs you", "waits", "joins", "requests")
    print(f"{'dialect':12} {'{:>6} {:>9} {:>6} {:>6} {:>9}'.format(*heads)} {'ratio':>6}")
    first, broken = 0, False
    for name in options.names or NAMES:
        with tempfile.TemporaryDirectory() as folder:
            scenario = scenario_of(name)
            with town(Path(folder), scenario, speed=options.speed) as world:
                world("run", "--yes", "-q")
                told, faults = figures(world)
        first = first or told["requests"]
        counts = "{active:6} {blocked:9} {deferred:6} {joins:6} {requests:9}".format_map(told)
        print(f"{name:12} {counts} {told['requests'] / first:6.2f}", *faults, flush=True)
        broken = broken or bool(faults)
    return 1 if broken else 0


def scenario_of(name: str) -> str:
    vendor, engine = DIALECTS[name]
    demo = built_in("demo").read_text(encoding="utf-8")
    return demo.replace("[gateway]\n", f'[gateway]\nvendor = "{vendor}"\nengine = "{engine}"\n', 1)


def figures(world: Town) -> tuple[dict[str, int], list[str]]:
    """How it ended, and every promise that was broken."""
    verdict: dict[str, Any] = world.asks("/_sim/verdict")
    rows = world.rows("SELECT m.status, g.name FROM memberships m JOIN groups g ON g.id = m.group_id")
    counts = {one: sum(status == one for status, _ in rows) for one in ("active", "blocked", "deferred")}
    state = world.asks("/_sim/state")["groups"]
    inside = {one["jid"] for one in state if "backup-1" in one["inside"]}
    active = {jid for (jid,) in world.rows("SELECT jid FROM memberships WHERE status = 'active'")}
    faults = [f"{key}: {verdict[key]}" for key in ("double_effects", "blind_repeats") if verdict[key]]
    faults += [f"{len(active - inside)} shown as active are not in"] if active - inside else []
    faults += [f"{verdict['worst_window_60s']} joins in 60 s"] if verdict["worst_window_60s"] > 5 else []
    requests = len(world.asks("/_sim/log")["requests"])
    return {**counts, "joins": verdict["joins"], "requests": requests}, faults


if __name__ == "__main__":
    sys.exit(main())
