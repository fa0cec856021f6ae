"""The instances: synchronising with the configuration, the lease with its fence, the pauses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from math import inf
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.sql import Select
from sqlalchemy.sql.elements import ColumnElement

from orchestrator.domain.errors import HandedOverError, LeaseLostError, NotFoundError
from orchestrator.domain.identity import OwnIds
from orchestrator.domain.instances import ClockPair, Continuity, InstanceRecord, after_gap, continuity
from orchestrator.domain.memberships import Reason, Status
from orchestrator.store import meta
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.tables import instances, memberships

_FIELDS = [field.name for field in fields(InstanceRecord)]
_COLUMNS = [instances.c[name] for name in _FIELDS]
_ROWS = select(*_COLUMNS).order_by(instances.c.id)


@dataclass(frozen=True, slots=True)
class Configured:
    """What the configuration says of an instance. `account` tells two accounts apart, without secrets."""

    name: str
    role: str
    gateway: str
    account: str


async def sync(
    connection: AsyncConnection,
    configured: Iterable[Configured],
    now: float,
    *,
    known_elsewhere: Collection[int] = (),
) -> None:
    """Make the rows agree with the configuration. Rows of instances that are gone stay, with their history;
    those that a daemon with another configuration works for (`known_elsewhere`) are configured still.

    A new row's slots are known since the database was made: whatever this database sent, it recorded. What it
    was made in stands in the row, as anything else may be an older copy. A row that now stands for another
    account, or for one that had another name before, is known since now only.
    """
    configured = list(configured)
    names = {instance.name for instance in configured}
    known = {row.name: row for row in (await connection.execute(select(instances).order_by(instances.c.id)))}
    for row in known.values():  # in the order in which several rows are locked everywhere
        stands = row.name in names or row.id in known_elsewhere
        if row.configured != stands:
            await set_values(connection, row.id, configured=stands)
    accounts = {row.account for row in known.values()}
    for instance in sorted(configured, key=lambda one: known[one.name].id if one.name in known else inf):
        found = known.get(instance.name)
        if found is None:
            await connection.execute(
                insert(instances).values(
                    name=instance.name,
                    role=instance.role,
                    gateway=instance.gateway,
                    account=instance.account,
                    known_since=now if instance.account in accounts else await _born(connection, now),
                    seen_database=await meta.get(connection, meta.IDENTITY),
                )
            )
        elif found.account != instance.account:
            await _replace_account(connection, found.id, instance, now)
        elif (found.role, found.gateway) != (instance.role, instance.gateway):
            await set_values(connection, found.id, role=instance.role, gateway=instance.gateway)


async def _born(connection: AsyncConnection, now: float) -> float:
    stored = await meta.get(connection, meta.CREATED_AT)
    return float(stored) if stored is not None else now


async def _replace_account(
    connection: AsyncConnection, instance_id: int, instance: Configured, now: float
) -> None:
    forgotten = dict.fromkeys(
        ("pause_reason", "pause_text", "pause_by", "paused_at", "paused_until", "slow_until"), None
    )
    # The number stays: the next session reading tells whether the new account is the same one.
    unknown = dict.fromkeys(
        ("state", "state_word", "state_since", "state_checked_at", "session_name", "identified_fence"), None
    )
    await set_values(
        connection,
        instance_id,
        account=instance.account,
        role=instance.role,
        gateway=instance.gateway,
        known_since=now,
        strikes=0,
        **forgotten,
        **unknown,
    )


async def get(connection: AsyncConnection, name: str) -> InstanceRecord:
    """Read one by its configured name."""
    for record in await _records(connection, _ROWS.where(instances.c.name == name)):
        return record
    raise NotFoundError(f"no instance is called {name}")


# Statements that loops send all the time are made once: making one costs more than carrying it out.
_LOCKING = select(*_COLUMNS).where(instances.c.id == bindparam("instance")).with_for_update()


@lru_cache(maxsize=8)
def _observing(clock: ColumnElement[Any]) -> Select[Any]:
    return select(*_COLUMNS, clock).where(instances.c.id == bindparam("instance"))


async def observe(
    connection: AsyncConnection, instance_id: int, clock: ColumnElement[Any]
) -> tuple[InstanceRecord, float]:
    """Read one together with the database's clock, without a lock."""
    row = (await connection.execute(_observing(clock), {"instance": instance_id})).one()
    return InstanceRecord(*row[:-1]), float(row[-1])


