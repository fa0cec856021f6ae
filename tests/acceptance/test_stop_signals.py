"""SIGINT and SIGTERM at any moment, once and twice: an exit code, no traceback, nothing lost.

The moments are counts of the program's own function calls, spread over its whole life.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.test_cli_recovery import SCENARIO, Stage, staged
from tests.support.command import PATIENCE, Answer, Rejoin
from tests.support.daemon import Town, town
from tests.support.signalled import order

if TYPE_CHECKING:
    from collections.abc import Iterator

BOTH = (signal.SIGINT, signal.SIGTERM)
QUIET = (
    "",
    "rejoin: Interrupted. What was done is saved.\n",
    "rejoin: Terminated. What was done is saved.\n",
)
DELAYS = (1, 2, 7, 40, 300, 2000, 9000)  # calls between the first signal and the second


@pytest.fixture
def installed(tmp_path: Path) -> Rejoin:
    rejoin = Rejoin(tmp_path)
    assert rejoin("init").code == 0
    return rejoin


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Stage]:
    yield from staged(Rejoin(tmp_path, {"REJOIN_CLOCK_SPEED": "10"}), SCENARIO)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Town]:
    with town(tmp_path, SCENARIO, speed=20.0) as made:
        made.start()
        yield made


def calls_of(rejoin: Rejoin, *words: str, armed_by: str = "run") -> int:
    """How many there are when nothing disturbs it."""
    assert rejoin(*words, **order(armed_by=armed_by)).code == 0
    return int((rejoin.folder / "calls").read_text())


def assert_ended_by(number: int, answer: Answer) -> None:
    if answer.code == 0:  # the answer was given already
        assert "no groups are stored" in answer.out
    else:
        assert answer.code == 128 + number
    assert answer.err in QUIET


@pytest.mark.parametrize("number", BOTH)
def test_a_signal_at_any_moment_ends_a_command_quietly(installed: Rejoin, number: int) -> None:
    calls = calls_of(installed, "status")

    for moment in [1, 5, *range(20, calls, calls // 12), *range(calls - 60, calls, 12)]:
        assert_ended_by(number, installed("status", **order((moment, number))))


@pytest.mark.parametrize(("first", "second"), [BOTH, BOTH[::-1], BOTH[:1] * 2])
def test_two_signals_at_any_moment_end_a_command_quietly(installed: Rejoin, first: int, second: int) -> None:
    calls = calls_of(installed, "status")
    delays = count(1)

    for moment in range(1, calls, calls // 13):
        after = DELAYS[next(delays) % len(DELAYS)]
        answer = installed("status", **order((moment, first), (moment + after, second)))
        assert_ended_by(second if answer.code == 128 + second else first, answer)


@pytest.mark.parametrize("moment", [1, 100, 3000, 40_000, 200_000])
def test_a_signal_during_the_imports_ends_it_quietly(installed: Rejoin, moment: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.signalled", "status"],
        cwd=installed.folder,
        env=installed.environment | order((moment, signal.SIGINT)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("number", BOTH)
def test_the_second_signal_of_a_run_ends_it_at_any_moment(slow: Stage, number: int) -> None:
    assert slow("pause").code == 0  # holds the run where it is
    for after in (1, 30, 300, 1000, 3000, 10_000, 30_000):
        process = slow.rejoin.start("run", "--json", "--yes", **order((after, number), armed_by="_pull"))
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["type"] == "progress"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)

        assert process.returncode in {130, 128 + number}
        assert "Ending what is under way" in err
        assert "Traceback" not in err
        assert "Exception" not in err


@pytest.mark.parametrize("number", BOTH)
def test_the_third_signal_of_a_run_does_not_wait_for_anything(slow: Stage, number: int) -> None:
    assert slow("pause").code == 0
    moments = [(after, number) for after in (1, 2)]
    process = slow.rejoin.start("run", "--json", "--yes", **order(*moments, armed_by="_pull"))
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["type"] == "progress"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 128 + number
    assert err == ""  # the first one's sentence was not even said


@pytest.mark.parametrize("number", BOTH)
def test_the_second_signal_of_a_daemon_ends_it_at_any_moment(world: Town, number: int) -> None:
    assert world.stop() == 0
    for after in (1, 30, 1000, 10_000, 30_000):
        world.rejoin.variables |= order((after, number), armed_by="_on_stop")
        world.start()
        assert world.stop() in {0, 128 + number}  # 0: it had ended what was under way
    assert "Traceback" not in world.log
    assert "Exception" not in world.log


def test_a_reload_asked_for_while_the_daemon_starts_or_ends_does_not_kill_it(world: Town) -> None:
    assert world.stop() == 0
    for armed_by, after in (("settings", 1), ("_listening", 1), ("_on_stop", 1), ("_on_stop", 20_000)):
        world.rejoin.variables |= order((after, signal.SIGHUP), armed_by=armed_by)
        world.start()
        assert world.stop() == 0


@pytest.mark.parametrize(
    ("words", "question"),
    [(("db", "rekey"), b"[y/N]"), (("groups", "set-code", "berlin"), b"code for berlin:")],
    ids=["yes or no", "secret"],
)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_question(
    installed: Rejoin, number: int, code: int, words: tuple[str, ...], question: bytes
) -> None:
    controller, terminal = pty.openpty()
    process = installed._popen(
        words, {}, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    )
    os.close(terminal)
    shown = b""
    while question not in shown:
        shown += os.read(controller, 4096)

    process.send_signal(number)

    assert process.wait(PATIENCE) == code
    assert b"Traceback" not in os.read(controller, 4096)
    os.close(controller)


ANOTHER_THREAD = """
import os, signal, threading
from orchestrator import stop_signals

def send():
    with open(f"/proc/self/task/{os.getpid()}/syscall") as file:
        while file.read().split()[:2] not in (["0", "0x0"], ["63", "0x0"]):
            file.seek(0)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

stop_signals.install()
threading.Thread(target=send, daemon=True).start()
try:
    with stop_signals.raised():
        os.read(0, 1)
except stop_signals.Terminated:
    print("ended")
"""


def test_a_signal_that_the_system_call_did_not_notice_is_not_waited_out() -> None:
    """As one that comes just before the call: its handler is due, and nothing interrupts the call."""
    reader, writer = os.pipe()
    process = subprocess.Popen([sys.executable, "-c", ANOTHER_THREAD], stdin=reader, stdout=subprocess.PIPE)
    out, _ = process.communicate(timeout=PATIENCE)
    os.close(reader)
    os.close(writer)

    assert out == b"ended\n"


def test_a_signal_just_before_a_question_is_not_waited_out(installed: Rejoin) -> None:
    controller, terminal = pty.openpty()
    process = installed._popen(
        ("db", "rekey"),
        order((1, signal.SIGINT), armed_by="confirm"),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )

    assert process.wait(PATIENCE) == 130
    os.close(terminal)
    os.close(controller)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_wait_for_standard_input(installed: Rejoin, number: int, code: int) -> None:
    process = installed._popen(("groups", "import", "-"), order(armed_by="never"), stdin=subprocess.PIPE)
    with process:
        until_it_reads(process.pid)
        process.send_signal(number)

        assert process.wait(PATIENCE) == code
        assert process.stderr is not None
        assert process.stderr.read() in QUIET


def until_it_reads(pid: int) -> None:
    """Linux: syscall 0 on x86, 63 elsewhere; file 0."""
    while Path(f"/proc/{pid}/syscall").read_text().split()[:2] not in (["0", "0x0"], ["63", "0x0"]):
        time.sleep(0.01)
