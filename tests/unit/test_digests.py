"""People are told of new needs soon but together, of old ones daily, and not beside a recovery's own end."""

from __future__ import annotations

import pytest

from orchestrator.messaging.digesting import OpenNeeds, due_at

NOW = 1_000_000.0
NOBODY = OpenNeeds(0, 0, None)
OLD = OpenNeeds(3, 0, None)


def new(at: float) -> OpenNeeds:
    return OpenNeeds(3, 1, at)


@pytest.mark.parametrize(
    ("standing", "told_at", "running_since", "due"),
    [
        (NOBODY, 0.0, None, None),
        (new(NOW - 100), 0.0, None, NOW + 500),  # collected for ten minutes
        (new(NOW - 900), NOW - 1000, None, NOW + 2600),  # at most hourly
        (OLD, NOW - 1000, None, NOW + 85400),  # the unchanged once a day
        (new(NOW - 900), 0.0, NOW - 600, NOW + 3000),  # a recovery tells at its end
        (new(NOW - 900), 0.0, NOW - 3600, NOW - 300),  # one that takes too long is not waited for
    ],
)
def test_when_the_next_digest_is_due(
    standing: OpenNeeds, told_at: float, running_since: float | None, due: float | None
) -> None:
    assert due_at(standing, told_at=told_at, running_since=running_since, now=NOW) == due
