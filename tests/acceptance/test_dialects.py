"""A small bad day through every dialect, with real processes: it ends the same, whoever the gateway is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.simulator.faces import DIALECTS
from tests.support.daemon import town
from tests.support.dialect_story import BLIND, ENDS, SCENARIO, assert_no_secret, assert_told

if TYPE_CHECKING:
    from pathlib import Path

SPEED = 240.0
NAMES = sorted(set(DIALECTS) - {vendor for vendor, _ in DIALECTS.values() if f"{vendor}-noweb" in DIALECTS})


@pytest.mark.parametrize("dialect", NAMES)
def test_a_bad_day_ends_the_same_through_every_gateway(tmp_path: Path, dialect: str) -> None:
    vendor, engine = DIALECTS[dialect]
    scenario = SCENARIO.format(gateway=f'vendor = "{vendor}"\nengine = "{engine}"')
    with town(tmp_path, scenario, speed=SPEED) as world:
        assert f'gateway = "{vendor}"' in (tmp_path / "rejoin.toml").read_text()
        assert world("run", "--yes", "-v").code == 3
        assert_told(world, BLIND if engine == "webjs" else ENDS)
        assert world("doctor", "--to", "backup-1").code in (0, 1)
        assert_no_secret(world)
