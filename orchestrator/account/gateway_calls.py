"""How a gateway is called: reads are tried again at once and with a gentle gap between two of them.

Groups are tried again after growing waits; joins are not under this.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
    wait_exponential,
    wait_exponential_jitter,
)

from orchestrator.clock import Clock
from orchestrator.domain.answer_reactions import RetryPolicy
from orchestrator.domain.outcomes import GatewayAnswer, Outcome
from orchestrator.store.engine import DatabaseGoneError


class Answered(Protocol):
    """Anything that carries a gateway's answer."""

    @property
    def answer(self) -> GatewayAnswer:
        """The part that all answers have."""


LONGEST_ASKED_WAIT = 30.0  # seconds

A = TypeVar("A", bound=Answered)


class _ServerWait:
    """The wait that the server asked for, else growing ones with jitter."""

    def __init__(self, initial: float) -> None:
        self._growing = wait_exponential_jitter(multiplier=initial, max=initial * 10, jitter=initial / 2)

    def __call__(self, state: RetryCallState) -> float:
        asked = state.outcome.result().answer.retry_after if state.outcome else None
        return float(asked) if asked is not None else float(self._growing(state))


def _worth_repeating(result: Answered) -> bool:
    """A failure on the way, unless the server asks for a wait that is too long for one call."""
    asked = result.answer.retry_after or 0.0
    return result.answer.outcome is Outcome.TRANSIENT and asked <= LONGEST_ASKED_WAIT


def _last_result(state: RetryCallState) -> Any:
    return state.outcome.result() if state.outcome else None


async def call_with_retry(call: Callable[[], Awaitable[A]], policy: RetryPolicy, clock: Clock) -> A:
    """Make a read, again if it failed on the way; the last answer counts. Never used for a join."""

    async def ask() -> A:
        return await call()

    retrying = AsyncRetrying(
        stop=stop_after_attempt(policy.read_tries),
        wait=_ServerWait(policy.read_wait),
        retry=retry_if_result(_worth_repeating),
        retry_error_callback=_last_result,
        sleep=clock.sleep,
    )
    result: A = await retrying(ask)
    return result


async def write_with_retry(write: Callable[[], Awaitable[object]], clock: Clock) -> None:
    """Bring something to disk that must not be lost, through a database that is away for a while.

    After ten minutes the error goes on: what was not recorded is then an unknown outcome, and is looked up.
    """

    async def attempt() -> None:
        await write()

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(DatabaseGoneError),
        wait=wait_exponential(multiplier=0.5, max=30),
        stop=stop_after_delay_on(clock, 600.0),
        sleep=clock.sleep,
        reraise=True,
    )
    await retrying(attempt)


def stop_after_delay_on(clock: Clock, seconds: float) -> Callable[[RetryCallState], bool]:
    """Tenacity's own looks at the machine's clock; this one at ours."""
    began = clock.boottime()
    return lambda _state: clock.boottime() - began > seconds


class Gap:
    """At least `seconds`, and up to a third more, between two calls."""

    def __init__(self, clock: Clock, seconds: float, rng: random.Random) -> None:
        self._clock = clock
        self._seconds = seconds
        self._rng = rng
        self._free_at = 0.0

    def remaining(self) -> float:
        """Seconds until the next call may be made."""
        return max(0.0, self._free_at - self._clock.boottime())

    def taken(self) -> None:
        """A call is being made now."""
        self._free_at = self._clock.boottime() + self._seconds * (1.0 + self._rng.random() / 3.0)
