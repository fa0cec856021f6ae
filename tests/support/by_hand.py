"""Memberships and recoveries put on a stage by hand, and what was written read back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from orchestrator.simulator.faults import Rule, Trouble
from orchestrator.store import instances, memberships, orders
from orchestrator.store.groups import keys_of
from orchestrator.store.recoveries import Scope
from orchestrator.store.tables import groups, journal
from orchestrator.store.tables import memberships as table

if TYPE_CHECKING:
    from orchestrator.domain.instances import InstanceRecord
    from orchestrator.domain.memberships import Reason, Status
    from orchestrator.simulator.model import Account, Group
    from orchestrator.simulator.truth import Kind
    from orchestrator.store.memberships import Membership
    from tests.support.stage import Stage

BACKUP = "backup-1"


async def record(stage: Stage, name: str = BACKUP) -> InstanceRecord:
    async with stage.database.read() as connection:
        return await instances.get(connection, name)


async def now(stage: Stage) -> float:
    async with stage.database.read() as connection:
        return await stage.database.now(connection)


async def set_instance(stage: Stage, **values: Any) -> None:
    found = await record(stage)
    async with stage.database.write() as connection:
        await instances.set_values(connection, found.id, **values)


async def put(
    stage: Stage, group_id: int, status: Status, reason: Reason | None = None, **values: Any
) -> None:
    """A membership of the backup. Its group is `group-N`, imported in the order of the network's groups."""
    found, moment = await record(stage), await now(stage)
    row = {
        "instance_id": found.id,
        "group_id": group_id,
        "status": status.value,
        "reason": None if reason is None else reason.value,
        "status_since": moment,
    }
    async with stage.database.write() as connection:
        await connection.execute(insert(table).values(**row | values))


async def membership(stage: Stage, group_id: int) -> Membership:
    found = await record(stage)
    async with stage.database.read() as connection:
        work = await memberships.by_group(connection, found.id, group_id)
    assert work is not None
    return work.membership


async def put_recovery(stage: Stage, scope: Scope | None = None) -> int:
    """A recovery that nobody drives, with every group of its scope in it."""
    found, moment, scope = await record(stage), await now(stage), scope or Scope()
    async with stage.database.write() as connection:
        order = orders.Order(found.id, scope, "test", 4.0, driver="person")
        return await orders.place(connection, order, moment)


async def set_group(stage: Stage, group_id: int, **values: Any) -> None:
    async with stage.database.write() as connection:
        await connection.execute(
            update(groups).where(groups.c.id == group_id).values(**values, **keys_of(values))
        )


async def lines(stage: Stage, kind: str) -> list[dict[str, Any]]:
    """The data of the journal's lines of one kind, oldest first."""
    query = select(journal.c.data).where(journal.c.kind == kind).order_by(journal.c.id)
    async with stage.database.read() as connection:
        return [json.loads(data) for data in (await connection.execute(query)).scalars()]


def network_group(stage: Stage, group_id: int) -> Group:
    """The simulated group behind `group-N`."""
    return stage.world.network.group(stage.world.rows[group_id - 1].jid)


def account(stage: Stage, name: str = BACKUP) -> Account:
    return stage.world.network.account(name)


def let_in(stage: Stage, group_id: int) -> str:
    """The backup is in that group already; its JID."""
    group = network_group(stage, group_id)
    stage.world.network.add_member(account(stage), group)
    return group.jid


def trouble(stage: Stage, what: Trouble, *kinds: Kind, **more: Any) -> None:
    stage.world.faults.rules.append(Rule(what, frozenset(kinds), **more))
