"""Every command with a stdout that fails: its reader leaves, it is closed, its disk is full."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from orchestrator.cli.command_list import COMMANDS
from tests.acceptance.test_cli_notify import receiving
from tests.acceptance.test_cli_recovery import WITH_TROUBLE, Stage
from tests.support.command import PATIENCE, Answer, Rejoin
from tests.support.forker import CLOSED

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("streams")  # one after another: they share a database
LINK = "https://chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv"
# Each command as it succeeds after a recovery; those that stay are ended by the reader's leaving.
CALLS = {
    "rescue": "rescue other.csv --yes",
    "init": "init",
    "demo": "demo --speed 600",
    "config validate": "config validate",
    "config show": "config show",
    "doctor": "doctor",
    "simulate": "simulate --listen 127.0.0.1:0",
    "groups import": "groups import other.csv",
    "groups export": "groups export",
    "groups list": "groups list",
    "groups show": "groups show old-friends",
    "groups set-code": "groups set-code old-friends",
    "status": "status",
    "explain": "explain old-friends",
    "log": "log",
    "history": "history",
    "plan": "plan",
    "run": "run --yes",
    "wait": "wait --timeout 1s",
    "pause": "pause",
    "resume": "resume",
    "stop": "stop",
    "retry": "retry old-friends",
    "skip": "skip old-friends --because closed",
    "accept": "accept --yes",
    "leave": "leave --yes",
    "notify test": "notify test",
    "hooks install": "hooks install",
    "hooks list": "hooks list --json",
    "hooks replay": "hooks replay --since 30d",
    "outbox list": "outbox list --json",
    "outbox retry": "outbox retry --all",
    "db upgrade": "db upgrade",
    "db check": "db check",
    "db backup": "db backup",
    "db rekey": "db rekey --yes",
    "db forget-codes": "db forget-codes --yes",
    "diagnostics": "diagnostics",
    "completion": "completion bash",
    "healthcheck": "healthcheck",
}
SPEAKS_IN_THE_LOG = {"daemon"}  # it has no answer
STAYS = {"simulate"}


def test_every_command_is_tried() -> None:
    assert {" ".join(one.path) for one in COMMANDS} == CALLS.keys() | SPEAKS_IN_THE_LOG


CONFIG = """
[webhooks]
path_secret = "path-secret-9f8e7d6c"
public_url = "https://rejoin.example.org"
[notify]
ping_url = "http://{address}/ping"
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("streams")
    stage = Stage(Rejoin(folder, {"REJOIN_CLOCK_SPEED": "600"}), WITH_TROUBLE)
    try:
        with receiving() as (address, _), (folder / "rejoin.toml").open("a") as config:
            config.write(CONFIG.format(address=address))
            config.close()
            (folder / "other.csv").write_text("name,code\nOther,ZyXwVuTsRqPoNmLkJiHgFe\n")
            stage.import_groups()
            assert stage("run", "--yes").code == 3
            yield stage
    finally:
        stage.simulator.kill()
        stage.simulator.communicate()


def call(stage: Stage, name: str, stdout: int, *flags: str, **variables: str) -> Answer:
    words = [*CALLS[name].split(), *flags]
    words += [f"{name.replace(' ', '-')}-{os.urandom(4).hex()}"] * (name == "db backup")
    words += ["-o", os.urandom(4).hex()] * (name == "diagnostics")
    if name == "accept":
        stage.import_groups()  # the codes may have been forgotten before
    if name in ("leave", "accept"):  # each time one of the groups in which it is
        words.insert(1, stage("groups", "list", "--bucket", "done", "--json").json[0]["slug"])
    with stage.rejoin._popen(tuple(words), variables, stdout=stdout, stdin=subprocess.PIPE) as process:
        try:
            _, err = process.communicate(LINK + "\n", PATIENCE)
        finally:
            process.kill()
    return Answer(process.returncode, "", err)


@contextmanager
def unread() -> Iterator[int]:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


@contextmanager
def full() -> Iterator[int]:
    device = os.open("/dev/full", os.O_WRONLY)
    try:
        yield device
    finally:
        os.close(device)


@pytest.mark.parametrize("name", CALLS)
def test_a_reader_that_is_gone_is_no_error(stage: Stage, name: str) -> None:
    with unread() as stdout:
        answer = call(stage, name, stdout, "-q")

    assert (answer.code, answer.err) == (141, "")


@pytest.mark.parametrize("name", [name for name in CALLS if name not in STAYS])
def test_a_closed_stdout_is_no_error(stage: Stage, name: str) -> None:
    answer = call(stage, name, subprocess.DEVNULL, "-q", **{CLOSED: "1"})

    assert answer.err == ""
    assert answer.code in (0, 3, 8)  # 8: a neighbour's retry left a group in line


@pytest.mark.parametrize("name", CALLS)
def test_a_full_disk_is_said(stage: Stage, name: str) -> None:
    with full() as stdout:
        answer = call(stage, name, stdout, "-q")

    assert "The answer could not be written: No space left on device." in answer.err
    assert answer.err.count("\n") == 1
    assert answer.code == 1


def test_an_export_into_a_pipe_without_a_reader_is_no_error(stage: Stage) -> None:
    """A pipe that is named as the file: `rejoin groups export /dev/stdout | head`."""
    with unread() as stdout:
        exported = stage.rejoin._popen(("groups", "export", "/dev/stdout", "-q"), {}, stdout=stdout)
        _, told = exported.communicate(timeout=PATIENCE)

    assert (exported.returncode, told) == (141, "")


@pytest.mark.parametrize("words", ["log --follow", "status --watch", "simulate --listen 127.0.0.1:0"])
def test_who_stays_ends_when_its_reader_leaves(stage: Stage, words: str) -> None:
    process = stage.rejoin.start(*words.split(), "-q")
    assert process.stdout is not None
    process.stdout.readline()

    process.stdout.close()

    assert process.wait(PATIENCE) in (0, 3, 141)
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()


def test_talk_that_nobody_hears_stops_nothing(stage: Stage) -> None:
    with unread() as stderr:
        process = stage.rejoin._popen(("groups", "list"), {}, stderr=stderr)
        out, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0
    assert "Old Friends" in out


def test_a_reader_that_leaves_while_groups_stream_is_no_fault_of_the_database(stage: Stage) -> None:
    """More than a pipe holds."""
    rows = "".join(f"Group {n},{f'{n:022d}'}\n" for n in range(3000))
    stage("groups", "import", "-", stdin=f"name,code\n{rows}")
    for command in ("groups list", "groups list --json", "groups list --csv", "groups export"):
        process = stage.rejoin.start(*command.split(), "-q")
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait(PATIENCE)) == ("", 141), command
        process.stderr.close()
