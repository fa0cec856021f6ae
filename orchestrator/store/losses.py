"""Losses: one row for each suspicion, which is dismissed or becomes a loss. One of an account may be open.

And what can go on after a loss: which groups another account may bring back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_, exists, func, insert, or_, select, text, update
from sqlalchemy.sql.elements import ColumnElement

from orchestrator.domain.loss_evidence import Kind, LossEvidence
from orchestrator.domain.loss_judgement import Case, LossState
from orchestrator.domain.memberships import Greeting, Reason, Status
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.recoveries import Recovery, Scope, groups_in, up_to
from orchestrator.store.tables import groups, instances, losses, memberships, recoveries

_OPEN = text("state IN ('suspected', 'lost')")  # literal, as the partial index uq_losses_open has it


class Loss(NamedTuple):
    """One row."""

    id: int
    instance_id: int
    case: Case
    decided_at: float | None
    ended_at: float | None
    action: str | None  # notify, recover: what was decided to follow
    recovery_id: int | None
    detail: str | None  # why nothing followed yet, or why it ended

    @property
    def waits_for_a_backup(self) -> bool:
        return self.is_lost and self.action == RECOVER and self.recovery_id is None

    @property
    def is_lost(self) -> bool:
        return self.case.standing is LossState.LOST


NOTIFY, RECOVER = "notify", "recover"


async def open_ones(connection: AsyncConnection) -> dict[int, Loss]:
    """Suspicions and losses that are not over, by instance."""
    rows = (await connection.execute(select(losses).where(_OPEN))).all()
    return {row.instance_id: _loss(row) for row in rows}


async def open_one(connection: AsyncConnection, instance_id: int) -> Loss | None:
    query = select(losses).where(losses.c.instance_id == instance_id, _OPEN)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _loss(row)


async def latest(connection: AsyncConnection) -> dict[int, Loss]:
    """Each account's last suspicion, open or over: for the status."""
    of_one = losses.alias("of_one")
    newest = select(func.max(of_one.c.id)).where(of_one.c.instance_id == instances.c.id)
    ids = select(newest.correlate(instances).scalar_subquery()).select_from(instances)
    rows = (await connection.execute(select(losses).where(losses.c.id.in_(ids)))).all()
    return {row.instance_id: _loss(row) for row in rows}


async def lost_ids(connection: AsyncConnection) -> frozenset[int]:
    """The instances that are lost now."""
    query = select(losses.c.instance_id).where(_OPEN, losses.c.state == LossState.LOST)
    return frozenset(await connection.scalars(query))


async def suspect(connection: AsyncConnection, instance_id: int, case: Case) -> int:
    """Open a suspicion. The instance's row must be locked, and none may be open."""
    statement = (
        insert(losses)
        .values(
            instance_id=instance_id,
            state=LossState.SUSPECTED,
            suspected_at=case.since,
            evidence=_written(case.evidence),
        )
        .returning(losses.c.id)
    )
    return int((await connection.execute(statement)).scalar_one())


async def keep_evidence(connection: AsyncConnection, loss_id: int, evidence: Sequence[LossEvidence]) -> None:
    await _set(connection, loss_id, evidence=_written(evidence))


async def decide(
    connection: AsyncConnection,
    loss_id: int,
    *,
    now: float,
    action: str,
    recovery_id: int | None,
    detail: str | None,
) -> None:
    """The suspicion is a loss."""
    await _set(
        connection,
        loss_id,
        state=LossState.LOST,
        decided_at=now,
        action=action,
        recovery_id=recovery_id,
        detail=detail,
    )


async def follow(
    connection: AsyncConnection, loss_id: int, *, action: str, recovery_id: int | None, detail: str | None
) -> None:
    """What followed a loss, or why nothing did yet."""
    await _set(connection, loss_id, action=action, recovery_id=recovery_id, detail=detail)


async def end(
    connection: AsyncConnection, loss_id: int, standing: LossState, now: float, *, detail: str | None = None
) -> None:
    """Dismissed, or returned. `detail`: how, if not by what the account itself showed."""
    said = {} if detail is None else {"detail": detail}
    await _set(connection, loss_id, state=standing, ended_at=now, **said)


async def _set(connection: AsyncConnection, loss_id: int, **values: Any) -> None:
    await connection.execute(update(losses).where(losses.c.id == loss_id).values(**values))


def _written(evidence: Sequence[LossEvidence]) -> str:
    data = [
        {"at": one.at, "kind": one.kind.value, "gone": one.gone, "says": one.says, "text": one.text}
        for one in evidence
    ]
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _read(text_: str) -> tuple[LossEvidence, ...]:
    return tuple(
        LossEvidence(one["at"], Kind(one["kind"]), one["gone"], one["says"], one["text"])
        for one in json.loads(text_)
    )


def _loss(row: Any) -> Loss:
    case = Case(row.state, row.suspected_at, _read(row.evidence))
    rest = (row.decided_at, row.ended_at, row.action, row.recovery_id, row.detail)
    return Loss(row.id, row.instance_id, case, *rest)


