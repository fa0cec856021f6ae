"""Tests that share a stage stay on one worker of pytest-xdist, which writes their group behind the id."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("alone")
def test_a_group_is_kept_together(request: pytest.FixtureRequest) -> None:
    """pytest 9.2.0 did away with it, and nobody was told: pytest-dev/pytest-xdist#1386."""
    side_by_side = request.config.getoption("loadgroup", default=False)

    assert request.node.nodeid.endswith("@alone") == side_by_side
