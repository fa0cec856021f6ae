"""A siege of the webhook port: nothing gets in, nothing gets into the log, and the gateway is served.

`benchmarks/hostile.py` does the same with 10,000 and prints what it costs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from orchestrator.store.tables import events
from tests.support.hooks import PATH, SIGNATURE, receiver
from tests.support.hostile import HUNG_UP, MARK, besiege

if TYPE_CHECKING:
    import pytest

COUNT = 2_000
TURNED_AWAY = {400, 404, 405, 413, HUNG_UP}


async def test_a_siege_changes_nothing_and_the_gateway_is_served(
    sqlite_url: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    async with receiver(sqlite_url, patience=1.0) as found:
        siege = await besiege(found.server.port, COUNT)
        async with found.database.read() as connection:
            keys = {row.key for row in (await connection.execute(select(events.c.key))).all()}
            marked = await connection.scalar(
                select(func.count()).select_from(events).where(events.c.body.contains(MARK))
            )

    assert siege.answers.total() == COUNT
    for kind in {name for name, _ in siege.answers} - {"replayed"}:
        assert siege.statuses(kind) <= TURNED_AWAY, kind
    # A machine that is busy elsewhere may keep the disk waiting: "come again" is an honest answer then.
    assert 200 in siege.statuses("replayed") <= {200, 503}
    assert set(siege.good) <= {200, 503}
    assert siege.good[200] > max(5, 10 * siege.good[503])
    assert keys - {"evt_00000001"} <= {f"evt_{1001 + n:08}" for n in range(siege.good.total() + 1)}
    assert len(keys) - 1 >= siege.good[200]
    assert marked == 0
    assert found.server.hooks.limiter is not None
    assert found.server.hooks.limiter.turned_away > 0

    said = (
        caplog.text + "".join(capsys.readouterr()) + json.dumps([r.msg for r in caplog.records], default=str)
    )
    for secret in (MARK, SIGNATURE, PATH, "15550100002"):
        assert secret not in said
    assert said.count("webhooks were refused") <= 2
