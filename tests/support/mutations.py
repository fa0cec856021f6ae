"""Answers with something else in one place or another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orchestrator.domain.outcomes import Outcome
from orchestrator.gateways.answers import Hidden, Wording
from orchestrator.gateways.http import HttpResult
from orchestrator.gateways.whatsapp_answers import Call

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

GRAINS: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1e308, "", "gone", "410"),
    *([], {}, [[]], {"id": {}}, "\\x00", "1@g.us"),
)
STATUSES = (200, 201, 400, 401, 403, 404, 422, 429, 500, 501, 502)
FINE = {Outcome.OK, Outcome.JOINED, Outcome.ACCEPTED}


def mutated(value: Any, rng: random.Random, depth: int = 0) -> Any:
    if rng.random() < 0.15 or depth > 6:
        return rng.choice(GRAINS)
    if isinstance(value, dict):
        kept = {key: mutated(inner, rng, depth + 1) for key, inner in value.items() if rng.random() > 0.1}
        more = {rng.choice(("code", "status", "error", "id")): rng.choice(GRAINS)}
        return kept | (more if rng.random() < 0.1 else {})
    if isinstance(value, list):
        return [mutated(inner, rng, depth + 1) for inner in value if rng.random() > 0.1]
    return value


def answers(bodies: Sequence[Any], rng: random.Random, number: int) -> Iterator[tuple[Any, HttpResult]]:
    """(the JSON, the answer): with any status, and cut in the middle now and then."""
    for _ in range(number):
        body = mutated(rng.choice(bodies), rng)
        raw = json.dumps(body).encode()
        if rng.random() < 0.2:
            raw = raw[: rng.randrange(len(raw) + 1)]
        yield body, HttpResult(rng.choice(STATUSES), raw)


def assert_no_failure_is_a_success(wording: Wording, result: HttpResult) -> None:
    for call in Call:
        answer = wording.refusal(call, result, now=0.0, hidden=Hidden())
        assert result.status < 300 or (answer is not None and answer.outcome not in FINE)


def read_all(body: Any, readers: Sequence[Callable[[Any], Any]]) -> None:
    for reader in readers:
        reader(body)
