"""Telling people through Apprise, which speaks to chat services, mail and so on. An extra: rejoin[notify].

Apprise's addresses are secrets from end to end, and its own log lines and those of the libraries below it
hold them: none of these is ever written.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from orchestrator.domain.errors import ConfigurationError
from orchestrator.notify.base import Answer

if TYPE_CHECKING:
    from types import ModuleType

    from orchestrator.clock import Clock

TIMEOUT = 30.0
"""Seconds for one notice to one service."""
REAL_TIMEOUT = 15.0
"""Real seconds that it gets even in accelerated time: Apprise is loaded with the first notice."""
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
    """One of the services behind `notify.urls`. Apprise is loaded with the first notice."""

    def __init__(self, name: str, url: str, *, clock: Clock) -> None:
        self.name = name
        self._url = url
        self._clock = clock

    async def send(self, notice: Notice) -> Answer:
        """Try once. Whatever Apprise does, nothing is raised and nothing of its address is told."""
        if not is_installed():
            return Answer(ok=False, text=MISSING)
        await asyncio.to_thread(_load)  # the first time it takes its time, which is not the service's
        try:
            async with asyncio.timeout(max(REAL_TIMEOUT, self._clock.real(TIMEOUT))):
                return await asyncio.to_thread(_send, self._url, notice)
        except TimeoutError:
            return Answer(ok=False, text="did not answer in time")


def _send(url: str, notice: Notice) -> Answer:
    service = _load().Apprise()
    try:
        if not service.add(url):
            return Answer(ok=False, text="Apprise does not understand its address")
        for plugin in service:
            plugin.redirects = False  # a notice that goes on as a GET is lost, and any page answers 200
        done = service.notify(
            body=notice.body, title=notice.title, notify_type=notice.weight, body_format="text"
        )
    except Exception as error:  # noqa: BLE001 - a hundred plugins of others, whose words may hold the address
        return Answer(ok=False, text=f"Apprise failed: {type(error).__name__}")
    return Answer(ok=True, text="sent") if done else Answer(ok=False, text="the service did not take it")


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
