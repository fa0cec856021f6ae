"""Recoveries that a daemon drives: how they end, once, and how they go on with what a person put back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from orchestrator.domain.recoveries import End
from orchestrator.services.recover import loop
from orchestrator.store import instances, orders
from orchestrator.store.orders import Order
from orchestrator.store.recoveries import Scope
from orchestrator.store.tables import messages
from orchestrator.store.tables import recoveries as recoveries_table
from tests.support.stage import Stage, brisk, set_stage
from tests.support.worlds import told

BACKUP = 2  # the id of backup-1
NAME = "backup-1"


async def place(stage: Stage, **order: Any) -> int:
    async with stage.database.write() as connection:
        await instances.lock(connection, BACKUP)
        wanted = Order(BACKUP, order.pop("scope", Scope()), "daemon@test", **order)
        return await orders.place(connection, wanted, await stage.database.now(connection))


async def stand(stage: Stage, recovery_id: int) -> tuple[str, str | None]:
    """The recovery's state and outcome."""
    table = recoveries_table
    async with stage.database.read() as connection:
        query = select(table.c.state, table.c.outcome).where(table.c.id == recovery_id)
        state, outcome = (await connection.execute(query)).one()
        return state, outcome


async def messages_of(stage: Stage, kind: str) -> list[Any]:
    async with stage.database.read() as connection:
        return list((await connection.execute(select(messages).where(messages.c.kind == kind))).all())


# The end


async def test_a_recovery_that_is_over_is_not_closed_nor_told_again(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, groups=2) as stage:
        made = await place(stage)
        context = await stage.context(brisk(), fence=None, recovery_id=made)
        await loop.close(context, End.NEEDS_YOU)
        await loop.close(context, End.INSTANCE_LOST)
        await context.gateway.close()
        assert await stand(stage, made) == ("finished", "needs_you")
        assert len(await told(stage.database, "recovery.ended")) == 1
        assert len(await messages_of(stage, "recovery.finished")) == 1
