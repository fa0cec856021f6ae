"""Wawp's rate-limit policy in whatever shape, and calls that keep as far apart as it says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from orchestrator.domain.outcomes import GatewayLimits
from orchestrator.gateways.wawp.rate_limits import Spacing, limits
from tests.support.clock import ManualClock

LIMITS = {"group_req_per_minute": 10, "group_daily_cap": 500, "send_message_per_minute": 20}
OURS = {"slug": "standard", "limits": LIMITS}
STRICT = {"slug": "strict", "limits": {"group_req_per_minute": 1, "group_daily_cap": 5}}
WANTED = GatewayLimits(10, 500, "standard")


@pytest.mark.parametrize(
    "body",
    [
        {"current_policy": "standard", "policies": [STRICT, OURS]},
        {"policy_slug": "standard", "policies": {"strict": STRICT, "standard": {"limits": LIMITS}}},
        {"current_policy": OURS, "policies": [STRICT]},
        {"current_policy": {"slug": "standard"}, "policies": [STRICT, OURS]},
        {"data": {"policy": "standard", "policies": [STRICT, OURS]}},
        {"policies": [STRICT, {**OURS, "is_current": True}]},
        {"current": "standard", "limits": LIMITS, "slug": "standard"},
        {"current_policy": {"slug": "standard", **LIMITS}},
        {"policies": [{**STRICT, "active": 0}, {**OURS, "active": 1}]},
        {"policy_id": 7, "policies": [{"id": 8, **STRICT}, {"id": 7, **OURS}]},
        {"current_policy": "Standard", "policies": [STRICT, OURS]},
        [OURS],
        {"data": {"session": {"name": "wawp-1"}, "policies": [OURS]}},
        {"result": {"policies": {"0": OURS}}},
        {"current_policy": {"slug": "standard", "limits": {k: str(v) for k, v in LIMITS.items()}}},
    ],
)
def test_the_policy_in_force_is_read(body: Any) -> None:
    assert limits(body) == WANTED


@pytest.mark.parametrize(
    "body",
    [
        None, [], "x", {}, {"policies": [STRICT, OURS]}, {"current_policy": "unknown", "policies": [STRICT]},
        {"current_policy": {"slug": "x", "limits": {"send_message_per_minute": 2}}},
        {"current_policy": 5, "policies": 7},
        {"policies": [{**STRICT, "active": True}, {**OURS, "active": True}]},
        {"current_policy": "unknown", "data": {"policies": [STRICT, OURS]}},
    ],
)  # fmt: skip
def test_what_names_no_policy_says_nothing(body: Any) -> None:
    assert limits(body) is None


@pytest.mark.parametrize("none", [0, -1, None, "unlimited", float("inf"), True, "9" * 400, 10**400])
def test_a_policy_without_a_limit_sets_none(none: Any) -> None:
    found = limits({"current_policy": {"limits": {"group_req_per_minute": none, "group_daily_cap": none}}})

    assert found == GatewayLimits(None, None, "")
    assert found.gap == 0.0


def test_the_gap_is_bounded() -> None:
    assert GatewayLimits(10).gap == 6.0
    assert GatewayLimits(0.001).gap == 3600.0


async def test_calls_side_by_side_leave_one_after_another() -> None:
    clock = ManualClock()
    spacing = Spacing(clock)
    left: list[float] = []

    async def call() -> None:
        await spacing.turn()
        left.append(clock.boottime())

    spacing.follow(10.0)
    calls = [asyncio.create_task(call()) for _ in range(4)]
    await clock.sleeping(3)
    spacing.taken()  # a join: it waits for nobody, and is counted
    await clock.advance(60.0)
    calls.append(asyncio.create_task(call()))
    await asyncio.gather(*calls)

    began = left[0]
    assert [at - began for at in left] == pytest.approx([0.0, 10.5, 21.0, 31.5, 60.0])


async def test_without_a_limit_nobody_waits() -> None:
    spacing = Spacing(ManualClock())
    await asyncio.gather(*(spacing.turn() for _ in range(50)))
