"""A daemon as a real process, against a simulated network in a process of its own, with a receiver here."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
import urllib.request
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from tests.support.command import PATIENCE, Answer, Rejoin
from tests.support.ports import free_port

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path


def until(holds: Callable[[], Any], *, patience: float = PATIENCE, every: float = 0.05) -> Any:
    """What `holds` gives when it is true; fails after so many real seconds."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"it did not come to that within {patience:.0f} s")


class Town:
    """A folder with everything, the simulated network, and at most one daemon at a time."""

    def __init__(
        self, folder: Path, scenario: str, *, speed: float, config: str = "", **variables: str
    ) -> None:
        self.folder = folder
        self.rejoin = Rejoin(folder, {"REJOIN_CLOCK_SPEED": f"{speed:g}", **variables})
        self.hooks_port = free_port()
        self.process: subprocess.Popen[str] | None = None
        self.printed = ""
        (folder / "scenario.toml").write_text(scenario)
        words = ("--listen", "127.0.0.1:0", "--scenario", "scenario.toml", "--write-config", ".")
        self.simulator = self.rejoin.start("simulate", "-q", "--json", *words)
        assert self.simulator.stdout is not None
        self.told: dict[str, Any] = json.loads(self.simulator.stdout.readline())
        listen = f'\n[web]\nlisten = "127.0.0.1:{self.hooks_port}"\n'
        toml = folder / "rejoin.toml"
        toml.write_text(toml.read_text() + listen + config)
        assert self("groups", "import", "groups.csv").code == 0

    def __call__(self, *words: str) -> Answer:
        answer = self.rejoin(*words)
        self.printed += answer.out + answer.err
        return answer

    def start(self) -> subprocess.Popen[str]:
        """Start a daemon and wait until it watches."""
        errors = (self.folder / "daemon.err").open("a")
        self.process = self.rejoin.start("daemon", "--log-format", "json", stderr=errors)
        errors.close()
        process = self.process
        until(lambda: self._sits(process))
        return process

    def _sits(self, process: subprocess.Popen[str]) -> bool:
        assert process.poll() is None, self.log
        held = self.rows("SELECT holder, listen FROM daemon")[0]
        return bool(held[0]) and json.loads(held[0])["pid"] == process.pid and bool(held[1])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal it and wait for its end."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE)
        code, self.process = self.process.returncode, None
        return code

    @property
    def log(self) -> str:
        return (self.folder / "daemon.err").read_text()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read the database beside the daemon."""
        file = f"file:{self.folder}/rejoin.db?mode=ro"
        with closing(sqlite3.connect(file, uri=True, timeout=30)) as database:
            return database.execute(query, values).fetchall()

    def do(self, **deed: Any) -> None:
        self._post("/_sim/do", deed)

    def webhooks(self, **knobs: Any) -> None:
        self._post("/_sim/webhooks", knobs)

    def faults(self, **troubles: Any) -> None:
        self._post("/_sim/faults", troubles)

    def asks(self, path: str) -> Any:
        with urllib.request.urlopen(self.told["base_url"] + path, timeout=PATIENCE) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    def _post(self, path: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(  # noqa: S310 - loopback
            self.told["base_url"] + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - loopback
            assert answer.status == 200

    def close(self) -> None:
        for process in (self.process, self.simulator):
            if process is not None:
                with process:
                    process.kill()


@contextmanager
def town(folder: Path, scenario: str, *, speed: float, config: str = "") -> Iterator[Town]:
    made = Town(folder, scenario, speed=speed, config=config)
    try:
        yield made
    finally:
        made.close()