async def lock_and_time(
    connection: AsyncConnection,
    instance_id: int,
    clock: ColumnElement[Any],
    *,
    fence: int | None,
    daemon_fence: int | None,
    boottime: Callable[[], float],
) -> tuple[InstanceRecord, float, float]:
    """Take the row's lock, and tell the database's time once it is held, with the boot time just before that.

    SQLite's writer holds it since the transaction began: one statement. PostgreSQL would tell and then wait.
    Raises LeaseLostError for another fence of the lease, HandedOverError where another daemon works for it
    than the one with `daemon_fence`.
    """
    if connection.dialect.name == "sqlite":
        before = boottime()
        record, now = await observe(connection, instance_id, clock)
        if fence is not None and record.fence != fence:
            raise LeaseLostError
    else:
        record = await lock(connection, instance_id, fence=fence)
        before = boottime()
        now = float((await connection.execute(select(clock))).scalar_one())
    if daemon_fence is not None and record.daemon_fence != daemon_fence:
        raise HandedOverError(f"another daemon works for {record.name} now")
    return record, now, before


async def lock(connection: AsyncConnection, instance_id: int, *, fence: int | None = None) -> InstanceRecord:
    """Take the row's lock until the transaction ends, and check the fence where one is given.

    All writes about an instance's memberships and slots stand behind this lock. Raises LeaseLostError.
    """
    row = (await connection.execute(_LOCKING, {"instance": instance_id})).one_or_none()
    if row is None:
        raise NotFoundError(f"no instance is called {instance_id}")
    record = InstanceRecord(*row)
    if fence is not None and record.fence != fence:
        raise LeaseLostError
    return record


async def paused_for(connection: AsyncConnection, reason: Reason) -> frozenset[int]:
    """The instances that stand still for this reason until a person resumes them."""
    query = select(instances.c.id).where(
        instances.c.pause_reason == reason, instances.c.paused_until.is_(None)
    )
    return frozenset(await connection.scalars(query))


async def never_driven(connection: AsyncConnection) -> list[int]:
    """The ids of the instances that no driver has taken yet."""
    return list(await connection.scalars(select(instances.c.id).where(instances.c.seen_at.is_(None))))


async def set_values(connection: AsyncConnection, instance_id: int, **values: Any) -> None:
    """Write columns of the row, and raise its revision: its worker looks again."""
    await _write(connection, instance_id, **values, revision=instances.c.revision + 1)


async def raise_revision(connection: AsyncConnection, instance_id: int) -> None:
    """For whoever wrote about an instance, but not in its row: its worker looks again."""
    await connection.execute(_RAISE, {"instance": instance_id})


async def revisions(connection: AsyncConnection) -> dict[int, int]:
    """By instance: how often others than its worker wrote about it."""
    return {int(one): int(count) for one, count in (await connection.execute(_REVISIONS)).all()}


_RAISE = (
    update(instances).where(instances.c.id == bindparam("instance")).values(revision=instances.c.revision + 1)
)
_READY = memberships.c.status == Status.READY
_REVISIONS = select(instances.c.id, instances.c.revision)


async def _write(connection: AsyncConnection, instance_id: int, **values: Any) -> None:
    """The worker's own signs of life: they tell it nothing."""
    await connection.execute(update(instances).where(instances.c.id == instance_id).values(**values))


async def take_lease(
    connection: AsyncConnection,
    record: InstanceRecord,
    holder: str,
    *,
    until: float,
    pair: ClockPair,
    found: Continuity,
) -> int:
    """Make the caller the driver; returns the new fence. The row must be locked.

    Where the log of slots cannot be trusted across the gap, nothing is joined before `after_gap` allows it.
    """
    fence = record.fence + 1
    await _write(
        connection,
        record.id,
        fence=fence,
        lease_holder=holder,
        lease_until=until,
        **({"clock_steps": 0} | after_gap(replace(record, clock_steps=0), pair, found)),
        **_seen(pair),
    )
    await _doubt_verifications(connection, record.id, found)
    return fence


async def renew_lease(
    connection: AsyncConnection, record: InstanceRecord, *, until: float, pair: ClockPair
) -> Continuity:
    """Move the lease's end; what cannot be trusted since the last reading is waited for."""
    found = continuity_with(record, pair)
    gap = after_gap(record, pair, found)
    await _write(connection, record.id, lease_until=until, **_seen(pair), **gap)
    await _doubt_verifications(connection, record.id, found)
    return found


