"""Placing the recovery that follows a loss, in the transaction that writes the loss down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.account.accounts import Account
from orchestrator.account.session_state import Desk
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.recoveries import End
from orchestrator.failover.choosing import Choice, Scene, is_driven, is_live, read_scene
from orchestrator.failover.watch_settings import Watch
from orchestrator.store import groups, instances, losses, orders, progress, recoveries
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.losses import NOTIFY, RECOVER
from orchestrator.store.orders import Order
from orchestrator.store.recoveries import Recovery, Scope
from orchestrator.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Followed:
    """What followed a loss. `of`: the recovery that the loss cut off."""

    action: str
    recovery_id: int | None = None
    to: str | None = None
    detail: str | None = None
    of: int | None = None


@dataclass(frozen=True, slots=True)
class Locked:
    """The rows of the lost instance and of the backup that was chosen."""

    lost: InstanceRecord
    chosen: InstanceRecord | None


async def lock_all(connection: AsyncConnection, lost_id: int, chosen: Account | None) -> Locked:
    """Lock both rows, the lower id first: whoever locks two does it in this order."""
    ids = sorted({lost_id} | ({chosen.id} if chosen is not None else set()))
    records = {one: await instances.lock(connection, one) for one in ids}
    return Locked(records[lost_id], None if chosen is None else records[chosen.id])


async def take_over(watch: Watch, desk: Desk, rows: Locked, *, choice: Choice) -> Followed:
    """Bring a lost primary back: by the recovery that does so already, else by a new one onto the choice."""
    scene = await read_scene(desk.connection, desk.now)
    doing = _already(desk, scene, rows.lost.name)
    if doing is not None:
        recovery, to = doing
        return Followed(RECOVER, recovery.id, to, detail=f"recovery {recovery.id} was under way")
    why_not = _why_not(scene, rows, choice)
    if rows.chosen is None or why_not is not None:
        return Followed(RECOVER, detail=f"no backup is healthy: {why_not}")
    name = rows.lost.name if await groups.any_of_instance(desk.connection, rows.lost.name) else None
    order = Order(rows.chosen.id, Scope(name), watch.actor)
    made = await _place(desk, rows.chosen, order)
    return Followed(RECOVER, made, rows.chosen.name)


async def go_on(watch: Watch, desk: Desk, rows: Locked, *, choice: Choice, behind: Recovery) -> Followed:
    """The next backup takes the groups that the lost one surely is not in; a person decides on the others."""
    following = await recoveries.follower(desk.connection, behind.id)
    if following is not None:
        return Followed(RECOVER, following)
    only = await losses.to_go_on_with(desk.connection, behind.id)
    if not only:
        return Followed(NOTIFY, detail=f"nothing was left to do of recovery {behind.id}")
    scene = await read_scene(desk.connection, desk.now)
    why_not = _why_not(scene, rows, choice)
    if rows.chosen is None or why_not is not None:
        return Followed(RECOVER, detail=f"no backup is healthy: {why_not}")
    order = Order(rows.chosen.id, behind.scope, watch.actor, only=only, follows_id=behind.id)
    made = await _place(desk, rows.chosen, order)
    return Followed(RECOVER, made, rows.chosen.name, await _left_to_a_person(desk, rows.lost.name, behind.id))


async def _left_to_a_person(desk: Desk, name: str, recovery_id: int) -> str | None:
    taken = await losses.taken(desk.connection, recovery_id)
    if not taken.inside + taken.perhaps:
        return None
    return f"left to a person: groups that {name} is in ({taken.inside}) or may be in ({taken.perhaps})"


def _why_not(scene: Scene, rows: Locked, choice: Choice) -> str | None:
    """Read once more under the lock: in between, another may have taken the backup."""
    if rows.chosen is None:
        return choice.why_not
    unfit = scene.unfit(rows.chosen)
    return None if unfit is None else f"{rows.chosen.name} {unfit}"


def _already(desk: Desk, scene: Scene, name: str) -> tuple[Recovery, str] | None:
    """The recovery that brings back this instance's groups now, and onto whom."""
    for recovery in scene.under_way:
        record = scene.records[recovery.to_instance_id]
        if recovery.covers(name) and record.id not in scene.losses and is_driven(recovery, record, desk.now):
            return recovery, record.name
    return None


async def _place(desk: Desk, chosen: InstanceRecord, order: Order) -> int:
    before = await recoveries.open_one(desk.connection, chosen.id)
    made = await orders.place(desk.connection, order, desk.now)
    if order.only is not None:  # among them may be what was taken along from another scope
        await orders.take_up(desk.connection, chosen.id, made, Scope(), now=desk.now, only=order.only)
    if before is not None:
        await losses.take_along(desk.connection, before.id, made)
    data = {"from": order.scope.from_name, "follows": order.follows_id}
    await _tell(desk, chosen, "recovery.started", made, data)
    return made


async def end_abandoned(watch: Watch) -> None:
    """End recoveries onto lost accounts that no loop drives any more; a loop ends its own."""
    async with watch.database.read() as connection:
        found = await recoveries.onto_lost(connection)
    for recovery in found:
        async with watch.database.write() as connection:
            record = await instances.lock(connection, recovery.to_instance_id)
            desk = Desk(connection, await watch.database.now(connection), watch.actor)
            if not is_live(record, desk.now):
                await _end(desk, record, recovery.id)


async def _end(desk: Desk, record: InstanceRecord, recovery_id: int) -> None:
    if not any(one.id == recovery_id for one in await recoveries.onto_lost(desk.connection)):
        return  # it ended, or the account came back
    counted = await progress.counts(desk.connection, recovery_id)
    end = End.INSTANCE_LOST.value
    if await recoveries.finish(
        desk.connection, recovery_id, state="finished", outcome=end, counted=counted, now=desk.now
    ):
        await _tell(desk, record, "recovery.ended", recovery_id, {"end": end, "counts": counted})


async def _tell(
    desk: Desk, record: InstanceRecord, kind: str, recovery_id: int, data: dict[str, Any]
) -> None:
    """A line in the journal, and what receivers are told of it."""
    unit = UnitOfWork(desk.connection, record, desk.now, desk.actor, recovery_id)
    unit.note(kind, **data)
    await unit.flush()
