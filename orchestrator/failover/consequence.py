"""What follows when an account is lost: it is told, and where so configured a backup takes over."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from orchestrator.account.accounts import Account
from orchestrator.account.session_state import Desk
from orchestrator.domain.commands import Command, Operation, run_command
from orchestrator.domain.loss_evidence import in_words
from orchestrator.domain.loss_judgement import LossState, how_decided, judge
from orchestrator.domain.times import instant
from orchestrator.failover import placing
from orchestrator.failover.choosing import Choice, choose
from orchestrator.failover.placing import Followed
from orchestrator.failover.watch_settings import Watch
from orchestrator.store import groups, instances, losses, outbox, recoveries
from orchestrator.store.losses import NOTIFY, RECOVER, Loss
from orchestrator.store.outgoing_messages import INSTANCE_LOST

_log = logging.getLogger(__name__)


async def decide(watch: Watch, account: Account) -> bool:
    """Make the suspicion a loss, and what follows from it, in one transaction. False: no longer so."""
    recovers = account.role == "primary" and watch.settings.on_loss == "recover"
    choice = await choose(watch) if recovers else Choice(None)
    async with watch.database.write(many=True) as connection:
        records = await placing.lock_all(connection, account.id, choice.account)
        desk = Desk(connection, await watch.database.now(connection), watch.actor)
        loss = await losses.open_one(connection, account.id)
        if loss is None or loss.case.standing is not LossState.SUSPECTED:
            return False
        if judge(loss.case, watch.settings.debounce) is not LossState.LOST:
            return False  # something was heard in the meantime
        if recovers:
            followed = await placing.take_over(watch, desk, records, choice=choice)
        else:
            followed = await _without_a_backup(watch, desk, account, loss)
        await _write_down(desk, _Fact(account, loss, followed))
    how = how_decided(loss.case, desk.now - loss.case.since)
    _log.warning("%s counts as lost, %s. What follows: %s", account.name, how, followed.action)
    return True


async def _without_a_backup(watch: Watch, desk: Desk, account: Account, loss: Loss) -> Followed:
    """Nothing follows in this transaction. A backup's own recovery is first ended by its driver."""
    if account.role == "primary":
        return placing.Followed(NOTIFY)
    behind = await recoveries.cut_off(desk.connection, account.id, loss.case.since)
    if behind is None:
        return placing.Followed(NOTIFY, detail="it was idle")
    if watch.settings.on_backup_lost == "stop":
        return placing.Followed(
            NOTIFY, detail=f"recovery {behind.id} stops here, as configured", of=behind.id
        )
    return placing.Followed(RECOVER, detail=f"recovery {behind.id} is being ended", of=behind.id)


@dataclass(frozen=True, slots=True)
class _Fact:
    account: Account
    loss: Loss
    followed: Followed


async def _write_down(desk: Desk, fact: _Fact) -> None:
    """The row, the journal's line and the message, together."""
    account, loss, followed = fact.account, fact.loss, fact.followed
    await losses.decide(
        desk.connection,
        loss.id,
        now=desk.now,
        action=followed.action,
        recovery_id=followed.recovery_id,
        detail=followed.detail,
    )
    data: dict[str, Any] = {
        "instance": account.name,
        "role": account.role,
        "since": instant(loss.case.since),
        "decided_at": instant(desk.now),
        "decided_by": how_decided(loss.case, desk.now - loss.case.since),
        "evidence": [in_words(one) for one in loss.case.evidence],
        "action": followed.action,
        "to": followed.to,
        "recovery": followed.recovery_id,
        "detail": followed.detail,
        "command": await _to_recover(desk, account, followed),
    }
    if followed.of is not None:
        taken = await losses.taken(desk.connection, followed.of)
        data |= {"cut_off": followed.of, "is_in": taken.inside}
        data |= {"may_be_in": taken.perhaps, "may_be_in_groups": taken.names}
    recovery_id = followed.recovery_id or followed.of
    await desk.note("instance.lost", account.id, recovery_id=recovery_id, **data)
    message = outbox.Message(
        INSTANCE_LOST, f"instance:{account.id}", data, account.id, recovery_id=recovery_id
    )
    await outbox.append(desk.connection, desk.now, [message])