_MAY_BE_IN = (Status.JOINING, Status.CONFIRMING, Status.AWAITING_APPROVAL)
_NOT_TO_JOIN = (*_MAY_BE_IN, Status.ACTIVE, Status.SKIPPED, Status.LEFT)
_MOST_NAMED = 20


async def take_along(connection: AsyncConnection, replaced_id: int, recovery_id: int) -> None:
    """What a replaced recovery of the daemon still waits for goes on in another one of the same instance."""
    was_the_daemons = exists().where(recoveries.c.id == replaced_id, recoveries.c.driver == "daemon")
    waits = or_(memberships.c.status == Status.DEFERRED, memberships.c.greeting == Greeting.PENDING)
    statement = update(memberships).where(memberships.c.recovery_id == replaced_id, waits, was_the_daemons)
    await connection.execute(statement.values(recovery_id=recovery_id))


async def to_go_on_with(connection: AsyncConnection, recovery_id: int) -> list[int]:
    """Ids of its groups that the instance surely is not in, and that nobody took out of it."""
    query = select(memberships.c.group_id).where(
        memberships.c.recovery_id == recovery_id,
        memberships.c.status.not_in(_NOT_TO_JOIN),
        ~_may_be_in(),
    )
    return list(await connection.scalars(query.order_by(memberships.c.group_id)))


class Chain(NamedTuple):
    """Recoveries that brought back the same groups one after the other, and the instances they were onto."""

    ids: frozenset[int]
    instances: frozenset[int]
    scope: Scope  # of the first one
    begun_fixed: bool  # it was for chosen groups only


async def chain(connection: AsyncConnection, recovery_id: int) -> Chain:
    """What led to this recovery: whom it goes on for, and for chosen groups what they were chosen from."""
    rows = await up_to(connection, recovery_id)
    links = [rows[recovery_id]]
    while (before := _before(links[-1], rows)) is not None:
        links.append(before)
    onto = frozenset(one.to_instance_id for one in links)
    return Chain(frozenset(one.id for one in links), onto, links[-1].scope, links[-1].fixed)


def _before(one: Recovery, rows: Mapping[int, Recovery]) -> Recovery | None:
    if one.follows_id is not None:
        return rows.get(one.follows_id)
    if not one.fixed:
        return None  # it was begun anew, for its whole scope
    onto_the_same = [id_ for id_, other in rows.items() if other.to_instance_id == one.to_instance_id]
    last = rows.get(max((id_ for id_ in onto_the_same if id_ < one.id), default=0))
    of_all = one.scope == Scope()  # as one of groups from several scopes is, too
    return last if last is not None and (of_all or last.scope == one.scope) else None


async def free_for(connection: AsyncConnection, instance_id: int, links: Chain) -> tuple[list[int], int]:
    """Ids of the chain's groups that this instance may bring back, and how many are left to a person.

    In those another instance of the chain is or may be, or somebody took them out of it.
    """
    found = groups_in(links.scope).subquery()
    held = exists().where(
        memberships.c.group_id == found.c.id,
        memberships.c.instance_id.in_(links.instances - {instance_id}),
        or_(memberships.c.status.in_(_NOT_TO_JOIN), _may_be_in()),
    )
    query = select(found.c.id, held.label("held")).order_by(found.c.id)
    if links.begun_fixed:
        query = query.where(
            exists().where(memberships.c.group_id == found.c.id, memberships.c.recovery_id.in_(links.ids))
        )
    rows = (await connection.execute(query)).all()
    return [row.id for row in rows if not row.held], sum(1 for row in rows if row.held)


class Taken(NamedTuple):
    """Groups of a recovery that its instance is in, or may be in, and the first names of the latter."""

    inside: int
    perhaps: int
    names: list[str]


async def taken(connection: AsyncConnection, recovery_id: int) -> Taken:
    """What nobody else may join in the same recovery."""
    mine = memberships.c.recovery_id == recovery_id
    perhaps = and_(mine, _may_be_in())
    number = select(func.count()).select_from(memberships)
    active = memberships.c.status == Status.ACTIVE
    query = select(groups.c.name).join(memberships, memberships.c.group_id == groups.c.id).where(perhaps)
    names = (await connection.scalars(query.order_by(groups.c.name).limit(_MOST_NAMED))).all()
    return Taken(
        inside=int(await connection.scalar(number.where(mine, active)) or 0),
        perhaps=int(await connection.scalar(number.where(perhaps)) or 0),
        names=list(names),
    )


def _may_be_in() -> ColumnElement[bool]:
    """Or nobody knows: the outcome of its join was never found out, or what it entered was another group."""
    unsure = (Reason.OUTCOME_UNKNOWN, Reason.IDENTITY_MISMATCH)
    return or_(
        memberships.c.status.in_(_MAY_BE_IN),
        and_(
            memberships.c.reason.is_not(None),  # the whole must never be null: it is negated too
            memberships.c.reason.in_(unsure),
            memberships.c.requested_at.is_not(None),
        ),
    )
