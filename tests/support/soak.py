"""A day of the daemon against a town in trouble, in accelerated time: carried out here, and judged after."""

from __future__ import annotations

import resource
import signal
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import soak_day
from tests.support.daemon import Town, until
from tests.support.soak_day import ALL_GONE, BACKUPS, PRIMARY, STANDING, WEBHOOKS, Happening

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.outside import Outside

SAMPLE = 0.5  # real seconds between two looks at the memory
LOCKED_REAL = 33.0  # real seconds: longer than SQLite's own patience with a lock
CALM_REAL = 60.0  # real seconds in which everything must come to rest at the end


@dataclass(slots=True)
class Soak:
    """One day under way."""

    world: Town
    told: Outside
    speed: float
    groups: int
    done: list[str] = field(default_factory=list)  # what happened, for the report
    memory: dict[int, list[float]] = field(default_factory=dict)  # MB by life
    lives: int = 0
    _began: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def live_through(self, day: Sequence[Happening], *, hours: float) -> None:
        """The whole day, and then as long as it takes until all is at rest."""
        self._set_up()
        sampler = threading.Thread(target=self._sample)
        sampler.start()
        try:
            for one in day:
                self._wait_until(one.at)
                self._carry_out(one)
            self._wait_until(hours * soak_day.HOUR)
            self._calm_down()
        finally:
            self._over.set()
            sampler.join()

    def say(self, text: str) -> None:
        self.done.append(f"{self._now() / soak_day.HOUR:6.2f} h  {text}")

    def _set_up(self) -> None:
        world = self.world
        base = f"http://127.0.0.1:{world.hooks_port}/hooks"
        targets = [{"account": name, "url": f"{base}/{name}"} for name in (PRIMARY, *BACKUPS)]
        world.webhooks(**WEBHOOKS, targets=targets)
        world.faults(rules=STANDING, clear=True)
        self._start()
        self._began = time.monotonic()

    def _now(self) -> float:
        return (time.monotonic() - self._began) * self.speed

    def _wait_until(self, at: float) -> None:
        time.sleep(max(0.0, (at - self._now()) / self.speed))

    def _start(self) -> None:
        self.lives += 1
        self.world.start()

    def _carry_out(self, one: Happening) -> None:
        text = f"{one.what} {one.who} {one.deed or ''} {f'{one.lasts:.0f} s' if one.lasts else ''}"
        self.say(" ".join(text.split()))
        getattr(self, f"_do_{one.what}")(one)

    def _do_do(self, one: Happening) -> None:
        self.world.do(**one.deed)

    def _do_remove(self, one: Happening) -> None:
        """Out of the first ordinary group that this account is in."""
        for group in self.world.asks("/_sim/state")["groups"]:
            if one.who in group["inside"] and group["subject"] not in soak_day.SPECIAL:
                self.world.do(do="remove", group=group["jid"], account=one.who)
                return

    def _do_cli(self, one: Happening) -> None:
        answer = self.world(*one.deed["words"])
        self.say(f"-> {answer.code}")

    def _do_receiver(self, one: Happening) -> None:
        self.told.down = True
        self._later(one.lasts, self._receiver_back)

    def _receiver_back(self) -> None:
        self.told.down = False

    def _do_gateway(self, one: Happening) -> None:
        self.world.faults(rules=ALL_GONE, clear=True)
        self._later(one.lasts, self._gateway_back)

    def _gateway_back(self) -> None:
        self.world.faults(rules=STANDING, clear=True)

    def _later(self, seconds: float, deed: Any) -> None:
        timer = threading.Timer(seconds / self.speed, deed)
        timer.daemon = True
        timer.start()

    def _do_database(self, one: Happening) -> None:
        """`full`: the daemon's process may write no file any more. `locked`: another one holds the lock."""
        if one.who == "full":
            self._full(one.lasts / self.speed)
        else:
            self._locked(LOCKED_REAL)

    def _full(self, seconds: float) -> None:
        assert self.world.process is not None
        pid = self.world.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        time.sleep(seconds)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    def _locked(self, seconds: float) -> None:
        database = sqlite3.connect(self.world.folder / "rejoin.db", timeout=60, isolation_level=None)
        try:
            database.execute("BEGIN EXCLUSIVE")
            time.sleep(seconds)
            database.execute("ROLLBACK")
        finally:
            database.close()

    def _do_kill(self, _one: Happening) -> None:
        self.world.stop(signal.SIGKILL)
        self._start()

    def _do_term(self, _one: Happening) -> None:
        code = self.world.stop(signal.SIGTERM)
        assert code == 0, f"SIGTERM ended it with {code}: {self.world.log[-2000:]}"
        self._start()

    def _do_hup(self, _one: Happening) -> None:
        assert self.world.process is not None
        self.world.process.send_signal(signal.SIGHUP)

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE):
            process = self.world.process
            if process is not None:
                size = rss(process.pid)
                if size:
                    self.memory.setdefault(self.lives, []).append(size)

    def _calm_down(self) -> None:
        """All troubles end, every account works, and what is open gets its time."""
        self.told.down = False
        self.world.faults(rules=[], clear=True)
        for name in (PRIMARY, *BACKUPS):
            self.world.do(do="set_working", account=name)
        self.say("calm")
        until(self._at_rest, patience=CALM_REAL)

    def _at_rest(self) -> bool:
        """Nothing to tell, nothing on its way, and what is shown as active is."""
        open_ones = self.world.rows(
            "SELECT 1 FROM messages WHERE NOT fanned_out"
            " UNION ALL SELECT 1 FROM deliveries WHERE state = 'pending'"
            " UNION ALL SELECT 1 FROM memberships WHERE status IN ('joining', 'confirming')"
        )
        return not open_ones and not self.strayed()

    def strayed(self) -> set[tuple[str, str]]:
        """(account, JID) that are shown as active and are not in."""
        state = self.world.asks("/_sim/state")
        inside = {(name, group["jid"]) for group in state["groups"] for name in group["inside"]}
        active = self.world.rows(
            "SELECT i.name, m.jid FROM memberships m JOIN instances i ON i.id = m.instance_id"
            " WHERE m.status = 'active'"
        )
        return {(name, jid) for name, jid in active} - inside


def rss(pid: int) -> float:
    """MB that a process has in memory; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)
