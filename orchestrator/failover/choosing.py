"""Which backup takes over: the first healthy one, in the configured order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from orchestrator.account.accounts import Account
from orchestrator.domain.answer_reactions import CURED_BY_A_WORKING_SESSION
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.outcomes import InstanceState, Outcome
from orchestrator.failover.watch_settings import Watch
from orchestrator.store import instances, losses, recoveries
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.losses import Loss
from orchestrator.store.recoveries import Recovery

ANSWERS_WITHIN = 10.0  # seconds for one backup's state
RESTS = 3600.0  # seconds: a recovery that only waits, and for longer than that, keeps no backup busy


@dataclass(frozen=True, slots=True)
class Choice:
    """The backup that was found healthy, or why there is none."""

    account: Account | None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """What else goes on, read at one moment."""

    losses: dict[int, Loss]
    under_way: list[Recovery]
    records: dict[int, InstanceRecord]
    resting: frozenset[int]  # recoveries
    now: float

    def unfit(self, record: InstanceRecord) -> str | None:
        """Why this backup cannot take over, as far as the database knows."""
        loss = self.losses.get(record.id)
        if loss is not None:
            return "is lost" if loss.is_lost else "may be lost"
        cured = {reason.value for reason in CURED_BY_A_WORKING_SESSION}
        if record.paused(self.now) and record.pause_reason not in cured:
            return f"is paused ({record.pause_reason})"
        if any(self._is_busy_with(one, record) for one in self.under_way):
            return "is busy with another recovery"
        return None

    def _is_busy_with(self, one: Recovery, record: InstanceRecord) -> bool:
        mine = one.to_instance_id == record.id and one.id not in self.resting
        return mine and is_driven(one, record, self.now)


def is_driven(recovery: Recovery, record: InstanceRecord, now: float) -> bool:
    """Whether somebody works on it: the daemon always does, a person's run while its lease lasts."""
    return recovery.driver == "daemon" or is_live(record, now)


def is_live(record: InstanceRecord, now: float) -> bool:
    return record.lease_until is not None and record.lease_until > now


async def read_scene(connection: AsyncConnection, now: float) -> Scene:
    records = {record.id: record for record in await instances.all_records(connection)}
    return Scene(
        await losses.open_ones(connection),
        await recoveries.under_way(connection),
        records,
        await recoveries.resting(connection, now + RESTS),
        now,
    )


async def choose(watch: Watch) -> Choice:
    """Ask the backups that look fit one after the other for their state."""
    fit, why_not = await _looking_fit(watch)
    for account in fit:
        said = await _does_not_work(watch, account)
        if said is None:
            return Choice(account)
        why_not.append(f"{account.name} {said}")
    return Choice(None, "; ".join(why_not) or "no backup is configured")


async def _looking_fit(watch: Watch) -> tuple[list[Account], list[str]]:
    fit, why_not = [], []
    async with watch.database.read() as connection:
        scene = await read_scene(connection, await watch.database.now(connection))
        for account in watch.backups:
            unfit = scene.unfit(scene.records[account.id])
            if unfit is None:
                fit.append(account)
            else:
                why_not.append(f"{account.name} {unfit}")
    return fit, why_not


async def _does_not_work(watch: Watch, account: Account) -> str | None:
    try:
        async with asyncio.timeout(watch.clock.real(ANSWERS_WITHIN)):
            answer = await account.gateway.session()
    except TimeoutError:
        return "did not answer"
    if answer.answer.outcome is Outcome.OK and answer.state is InstanceState.WORKING:
        return None
    if answer.answer.outcome is Outcome.OK:
        return f"does not work ({answer.word or answer.state.value})"
    return f"does not work ({answer.answer.outcome.value})"
