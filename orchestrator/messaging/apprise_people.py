"""Telling people through Apprise, which speaks to chat services, mail and so on. An extra: rejoin[notify].

Each notice is sent by a process of its own (`apprise_process`). Apprise's addresses are secrets from end to
end, and its own log lines and those of the libraries below it hold them: none of these is ever written.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Literal

from orchestrator.clock import Clock
from orchestrator.domain.errors import ConfigurationError
from orchestrator.messaging import apprise_process
from orchestrator.messaging.routing import Answer

TIMEOUT = 30.0
"""Seconds for one notice to one service."""
REAL_TIMEOUT = 15.0
"""Real seconds that it gets even in accelerated time: Apprise is loaded for each notice."""
_GRACE = 5.0  # real seconds until it ends by itself
MISSING = "notify.urls needs Apprise, which is not installed"
HOW_TO_GET_IT = "install rejoin[notify], or take the addresses out of notify.urls"
_TALKATIVE = ("apprise", "urllib3", "requests", "httpx", "httpcore", "charset_normalizer", "slixmpp", "paho")

Weight = Literal["info", "success", "warning", "failure"]


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person reads. `weight` is Apprise's own word for its kind."""

    title: str
    body: str
    weight: Weight = "info"


def is_installed() -> bool:
    return importlib.util.find_spec("apprise") is not None


def require_installed() -> None:
    """Raises ConfigurationError."""
    if not is_installed():
        raise ConfigurationError(MISSING, hint=HOW_TO_GET_IT)


class Service:
    """One of the services behind `notify.urls`."""

    def __init__(self, name: str, url: str, *, clock: Clock) -> None:
        self.name = name
        self._url = url
        self._clock = clock

    async def send(self, notice: Notice) -> Answer:
        """Try once. Whatever Apprise does, nothing is raised and nothing of its address is told."""
        if not is_installed():
            return Answer(ok=False, text=MISSING)
        seconds = max(REAL_TIMEOUT, self._clock.real(TIMEOUT))
        order = {"url": self._url, "title": notice.title, "body": notice.body, "weight": notice.weight}
        try:
            async with asyncio.timeout(seconds):
                return _judge(await _in_a_process(json.dumps(order | {"seconds": seconds + _GRACE}).encode()))
        except TimeoutError:
            return Answer(ok=False, text="did not answer in time")
        except OSError:
            return Answer(ok=False, text="Apprise could not be started")


async def _in_a_process(order: bytes) -> str:
    """What `apprise_process` says; empty if it was ended. However this ends, the process does too."""
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-P",
            "-m",
            "orchestrator.messaging.apprise_process",
        ),  # -P: not from here
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # its log holds addresses
        start_new_session=True,  # Ctrl-C is for us
    )
    try:
        said, _ = await process.communicate(order)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await asyncio.shield(process.wait())
    return said.decode(errors="replace").strip().rpartition("\n")[2]


def _judge(said: str) -> Answer:
    if said == apprise_process.SENT:
        return Answer(ok=True, text="sent")
    if said == apprise_process.NOT_TAKEN:
        return Answer(ok=False, text="the service did not take it")
    if said == apprise_process.NOT_UNDERSTOOD:
        return Answer(ok=False, text="Apprise does not understand its address")
    return Answer(ok=False, text=f"Apprise failed: {said if said.isidentifier() else 'it was ended'}")


@cache
def _load() -> ModuleType:
    """With its plugins, which it reads at the first address."""
    import apprise  # noqa: PLC0415 - an extra, and a third of a second

    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
    apprise.Apprise().add("json://localhost")
    return apprise


def understood(url: str) -> bool:
    """Whether Apprise knows what to do with that address; it must be installed."""
    return bool(_load().Apprise().add(url))
