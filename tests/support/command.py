"""The real command as a process in a folder of its own."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.forker import Forked, can_fork

CHECKOUT = Path(__file__).parents[2]
PATIENCE = 300.0  # real seconds until something hangs


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call gave back."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The last line of stderr, which must be the error object."""
        return json.loads(self.err.strip().splitlines()[-1])


@dataclass(slots=True)
class Rejoin:
    """Calls `rejoin` in `folder`. Nothing of the tests' own environment reaches it but what it needs."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    forked: bool = True  # started quickly; False: as the shell does
    module: str = "orchestrator"  # what is run where it is not forked

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("REJOIN_", "NO_COLOR"))
        }
        return {**kept, "PYTHONPATH": str(CHECKOUT), "TERM": "xterm", **self.variables}

    def __call__(self, *words: str, stdin: str = "", **variables: str) -> Answer:
        """Without a terminal anywhere."""
        with self._popen(words, variables, stdin=subprocess.PIPE) as process:
            try:
                out, err = process.communicate(stdin, PATIENCE)
            finally:
                process.kill()
        return Answer(process.returncode, out, err)

    def start(self, *words: str, stderr: Any = subprocess.PIPE, **variables: str) -> subprocess.Popen[str]:
        """In the background; the caller ends it."""
        return self._popen(words, variables, stdin=subprocess.DEVNULL, stderr=stderr)

    def on_terminal(self, *words: str, typed: str = "", **variables: str) -> tuple[int, str]:
        """On a terminal: the exit code and all that was shown. `typed` is sent at the first output."""
        controller, terminal = pty.openpty()
        streams = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
        process = self._popen(words, variables, **streams, start_new_session=True)
        os.close(terminal)
        try:
            shown = _converse(controller, process, typed)
        finally:
            os.close(controller)
            process.kill()
            code = process.wait(PATIENCE)
        return code, shown

    def _popen(
        self, words: tuple[str, ...], variables: dict[str, str], **streams: Any
    ) -> subprocess.Popen[str]:
        env = self.environment | variables
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
        if self.forked and can_fork(env):
            return Forked(words, cwd=self.folder, env=env, text=True, **pipes)
        return subprocess.Popen(
            command(*words, module=self.module), cwd=self.folder, env=env, text=True, **pipes
        )


def command(*words: str, module: str = "orchestrator") -> list[str]:
    return [sys.executable, "-m", module, *words]


def _converse(controller: int, process: subprocess.Popen[str], typed: str) -> str:
    shown, end, over = b"", time.monotonic() + PATIENCE, False
    while time.monotonic() < end:
        ready, _, _ = select.select([controller], [], [], 0.1)
        if not ready:
            if over:
                break
            over = process.poll() is not None  # what it said last may have come after this look: once more
            continue
        try:
            part = os.read(controller, 4096)
        except OSError:  # the other side is closed
            part = b""
        if not part:
            break
        shown += part
        if typed:
            os.write(controller, typed.encode())
            typed = ""
    process.wait(PATIENCE)
    return shown.decode(errors="replace")
