"""Every regular expression of the package takes time in proportion to its text, also for hostile ones.

Processor time, the least of some runs: a busy machine makes no difference. What is compared is the ratio of
ten times the text: 10 for a linear pattern, 100 for a quadratic one.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.expressions import Used, all_patterns, bad_texts, made_at_run_time

if TYPE_CHECKING:
    from collections.abc import Callable

TINY, SMALL, LARGE = 1_000, 10_000, 100_000  # characters
SUSPECT = 12.0  # the ratio of the first two, which noise may reach
MOST = 30.0  # the ratio of the last two
QUICK = 0.0003  # seconds of the processor for 10,000 characters: nothing quadratic gets there
SLOW = 0.03  # seconds for 10,000 characters: nothing linear gets there
PARTS = 12


@pytest.mark.parametrize("part", range(PARTS))
def test_every_pattern_is_linear(part: int) -> None:
    found = [f"{used.where}: {told}" for used in all_patterns()[part::PARTS] if (told := trouble(used))]

    assert found == []


def test_the_patterns_are_all_found() -> None:
    """Whoever makes a pattern in a function, not from a literal, adds it here, with a reason."""
    found = {used.where.rpartition(".")[2] for used in all_patterns()}

    assert {"_NAMED", "WHATSAPP_RULES", "_SECRET_NAMES", "_ADDRESS", "_AT_BEGINNING"} <= found
    assert made_at_run_time() == [
        "orchestrator.cli.pasting:compile",  # the names of our own commands
        "orchestrator.gateways.redact:compile",  # our own short secrets, escaped
        "orchestrator.gateways.wawp.meanings:compile",  # found in the tables of rules
    ]


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"\beyJ[\w-]+\.[\w-]+", "search"),
        (r"\s*\(at end\)$", "search"),
        (r"[^\s@]+@[^\s@]+", "sub"),
        (r"(?:name|token)[=:]?\w+;", "search"),
        (r'"(?:\\.|[^"\\])*"', "search"),
        (r"\[[^\]]*\]", "sub"),
        (r"[0-9]+(?:\.[0-9]+)*[0-9]*x", "fullmatch"),
        (r"\w*[a-z]+\d", "match"),
    ],
)
def test_a_quadratic_pattern_is_caught(pattern: str, method: str) -> None:
    assert trouble(Used("here", re.compile(pattern), frozenset({method})))


def trouble(used: Used) -> str | None:
    """What is told of the first text that is bad enough."""
    sizes = [bad_texts(used.pattern, size) for size in (TINY, SMALL, LARGE)]
    for tiny, small, large in zip(*sizes, strict=True):
        for method in sorted(used.methods):
            ratio = _ratio(_applied(used.pattern, method), tiny, small, large)
            if ratio > MOST:
                return f"{method} takes {ratio:.0f} times for 10 times {tiny[:40]!r}: {used.pattern.pattern}"
    return None


def _ratio(apply: Callable[[str], object], tiny: str, small: str, large: str) -> float:
    ten = _seconds(apply, small, runs=1)
    if ten < QUICK or ten / _seconds(apply, tiny, runs=2) < SUSPECT:
        return 1.0
    ten = _seconds(apply, small, runs=3)
    if ten > SLOW:
        return float("inf")
    hundred = _seconds(apply, large, runs=1)
    if MOST * ten < hundred < 1.0:
        hundred = _seconds(apply, large, runs=2)
    return hundred / ten


def _applied(pattern: re.Pattern[str], method: str) -> Callable[[str], object]:
    if method in {"sub", "subn"}:
        return lambda text: pattern.sub("", text)
    if method == "finditer":
        return lambda text: list(pattern.finditer(text))
    chosen: Callable[[str], object] = getattr(pattern, method)
    return chosen


def _seconds(apply: Callable[[str], object], text: str, *, runs: int) -> float:
    def once() -> float:
        began = time.process_time()
        apply(text)
        return max(1e-9, time.process_time() - began)

    return min(once() for _ in range(runs))
