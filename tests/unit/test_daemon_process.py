"""Signals that come at bad moments: while the lease is being taken, while a runtime is being prepared."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.clock import SystemClock
from orchestrator.config import Settings
from orchestrator.daemon import process as module
from orchestrator.daemon.notify_socket import NotifySocket
from orchestrator.daemon.process import Process
from orchestrator.domain.errors import ConfigurationError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

PATIENCE = 60.0


class Scene:
    """What the process meets: a lease, and runtimes that last until they are told to stop."""

    def __init__(self) -> None:
        self.began_with: list[Any] = []  # the settings of each runtime that began
        self.while_taking: list[Callable[[], None]] = []
        self.in_runtime: list[Callable[[], None]] = []
        self.refusals: dict[int, Exception] = {}  # by the settings' identity: what a runtime with them raises
        self.settings: Any = None
        self.did: list[str] = []


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:  # noqa: C901 - four small stand-ins
    there = Scene()

    class App:
        clock = SystemClock()
        database = None

        async def sync_instances(self) -> None:
            """Nothing is stored here."""
            there.did.append("sync")

    @asynccontextmanager
    async def open_app(settings: Settings) -> AsyncIterator[App]:
        there.settings = settings
        yield App()

    class DaemonLease:
        def __init__(self, *_given: Any) -> None: ...

        async def take(self) -> bool:
            await asyncio.sleep(0)
            if there.while_taking:
                there.while_taking.pop(0)()
            there.did.append("take")
            return True

        async def release(self) -> None: ...

    class Runtime:
        def __init__(self, *_given: Any) -> None:
            self._settings = there.settings
            self._ended = asyncio.Event()

        async def run(self, *, began: Callable[[], None]) -> None:
            if id(self._settings) in there.refusals:
                raise there.refusals[id(self._settings)]
            there.began_with.append(self._settings)
            began()
            if there.in_runtime:
                there.in_runtime.pop(0)()
            await self._ended.wait()

        def stop(self) -> None:
            self._ended.set()

        stop_now = stop

    monkeypatch.setattr(module, "open_app", open_app)
    monkeypatch.setattr(module, "DaemonLease", DaemonLease)
    monkeypatch.setattr(module, "Runtime", Runtime)
    return there


async def run(process: Process) -> None:
    async with asyncio.timeout(PATIENCE):
        await process.run()


async def test_a_stop_while_the_lease_is_being_taken_begins_no_runtime(scene: Scene) -> None:
    process = Process(Settings(), Settings, NotifySocket({}))
    scene.while_taking.append(lambda: process._on_stop(signal.SIGTERM))

    await run(process)

    assert scene.began_with == []
    assert process.signals == [signal.SIGTERM]


async def test_a_reload_while_the_lease_is_being_taken_is_not_lost(scene: Scene) -> None:
    first, second = Settings(), Settings()
    process = Process(first, lambda: second, NotifySocket({}))
    scene.while_taking.append(process._on_reload)
    scene.in_runtime.append(lambda: process._on_stop(signal.SIGTERM))

    await run(process)

    assert [one is second for one in scene.began_with] == [True]


async def test_a_configuration_that_does_not_work_gives_way_to_the_last_one_that_did(scene: Scene) -> None:
    first, second = Settings(), Settings()
    process = Process(first, lambda: second, NotifySocket({}))
    scene.refusals[id(second)] = ConfigurationError("the port is taken")
    scene.in_runtime += [process._on_reload, lambda: process._on_stop(signal.SIGTERM)]

    await run(process)

    assert [one is first for one in scene.began_with] == [True, True]


async def test_what_is_wrong_at_the_very_start_is_not_waited_out(scene: Scene) -> None:
    first = Settings()
    scene.refusals[id(first)] = TemporaryError("the port is taken")

    with pytest.raises(TemporaryError, match="port"):
        await run(Process(first, Settings, NotifySocket({})))


async def test_the_rows_are_brought_in_line_once_more_when_the_place_is_taken(scene: Scene) -> None:
    """Whoever had it before may have known accounts that this configuration has not."""
    process = Process(Settings(), Settings, NotifySocket({}))
    scene.in_runtime.append(lambda: process._on_stop(signal.SIGTERM))

    await run(process)

    assert scene.did == ["sync", "take", "sync"]
