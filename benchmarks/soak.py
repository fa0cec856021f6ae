"""A day of trouble in minutes: `python -m benchmarks.soak [--hours 24] [--speed 240] [--seed N]`.

The daemon as a process against a simulated town in accelerated time: accounts are lost and return, gateway,
receiver and database go away, the daemon is killed, people meddle. The same seed gives the same day.
Prints what happened, numbers, and every promise that was broken; exit code 1 if there is one.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.support import soak_day
from tests.support.daemon import town
from tests.support.outside import outside
from tests.support.soak import Soak
from tests.support.soak_judge import figures, judge


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.soak")
    parser.add_argument("--hours", type=float, default=24.0, help="simulated")
    parser.add_argument("--speed", type=float, default=240.0, help="simulated seconds in a real one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--groups", type=int, default=60)
    parser.add_argument("--one-life", action="store_true", help="nobody ends the daemon: for its memory")
    parser.add_argument("--keep", type=Path, help="a new folder that stays, to look into afterwards")
    options = parser.parse_args()
    if options.keep is not None:
        options.keep.mkdir(parents=True)
        return soak(options.keep, options)
    with tempfile.TemporaryDirectory() as folder:
        return soak(Path(folder), options)


def soak(folder: Path, options: argparse.Namespace) -> int:
    began = time.monotonic()
    with outside(soak_day.CRM_SECRET) as told:
        config = soak_day.CONFIG.format(
            secret=soak_day.SECRET, people=told.people, crm=told.crm, crm_secret=soak_day.CRM_SECRET
        )
        network = soak_day.scenario(options.groups, options.seed)
        with town(folder, network, speed=options.speed, config=config) as world:
            world.rejoin.forked = False  # a process of its own memory
            this = Soak(world, told, options.speed, options.groups)
            try:
                day = soak_day.long_day(options.hours, options.seed)
                deadly = ("kill", "term", "hup") if options.one_life else ()
                this.live_through([one for one in day if one.what not in deadly], hours=options.hours)
            finally:
                print(*this.done, sep="\n", flush=True)
            load = Path("/proc/loadavg").read_text().split()[0]
            print(
                f"{options.hours:g} h, {options.speed:g}-fold, seed {options.seed}, {options.groups} groups,"
                f" {time.monotonic() - began:.0f} s; load {load} on {os.cpu_count()} cores"
            )
            for name, value in figures(this).items():
                print(f"{name:18} {value}")
            broken = judge(this)
            print(*[f"BROKEN: {sentence}" for sentence in broken] or ["every promise held"], sep="\n")
            return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