async def pass_gap(
    connection: AsyncConnection, record: InstanceRecord, pair: ClockPair, found: Continuity
) -> None:
    """A gap that was found between two signs of life: noticed once, and waited for from now on."""
    await _write(connection, record.id, **_seen(pair), **after_gap(record, pair, found))
    await _doubt_verifications(connection, record.id, found)


async def _doubt_verifications(connection: AsyncConnection, instance_id: int, found: Continuity) -> None:
    """By a clock that stepped back, one that is too old looks young again later: each is made anew."""
    if found is not Continuity.WHOLE:
        verified = update(memberships).where(_READY, memberships.c.instance_id == instance_id)
        await connection.execute(verified.values(verified_at=None))


async def release_lease(connection: AsyncConnection, record: InstanceRecord, pair: ClockPair) -> None:
    await _write(connection, record.id, lease_holder=None, lease_until=None, **_seen(pair))


def continuity_with(record: InstanceRecord, pair: ClockPair) -> Continuity:
    """How far the log of slots can be trusted from the row's last reading to this one."""
    if record.seen_at is None and record.seen_database is not None:  # never driven, and made in another file
        made_here = record.seen_database.partition("@")[0] == pair.lasting_id
        return Continuity.WHOLE if made_here else Continuity.HISTORY
    return continuity(_pair(record), pair)


def _pair(record: InstanceRecord) -> ClockPair | None:
    if record.seen_at is None or record.seen_boottime is None:
        return None
    return ClockPair(
        record.seen_at, record.seen_boottime, record.seen_boot_id or "", record.seen_database or ""
    )


def _seen(pair: ClockPair) -> dict[str, Any]:
    return {
        "seen_at": pair.database_now,
        "seen_boottime": pair.boottime,
        "seen_boot_id": pair.boot_id,
        "seen_database": pair.database_id,
    }


async def _records(connection: AsyncConnection, query: Select[Any]) -> list[InstanceRecord]:
    return [InstanceRecord(*row) for row in await connection.execute(query)]


async def all_records(connection: AsyncConnection) -> list[InstanceRecord]:
    """All of them: a handful."""
    return await _records(connection, _ROWS)


async def of_names(connection: AsyncConnection, names: Collection[str]) -> list[InstanceRecord]:
    return [record for record in await all_records(connection) if record.name in names]


async def read_many(connection: AsyncConnection, ids: Iterable[int]) -> dict[int, InstanceRecord]:
    """Without locks."""
    found = await _records(connection, _ROWS.where(instances.c.id.in_(sorted(ids))))
    return {record.id: record for record in found}


async def lock_many(connection: AsyncConnection, ids: Iterable[int]) -> dict[int, InstanceRecord]:
    """Take the rows' locks until the transaction ends, the lowest id first: nobody waits in a circle."""
    found = await _records(connection, _ROWS.where(instances.c.id.in_(sorted(ids))).with_for_update())
    return {record.id: record for record in found}


async def lock_all(connection: AsyncConnection) -> dict[int, InstanceRecord]:
    """The same for every instance: who is one number with whom is decided with all of them in hand."""
    return {record.id: record for record in await _records(connection, _ROWS.with_for_update())}


async def others(connection: AsyncConnection, instance_id: int) -> dict[int, OwnIds]:
    """Which number every other instance was last seen to be."""
    i = instances.c
    query = select(i.id, i.own_phone, i.own_lid).where(i.id != instance_id)
    return {row.id: OwnIds(row.own_phone, row.own_lid) for row in await connection.execute(query)}


async def unchanged(connection: AsyncConnection, ids: Iterable[int], now: float) -> None:
    """They were asked, and said what they said before. The rows must be locked."""
    statement = update(instances).where(instances.c.id.in_(sorted(ids)))
    await connection.execute(statement.values(state_checked_at=now))


async def accounts_with_two_names(connection: AsyncConnection) -> list[tuple[str, list[str]]]:
    """Accounts that several instances stand for: (one of their names, all of them)."""
    rows = await connection.execute(select(instances.c.account, instances.c.name).order_by(instances.c.id))
    by_account: dict[str, list[str]] = {}
    for account, name in rows:
        by_account.setdefault(account, []).append(name)
    return [(names[0], names) for names in by_account.values() if len(names) > 1]
