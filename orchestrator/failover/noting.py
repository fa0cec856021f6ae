"""One transaction for what many gateways answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.account.accounts import Account
from orchestrator.account.session_state import (
    Desk,
    Reader,
    concerns_others,
    lift_pause_if_cured,
    open_case,
    overtaken,
    record_answer,
    says_the_same,
)
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.loss_judgement import Case, LossState, NoSuspicion, judge, notice
from orchestrator.domain.times import instant
from orchestrator.failover.asking import Asked, Track
from orchestrator.failover.watch_settings import Watch
from orchestrator.store import instances, losses, outbox
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.losses import Loss
from orchestrator.store.outgoing_messages import INSTANCE_RETURNED


@dataclass(slots=True)
class Noted:
    """What became of the answers. `ripe`: suspicions that are to be decided now.

    `shift`: the database's time less the boot time.
    """

    shift: float = 0.0
    ripe: list[Account] = field(default_factory=list)
    minds: list[tuple[Track, NoSuspicion, Case | None]] = field(default_factory=list)


async def write_down(watch: Watch, asked: Sequence[Asked], news: Mapping[str, str]) -> Noted:
    """States, evidence and cases of all these accounts; `news` of gateways by address. All or nothing."""
    noted = Noted()
    async with watch.database.write() as connection:
        records, everyone = await _lock(connection, asked)
        open_ones = await losses.open_ones(connection)
        desk = Desk(connection, await watch.database.now(connection), watch.actor)
        noted.shift = desk.now - watch.clock.boottime()
        same = []
        for one in asked:
            record = records[one.track.account.id]
            if watch.share.fence not in (None, record.daemon_fence):
                continue  # another daemon works for it by now
            if overtaken(record, one.readings[0].at, desk.now):
                continue
            if says_the_same(record, one.session):
                same.append(record.id)
            else:
                reader = Reader(watch.actor, desk.now)
                seen = await record_answer(connection, record, one.session, reader, everyone)
                record = seen.record
            await lift_pause_if_cured(desk, record, one.session)
            await _weigh(watch, desk, one, open_ones.get(record.id), noted)
        if same:
            await instances.unchanged(connection, same, desk.now)
        for address, kind in news.items():
            await desk.note(kind, None, gateway=address)
    for track, no_suspicion, case in noted.minds:
        track.no_suspicion, track.case = no_suspicion, case
    return noted


async def _lock(
    connection: AsyncConnection, asked: Sequence[Asked]
) -> tuple[dict[int, InstanceRecord], dict[int, InstanceRecord] | None]:
    """The rows of these accounts; those of all instances, too, where one says something new of its number."""
    ids = [one.track.account.id for one in asked]
    seen = await instances.read_many(connection, ids)
    if any(concerns_others(seen[one.track.account.id], one.session) for one in asked):
        rows = await instances.lock_all(connection)
        return rows, rows
    return await instances.lock_many(connection, ids), None


async def _weigh(watch: Watch, desk: Desk, one: Asked, loss: Loss | None, noted: Noted) -> None:
    """Add the readings to the account's case, or to what is remembered of it while there is none."""
    debounce, track = watch.settings.debounce, one.track
    no_suspicion, case = (track.no_suspicion, None) if loss is None else (NoSuspicion(), loss.case)
    for reading in one.readings:
        if case is None:
            no_suspicion, case = notice(no_suspicion, reading, debounce)
        else:
            case = case.with_reading(reading)
    if case is not None:
        case = await _keep(watch, desk, track.account, loss, case)
        if case is not None and case.suspected and judge(case, debounce) is LossState.LOST:
            noted.ripe.append(track.account)
    noted.minds.append((track, no_suspicion, case))


async def _keep(watch: Watch, desk: Desk, account: Account, loss: Loss | None, case: Case) -> Case | None:
    """Write the case as it stands now; None if it is over."""
    if loss is None:
        await open_case(desk, account.id, case)
        return case
    if case.evidence != loss.case.evidence:
        await losses.keep_evidence(desk.connection, loss.id, case.evidence)
    standing = judge(case, watch.settings.debounce)
    if standing is LossState.DISMISSED:
        await losses.end(desk.connection, loss.id, standing, desk.now)
        await desk.note("instance.suspicion_dismissed", account.id, after_s=round(desk.now - case.since, 3))
        return None
    if standing is LossState.RETURNED:
        await losses.end(desk.connection, loss.id, standing, desk.now)
        await _tell_return(desk, account, loss)
        return None
    return case


async def _tell_return(desk: Desk, account: Account, loss: Loss) -> None:
    data = {
        "instance": account.name,
        "role": account.role,
        "lost_at": instant(loss.decided_at),
        "returned_at": instant(desk.now),
        "recovery": loss.recovery_id,
    }
    await desk.note("instance.returned", account.id, **data)
    message = outbox.Message(INSTANCE_RETURNED, f"instance:{account.id}", data, account.id)
    await outbox.append(desk.connection, desk.now, [message])
