"""Losses: one row for each suspicion, which is dismissed or becomes a loss. One of an account may be open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, insert, select, text, update

from orchestrator.domain.loss_evidence import Kind, LossEvidence
from orchestrator.domain.loss_judgement import Case, LossState
from orchestrator.store.tables import instances, losses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

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
    query = select(losses.c.instance_id).where(_OPEN, losses.c.state == LossState.LOST.value)
    return frozenset((await connection.scalars(query)).all())


async def suspect(connection: AsyncConnection, instance_id: int, case: Case) -> int:
    """Open a suspicion. The instance's row must be locked, and none may be open."""
    statement = (
        insert(losses)
        .values(
            instance_id=instance_id,
            state=LossState.SUSPECTED.value,
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
        state=LossState.LOST.value,
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
    await _set(connection, loss_id, state=standing.value, ended_at=now, **said)


async def _set(connection: AsyncConnection, loss_id: int, **values: Any) -> None:
    await connection.execute(update(losses).where(losses.c.id == loss_id).values(**values))


def as_data(evidence: Sequence[LossEvidence]) -> list[dict[str, Any]]:
    return [
        {"at": one.at, "kind": one.kind.value, "gone": one.gone, "says": one.says, "text": one.text}
        for one in evidence
    ]


def _written(evidence: Sequence[LossEvidence]) -> str:
    return json.dumps(as_data(evidence), ensure_ascii=False, separators=(",", ":"))


def _read(text_: str) -> tuple[LossEvidence, ...]:
    return tuple(
        LossEvidence(one["at"], Kind(one["kind"]), one["gone"], one["says"], one["text"])
        for one in json.loads(text_)
    )


def _loss(row: Any) -> Loss:
    return Loss(
        id=row.id,
        instance_id=row.instance_id,
        case=Case(LossState(row.state), row.suspected_at, _read(row.evidence)),
        decided_at=row.decided_at,
        ended_at=row.ended_at,
        action=row.action,
        recovery_id=row.recovery_id,
        detail=row.detail,
    )