async def _to_recover(desk: Desk, account: Account, followed: placing.Followed) -> str | None:
    """The command for a lost account's groups, where nothing follows by itself."""
    if followed.action == RECOVER or account.role == "backup":
        return None
    recorded = await groups.any_of_instance(desk.connection, account.name)
    return str(run_command(account.name, ()) if recorded else Command(Operation.PLAN))


async def end_unconfigured(watch: Watch) -> None:
    """Nobody watches an instance any more that is not configured: what is open about it is over."""
    known = {account.id for account in watch.accounts}
    async with watch.database.read() as connection:
        known |= {one.id for one in await instances.all_records(connection) if one.configured}
        gone = (await losses.open_ones(connection)).keys() - known
    if gone:
        await placing.end_abandoned(watch)
    for instance_id in sorted(gone):
        async with watch.database.write() as connection:
            record = await instances.lock(connection, instance_id)
            loss = await losses.open_one(connection, instance_id)
            if loss is None:
                continue
            desk = Desk(connection, await watch.database.now(connection), watch.actor)
            standing = LossState.RETURNED if loss.is_lost else LossState.DISMISSED
            await losses.end(connection, loss.id, standing, desk.now, detail="it is not configured any more")
            was = loss.case.standing.value
            await desk.note("instance.unwatched", record.id, instance=record.name, was=was)


async def catch_up(watch: Watch) -> None:
    """What earlier losses still wait for: an end of what nobody drives any more, and a healthy backup."""
    await placing.end_abandoned(watch)
    async with watch.database.read() as connection:
        waiting = [one for one in (await losses.open_ones(connection)).values() if one.waits_for_a_backup]
    for loss in sorted(waiting, key=lambda one: one.decided_at or 0.0):
        account = watch.account(loss.instance_id)
        if account is None or not watch.decides(account.id):
            continue
        if account.role == "primary":
            await _bring_back(watch, account)
        else:
            await succession(watch, account)


async def _bring_back(watch: Watch, account: Account) -> None:
    """For a primary that was lost while no backup was healthy."""
    choice = await choose(watch)
    async with _still_waiting(watch, account, choice) as case:
        if case is not None:
            followed = await placing.take_over(watch, case.desk, case.rows, choice=choice)
            await _follow(case.desk, case.loss, followed)


async def succession(watch: Watch, account: Account) -> None:
    """Go on with what a lost backup leaves behind, once its recovery has ended: at most once for each."""
    async with watch.database.read() as connection:
        loss = await losses.open_one(connection, account.id)
        if loss is None or not loss.waits_for_a_backup:
            return
        behind = await recoveries.cut_off(connection, account.id, loss.case.since)
    if behind is not None and behind.running:
        return  # its loop is ending it
    choice = await choose(watch)
    async with _still_waiting(watch, account, choice) as case:
        if case is None:
            return
        behind = await recoveries.cut_off(case.desk.connection, account.id, case.loss.case.since)
        if behind is None:
            followed = placing.Followed(NOTIFY, detail="its recovery had ended otherwise")
        else:
            followed = await placing.go_on(watch, case.desk, case.rows, choice=choice, behind=behind)
        await _follow(case.desk, case.loss, followed)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An open transaction about a loss that still waits for a backup."""

    desk: Desk
    rows: placing.Locked
    loss: Loss


@asynccontextmanager
async def _still_waiting(watch: Watch, account: Account, choice: Choice) -> AsyncIterator[_Waiting | None]:
    """Both rows locked, and the loss read once more; None if something followed meanwhile."""
    async with watch.database.write(many=True) as connection:
        rows = await placing.lock_all(connection, account.id, choice.account)
        loss = await losses.open_one(connection, account.id)
        if loss is None or not loss.waits_for_a_backup:
            yield None
        else:
            yield _Waiting(Desk(connection, await watch.database.now(connection), watch.actor), rows, loss)


async def _follow(desk: Desk, loss: Loss, followed: Followed) -> None:
    if (followed.action, followed.recovery_id, followed.detail) == (loss.action, None, loss.detail):
        return
    await losses.follow(
        desk.connection,
        loss.id,
        action=followed.action,
        recovery_id=followed.recovery_id,
        detail=followed.detail,
    )
