"""`rejoin accept` against a simulated network: a group was renamed since the list was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance.test_cli_recovery import SCENARIO, SPEED, Stage, staged
from tests.support.command import Rejoin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RENAMED = (
    SCENARIO.replace("groups = 8", "groups = 1")
    + """
[[groups]]
subject = "Support \\u202eNorth 2026"
import = { name = "Support North", subject = "Support North", jid = "" }
"""
)


@pytest.fixture
def renamed(tmp_path: Path) -> Iterator[Stage]:
    yield from staged(Rejoin(tmp_path, {"REJOIN_CLOCK_SPEED": SPEED}), RENAMED)


def test_a_renamed_group_is_accepted_as_the_screen_advises(renamed: Stage) -> None:
    assert renamed("run", "--yes").code == 3
    told = renamed("explain", "support-north")
    assert "rejoin accept support-north" in told.out

    unasked = renamed("accept", "support-north")
    assert (unasked.code, "say it with --yes" in unasked.err) == (2, True)
    assert renamed("accept", "support-north", "--yes", "--json", "--no-input").json["requeued"] == 1
    again = renamed("accept", "support-north", "--yes")

    assert (again.code, again.out) == (0, '"Support North": opens what is expected of it.\n')
    assert renamed("run", "--yes").code == 0
    assert "act.accept" in renamed("log", "--group", "support-north").out


def test_old_and_new_are_shown_before_anything_is_asked(renamed: Stage) -> None:
    renamed("run", "--yes")

    code, shown = renamed.rejoin.on_terminal("accept", "support-north", typed="n\n")

    assert code == 2
    assert 'expected so far: "Support North"' in shown
    assert 'the link opens:  "Support <U+202E>North 2026", 120363' in shown
    assert "\u202e" not in shown
    assert "Not confirmed, so not done." in shown
    assert renamed("groups", "show", "support-north", "--json").json["jid"] is None
