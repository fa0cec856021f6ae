"""Starts `rejoin` quickly: a process that has loaded everything, and forks one for each command line.

A real start spends half a second of a core on imports, and these tests start hundreds. What is forked is a
process of its own in every other respect: its pid, folder, environment, standard streams, signals and death.
A double fork makes it a child of the tests' process, which waits for it as for one that it started itself.

`python -m tests.support.forker FD` serves orders on a Unix socket (one JSON object each, with three files).
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import io
import json
import os
import pkgutil
import random
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from functools import cache
from inspect import signature
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn

from tests.support import hung, signalled

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).parents[2]
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, linux/prctl.h
_MOST = 1 << 17  # bytes of an order
_LOCK = Lock()
CLOSED = "TEST_CLOSED_STREAMS"  # the numbers of standard streams that a process shall not have
# What the interpreter reads at its own start cannot be given to one that runs already.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "TZ")


class Forked(subprocess.Popen[str]):
    """A Popen whose process is forked by the forker."""

    def _execute_child(self, *given: Any) -> None:
        parent = subprocess.Popen._execute_child  # type: ignore[attr-defined]
        order = signature(parent).bind(self, *given).arguments
        streams = [order[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        told = {
            "words": order["args"],
            "cwd": str(order["cwd"]),
            "env": order["env"],
            "session": order["start_new_session"],
        }
        with _LOCK, _adopting():
            self.pid = _ask(told, [stream if stream >= 0 else n for n, stream in enumerate(streams)])
        self._child_created = True
        self._close_pipe_fds(*(order[name] for name in _PIPES))  # type: ignore[attr-defined]

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:  # noqa: A002
        with _told_when_hung(self.pid):
            return super().communicate(input, timeout)

    def wait(self, timeout: float | None = None) -> int:
        with _told_when_hung(self.pid):
            return super().wait(timeout)


@contextmanager
def _told_when_hung(pid: int) -> Iterator[None]:
    try:
        yield
    except subprocess.TimeoutExpired as error:
        if not getattr(error, "__notes__", None):
            error.add_note(hung.ask(pid))
        raise


_PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")


def can_fork(env: dict[str, str]) -> bool:
    """Linux only; elsewhere, and for an environment that the interpreter itself reads, a real start."""
    changed = {name for name in {*env, *os.environ} if env.get(name) != os.environ.get(name)}
    changed.discard("PYTHONPATH")
    return sys.platform == "linux" and not any(name.startswith(_READ_AT_START) for name in changed)


def _ask(order: dict[str, Any], streams: list[int]) -> int:
    server = _server()
    socket.send_fds(server, [json.dumps(order).encode()], streams)
    return int(server.recv(64))


@cache
def _server() -> socket.socket:
    """The tests' end of the forker's socket; when this process is gone, so is the forker."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forker", str(theirs.fileno())],
            cwd=CHECKOUT,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
    process.returncode = 0  # nobody waits for it: it ends with us
    return ours


@contextmanager
def _adopting() -> Iterator[None]:
    """Whose parent ends in here becomes a child of this process (prctl(2))."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_SUBREAPER, 0, 0, 0, 0)


def _load() -> None:
    import alembic.command  # noqa: F401

    import orchestrator

    for module in pkgutil.walk_packages(orchestrator.__path__, "orchestrator."):
        if not module.name.endswith("__main__"):
            with suppress(Exception):  # whoever needs it will hear of it
                importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


def _serve(server: socket.socket) -> dict[str, Any]:
    """Fork for every order; returns the order in the process that shall carry it out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        data, streams, _flags, _address = socket.recv_fds(server, _MOST, 3)
        if not data:
            os._exit(0)
        reader, writer = os.pipe()
        middle = os.fork()
        if middle == 0 and (pid := os.fork()) != 0:
            os.write(writer, str(pid).encode())
            os._exit(0)
        os.close(writer)
        if middle == 0:
            os.close(reader)
            return _become(json.loads(data), streams)
        os.waitpid(middle, 0)
        server.send(os.read(reader, 64))
        for file in (reader, *streams):
            os.close(file)


def _become(order: dict[str, Any], streams: list[int]) -> dict[str, Any]:
    if order["session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, 256)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    random.seed()
    hung.arm()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        closed = str(number) in os.environ.get(CLOSED, "")
        setattr(sys, name, None if closed else _stream(number, getattr(sys, name)))
        if closed:
            os.close(number)
    return order


def _stream(number: int, model: io.TextIOWrapper) -> io.TextIOWrapper:
    """As the interpreter makes it at its start."""
    at_once = number == 2 or bool(os.environ.get("PYTHONUNBUFFERED"))
    file = open(number, "wb" if number else "rb", 0 if number and at_once else -1, closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(
        file,
        model.encoding,
        model.errors,
        line_buffering=at_once or os.isatty(number),
        write_through=at_once,
    )


def _carry_out(order: dict[str, Any]) -> None:
    """As `python -m orchestrator` does."""
    from orchestrator import __main__

    sys.path[0] = order["cwd"]
    sys.argv = [str(__main__.__file__), *order["words"]]
    signalled.arm()
    try:
        __main__.main()
    except SystemExit as end:
        if signalled.VARIABLE not in os.environ and isinstance(end.code, int):
            _end(end.code)
        raise


def _end(code: int) -> NoReturn:
    """The interpreter's own end without its last step.

    That would touch every object, and so copy all the memory that is shared with the forker.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = 120  # as Py_FinalizeEx has it
    os._exit(code)


if __name__ == "__main__":
    _load()
    _carry_out(_serve(socket.socket(fileno=int(sys.argv[1]))))
