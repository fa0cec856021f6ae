"""What systemd hears, over a real socket."""

from __future__ import annotations

import logging
import os
import socket
import time
from typing import TYPE_CHECKING

import pytest

from orchestrator.daemon.notify_socket import NotifySocket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket that listens, and its name as in NOTIFY_SOCKET."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@rejoin-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0"))
        listening.settimeout(5)
        yield listening, name


def test_it_hears_ready_status_watchdog_reloading_and_stopping(systemd: tuple[socket.socket, str]) -> None:
    listening, name = systemd
    notify = NotifySocket({"NOTIFY_SOCKET": name})
    assert notify.listening

    notify.ready("61/112 active\n next join 9 s")
    notify.status("half way")
    notify.watchdog()
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notify.reloading()
    notify.stopping()

    heard = [listening.recv(4096).decode() for _ in range(5)]
    assert heard[0] == "READY=1\nSTATUS=61/112 active next join 9 s"
    assert heard[1:3] == ["STATUS=half way", "WATCHDOG=1"]
    first, second = heard[3].split("\n")
    assert first == "RELOADING=1"
    assert 0 <= int(second.removeprefix("MONOTONIC_USEC=")) - before < 60_000_000
    assert heard[4] == "STOPPING=1"


def test_a_foreign_text_cannot_send_a_second_assignment(systemd: tuple[socket.socket, str]) -> None:
    listening, name = systemd

    NotifySocket({"NOTIFY_SOCKET": name}).status("x\r\nMAINPID=1\nREADY=1" + "y" * 9999)

    heard = listening.recv(65536).decode()
    assert "\n" not in heard
    assert len(heard) < 600


def test_without_a_supervisor_nothing_is_sent_and_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    notify = NotifySocket({})
    notify.ready()
    notify.status("x")
    notify.watchdog()
    notify.reloading()
    notify.stopping()

    assert not notify.listening
    assert notify.watchdog_every is None
    assert caplog.records == []


def test_a_supervisor_that_is_gone_is_one_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notify = NotifySocket({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            notify.watchdog()

    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_supervisor_that_does_not_read_holds_nothing_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "notify"))
        notify = NotifySocket({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        began = time.monotonic()
        for _ in range(2000):
            notify.watchdog()

        assert time.monotonic() - began < 5
        assert notify._failed


@pytest.mark.parametrize(
    ("environ", "every"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "77"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "78"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_must(environ: dict[str, str], every: float | None) -> None:
    assert NotifySocket(environ, pid=77).watchdog_every == every
